"""Gunicorn's threaded worker, one that is told to stop without a request lost.

Gunicorn itself waits with an open door: while a stopping worker finishes what it has, connections go on to be made to
it, nobody takes them, and they are cut when it ends, with the sale that nginx had already sent on them. nginx may not
send that again. One that finds the door closed asks another server at once.
"""

from typing import Any

from gunicorn.workers.gthread import ThreadWorker


class DrainingWorker(ThreadWorker):
    """Closes its listeners in the moment in which it takes its last connection from them.

    Kept connections it answers for two more seconds, each with `Connection: close`; nginx gives idle ones up after one
    second (nginx/conf/nginx.conf.template), so that none of them is cut with a request on it.
    """

    def set_accept_enabled(self, enabled: bool) -> None:
        """Take connections or not; for good once the worker stops."""
        super().set_accept_enabled(enabled)  # type: ignore[no-untyped-call]
        if self.alive or enabled:
            return
        for listener in self.sockets:
            self._take_all_that_wait(listener)
            listener.close()

    def _take_all_that_wait(self, listener: Any) -> None:
        taken = None
        while taken != self.nr_conns:
            taken = self.nr_conns
            self.accept(listener)  # type: ignore[no-untyped-call]
