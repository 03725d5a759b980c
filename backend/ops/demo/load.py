"""Load the demo chain through the services, and top its programme up: a second run changes what time has changed."""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings

from backend.accounts.models import BindingPolicy
from backend.accounts.roles import ROLES
from backend.accounts.services.managing import create_account, open_binding_window
from backend.boxoffice.errors import SeatsTaken
from backend.boxoffice.services.hold import SeatChoice, hold_seats
from backend.boxoffice.services.pay import METHODS, pay_order
from backend.core.actor import Actor
from backend.core.clock import business_day
from backend.core.idempotency import IdempotencyKey
from backend.core.mongo import collection
from backend.ops.demo import chain
from backend.programme.errors import HallTaken
from backend.programme.services import add_film, schedule_showtime
from backend.venues import layouts
from backend.venues.selectors import layout as layout_of
from backend.venues.services import add_cinema, add_hall

DAYS = 3  # today and the next two
TIME_ZONE = "Asia/Shanghai"
FIRST_START, LAST_START = time(9, 30), time(0, 40)  # the last one after midnight, still the same business day
FIVE_MINUTES = 5
TRAILERS = timedelta(minutes=10)
SALES = 90  # orders on today's shows, times `scale`
MARK = "demo"
OURS = ("users", "cinemas", "films", "showtimes", "orders")
Document = dict[str, Any]


class NotADemoDatabase(Exception):
    """The database has data that is no demo data, or the settings are production's."""


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What a run added."""

    accounts: int
    films: int
    halls: int
    showtimes: int
    orders: int


def is_marked() -> bool:
    """Return whether this database holds demo data."""
    return collection("appState").find_one({"_id": MARK}) is not None


def load(*, now: datetime, scale: int = 1) -> Loaded:
    """Load what is missing, reopen the window of unbound demo accounts, plan up to the day after tomorrow.

    Raises NotADemoDatabase before anything is written.
    """
    _require_demo(now)
    cinemas = [_cinema(each, now=now) for each in chain.CINEMAS]
    halls = _halls(cinemas, now=now)
    accounts = _accounts(cinemas, now=now)
    films, added_films = _films(now=now)
    showtimes = _showtimes(halls, films, now=now)
    orders = _sales(cinemas, now=now, count=SALES * scale)
    return Loaded(accounts=accounts, films=added_films, halls=len(halls), showtimes=showtimes, orders=orders)


def _require_demo(now: datetime) -> None:
    if settings.ENVIRONMENT == "prod":
        raise NotADemoDatabase("Demo data is never loaded with production settings.")
    if is_marked():
        return
    if any(collection(name).find_one({}, {"_id": 1}) is not None for name in OURS):
        raise NotADemoDatabase("This database has data of its own: demo data is loaded into an empty one only.")
    # First of all writes: what a crash leaves is marked, and the next run goes on.
    collection("appState").insert_one({"_id": MARK, "loadedAt": now, "salesDay": ""})


def _cinema(demo: chain.DemoCinema, *, now: datetime) -> Document:
    cinemas = collection("cinemas")
    if cinemas.find_one({"code": demo.code}, {"_id": 1}) is None:
        add_cinema(
            name=demo.name,
            code=demo.code,
            time_zone=TIME_ZONE,
            address=demo.address,
            networks=chain.NETWORKS,
            by=None,
            now=now,
        )
    return cinemas.find_one({"code": demo.code}) or {}


def _halls(cinemas: Iterable[Document], *, now: datetime) -> list[tuple[Document, chain.DemoHall]]:
    found = []
    for cinema, demo in zip(cinemas, chain.CINEMAS, strict=True):
        there = {hall["name"]: hall for hall in collection("halls").find({"cinema": cinema["_id"]})}
        for hall in demo.halls:
            if hall.name not in there:
                plan = layouts.build(hall.drawing, zones=hall.zones)
                zones = {code: chain.ZONES[code] for code in ("standard", *hall.zones)}
                new = add_hall(cinema=cinema["_id"], name=hall.name, plan=plan, zones=zones, by=None, now=now)
                there[hall.name] = collection("halls").find_one({"_id": new}) or {}
            found.append((there[hall.name], hall))
    return found


def _accounts(cinemas: Iterable[Document], *, now: datetime) -> int:
    both = [cinema["_id"] for cinema in cinemas]
    phones = [phone for phone, *_rest in chain.STAFF]
    there = {user["phone"]: user for user in collection("users").find({"phone": {"$in": phones}})}
    added = 0
    for phone, name, role, of_both, signs_in in chain.STAFF:
        user = there.get(phone)
        if user is None:
            create_account(
                phone=phone,
                name=name,
                role=role,
                cinemas=both if of_both else [],
                password=chain.PASSWORD if signs_in else None,
                binding_policy=BindingPolicy.WINDOW,
                by=None,
                now=now,
            )
            added += 1
        elif user["device"] is None and user["account"]["bindingPolicy"] == BindingPolicy.WINDOW:
            open_binding_window(user["_id"], by=None, now=now)
    return added


def _films(*, now: datetime) -> tuple[list[Document], int]:
    there = {film["title"] for film in collection("films").find({}, {"title": 1})}
    missing = [film for film in chain.FILMS if film[0] not in there]
    for title, original, minutes, language in missing:
        add_film(
            title=title,
            original_title=original,
            duration_minutes=minutes,
            language=language,
            by=None,
            now=now,
        )
    by_title = {film["title"]: film for film in collection("films").find({})}
    return [by_title[title] for title, *_rest in chain.FILMS], len(missing)


def _showtimes(halls: list[tuple[Document, chain.DemoHall]], films: list[Document], *, now: datetime) -> int:
    today = business_day(now, TIME_ZONE)
    days = [today + timedelta(days=each) for each in range(DAYS)]
    planned = {
        (show["hall"], show["startsAt"])
        for show in collection("showtimes").find(
            {"businessDay": {"$in": [day.isoformat() for day in days]}}, {"hall": 1, "startsAt": 1}
        )
    }
    plan = [
        (starts_at, hall, film, demo)
        for number, (hall, demo) in enumerate(halls)
        for day in days
        for starts_at, film in _programme(number, day, films)
        if (hall["_id"], starts_at) not in planned
    ]
    added = 0
    for starts_at, hall, film, demo in sorted(plan, key=lambda each: (each[0], each[1]["_id"])):
        try:
            schedule_showtime(
                film=film["_id"],
                hall=hall["_id"],
                starts_at=starts_at,
                prices=chain.prices(demo),
                picture=demo.picture,
                by=None,
                now=now,
            )
        except HallTaken:
            continue  # somebody planned a show of their own there
        added += 1
    return added


def _programme(number: int, day: date, films: list[Document]) -> list[tuple[datetime, Document]]:
    """Return what the hall `number` shows on `day`: the same whenever it is asked."""
    zone = ZoneInfo(TIME_ZONE)
    starts_at = datetime.combine(day, FIRST_START, zone) + timedelta(minutes=15 * (number % 4))
    last = datetime.combine(day + timedelta(days=1), LAST_START, zone)
    shows: list[tuple[datetime, Document]] = []
    position = day.toordinal() + number * 2
    while starts_at <= last:
        film = films[position % len(films)]
        shows.append((starts_at.astimezone(ZoneInfo("UTC")), film))
        over = starts_at + timedelta(minutes=film["durationMinutes"] + settings.HALL_CLEANING_MINUTES)
        starts_at = over + TRAILERS
        starts_at += timedelta(minutes=-starts_at.minute % FIVE_MINUTES)
        position += 1 if number % 2 else 5
    return shows


def _sales(cinemas: Iterable[Document], *, now: datetime, count: int) -> int:
    """Sell on today's shows, once a day: the busier the nearer they are to their start."""
    day = business_day(now, TIME_ZONE).isoformat()
    claimed = collection("appState").update_one({"_id": MARK, "salesDay": {"$ne": day}}, {"$set": {"salesDay": day}})
    if not claimed.modified_count:
        return 0
    chance = random.Random(day)  # noqa: S311  # the same demo for everybody that day
    sellers = [_seller(phone, position) for position, phone in enumerate(("13800000002", "13800000005"), 1)]
    wanted = {"cinema": {"$in": [cinema["_id"] for cinema in cinemas]}, "businessDay": day}
    shows = list(collection("showtimes").find(wanted))
    weights = [3 if show["startsAt"] <= now else 1 for show in shows]
    sold = 0
    for show in chance.choices(shows, weights, k=count) if shows else ():
        at = min(now, show["startsAt"] - timedelta(minutes=chance.randrange(5, 40)))
        sold += _sell(show, by=chance.choice(sellers), at=at, chance=chance)
    return sold


