"""Documents for tests, whole and small: staff by the product's own service, the rest as the product stores it."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bson import Decimal128, ObjectId

from backend.accounts.services.managing import create_account
from backend.core import clock
from backend.core.mongo import collection
from tests.support.noon import TIME_ZONE

Document = dict[str, Any]
ADULT, STUDENT = "45.00", "35.00"

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Staff:
    """An account with its binding window open."""

    id: ObjectId
    phone: str
    role: str


def make_staff(
    role: str = "seller",
    *,
    phone: str = "",
    name: str = "",
    cinemas: Sequence[Document] = (),
    password: str | None = None,
    now: datetime | None = None,
) -> Staff:
    """Create an account; `cinemas` empty means all of them."""
    number = next(_numbers)
    phone = phone or f"139{number:08}"
    ids = [cinema["_id"] for cinema in cinemas]
    account = create_account(
        phone=phone,
        name=name or f"Staff {number}",
        role=role,
        cinemas=ids,
        by=None,
        now=now or clock.now(),
        password=password,
    )
    return Staff(account, phone, role)


def make_cinema(*, name: str = "", code: str = "") -> Document:
    """Store a cinema in Shanghai's time."""
    number = next(_numbers)
    cinema = {
        "_id": ObjectId(),
        "name": name or f"Cinema {number}",
        "code": code or f"C{number:04}",
        "timeZone": TIME_ZONE,
        "address": "1 Main Street",
    }
    collection("cinemas").insert_one(cinema)
    return cinema


def make_hall(cinema: Document | None = None, *, rows: int = 10, seats_per_row: int = 12, name: str = "") -> Document:
    """Store a hall of plain seats `1-1` … `rows-seats_per_row` and its layout."""
    cinema = cinema or make_cinema()
    hall, layout = ObjectId(), ObjectId()
    seats = [
        {
            "seat": f"{row}-{number}",
            "row": str(row),
            "number": str(number),
            "x": number,
            "y": row,
            "kind": "standard",
            "zone": "standard",
        }
        for row in range(1, rows + 1)
        for number in range(1, seats_per_row + 1)
    ]
    document = {
        "_id": hall,
        "cinema": cinema["_id"],
        "cinemaName": cinema["name"],
        "name": name or f"Hall {next(_numbers)}",
        "layout": layout,
        "seatsTotal": len(seats),
    }
    collection("hallLayouts").insert_one(
        {
            "_id": layout,
            "hall": hall,
            "version": 1,
            "columns": seats_per_row,
            "rows": [str(row) for row in range(1, rows + 1)],
            "zones": ["standard"],
            "seats": seats,
        }
    )
    collection("halls").insert_one(document)
    return document


def make_film(*, title: str = "", minutes: int = 120) -> Document:
    """Store a film."""
    film = {
        "_id": ObjectId(),
        "title": title or f"Film {next(_numbers)}",
        "originalTitle": "",
        "durationMinutes": minutes,
        "language": "国语",
    }
    collection("films").insert_one(film)
    return film


def make_showtime(
    hall: Document | None = None,
    *,
    film: Document | None = None,
    starts_at: datetime | None = None,
    sales_end_at: datetime | None = None,
    rows: int = 10,
    seats_per_row: int = 12,
    adult: str = ADULT,
) -> Document:
    """Store a showtime on sale, in two hours unless told, with an empty seat map."""
    hall = hall or make_hall(rows=rows, seats_per_row=seats_per_row)
    film = film or make_film()
    starts_at = starts_at or clock.now() + timedelta(hours=2)
    ends_at = starts_at + timedelta(minutes=film["durationMinutes"])
    showtime = {
        "_id": ObjectId(),
        "film": film["_id"],
        "filmTitle": film["title"],
        "originalTitle": film["originalTitle"],
        "language": film["language"],
        "format": "2D",
        "durationMinutes": film["durationMinutes"],
        "cinema": hall["cinema"],
        "cinemaName": hall["cinemaName"],
        "hall": hall["_id"],
        "hallName": hall["name"],
        "layout": hall["layout"],
        "businessDay": clock.business_day(starts_at, TIME_ZONE).isoformat(),
        "code": f"{next(_numbers) % 1000:02}",
        "startsAt": starts_at,
        "endsAt": ends_at,
        "salesEndAt": sales_end_at or starts_at + timedelta(minutes=15),
        "seatsTotal": hall["seatsTotal"],
        "prices": [
            {"ticketType": "adult", "label": "成人票", "amount": Decimal128(adult)},
            {"ticketType": "student", "label": "学生票", "amount": Decimal128(STUDENT)},
        ],
    }
    collection("showtimes").insert_one(showtime)
    collection("seatMaps").insert_one({"_id": showtime["_id"], "version": 0, "seats": {}, "nextUntil": None})
    return showtime
