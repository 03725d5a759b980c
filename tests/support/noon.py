"""The time zone in which it is about noon while the tests run: no test changes its mind at a cinema's 06:00."""

from datetime import UTC, datetime

HOURS_TO_NOON = 12 - datetime.now(UTC).hour
# The names count westwards: Etc/GMT-8 is eight hours ahead of UTC.
TIME_ZONE = f"Etc/GMT{-HOURS_TO_NOON:+d}" if HOURS_TO_NOON else "Etc/GMT"
