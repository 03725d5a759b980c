"""Start development commands as a person would, and see what becomes of their processes."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OURS = ("DJANGO_SETTINGS_MODULE", "MONGO_URI", "MONGO_DB", "REDIS_URL", "VAR_DIR", "PORT", "MAKELEVEL")


def environment(**changes: str) -> dict[str, str]:
    """Return a person's environment: ours without what the tests set."""
    return {**{name: value for name, value in os.environ.items() if name not in OURS}, **changes}


def command(module: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run a development command that should end by itself."""
    return subprocess.run(
        [sys.executable, "-m", module],
        cwd=ROOT,
        env=environment(**changes),
        capture_output=True,
        text=True,
        timeout=90,
        stdin=subprocess.DEVNULL,
        check=False,
    )


@contextmanager
def started(*arguments: str, **changes: str) -> Iterator[subprocess.Popen[str]]:
    """Run a Python program for the length of the block."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment(**changes),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def read_until(process: subprocess.Popen[str], text: str) -> str:
    """Return what the process printed up to the line with `text`."""
    said = []
    assert process.stdout
    for line in process.stdout:
        said.append(line)
        if text in line:
            return "".join(said)
    raise AssertionError(f"never said {text!r}:\n{''.join(said)}")


def children_of(pid: int) -> set[int]:
    """Return the processes below `pid`, however deep."""
    parents = {}
    for line in subprocess.run(
        ["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True
    ).stdout.splitlines():
        child, parent = line.split()
        parents[int(child)] = int(parent)
    found: set[int] = set()
    while more := {child for child, parent in parents.items() if parent in {pid, *found}} - found:
        found |= more
    return found


def alive(pid: int) -> bool:
    """Tell whether the process runs; one that ended and was not collected does not."""
    said = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
    return bool(said) and not said.startswith("Z")


def eventually(holds: Callable[[], bool], *, seconds: float = 20.0) -> bool:
    """Tell whether `holds` becomes true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.05)
    return holds()
