"""Time: now, business days, and how times are written."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings


def now() -> datetime:
    """Return the time, aware, in UTC, in whole milliseconds as MongoDB keeps it."""
    instant = datetime.now(UTC)
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def iso(instant: datetime) -> str:
    """Return `instant` as the API writes it: ISO 8601 in UTC with `Z`."""
    text = instant.astimezone(UTC).isoformat(timespec="milliseconds" if instant.microsecond else "seconds")
    return text.replace("+00:00", "Z")


def business_day(instant: datetime, time_zone: str) -> date:
    """Return the business day that `instant` belongs to in a cinema of `time_zone`.

    A business day runs from 06:00 to 06:00 (setting `BUSINESS_DAY_STARTS`): a show at 00:30 is last night's.
    """
    return (instant.astimezone(ZoneInfo(time_zone)) - timedelta(hours=settings.BUSINESS_DAY_STARTS)).date()


def business_day_bounds(day: date, time_zone: str) -> tuple[datetime, datetime]:
    """Return the first instant of the business day and the first after it, both in UTC."""
    start = time(settings.BUSINESS_DAY_STARTS)
    zone = ZoneInfo(time_zone)
    first, after = (datetime.combine(each, start, zone) for each in (day, day + timedelta(days=1)))
    return first.astimezone(UTC), after.astimezone(UTC)
