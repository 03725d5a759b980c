"""Tells a barcode scanner from a person, so that a scanner's Enter never presses a button."""

from __future__ import annotations

SHORTEST = 6
LONGEST_GAP_SECONDS = 0.035


class ScanWatch:
    """Watches typed characters: six or more, on average at most 35 ms apart, then Enter, are one scan."""

    def __init__(self) -> None:
        self._times: list[float] = []
        self._before = ""

    def typed(self, at: float, *, text_before: str) -> None:
        """Note a character typed at `at` (seconds) into a field that held `text_before`."""
        if not self._times or at - self._times[-1] > 3 * LONGEST_GAP_SECONDS:
            self._times = []
            self._before = text_before
        self._times.append(at)

    def entered(self, at: float) -> str | None:
        """Return what the field held before a scan that this Enter ends; None where a person pressed it."""
        times, self._times = [*self._times, at], []
        if len(times) - 1 < SHORTEST:
            return None
        gap = (times[-1] - times[0]) / (len(times) - 1)
        return self._before if gap <= LONGEST_GAP_SECONDS else None
