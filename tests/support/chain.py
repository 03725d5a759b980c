"""A small chain to sell in: cinemas, a hall, a film, showtimes, accounts. Built through the services."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from bson import ObjectId

from backend.accounts.roles import ROLES
from backend.accounts.services.managing import create_account
from backend.core import clock
from backend.core.actor import Actor
from backend.programme.services import add_film, schedule_showtime
from backend.venues.layouts import build
from backend.venues.services import add_cinema, add_hall
from tests.support.noon import TIME_ZONE

PRICES = [
    {"ticketType": "adult", "label": "成人", "amount": Decimal(60)},
    {"ticketType": "adult", "label": "成人", "amount": Decimal(70), "zone": "golden", "zoneLabel": "黄金区"},
    {"ticketType": "child", "label": "儿童", "amount": Decimal("30.50")},
]
# Rows 1 to 8 with an aisle after seat 4; 3-3 is broken, 8-1 and 8-2 a love seat, 1-1 a wheelchair's place.
DRAWING = ("w... ........", ".... ........", "..x. ........", *(".... ........",) * 4, "LL.. ........")
GOLDEN = ("7-10", "7-11")


@dataclass(frozen=True, kw_only=True)
class Chain:
    """What a test sells in. `film` is 120 minutes long."""

    cinema: ObjectId
    elsewhere: ObjectId
    hall: ObjectId
    hall_elsewhere: ObjectId
    film: ObjectId

    def show(self, starts_at: datetime, *, hall: ObjectId | None = None, now: datetime | None = None) -> ObjectId:
        """Plan a showtime and return its id."""
        return schedule_showtime(
            film=self.film,
            hall=hall or self.hall,
            starts_at=starts_at,
            prices=PRICES,
            by=None,
            now=now or clock.now(),
        )


def build_chain(time_zone: str = TIME_ZONE) -> Chain:
    """Build two cinemas of one hall each, and a film."""
    common: dict[str, Any] = {"by": None, "now": clock.now()}
    place = {"time_zone": time_zone, "address": "", **common}
    cinema = add_cinema(name="星河影城", code="XH01", **place)
    elsewhere = add_cinema(name="别家影城", code="BJ09", **place)
    plan = build(DRAWING, zones={"golden": GOLDEN})
    zones = {"standard": "普通区", "golden": "黄金区"}
    hall, hall_elsewhere = (
        add_hall(cinema=each, name="3号厅", plan=plan, zones=zones, **common) for each in (cinema, elsewhere)
    )
    film = add_film(title="长夜将明", original_title="", duration_minutes=120, language="国语", **common)
    return Chain(cinema=cinema, elsewhere=elsewhere, hall=hall, hall_elsewhere=hall_elsewhere, film=film)


def account(phone: str, role: str, *cinemas: ObjectId, name: str = "王小琳") -> ObjectId:
    """Create an account whose binding window is open; without `cinemas` it has all."""
    return create_account(phone=phone, name=name, role=role, cinemas=cinemas, by=None, now=clock.now())


def actor(role: str = "seller", *cinemas: ObjectId, **changes: Any) -> Actor:
    """Return a person at a till, made by hand: for services, which never ask how he logged in."""
    key = str(changes.get("phone", "13900000001"))
    made: dict[str, Any] = {
        "id": ObjectId(),
        "phone": key,
        "name": "王小琳",
        "role": role,
        "permissions": ROLES[role].permissions,
        "cinemas": cinemas,
        "machine_code": f"MACHINE-{key}-0001",
        "device": f"key-of-{key}",
        "till": "2号台",
    }
    return Actor(**{**made, **changes})


def soon(minutes: float = 120) -> datetime:
    """Return a time in so many minutes."""
    return clock.now() + timedelta(minutes=minutes)
