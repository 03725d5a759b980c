"""What the screens ask of venues and box office: the one place that calls them, in the API's shapes."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from bson import ObjectId
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from backend.accounts.phones import normalised
from backend.boxoffice import orders as kept_orders
from backend.boxoffice import seatmap, selectors
from backend.boxoffice.errors import AlreadyPaid, HoldExpired
from backend.boxoffice.services.cancel import cancel_order
from backend.boxoffice.services.hold import SeatChoice, check_hold, hold_seats
from backend.boxoffice.services.pay import pay_order
from backend.core.actor import Actor
from backend.core.api import json_answer
from backend.core.clock import business_day, business_day_bounds
from backend.core.idempotency import IdempotencyKey
from backend.core.money import to_decimal
from backend.core.parsing import object_id
from backend.screens import words
from backend.venues import selectors as venues

LIST_LENGTH = 50
LOOKED_AT = 200  # of which many are holds that another one replaced
OVER = ("cancelled", "expired")
TICKET_DIGITS = 12
ORDER_DIGITS = 12
Answer = dict[str, Any]
Choices = Sequence[tuple[str, str]]


# --- Cinemas ----------------------------------------------------------------------------------------
def cinemas(actor: Actor) -> list[Answer]:
    """Return the caller's cinemas."""
    return [_cinema(document) for document in venues.cinemas_of(actor)]


def cinema(actor: Actor, cinema_id: str) -> Answer:
    """Return one of the caller's cinemas; raises NotFound."""
    return _cinema(venues.cinema(actor, object_id(cinema_id)))


def _cinema(document: Answer) -> Answer:
    zone = venues.time_zone_of(document)
    return {"id": str(document["_id"]), "name": document["name"], "code": document["code"], "timeZone": zone}


# --- Showtimes and seats ----------------------------------------------------------------------------
def showtimes_of_day(actor: Actor, cinema_id: str, day: date, *, now: datetime) -> list[Answer]:
    """Return the showtimes of a business day in the order of their start."""
    return selectors.showtimes_of_day(actor, object_id(cinema_id), day, now=now)


def showtime(actor: Actor, showtime_id: str, *, now: datetime) -> Answer:
    """Return one showtime; raises NotFound."""
    return selectors.showtime(actor, object_id(showtime_id), now=now)


def seat_map(actor: Actor, showtime_id: str, *, now: datetime) -> Answer:
    """Return the seat map as the caller sees it; raises NotFound."""
    return selectors.seat_map(actor, object_id(showtime_id), now=now)


def seat_map_response(request: HttpRequest, actor: Actor, showtime_id: str, *, now: datetime) -> HttpResponse:
    """Return the seat map as the API answers it, 304 where the page has the current one."""
    known = [tag.strip().removeprefix("W/") for tag in request.headers.get("If-None-Match", "").split(",")]
    answer, etag = selectors.seat_map_unless(actor, object_id(showtime_id), known=known, now=now)
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if answer is None:
        return HttpResponse(status=304, headers=headers)
    return json_answer(answer, headers=headers)


def zone_words(showtime: Answer) -> Answer:
    """Return how the map names each price zone: its label, what the first ticket type costs there."""
    first = showtime["prices"][0]["ticketType"]
    zones: Answer = {"": {"label": "", "price": "", "outlined": False, "words": ""}}
    for price in showtime["prices"]:
        if price["ticketType"] != first:
            continue
        amount = words.yuan(price["amount"])
        if not price.get("zone"):
            zones[""] = {"label": "", "price": amount, "outlined": False, "words": ""}
            continue
        label = price["zoneLabel"]
        shown = _("%(zone)s ¥%(price)s") % {"zone": label, "price": amount}
        zones[price["zone"]] = {"label": label, "price": amount, "outlined": True, "words": shown}
    return zones


def price_of(showtime: Answer, choices: Choices, seats: Sequence[Answer]) -> Decimal:
    """Return what `choices` of seat and ticket type would cost."""
    prices = {(each["ticketType"], each.get("zone")): each["amount"] for each in showtime["prices"]}
    zones = {seat["seat"]: seat["zone"] for seat in seats}
    amounts = [prices.get((kind, zones.get(seat))) or prices.get((kind, None)) or "0" for seat, kind in choices]
    return sum(map(to_decimal, amounts), start=Decimal(0))


def till_that_has(showtime_id: str, seat: str) -> str:
    """Return the name of the till that was faster with `seat`, or nothing where nobody has it any more."""
    owner = seatmap.taken(object_id(showtime_id)).get(seat)
    order = kept_orders.find(owner["order"]) if owner else None
    return str((order or {}).get("device", {}).get("name") or "")


