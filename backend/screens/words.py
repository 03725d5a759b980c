"""Seats, money, days and times as a cashier reads them, in the language of the page."""

import base64
import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from backend.boxoffice.words import METHODS as METHODS
from backend.core.money import money

SCANNED = re.compile(r"[Tt][A-Za-z2-7]{16,}\Z")
LONG_RUN = 3  # so many seats side by side are written as "9–12"
WEEKDAYS = [
    gettext_lazy("Mon"),
    gettext_lazy("Tue"),
    gettext_lazy("Wed"),
    gettext_lazy("Thu"),
    gettext_lazy("Fri"),
    gettext_lazy("Sat"),
    gettext_lazy("Sun"),
]


def yuan(amount: Any) -> str:
    """Return an amount without the decimals that say nothing: "138", "62.10"."""
    return money(amount).removesuffix(".00")


def seat_numbers(numbers: Sequence[str]) -> str:
    """Return the numbers of one row: "10, 11", "9–12", "2, 7"."""
    runs: list[list[str]] = []
    for number in numbers:
        if runs and number.isdecimal() and runs[-1][-1].isdecimal() and int(number) == int(runs[-1][-1]) + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    parts = [[f"{run[0]}–{run[-1]}"] if len(run) >= LONG_RUN else run for run in runs]
    return pgettext("between two seat numbers", ", ").join(part for run in parts for part in run)


def seat_id_parts(seat: str) -> tuple[str, str]:
    """Return row and number of a seat's id, `7-10`."""
    row, _dash, number = seat.partition("-")
    return row, number


def by_row(seats: Iterable[str]) -> dict[str, list[str]]:
    """Return the numbers of `seats` for each row, in their order."""
    rows: dict[str, list[str]] = {}
    for seat in seats:
        row, number = seat_id_parts(seat)
        rows.setdefault(row, []).append(number)
    for numbers in rows.values():
        numbers.sort(key=lambda number: (int(number) if number.isdecimal() else 0, number))
    return rows


def heading(seats: Iterable[str]) -> str:
    """Return seats as a heading: "Row 7 · 10, 11", "7排 10、11座"."""
    rows = [
        _("Row %(row)s · %(numbers)s") % {"row": row, "numbers": seat_numbers(numbers)}
        for row, numbers in by_row(seats).items()
    ]
    return pgettext("between two rows of seats", "; ").join(rows)


def sentence(seats: Iterable[str]) -> str:
    """Return seats within a sentence: "row 7 seats 10, 11", "7排 10、11座"."""
    rows = [
        (_("row %(row)s seats %(numbers)s") if len(numbers) > 1 else _("row %(row)s seat %(numbers)s"))
        % {"row": row, "numbers": seat_numbers(numbers)}
        for row, numbers in by_row(seats).items()
    ]
    return pgettext("between two rows of seats", "; ").join(rows)


def opening(text: str) -> str:
    """Return `text` as it opens a sentence."""
    return text[:1].upper() + text[1:]


def cash_notes(total: Decimal) -> list[Decimal]:
    """Return what a customer may hand over: the exact sum, the next 10, 50 and 100, distinct values only."""
    steps = map(Decimal, (10, 50, 100))
    rounded = [((total / step).to_integral_value(ROUND_FLOOR) + 1) * step for step in steps]
    return [total, *sorted({note for note in rounded if note > total})]


def day_words(day: date, today: date) -> str:
    """Return a business day as a tab names it: "Today Fri 11/27"."""
    weekday = WEEKDAYS[day.weekday()]
    near = {today: _("Today"), today + timedelta(days=1): _("Tomorrow")}.get(day)
    short = f"{day.month}/{day.day}"
    return f"{near} {weekday} {short}" if near else f"{weekday} {short}"


def local(instant: str, time_zone: str) -> datetime:
    """Return an instant of an answer in the cinema's own time."""
    return datetime.fromisoformat(instant).astimezone(ZoneInfo(time_zone))


def long_date(day: date) -> str:
    """Return a date with its weekday, as a ticket prints it."""
    return f"{date_format(day, 'Y-m-d')} {WEEKDAYS[day.weekday()]}"


def minutes_seconds(seconds: int) -> str:
    """Return a rest of time as a hold shows it: "04:52"."""
    return f"{seconds // 60:02d}:{seconds % 60:02d}"


def grouped(number: str) -> str:
    """Return a ticket number in groups of four."""
    return " ".join(number[start : start + 4] for start in range(0, len(number), 4))


def ticket_text(number: str) -> str:
    """Return what a ticket's QR code says: capitals and 2–7 alone, which no keyboard layout spoils."""
    return "T" + base64.b32encode(number.encode()).decode().rstrip("=")


def ticket_of_text(text: str) -> str:
    """Return the ticket number of a scanned text, in capitals or not; nothing where it is no ticket's."""
    if not SCANNED.match(text):
        return ""
    coded = text[1:].upper()
    try:
        number = base64.b32decode(coded + "=" * (-len(coded) % 8)).decode("ascii")
    except (ValueError, UnicodeDecodeError):
        return ""
    return number if number.isdigit() else ""
