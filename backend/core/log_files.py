"""Log files with one writer each, turned over at 10 MB, ten kept: two processes cannot turn the same file over."""

import fcntl
import itertools
import logging
import os
import re
import socket
import sys
import time
from contextlib import suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path

SIZE, KEPT = 10 * 1024 * 1024, 10
DAYS_KEPT = 30  # of hosts and containers that are gone
QUIET_SECONDS = 60.0


class OwnFile(RotatingFileHandler):
    """Writes `DIRECTORY/NAME-HOST-N.log`: NAME is `app` or the command, N the lowest that no living process has.

    What cannot be written stops nobody: stdout has every line as well. A full disk is told of once a minute.
    """

    def __init__(self, directory: str, name: str = "") -> None:
        self.quiet_until = 0.0
        path, self.claim = _claimed(Path(directory), f"{name or who()}-{socket.gethostname()}")
        super().__init__(path, maxBytes=SIZE, backupCount=KEPT, encoding="utf-8", delay=True)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name is logging's
        """Say on stderr that lines are missing here, and why."""
        now = time.monotonic()
        if now >= self.quiet_until:
            self.quiet_until = now + QUIET_SECONDS
            sys.stderr.write(f"{self.baseFilename}: {sys.exc_info()[1]}; stdout has what is missing here\n")

    def close(self) -> None:
        """Close the file, and let another process have it."""
        with suppress(OSError):  # what a full disk did not take
            super().close()
        with suppress(OSError):
            os.close(self.claim)
        self.claim = -1


def who() -> str:
    """Return whose log this process writes: the command of manage.py, or `app`."""
    if Path(sys.argv[0]).name == "manage.py" and len(sys.argv) > 1 and re.fullmatch(r"[a-z_]{1,40}", sys.argv[1]):
        return sys.argv[1]
    return "app"


def _claimed(directory: Path, name: str) -> tuple[Path, int]:
    """Return a file of `directory` that is this process's alone, and the lock that makes it so until the process ends.

    The lock is a file beside it, since the log itself is renamed as it is turned over.
    """
    try:
        _remove_old(directory)
        for number in itertools.count():
            path = directory / f"{name}-{number}.log"
            if (lock := _locked(path.with_suffix(".lock"))) is not None:
                return path, lock
    except OSError as error:  # each line that is missing says so again
        sys.stderr.write(f"{directory}: {error.strerror}\n")
    return directory / f"{name}-{os.getpid()}.log", -1


def _locked(path: Path) -> int | None:
    """Return the descriptor of the lock, or None where a living process has it."""
    while True:
        lock = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return None
        if os.fstat(lock).st_nlink:
            return lock
        os.close(lock)  # removed as old between the two steps


def _remove_old(directory: Path) -> None:
    """Remove the files of processes that ended long ago: a container's host name does not come again."""
    before = time.time() - DAYS_KEPT * 24 * 3600
    for path in directory.glob("*.lock"):
        with suppress(OSError):
            logs = list(directory.glob(f"{path.stem}.log*"))
            if all(file.stat().st_mtime < before for file in (path, *logs)) and (lock := _locked(path)) is not None:
                for file in (*logs, path):
                    file.unlink(missing_ok=True)
                os.close(lock)
