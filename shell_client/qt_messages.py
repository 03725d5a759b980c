"""What Qt itself says: into the log; and where Qt cannot even open a display, one line instead of a core dump."""

from __future__ import annotations

import logging
import os
import sys

from PyQt5.QtCore import QCoreApplication, QMessageLogContext, QtMsgType, qInstallMessageHandler

log = logging.getLogger("qt")

_CANNOT_START = 2
_LEVELS = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}


def hear_qt() -> None:
    """Take Qt's messages from now on; call it before the application is made."""
    qInstallMessageHandler(_hear)


def tell(line: str) -> None:
    """Say one line on the console, where there is one."""
    if sys.stderr is not None:
        sys.stderr.write(f"shell: {line}\n")
        sys.stderr.flush()


def _hear(kind: QtMsgType, _context: QMessageLogContext, text: str | None) -> None:
    if kind == QtMsgType.QtFatalMsg and QCoreApplication.startingUp():
        # Qt would abort: on the display nothing can be shown, so this line is all there is.
        tell(f"the display cannot be opened: {' '.join((text or '').split())}")
        _box("cinema-till", text or "")
        os._exit(_CANNOT_START)
    log.log(_LEVELS.get(kind, logging.WARNING), "%s", text)


def _box(title: str, text: str) -> None:
    if sys.platform == "win32":
        import ctypes  # noqa: PLC0415 - Windows only

        ctypes.windll.user32.MessageBoxW(None, text, title, 0x10)
