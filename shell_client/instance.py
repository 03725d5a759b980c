"""One program for each data folder: a second start brings the first one's window forward, and ends."""

from __future__ import annotations

import hashlib
import sys
import tempfile
from pathlib import Path

from PyQt5.QtCore import QDeadlineTimer, QLockFile, QObject, QThread, pyqtSignal
from PyQt5.QtNetwork import QLocalServer, QLocalSocket

LOCK_FILE, SOCKET_FILE = "shell.lock", "shell.sock"
SOCKET_PATH_BYTES = 100
"""The system's limit for a socket's path is 108."""
ANSWER_MILLISECONDS = 15_000
_CALL, _ANSWER = b"show\n", b"shown\n"
_ANY_PROCESS = -1


class FolderNotWritable(Exception):
    """Nothing can be kept in the data folder; the message says why."""


class Instance(QObject):
    """Emits `called()` where a second start wants this one's window. Needs a running application."""

    called = pyqtSignal()

    def __init__(self, data_dir: Path) -> None:
        super().__init__()
        self._address = _address(data_dir)
        self._lock = QLockFile(str(data_dir / LOCK_FILE))
        self._lock.setStaleLockTime(0)  # never by age: only the death of its process frees it
        self._server: QLocalServer | None = None
        try:
            data_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FolderNotWritable(error.strerror) from error

    def be_first(self) -> bool:
        """Take the data folder, and listen for later starts; false where another one has it."""
        if not self._lock.tryLock(0):
            if self._lock.error() == QLockFile.LockError.LockFailedError:
                return False
            if self._lock.error() == QLockFile.LockError.PermissionError:
                raise FolderNotWritable("Permission denied")
            # A full disk: the till sells, and two of them would only share a log.
        QLocalServer.removeServer(self._address)
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._heard)
        self._server.listen(self._address)
        return True

    def call_first(self) -> bool:
        """Have the first one show its window; false where it does not answer."""
        _allow_to_come_forward()
        socket = QLocalSocket()
        give_up = QDeadlineTimer(ANSWER_MILLISECONDS)
        while True:
            socket.connectToServer(self._address)
            if socket.waitForConnected(ANSWER_MILLISECONDS):
                break
            if give_up.hasExpired():
                return False
            QThread.msleep(50)  # it may have the lock and not listen yet: both were started at once
        socket.write(_CALL)
        return socket.waitForReadyRead(ANSWER_MILLISECONDS) and bytes(socket.readAll()) == _ANSWER

    def end(self) -> None:
        """Let a later start be the first."""
        if self._server is not None:
            self._server.close()
        self._lock.unlock()

    def _heard(self) -> None:
        socket = self._server.nextPendingConnection() if self._server is not None else None
        if socket is None:
            return

        def read() -> None:
            if bytes(socket.readAll()) == _CALL:
                self.called.emit()
                socket.write(_ANSWER)
                socket.flush()
            socket.disconnectFromServer()

        socket.disconnected.connect(socket.deleteLater)
        socket.readyRead.connect(read)


def _address(data_dir: Path) -> str:
    """Return a name that only this data folder has; in the folder itself nobody else can take it."""
    name = f"cinema-till-{hashlib.sha256(str(data_dir).encode()).hexdigest()[:16]}"
    if sys.platform == "win32":
        return name
    inside = data_dir / SOCKET_FILE
    return str(inside if len(str(inside).encode()) <= SOCKET_PATH_BYTES else Path(tempfile.gettempdir()) / name)


def _allow_to_come_forward() -> None:
    """Pass the right to the front on: Windows gives it to the program that the person has just started."""
    if sys.platform == "win32":
        import ctypes  # noqa: PLC0415 - Windows only

        ctypes.windll.user32.AllowSetForegroundWindow(_ANY_PROCESS)
