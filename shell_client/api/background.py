"""Runs blocking calls one after another on their own thread, and brings the outcome to the UI's thread."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from PyQt5.QtCore import QObject, pyqtSignal

log = logging.getLogger(__name__)
T = TypeVar("T")


class Background(QObject):
    """One thread: calls of one session never overtake each other, so two renewals cannot meet."""

    _finished = pyqtSignal(object)

    def __init__(self) -> None:
        super().__init__()
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="shell-api")
        self._finished.connect(self._deliver)

    def run(self, work: Callable[[], T], done: Callable[[T], None], failed: Callable[[Exception], None]) -> None:
        """Run `work` off the UI's thread, then exactly one of `done(result)` and `failed(error)` on it."""

        def deliver(future: Future[T]) -> None:
            if future.cancelled():
                return
            error = future.exception()
            outcome: Callable[[], None]
            if error is None:
                result = future.result()
                outcome = lambda: done(result)  # noqa: E731 - the two outcomes side by side
            elif isinstance(error, Exception):
                caught = error
                outcome = lambda: failed(caught)  # noqa: E731
            else:
                return
            try:
                self._finished.emit(outcome)
            except RuntimeError:  # the program has ended meanwhile
                log.debug("nobody waits for this answer any more")

        self._threads.submit(work).add_done_callback(deliver)

    def stop(self, *, wait: bool = False) -> None:
        """Take no more work; what has not begun is dropped."""
        self._threads.shutdown(wait=wait, cancel_futures=not wait)

    def _deliver(self, outcome: Callable[[], None]) -> None:
        outcome()
