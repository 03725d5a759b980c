"""End a development command once and in order, whoever asks: Ctrl-C, SIGTERM, a closed terminal, a killed make."""

import ctypes
import os
import signal
import sys
from types import FrameType

from backend.devtools.tether import PR_SET_PDEATHSIG


class Stopped(BaseException):
    """Somebody asked this command to end. No `except Exception` on the way may swallow it."""


def stop_on_signals() -> None:
    """Raise Stopped in the main thread at the first signal that asks to end, and ignore the following ones."""
    asked = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]

    def stop(_signal: int, _frame: FrameType | None) -> None:
        for one in asked:
            signal.signal(one, signal.SIG_IGN)
        raise Stopped

    for one in asked:
        signal.signal(one, stop)


def end_with_make() -> None:
    """Ask the kernel for SIGTERM when the `make` that started us is killed (Linux)."""
    if sys.platform == "linux" and "MAKELEVEL" in os.environ:
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
