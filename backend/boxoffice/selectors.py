"""Read showtimes, seat maps and orders in the API's shape, as far as the caller's cinemas allow."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from bson import ObjectId

from backend.accounts.phones import required_phone
from backend.boxoffice import orders as kept_orders
from backend.boxoffice import seatmap
from backend.boxoffice.permissions import may_change, require_change, require_sight
from backend.core.actor import Actor
from backend.core.clock import business_day, iso
from backend.core.money import money
from backend.core.mongo import collection
from backend.venues import selectors as venues

Document = dict[str, Any]
Answer = dict[str, Any]
FREE, MINE, BLOCKED = "free", "mine", "blocked"
NEWEST_FIRST = (("createdAt", -1), ("_id", -1))
BY_START = (("startsAt", 1), ("_id", 1))


# --- Showtimes --------------------------------------------------------------------------------------
def day_filter(actor: Actor, *, cinema: ObjectId | None, day: date | None, now: datetime) -> Document:
    """Return the filter for the showtimes of one business day: today's without `day`.

    Without `cinema` the caller's cinemas; raises NotFound for one that is not his.
    """
    if cinema is not None:
        home = venues.cinema(actor, cinema)
        wanted: Document = {"cinema": cinema}
    else:
        mine = venues.cinemas_of(actor)
        home = mine[0] if mine else {}
        wanted = {"cinema": {"$in": [each["_id"] for each in mine]}}
    day = day or business_day(now, venues.time_zone_of(home))
    return {**wanted, "businessDay": day.isoformat()}


def showtimes_of_day(
    actor: Actor, cinema: ObjectId | None = None, day: date | None = None, *, now: datetime
) -> list[Answer]:
    """Return all showtimes of a business day in the order of their start."""
    wanted = day_filter(actor, cinema=cinema, day=day, now=now)
    return with_free_seats(collection("showtimes").find(wanted).sort(list(BY_START)), now=now)


def showtime(actor: Actor, showtime_id: ObjectId, *, now: datetime) -> Answer:
    """Return one showtime; raises NotFound."""
    show = require_sight(collection("showtimes").find_one({"_id": showtime_id}), actor)
    return with_free_seats([show], now=now)[0]


def with_free_seats(showtimes: Iterable[Document], *, now: datetime) -> list[Answer]:
    """Return showtimes in the API's shape, with the seats that are free at `now`."""
    shows = list(showtimes)
    maps = seatmap.seat_maps().find({"_id": {"$in": [show["_id"] for show in shows]}}) if shows else ()
    gone = {each["_id"]: sum(1 for seat in each["seats"].values() if seatmap.is_taken(seat, now)) for each in maps}
    return [_showtime(show, show["seatsTotal"] - gone.get(show["_id"], 0), now) for show in shows]


def _showtime(show: Document, free: int, now: datetime) -> Answer:
    return {
        "id": str(show["_id"]),
        "code": show["code"],
        "businessDay": show["businessDay"],
        "film": {
            "id": str(show["film"]),
            "title": show["filmTitle"],
            "originalTitle": show["originalTitle"],
            "durationMinutes": show["durationMinutes"],
        },
        "language": show["language"],
        "format": show["format"],
        "cinema": {"id": str(show["cinema"]), "name": show["cinemaName"]},
        "hall": {"id": str(show["hall"]), "name": show["hallName"]},
        "startsAt": iso(show["startsAt"]),
        "endsAt": iso(show["endsAt"]),
        "salesEndAt": iso(show["salesEndAt"]),
        "salesOpen": now < show["salesEndAt"],
        "seatsTotal": show["seatsTotal"],
        "seatsFree": max(0, free),
        "prices": [_price(price) for price in show["prices"]],
    }


def _price(price: Document) -> Answer:
    shown = {"ticketType": price["ticketType"], "label": price["label"], "amount": money(price["amount"])}
    if price.get("zone"):
        shown |= {"zone": price["zone"], "zoneLabel": price.get("zoneLabel", price["zone"])}
    return shown


# --- Seat maps --------------------------------------------------------------------------------------
def seat_map_etag(document: Mapping[str, Any], now: datetime) -> str:
    """Return `"<version>.<n>"`, n the holds that ran out since: it changes when a hold does, sweeper or not."""
    return f'"{document["version"]}.{seatmap.lapsed(document["seats"], now)}"'


def seat_map(actor: Actor, showtime_id: ObjectId, *, now: datetime) -> Answer:
    """Return the seat map as the caller sees it; raises NotFound."""
    answer, _etag = seat_map_unless(actor, showtime_id, known=(), now=now)
    assert answer is not None, "only a known version is not answered"
    return answer


def seat_map_unless(
    actor: Actor, showtime_id: ObjectId, *, known: Sequence[str], now: datetime
) -> tuple[Answer | None, str]:
    """Return the seat map and its ETag; no map where the caller knows that ETag already."""
    show = require_sight(collection("showtimes").find_one({"_id": showtime_id}, {"cinema": 1, "layout": 1}), actor)
    document = seatmap.read(showtime_id)
    etag = seat_map_etag(document, now)
    if etag in known:
        return None, etag
    layout = venues.layout(show["layout"])
    states = _states(document["seats"], actor, now)
    seats = []
    for seat in layout["seats"]:
        shown = {name: value for name, value in seat.items() if name != "blocked"}
        shown["state"] = BLOCKED if seat.get("blocked") else states.get(seat["seat"], FREE)
        seats.append(shown)
    answer = {
        "showtime": str(showtime_id),
        "version": document["version"],
        "zones": layout["zones"],
        "seats": seats,
    }
    return answer, etag


