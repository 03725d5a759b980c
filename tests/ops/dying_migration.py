"""A migration job that is killed again and again: `python -m tests.ops.dying_migration`.

A run dies, by SIGKILL, right after the first command by which it changed the database: a collection or an index made,
documents written. The next run finds what that left, so between all of them they die at every such step, until one
has nothing left to change. Prints how often they died. `--plain` leaves Django's own editor, as a control.
"""

import os
import signal
import sys
from contextlib import nullcontext
from typing import Any

import django
from pymongo import monitoring

ALWAYS = frozenset({"create", "drop", "dropIndexes", "renameCollection", "collMod"})
LEASES = "leases"  # which is taken by every run


class Fault(monitoring.CommandListener):
    """Sends the process a signal after the first command that changed something: kills it."""

    def __init__(self, number: signal.Signals = signal.SIGKILL) -> None:
        self.number: signal.Signals | None = number
        self.collections: dict[int, Any] = {}

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Note on what the command works."""
        self.collections[event.request_id] = event.command.get(event.command_name)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Die where this was a change."""
        if self.collections.pop(event.request_id, None) != LEASES and changed(event.command_name, event.reply):
            number, self.number = self.number, None
            if number:
                os.kill(os.getpid(), number)

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """What failed changed nothing."""
        self.collections.pop(event.request_id, None)


def changed(command: str, reply: Any) -> bool:
    """Tell whether a command did more than find all as it should be."""
    if command == "createIndexes":
        return bool(reply["numIndexesAfter"] != reply["numIndexesBefore"])
    if command == "update":
        return bool(reply.get("nModified") or reply.get("upserted"))
    return command in ALWAYS or (command in {"insert", "delete"} and bool(reply["n"]))


def migrate() -> None:
    """Run the job, mortally."""
    from django.core.management import call_command  # noqa: PLC0415 - Django is set up first

    from backend.core.mongo import collection  # noqa: PLC0415
    from backend.ops import migration  # noqa: PLC0415

    if "--plain" in sys.argv:
        migration.resumable = nullcontext  # type: ignore[assignment]
    migration.fenced = lambda _confirm: nullcontext()  # type: ignore[assignment] # tests.ops.sleeping_migration has that
    collection(LEASES).delete_many({})  # how long the dead keep others waiting is another test's
    call_command("migrate_database", verbosity=0)


def main() -> int:
    """Begin the job as often as it takes; the exit status is that of the last."""
    monitoring.register(Fault())
    django.setup()  # once: a forked child costs less than a start
    deaths = 0
    while True:
        pid = os.fork()
        if pid == 0:
            try:
                migrate()
            except BaseException as error:  # noqa: BLE001 - told below, by the exit status
                print(repr(error.__cause__ or error), file=sys.stderr)
                os._exit(1)
            os._exit(0)
        _pid, status = os.waitpid(pid, 0)
        if not os.WIFSIGNALED(status):
            print(deaths)
            return os.waitstatus_to_exitcode(status)
        deaths += 1


if __name__ == "__main__":
    sys.exit(main())
