"""The schedule board: showtimes as tiles, by film or by time."""

from datetime import date, datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from backend.screens import words

FEW = 0.2  # of the seats: fewer are worth a warning
TILES_BY_FILM = 40  # more tiles than this are found faster by time
DAYS_SHOWN = 3
Answer = dict[str, Any]


def days(today: date, chosen: date) -> list[Answer]:
    """Return the day tabs; the one after the chosen day is on the key `.`, the last leads back to today."""
    shown = [today + timedelta(days=each) for each in range(DAYS_SHOWN)]
    if chosen not in shown:
        shown.append(chosen)
    following = shown[(shown.index(chosen) + 1) % len(shown)]
    return [
        {
            "value": day.isoformat(),
            "words": words.day_words(day, today),
            "chosen": day == chosen,
            "is_next": day == following,
        }
        for day in shown
    ]


def tile(showtime: Answer, *, day: date, time_zone: str, now: datetime) -> Answer:
    """Return what a tile shows of `showtime`."""
    starts = words.local(showtime["startsAt"], time_zone)
    free, total = showtime["seatsFree"], max(1, showtime["seatsTotal"])
    late = int((now - starts).total_seconds() // 60)
    state = {"words": _("%(n)s left") % {"n": free}, "strong": False, "look": ""}
    if free == 0:
        state = {"words": _("Sold out"), "strong": True, "look": "is-full"}
    elif not showtime["salesOpen"]:
        state = {"words": _("Closed"), "strong": True, "look": "is-closed"}
    elif late >= 0:
        state = {"words": _("Started %(n)s min ago") % {"n": late}, "strong": True, "look": "is-started"}
    elif free <= total * FEW:
        state = {"words": _("Only %(n)s left") % {"n": free}, "strong": True, "look": "is-few"}
    title = showtime["film"]["title"]
    return {
        **state,
        "id": showtime["id"],
        "code": showtime["code"],
        "time": f"{starts:%H:%M}",
        "tonight": starts.date() > day,
        "hall": hall_words(showtime),
        "title": title,
        "search": search_text(showtime),
        "filled": round(100 * (total - free) / total),
    }


def is_shown(showtime: Answer, *, now: datetime) -> bool:
    """Return whether a showtime still belongs on the board: while it is sold, and until it starts in any case."""
    return bool(showtime["salesOpen"]) or now < datetime.fromisoformat(showtime["startsAt"])


def hall_words(showtime: Answer) -> str:
    """Return the hall as a tile names it."""
    return str(showtime["hall"]["name"])


def version_words(showtime: Answer) -> str:
    """Return language, format and length."""
    version = " ".join(part for part in (showtime.get("language"), showtime.get("format")) if part)
    minutes = _("%(n)s min") % {"n": showtime["film"]["durationMinutes"]}
    return " · ".join(part for part in (version, minutes) if part)


def search_text(showtime: Answer) -> str:
    """Return what a search for a film looks through."""
    film = showtime["film"]
    return f"{film['title']} {film.get('originalTitle') or ''}".strip().lower()


def by_film(showtimes: list[Answer], tiles: list[Answer]) -> list[Answer]:
    """Return the films in the order of their first showtime, each with its tiles."""
    films: dict[str, Answer] = {}
    for showtime, each in zip(showtimes, tiles, strict=True):
        film = films.setdefault(
            showtime["film"]["id"],
            {
                "title": showtime["film"]["title"],
                "version": version_words(showtime),
                "search": each["search"],
                "tiles": [],
            },
        )
        film["tiles"].append(each)
    return list(films.values())