def _states(taken: seatmap.Taken, actor: Actor, now: datetime) -> dict[str, str]:
    states = {name: seat["state"] for name, seat in taken.items() if seatmap.is_taken(seat, now)}
    held = {name: taken[name]["order"] for name, state in states.items() if state == seatmap.HELD}
    if held:
        mine = kept_orders.held_by(actor.id, actor.device, among=set(held.values()))
        states |= {name: MINE for name, order in held.items() if order in mine}
    return states


# --- Orders -----------------------------------------------------------------------------------------
def order(actor: Actor, order_id: ObjectId, *, now: datetime) -> Answer:
    """Return an order of the caller's cinemas; raises NotFound."""
    return order_answer(require_sight(kept_orders.find(order_id), actor), now=now)


def order_to_change(actor: Actor, order_id: ObjectId, *, now: datetime) -> Answer:
    """Return an order that the caller may pay, cancel or replace; raises NotFound, NotYourOrder."""
    found = require_sight(kept_orders.find(order_id), actor)
    require_change(found, actor)
    return order_answer(found, now=now)


def may_change_order(actor: Actor, order_id: ObjectId) -> bool:
    """Return whether the caller may pay, cancel or replace an order; raises NotFound."""
    return may_change(require_sight(kept_orders.find(order_id), actor), actor)


def held_orders(actor: Actor, *, now: datetime) -> list[Answer]:
    """Return the running holds of the caller on this machine, the oldest first."""
    wanted = {
        "state": kept_orders.HELD,
        "expiresAt": {"$gt": now},
        "staff.id": actor.id,
        "device.key": actor.device,
    }
    return [order_answer(each, now=now) for each in kept_orders.orders().find(wanted).sort("createdAt", 1)]


def orders_filter(
    actor: Actor,
    *,
    number: str = "",
    ticket: str = "",
    phone: str = "",
    cinema: ObjectId | None = None,
    since: datetime | None = None,
    before: datetime | None = None,
) -> Document:
    """Return the filter for the orders of the caller's cinemas. Times are when the order was made.

    Raises Invalid for a phone that is none, NotFound for a cinema that is not the caller's.
    """
    wanted: Document = {"cinema": {"$in": list(actor.cinemas)}} if actor.cinemas else {}
    if cinema is not None:
        wanted = {"cinema": venues.cinema(actor, cinema)["_id"]}
    if number:
        wanted["number"] = _order_number(number)
    if ticket:
        wanted["tickets.number"] = "".join(filter(str.isalnum, ticket))
    if phone:
        wanted["customerPhone"] = required_phone(phone)
    if span := {key: value for key, value in (("$gte", since), ("$lt", before)) if value}:
        wanted["createdAt"] = span
    return wanted


def find_orders(actor: Actor, *, now: datetime, limit: int = 50, **wanted: Any) -> list[Answer]:
    """Return the newest orders that `orders_filter(**wanted)` allows."""
    found = kept_orders.orders().find(orders_filter(actor, **wanted)).sort(list(NEWEST_FIRST)).limit(limit)
    return [order_answer(each, now=now) for each in found]


def order_answer(order: Document, *, now: datetime) -> Answer:
    """Return an order in the API's shape."""
    return {
        "id": str(order["_id"]),
        "number": order["number"],
        "state": kept_orders.state_at(order, now),
        "showtime": str(order["showtime"]),
        "film": order["filmTitle"],
        "cinema": {"id": str(order["cinema"]), "name": order["cinemaName"]},
        "hall": order["hallName"],
        "startsAt": iso(order["startsAt"]),
        "expiresAt": iso(order["expiresAt"]),
        "total": money(order["total"]),
        "currency": order["currency"],
        "seats": [
            {"seat": line["seat"], "ticketType": line["ticketType"], "price": money(line["price"])}
            for line in order["seats"]
        ],
        "tickets": [_ticket(ticket) for ticket in order.get("tickets", ())],
        "payments": [_payment(payment) for payment in order["payments"]],
        "refunds": [],
        "staff": {**order["staff"], "id": str(order["staff"]["id"])},
        "device": {"machineCode": order["device"]["machineCode"], "name": order["device"]["name"]},
        "customerPhone": order["customerPhone"] or None,
        "channel": order["channel"],
        "createdAt": iso(order["createdAt"]),
    }


def _ticket(ticket: Document) -> Answer:
    shown = {name: ticket[name] for name in ("number", "seat", "ticketType", "state")}
    return {**shown, "label": ticket["label"], "price": money(ticket["price"])}


def _payment(payment: Document) -> Answer:
    return {
        "method": payment["method"],
        "amount": money(payment["amount"]),
        "tendered": money(payment["tendered"]),
        "change": money(payment["change"]),
        "reference": payment["reference"] or None,
        "at": iso(payment["at"]),
        "shift": payment["shift"],
    }


def _order_number(text: str) -> str:
    """Return an order number as it is kept, typed with the dash or without."""
    digits = "".join(filter(str.isdigit, text))
    return f"{digits[:6]}-{digits[6:]}"
