"""Real gunicorn workers over the test database, for what only several processes can show."""

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 30.0
STOP_SECONDS = 10.0


def free_port() -> int:
    """Return a port of this machine that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def gunicorn(
    *,
    workers: int,
    environment: Mapping[str, str],
    application: str = "backend.wsgi:application",
    threads: int = 1,
) -> Iterator[str]:
    """Run `application` under gunicorn and yield its origin, `http://127.0.0.1:port`.

    Prints what the server said at the end. Raises RuntimeError where it does not answer in time.
    """
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        application,
        "--bind",
        f"127.0.0.1:{port}",
        "--log-level",
        "warning",
    ]
    command += ["--workers", str(workers), "--graceful-timeout", "2"]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **environment}, stdout=log, stderr=subprocess.STDOUT
        )
        origin = f"http://127.0.0.1:{port}"
        try:
            wait_for(process, f"{origin}/healthz")
            yield origin
        finally:
            process.terminate()
            try:
                process.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            log.seek(0)
            sys.stdout.write(log.read().decode(errors="replace"))  # pytest shows it where a test fails


def wait_for(process: subprocess.Popen[bytes], address: str) -> None:
    """Return once `address` answers 200."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=1):  # noqa: S310 - our own address
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise RuntimeError(f"gunicorn did not answer at {address}")
