"""The heartbeat of a logged-in session, and what its answers mean."""

from __future__ import annotations

import logging
import time

from PyQt5.QtCore import QObject, QTimer, pyqtSignal

from shell_client.api.background import Background
from shell_client.api.client import StaffClient
from shell_client.api.errors import LoginExpired, Refused

log = logging.getLogger(__name__)

SHORTEST_GAP_SECONDS = 0.5
FIRST_RETRY_SECONDS = 2


class Heartbeat(QObject):
    """Asks the server every so often whether the session holds.

    Signals: `alive()`, `missed(times)` where no usable answer came, `expired()` where the tokens cannot be
    renewed, `revoked(Refused)`: only this one throws the person out.
    """

    alive = pyqtSignal()
    missed = pyqtSignal(int)
    expired = pyqtSignal()
    revoked = pyqtSignal(object)

    def __init__(self, *, client: StaffClient, background: Background, seconds: float) -> None:
        super().__init__()
        self._client = client
        self._background = background
        self._seconds = seconds
        self._misses = 0
        self._asking = False
        self._again = False
        self._asked_at = 0.0
        self._running = True
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._ask)
        self._timer.start(round(seconds * 1000))

    def check_now(self) -> None:
        """Ask at once; asked twice in a row, the second waits half a second."""
        if not self._running:
            return
        if self._asking:
            self._again = True
            return
        wait = self._asked_at + SHORTEST_GAP_SECONDS - time.monotonic()
        self._timer.start(max(0, round(wait * 1000)))

    def stop(self) -> None:
        """Ask no more, and tell nothing of an answer under way."""
        self._running = False
        self._timer.stop()

    def judge(self, error: Exception) -> None:
        """Take what any call of this session failed with, as if the heartbeat had."""
        if not self._running:
            return
        if isinstance(error, Refused) and error.ends_session:
            self.stop()
            self._client.forget()
            self.revoked.emit(error)
            return
        if isinstance(error, LoginExpired):
            self.stop()
            self.expired.emit()
            return
        log.warning("heartbeat: %s", error)
        self._misses += 1
        self.missed.emit(self._misses)
        pause = min(FIRST_RETRY_SECONDS * 2 ** (min(self._misses, 10) - 1), self._seconds)
        self._timer.start(round(pause * 1000))

    def _ask(self) -> None:
        self._asking = True
        self._asked_at = time.monotonic()
        self._background.run(self._client.check, self._answered, self._failed)

    def _answered(self, _: None) -> None:
        self._asking = False
        if not self._running:
            return
        self._misses = 0
        self._timer.start(round(self._seconds * 1000))
        self.alive.emit()
        self._repeat()

    def _failed(self, error: Exception) -> None:
        self._asking = False
        self.judge(error)
        self._repeat()

    def _repeat(self) -> None:
        again, self._again = self._again, False
        if again:
            self.check_now()
