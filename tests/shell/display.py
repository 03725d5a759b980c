"""A display that nobody sees, for the tests of real windows: the engine draws through OpenGL of an X server."""

from __future__ import annotations

import atexit
import os
import subprocess


def ensure_display() -> None:
    """Start an X server for this test process where it has no display; it ends with the process."""
    if os.environ.get("DISPLAY"):
        return
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1920x1080x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[write], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as told:
        number = told.readline().strip()  # comes once it is ready
    if not number:
        raise RuntimeError("Xvfb did not start")
    os.environ["DISPLAY"] = f":{number}"
    pid = os.getpid()

    def stop() -> None:
        if os.getpid() == pid:
            server.terminate()

    atexit.register(stop)
