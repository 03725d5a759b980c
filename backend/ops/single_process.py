"""Without Redis, what one server process keeps in memory cannot be shared: a second one is refused.

Throttles, nonces and revocations would count in each by itself. The lock is the kernel's, so it goes with the process.
"""

import os
import time
from pathlib import Path
from typing import IO

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

# Longer than gunicorn takes to replace a worker by the next.
PATIENCE_SECONDS = 5.0
_held: list[IO[str]] = []


def refuse_second_process() -> None:
    """Take this data directory's lock for as long as the process lives; raises ImproperlyConfigured where it is taken.

    Nothing is to be done where a `REDIS_URL` is set.
    """
    if settings.REDIS_URL or _held:
        return
    file = Path(settings.VAR_DIR) / "server.lock"
    file.parent.mkdir(parents=True, exist_ok=True)
    handle = file.open("a", encoding="utf-8")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not _locked(handle):
        if time.monotonic() > deadline:
            handle.close()
            raise ImproperlyConfigured(
                f"Another server process runs on {file.parent}: without REDIS_URL exactly one may. "
                "Stop it, use one worker, or set REDIS_URL."
            )
        time.sleep(0.1)
    _held.append(handle)


def _locked(handle: IO[str]) -> bool:
    try:
        if os.name == "nt":
            import msvcrt  # noqa: PLC0415 - Windows has no other

            msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl  # noqa: PLC0415 - and has not this one

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
