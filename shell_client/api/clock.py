"""Server time on this machine: the offset from the server's `Date`, counted on by a monotonic clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime


class ServerClock:
    """Tells the server's time; before the first answer, this machine's."""

    def __init__(
        self, *, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._offset: float | None = None

    def learn(self, date: str | None) -> None:
        """Take the server's time from an answer's `Date` header; what cannot be read changes nothing."""
        if date is None:
            return
        try:
            told = parsedate_to_datetime(date).timestamp()
        except (TypeError, ValueError):
            return
        self._offset = told - self._monotonic()

    def now(self) -> float:
        """Return seconds since 1970 by the server."""
        return self._wall() if self._offset is None else self._monotonic() + self._offset

    def skew_minutes(self) -> int:
        """Return how many whole minutes this machine's clock is ahead (+) or behind (-)."""
        return int((self._wall() - self.now()) / 60)
