"""One try to log in, from the press to the session: it waits, counts and tries again by itself."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from PyQt5.QtCore import QObject, QTimer, pyqtSignal

from shell_client import __version__
from shell_client.api.answers import Pending, StaffSession
from shell_client.api.background import Background
from shell_client.api.errors import Refused, ServerUnreachable

if TYPE_CHECKING:  # slow to load: the window is shown before it
    from shell_client.api.client import StaffClient

log = logging.getLogger(__name__)

SERVER_TRIES = 8
"""About a minute and a half: later the person may have left, and a till must not log in without one."""
LONGEST_PAUSE_SECONDS = 15


@dataclass(frozen=True)
class Notice:
    """What the log-in window says: keys of `words` and their values; tone `stop` (red) or `wait` (amber)."""

    tone: str
    headline: str
    plain: str | None = None
    values: dict[str, object] = field(default_factory=dict)


class Attempt(QObject):
    """Signals: `noticed(Notice)`, `waits_for(seconds, reference)` of a throttle, `ended()`, `logged_in(session)`."""

    noticed = pyqtSignal(object)
    waits_for = pyqtSignal(int, str)
    ended = pyqtSignal()
    logged_in = pyqtSignal(object)

    def __init__(self, *, client: StaffClient, background: Background, machine_code: str, device_name: str) -> None:
        super().__init__()
        self._client = client
        self._background = background
        self._machine_code = machine_code
        self._device_name = device_name
        self._phone: str | None = None
        self._activation_code: str | None = None
        self._number = 0
        self._unreached = 0
        self._again = QTimer(self)
        self._again.setSingleShot(True)
        self._again.timeout.connect(self._send)

    @property
    def running(self) -> bool:
        """Whether a try is under way or waiting."""
        return self._phone is not None

    def start(self, phone: str, *, activation_code: str | None = None) -> None:
        """Try to log `phone` in, with an activation code where the person has one."""
        self.cancel()
        self._phone, self._activation_code = phone, activation_code
        self._send()

    def cancel(self) -> None:
        """Forget the try; should its answer still come, the session it brings is ended at once."""
        self._phone = self._activation_code = None
        self._number += 1
        self._unreached = 0
        self._again.stop()

    def _send(self) -> None:
        phone, code, number = self._phone, self._activation_code, self._number
        if phone is None:
            return

        def work() -> StaffSession | Pending:
            return self._client.log_in(
                phone=phone, machine_code=self._machine_code, device_name=self._device_name, activation_code=code
            )

        self._background.run(work, partial(self._answered, number), partial(self._failed, number))

    def _answered(self, number: int, answer: StaffSession | Pending) -> None:
        if number != self._number:
            if isinstance(answer, StaffSession) and not self.running:
                self._background.run(self._client.log_out, lambda _: None, lambda _: None)
            return
        self._unreached = 0
        if isinstance(answer, Pending):
            self.noticed.emit(Notice("wait", "pending", "pending_do", {"reference": answer.reference}))
            self._again.start(max(1, answer.retry_after) * 1000)
            return
        self._phone = None
        self.logged_in.emit(answer)

    def _failed(self, number: int, error: Exception) -> None:
        if number != self._number:
            return
        if isinstance(error, ServerUnreachable):
            self._wait_for_server()
            return
        self._phone = None
        if isinstance(error, Refused) and error.status == 429:
            # By the reference a manager binds this machine without the wait; the request's number would not do.
            self.waits_for.emit(max(1, error.retry_after or 5), str(error.body.get("reference") or ""))
        else:
            if not isinstance(error, Refused):
                log.error("log-in failed", exc_info=error)
            self.noticed.emit(notice_for(error))
        self.ended.emit()

    def _wait_for_server(self) -> None:
        self._unreached += 1
        if self._unreached >= SERVER_TRIES:
            self._phone = None
            self._unreached = 0
            self.noticed.emit(Notice("stop", "no_server_stopped", "no_server_stopped_do"))
            self.ended.emit()
            return
        self.noticed.emit(Notice("wait", "no_server", "no_server_do", {"tries": self._unreached}))
        self._again.start(min(2 ** (self._unreached - 1), LONGEST_PAUSE_SECONDS) * 1000)


def notice_for(error: Exception) -> Notice:
    """Return the words for a log-in that was refused for good, or that failed."""
    if not isinstance(error, Refused):
        return Notice("stop", "failed", "failed_do_plain", {"code": type(error).__name__})
    match error.code:
        case "login_refused" | "device_bound" as code:
            headline = code.removeprefix("login_")
            return _with_reference(headline, f"{headline}_do", error)
        case "client_too_old":
            minimum = error.body.get("minimum")
            plain = "too_old_do" if minimum else "too_old_do_plain"
            return Notice("stop", "too_old", plain, {"minimum": minimum, "version": __version__})
        case "clock_skew":
            return Notice("stop", "clock_wrong", "clock_wrong_do")
        case "invalid" | "rule_broken":
            return Notice("stop", "bad_phone", "bad_phone_do")
    return _with_reference("failed", "failed_do", error, code=error.code)


def _with_reference(headline: str, plain: str, error: Refused, **values: object) -> Notice:
    if error.reference is None:
        return Notice("stop", headline, f"{plain}_plain", values)
    return Notice("stop", headline, plain, {"reference": error.reference, **values})
