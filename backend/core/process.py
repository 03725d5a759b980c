"""Which process this is, in words by which another process of the same machine can say for certain that it ended."""

import os
from functools import lru_cache
from pathlib import Path

PROC = Path("/proc")  # Linux; elsewhere nothing is certain
STATE, STARTED = 0, 19  # fields of `stat` behind the name of the program
ENDED = frozenset("ZX")  # nobody has collected it yet, but it does nothing any more


def name() -> str:
    """Return this process's name: where process ids count, its id, and when it started (clock ticks since boot)."""
    return _name(os.getpid())  # by its id, for a child that was forked has another


def has_ended(process: str) -> bool:
    """Tell whether `process`, another's `name()`, ended for certain; False where this process cannot know.

    That is so on another machine and in another container. Its id may have been given away since: the start differs.
    """
    place, _, pid_and_start = process.partition(" ")
    if not pid_and_start or place != _place():
        return False
    pid, _, started = pid_and_start.partition(" ")
    stat = _stat(pid)
    return not stat or stat[STARTED] != started or stat[STATE] in ENDED


@lru_cache(maxsize=1)
def _name(pid: int) -> str:
    stat = _stat(str(pid))
    return f"{_place()} {pid} {stat[STARTED]}" if stat and _place() else ""


@lru_cache(maxsize=1)
def _place() -> str:
    """Return this run of this machine and the namespace of its process ids; nothing where there is no such thing."""
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot}/{(PROC / 'self/ns/pid').stat().st_ino}"
    except OSError:
        return ""


def _stat(pid: str) -> list[str]:
    """Return the fields of a living process, none where there is none."""
    try:
        return (PROC / pid / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return []
