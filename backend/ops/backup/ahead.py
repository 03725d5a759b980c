"""Read ahead: what comes from the server is fetched by a thread while what came before is packed."""

import threading
from collections.abc import Iterable, Iterator
from queue import Full, Queue
from typing import TypeVar

Item = TypeVar("Item")
ASK_AGAIN_SECONDS = 0.1  # how long the thread may go on after nobody reads any more


def read_ahead(items: Iterable[Item]) -> Iterator[Item]:
    """Yield `items`; one more is ready and one under way meanwhile. Raises what reading them raises."""
    ready: Queue[tuple[Item] | BaseException | None] = Queue(1)
    over = threading.Event()

    def put(what: tuple[Item] | BaseException | None) -> None:
        while not over.is_set():
            try:
                return ready.put(what, timeout=ASK_AGAIN_SECONDS)
            except Full:
                continue
        return None

    def read() -> None:
        try:
            for item in items:
                put((item,))
                if over.is_set():
                    return
            put(None)
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that reads
            put(error)

    thread = threading.Thread(target=read, name="backup-read-ahead", daemon=True)
    thread.start()
    try:
        while (what := ready.get()) is not None:
            if isinstance(what, BaseException):
                raise what
            yield what[0]
    finally:
        over.set()
        thread.join()
