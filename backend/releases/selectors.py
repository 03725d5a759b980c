"""Which client is the newest, and which is too old."""

import time
from typing import Any

from backend.core.mongo import collection

# A log-in asks for this before anything else: once in ten seconds is often enough.
KEEP_SECONDS = 10
FIRST = {"version": "1.0.0", "minimum": "1.0.0"}
_kept: dict[str, Any] = {"at": -KEEP_SECONDS, "release": FIRST}


def current_release() -> dict[str, Any]:
    """Return the newest release (`version`, `minimum`), at most ten seconds old."""
    if time.monotonic() - _kept["at"] >= KEEP_SECONDS:
        found = collection("clientReleases").find_one({}, sort=[("publishedAt", -1)])
        _kept.update(at=time.monotonic(), release=found or FIRST)
    release: dict[str, Any] = _kept["release"]
    return release


def minimum_version() -> str:
    """Return the oldest version that may log in."""
    return str(current_release()["minimum"])


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isascii() and part.isdigit() else 0 for part in version.split(".")[:3])


def older(version: str, than: str) -> bool:
    """Return whether `version` is older than `than`; what is no version is older than all."""
    return _numbers(version) < _numbers(than)