# --- Orders -----------------------------------------------------------------------------------------
def order(actor: Actor, order_id: str, *, now: datetime) -> Answer:
    """Return an order of the caller's cinemas; raises NotFound."""
    return selectors.order(actor, object_id(order_id), now=now)


def order_to_change(actor: Actor, order_id: str, *, now: datetime) -> Answer:
    """Return an order that the caller may pay, cancel or replace; raises NotFound, NotYourOrder."""
    return selectors.order_to_change(actor, object_id(order_id), now=now)


def may_change(actor: Actor, order_id: str) -> bool:
    """Return whether the caller may pay, cancel or replace an order; raises NotFound."""
    return selectors.may_change_order(actor, object_id(order_id))


def own_hold(actor: Actor, showtime_id: str, *, now: datetime) -> Answer | None:
    """Return the newest running hold of this person on this machine for a showtime."""
    held = [each for each in selectors.held_orders(actor, now=now) if each["showtime"] == showtime_id]
    return held[-1] if held else None


def hold_instead(
    *, key: IdempotencyKey, showtime: str, choices: Choices, old: Answer | None, by: Actor, now: datetime
) -> Answer:
    """Hold `choices` of seat and ticket type in place of the order `old`.

    Seats that both orders have are given back first; where they have none in common the new order comes
    first, and a refusal leaves the old one as it was. What refuses the hold whoever has the seats is found
    before anything is given back. Raises what `hold_seats` raises.
    """
    seats = [SeatChoice(seat, kind) for seat, kind in choices]
    former = {seat["seat"] for seat in old["seats"]} if old is not None else set()
    common = bool(former & {seat for seat, _kind in choices})
    if old is not None and old["state"] == "held" and common:
        check_hold(showtime=object_id(showtime), seats=seats, by=by, now=now)
        _give_up(old, by=by, now=now)
    held = hold_seats(key=key, showtime=object_id(showtime), seats=seats, by=by, now=now)
    if old is not None and not common and old["id"] != str(held["_id"]):
        _give_up(old, by=by, now=now)
    return selectors.order_answer(held, now=now)


def _give_up(old: Answer, *, by: Actor, now: datetime) -> None:
    """Cancel an order that another one replaces; one that is over already stays as it is."""
    if old["state"] != "held":
        return
    try:
        cancel_order(order=ObjectId(old["id"]), by=by, now=now)
    except (HoldExpired, AlreadyPaid):
        return


def cancel(order_id: str, *, by: Actor, now: datetime) -> Answer:
    """Give the seats of a hold back. A hold that ran out meanwhile has given them back already."""
    try:
        cancelled = cancel_order(order=object_id(order_id), by=by, now=now)
    except HoldExpired:
        return order(by, order_id, now=now)
    return selectors.order_answer(cancelled, now=now)


def pay(
    order_id: str,
    *,
    key: IdempotencyKey,
    method: str,
    tendered: Decimal | None,
    reference: str | None,
    by: Actor,
    now: datetime,
) -> Answer:
    """Take the payment of a held order; raises what `pay_order` raises."""
    paid = pay_order(
        key=key,
        order=object_id(order_id),
        method=method,
        tendered=tendered,
        reference=reference,
        by=by,
        now=now,
    )
    return selectors.order_answer(paid, now=now)


def find_orders(actor: Actor, query: str, *, cinema: Answer, now: datetime) -> list[Answer]:
    """Return what a ticket, an order number or a phone finds in any of the caller's cinemas.

    Without a query, what was held or sold today in this cinema.
    """
    if not query:
        day = business_day(now, cinema["timeZone"])
        since, before = business_day_bounds(day, cinema["timeZone"])
        here = object_id(cinema["id"])
        found = selectors.find_orders(actor, now=now, limit=LOOKED_AT, cinema=here, since=since, before=before)
        return [each for each in found if each["state"] not in OVER][:LIST_LENGTH]
    for wanted in _meanings(query):
        if found := selectors.find_orders(actor, now=now, limit=LIST_LENGTH, **wanted):
            return found
    return []


def _meanings(query: str) -> list[dict[str, str]]:
    """Return what a query may mean: a scanned ticket, a ticket number, an order number, a phone."""
    scanned = words.ticket_of_text(query)
    if scanned:
        return [{"ticket": scanned}]
    digits = "".join(filter(str.isdigit, query))
    meanings = []
    if len(digits) == TICKET_DIGITS and "-" not in query:
        meanings.append({"ticket": digits})
    if len(digits) == ORDER_DIGITS:
        meanings.append({"number": digits})
    if normalised(query):
        meanings.append({"phone": query})
    return meanings
