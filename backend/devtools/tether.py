"""Start a program that does not outlive the process that asked for it, not even when that one is killed.

Run as a file, with the standard library alone: `python tether.py PARENT SIGNAL PROGRAM ARGUMENT...`.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from types import FrameType

PR_SET_PDEATHSIG = 1  # linux/prctl.h
GRACE_SECONDS = 15.0


def become(parent: int, last: int, command: list[str]) -> None:
    """Turn this process into `command`, which the Linux kernel sends the signal `last` when `parent` ends."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, last)
    if os.getppid() != parent:  # it ended before the line above
        sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606 - the command comes from our own code


def watch(command: list[str]) -> int:
    """Run `command` until it ends, or until standard input does: its other end is the parent's."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def stop(_signal: int = 0, _frame: FrameType | None = None) -> None:
        child.terminate()

    def wait_for_the_parent() -> None:
        sys.stdin.buffer.read()
        stop()
        try:
            child.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()

    signal.signal(signal.SIGTERM, stop)
    threading.Thread(target=wait_for_the_parent, daemon=True).start()
    return child.wait()


if __name__ == "__main__":
    if sys.platform == "linux":
        become(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
    sys.exit(watch(sys.argv[3:]))