def _seller(phone: str, till: int) -> Actor:
    user = collection("users").find_one({"phone": phone}) or {}
    role = ROLES[user["role"]]
    return Actor(
        id=user["_id"],
        phone=phone,
        name=user["name"],
        role=role.code,
        rank=role.rank,
        permissions=role.permissions,
        cinemas=tuple(user["cinemas"]),
        machine_code=f"DEMO-TILL-{till:07d}",
        till=f"{till}号台",
    )


def _sell(show: Document, *, by: Actor, at: datetime, chance: random.Random) -> bool:
    """Sell one to four seats side by side; say whether they were free."""
    seats = [seat for seat in layout_of(show["layout"])["seats"] if seat["kind"] != layouts.WHEELCHAIR]
    middle = chance.choice([seat for seat in seats if not seat.get("blocked")])
    size = chance.choice((1, 2, 2, 2, 3, 4))
    block = [seat for seat in seats if seat["y"] == middle["y"] and 0 <= seat["x"] - middle["x"] < size]
    if middle["kind"] == layouts.LOVE:
        block = [seat for seat in seats if seat["seat"] in {middle["seat"], middle["pair"]}]
    if any(seat.get("blocked") for seat in block):
        return False
    types = chance.choices(("adult", "student", "child", "senior"), (7, 2, 1, 1), k=len(block))
    choices = [SeatChoice(seat["seat"], kind) for seat, kind in zip(block, types, strict=True)]
    try:
        order = hold_seats(key=IdempotencyKey(), showtime=show["_id"], seats=choices, by=by, now=at)
    except SeatsTaken:
        return False
    method = chance.choices(METHODS, (3, 2, 6, 3))[0]
    pay_order(key=IdempotencyKey(), order=order["_id"], method=method, by=by, now=at + timedelta(minutes=1))
    return True
