"""The sell screen: seat map, hold, payment, tickets."""

import re
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from backend.boxoffice import seating
from backend.boxoffice.errors import HoldExpired, SalesClosed, SeatsTaken, TenderedTooSmall
from backend.core import clock
from backend.core.money import to_decimal
from backend.core.problems import Invalid
from backend.screens import board, desk, words
from backend.screens import orders as cards
from backend.screens import sale as sales
from backend.screens.doors import action, page
from backend.screens.frame import actor_of, key_of, show
from backend.screens.sale import Message

PARTY_CHIPS = range(1, 7)
AMOUNT = re.compile(r"[0-9]{1,6}(\.[0-9]{1,2})?\Z")
CONFIRMED_BY_HAND = ("card", "wechat", "alipay")
Answer = dict[str, Any]


# --- The page ---------------------------------------------------------------------------------------
@page("boxoffice.sell")
def sell(request: HttpRequest, showtime_id: str) -> HttpResponse:
    """Show a session with its seat map; a hold of this till is still there after a reload."""
    now, actor = clock.now(), actor_of(request)
    showtime = desk.showtime(actor, showtime_id, now=now)
    return _page(request, showtime, desk.own_hold(actor, showtime_id, now=now), now)


@page("boxoffice.sell")
def sell_on(request: HttpRequest, order_id: str) -> HttpResponse:
    """Go on with a hold that someone else began: as the next person on the machine, or as a supervisor."""
    now, actor = clock.now(), actor_of(request)
    order = desk.order_to_change(actor, order_id, now=now)
    if order["state"] != "held":  # a reload after an edit: what took its place is this person's own hold
        return HttpResponseRedirect(reverse("screens:sell", args=[order["showtime"]]), status=303)
    return _page(request, desk.showtime(actor, order["showtime"], now=now), order, now)


def _page(request: HttpRequest, showtime: Answer, order: Answer | None, now: datetime) -> HttpResponse:
    cinema = desk.cinema(actor_of(request), showtime["cinema"]["id"])
    context = {
        "show": _show(showtime, cinema, now),
        "sizes": PARTY_CHIPS,
        "words": _page_words(showtime),
        "hold_seconds": settings.HOLD_SECONDS,
        "panel": "screens/panel/held.html" if order else "screens/panel/empty.html",
        "step": "held",
    }
    if order:
        context["sale"] = _sale(request, showtime, order, now)
    return show(request, "screens/sell.html", context, cinema=cinema, tab="sell")


@page("boxoffice.sell", poll=True)
def seat_map(request: HttpRequest, showtime_id: str) -> HttpResponse:
    """Answer the seat map as the API does, 304 where nothing changed."""
    return desk.seat_map_response(request, actor_of(request), showtime_id, now=clock.now())


@page("boxoffice.sell")
def panel(request: HttpRequest, showtime_id: str) -> HttpResponse:
    """Show the panel with nothing selected."""
    now = clock.now()
    return _empty(request, desk.showtime(actor_of(request), showtime_id, now=now))


# --- The hold ---------------------------------------------------------------------------------------
@action("boxoffice.sell")
def hold(request: HttpRequest, showtime_id: str) -> HttpResponse:
    """Hold seats in place of the order's former ones: those named, or the best for a party of `size`."""
    now, actor = clock.now(), actor_of(request)
    showtime = desk.showtime(actor, showtime_id, now=now)
    old = desk.order_to_change(actor, request.POST["order"], now=now) if request.POST.get("order") else None
    seats = _seats_for(desk.seat_map(actor, showtime_id, now=now)["seats"], old)
    size = _size(request)
    message: Message | None = None
    if size:
        proposal = seating.best_available(seats, size, skip=_number(request, "skip"))
        if proposal is None:
            return _no_block(request, showtime, old, seats, size, now)
        wanted, message = list(proposal.seats), None
        if proposal.rows > 1:
            message = sales.split(size, wanted)
    else:
        wanted = [seat for seat in request.POST.get("seats", "").split(",") if seat]
    if not wanted:
        raise Invalid({"seats": [_("Choose at least one seat.")]})
    types = sales.parse_types(request.POST.get("types", ""))
    return _hold(request, showtime, wanted, types, old, now, message)


def _hold(
    request: HttpRequest,
    showtime: Answer,
    wanted: list[str],
    types: dict[str, int],
    old: Answer | None,
    now: datetime,
    message: Message | None,
) -> HttpResponse:
    actor = actor_of(request)
    choices = sales.assign_types(wanted, types, sales.type_codes(showtime))
    try:
        order = desk.hold_instead(
            key=key_of(request), showtime=showtime["id"], choices=choices, old=old, by=actor, now=now
        )
    except SalesClosed:
        still_held = old is not None and old["state"] == "held"
        message = sales.sales_closed(still_held=still_held)
        return _refused(request, {**showtime, "salesOpen": False}, old, message, now)
    except SeatsTaken as problem:
        return _moved(request, showtime, wanted, problem.seats, types, old, now)
    return _held(request, showtime, order, now, message)


def _moved(
    request: HttpRequest,
    showtime: Answer,
    wanted: list[str],
    lost: list[str],
    types: dict[str, int],
    old: Answer | None,
    now: datetime,
) -> HttpResponse:
    """Hold the nearest seats instead of those that someone else was faster with, and say so."""
    actor = actor_of(request)
    seats = desk.seat_map(actor, showtime["id"], now=now)["seats"]
    till = desk.till_that_has(showtime["id"], lost[0]) if lost else ""
    proposal = seating.nearest(seats, wanted)
    if proposal is None:
        return _refused(request, showtime, old, sales.conflict(lost, None, till=till), now)
    choices = sales.assign_types(proposal.seats, types, sales.type_codes(showtime))
    try:
        order = desk.hold_instead(
            key=key_of(request), showtime=showtime["id"], choices=choices, old=old, by=actor, now=now
        )
    except SeatsTaken:  # once more someone was faster: the person chooses
        return _refused(request, showtime, old, sales.conflict(lost, None, till=till), now)
    before = desk.price_of(showtime, sales.assign_types(wanted, types, sales.type_codes(showtime)), seats)
    if before == to_decimal(order["total"]):
        message = sales.conflict(lost, proposal.seats, till=till)
    else:
        message = sales.moved_with_new_total(lost, proposal.seats, words.yuan(order["total"]))
    return _panel(request, "held", showtime, _sale(request, showtime, order, now), message, "conflict", 409)


def _no_block(
    request: HttpRequest,
    showtime: Answer,
    old: Answer | None,
    seats: Sequence[Answer],
    size: int,
    now: datetime,
) -> HttpResponse:
    free = sum(seat["state"] == "free" and seat["kind"] != "wheelchair" for seat in seats)
    message = sales.too_few(free) if free < size else sales.scattered(size)
    return _refused(request, showtime, old, message, now)


def _refused(
    request: HttpRequest, showtime: Answer, old: Answer | None, message: Message, now: datetime
) -> HttpResponse:
    """Say why seats are not held, beside the order that the till still has."""
    kept = desk.order(actor_of(request), old["id"], now=now) if old is not None else None
    if kept is None or kept["state"] != "held":
        return _empty(request, showtime, message, status=409)
    return _held(request, showtime, kept, now, message, status=409)


@action("boxoffice.sell")
def cancel(request: HttpRequest, order_id: str) -> HttpResponse:
    """Give the seats of a hold back."""
    now, actor = clock.now(), actor_of(request)
    order = desk.cancel(order_id, by=actor, now=now)
    return _empty(request, desk.showtime(actor, order["showtime"], now=now))


@page("boxoffice.sell")
def order_panel(request: HttpRequest, order_id: str) -> HttpResponse:
    """Show the panel of an order as it is now: held, or expired with what became of its seats."""
    now, actor = clock.now(), actor_of(request)
    order = desk.order(actor, order_id, now=now)
    showtime = desk.showtime(actor, order["showtime"], now=now)
    if order["state"] == "held":
        return _held(request, showtime, order, now, keep=request.GET.get("keep") == "1")
    return _as_it_is(request, showtime, order, now)


def _as_it_is(request: HttpRequest, showtime: Answer, order: Answer, now: datetime) -> HttpResponse:
    """Show an order that is no longer held."""
    if order["state"] == "expired":
        return _expired(request, showtime, order, now)
    if order["tickets"]:
        return _done(request, showtime, order, now)
    return _empty(request, showtime)


# --- Payment ----------------------------------------------------------------------------------------
@page("boxoffice.sell")
def pay_step(request: HttpRequest, order_id: str) -> HttpResponse:
    """Show the pay step for a way to pay."""
    now, actor = clock.now(), actor_of(request)
    order = desk.order(actor, order_id, now=now)
    showtime = desk.showtime(actor, order["showtime"], now=now)
    if order["state"] != "held":
        return _as_it_is(request, showtime, order, now)
    return _pay_step(request, showtime, order, request.GET.get("method", "cash"), now)


@action("boxoffice.sell")
def pay(request: HttpRequest, order_id: str) -> HttpResponse:
    """Take the payment, and show what change to give."""
    now, actor = clock.now(), actor_of(request)
    method = request.POST.get("method", "cash")
    tendered = _amount(request.POST.get("tendered", "")) if method == "cash" else None
    try:
        order = desk.pay(
            order_id,
            key=key_of(request),
            method=method,
            tendered=tendered,
            reference=request.POST.get("reference"),
            by=actor,
            now=now,
        )
    except TenderedTooSmall:
        order = desk.order(actor, order_id, now=now)
        showtime = desk.showtime(actor, order["showtime"], now=now)
        missing = to_decimal(order["total"]) - (tendered or Decimal(0))
        return _pay_step(request, showtime, order, "cash", now, sales.short_cash(missing), status=422)
    except HoldExpired:
        order = desk.order(actor, order_id, now=now)
        return _expired(request, desk.showtime(actor, order["showtime"], now=now), order, now)
    return _done(request, desk.showtime(actor, order["showtime"], now=now), order, now)


def _pay_step(
    request: HttpRequest,
    showtime: Answer,
    order: Answer,
    method: str,
    now: datetime,
    message: Message | None = None,
    status: int = 200,
) -> HttpResponse:
    template = "confirm" if method in CONFIRMED_BY_HAND else "pay"
    sale = sales.with_method(_sale(request, showtime, order, now), method)
    return _panel(request, template, showtime, sale, message, template, status)


def _done(request: HttpRequest, showtime: Answer, order: Answer, now: datetime) -> HttpResponse:
    sale = sales.with_payment(_sale(request, showtime, order, now), order)
    cinema = desk.cinema(actor_of(request), showtime["cinema"]["id"])
    sale["tickets"] = cards.printed_tickets(order, showtime, cinema)
    return _panel(request, "done", showtime, sale, None, "done")


# --- Panels -----------------------------------------------------------------------------------------
def _panel(
    request: HttpRequest,
    template: str,
    showtime: Answer,
    sale: Answer,
    message: Message | None,
    step: str,
    status: int = 200,
) -> HttpResponse:
    cinema = desk.cinema(actor_of(request), showtime["cinema"]["id"])
    now = clock.now()
    context = {
        "show": _show(showtime, cinema, now),
        "sale": sale,
        "message": message,
        "step": step,
        "hold_seconds": settings.HOLD_SECONDS,
        "methods": sales.methods(),
        "keypad": sales.KEYPAD,
    }
    response = render(request, f"screens/panel/{template}.html", context, status=status)
    response["HX-Part"] = "panel"  # kept with the answer: the page shows it whatever its status
    return response


def _empty(request: HttpRequest, showtime: Answer, message: Message | None = None, status: int = 200) -> HttpResponse:
    return _panel(request, "empty", showtime, {}, message, "empty", status)


def _held(
    request: HttpRequest,
    showtime: Answer,
    order: Answer,
    now: datetime,
    message: Message | None = None,
    *,
    keep: bool = False,
    status: int = 200,
) -> HttpResponse:
    sale = _sale(request, showtime, order, now)
    if not keep and message is None:
        seats = _seats_for(desk.seat_map(actor_of(request), showtime["id"], now=now)["seats"], order)
        alone = seating.orphans(seats, sale["seats"])
        fix = seating.without_orphan(seats, sale["seats"]) if alone else ()
        sale, message = sales.with_orphans(sale, alone, fix)
    return _panel(request, "held", showtime, sale, message, "held", status)


def _expired(request: HttpRequest, showtime: Answer, order: Answer, now: datetime) -> HttpResponse:
    seats = desk.seat_map(actor_of(request), showtime["id"], now=now)["seats"]
    states = {seat["seat"]: seat["state"] for seat in seats}
    sale = _sale(request, showtime, order, now)
    free = all(states.get(seat) == "free" for seat in sale["seats"])
    message = sales.expired(sale["seats"], still_free=free)
    return _panel(request, "expired", showtime, sale, message, "expired" if free else "gone", 409)


def _sale(request: HttpRequest, showtime: Answer, order: Answer, now: datetime) -> Answer:
    return sales.panel_of(order, showtime, zones=_zones(request, showtime, now), now=now)


def _zones(request: HttpRequest, showtime: Answer, now: datetime) -> dict[str, str | None]:
    """Return the price zone of each seat; nothing to ask where the showtime has one price."""
    if not any(price.get("zone") for price in showtime["prices"]):
        return {}
    seats = desk.seat_map(actor_of(request), showtime["id"], now=now)["seats"]
    return {seat["seat"]: seat["zone"] for seat in seats}


def _show(showtime: Answer, cinema: Answer, now: datetime) -> Answer:
    """Return what header and panel say of the session."""
    zone = cinema["timeZone"]
    starts, ends = words.local(showtime["startsAt"], zone), words.local(showtime["endsAt"], zone)
    today = clock.business_day(now, zone)
    day = clock.business_day(starts, zone)
    time = f"{starts:%H:%M}"
    if starts.date() > day:
        time = _("tonight %(time)s") % {"time": time}
    if day != today:
        time = f"{day.month}/{day.day} {time}"
    ends_words = _("ends %(time)s") % {"time": f"{ends:%H:%M}"}
    version = " ".join(part for part in (showtime.get("language"), showtime.get("format")) if part)
    return {
        "id": showtime["id"],
        "code": showtime["code"],
        "title": showtime["film"]["title"],
        "time": time,
        "hall": board.hall_words(showtime),
        "facts": " · ".join(part for part in (board.hall_words(showtime), version, ends_words) if part),
        "left": _("%(n)s left") % {"n": showtime["seatsFree"]},
        "sales_open": showtime["salesOpen"],
        "is_today": day == today,
        "day_words": words.day_words(day, today),
        "short_day": f"{day.month}/{day.day}",
    }


def _page_words(showtime: Answer) -> Answer:
    """Return the words that the page's own code needs, in the language of the page."""
    return {
        "map": _("Seat map"),
        "screen": _("Screen"),
        "row": _("Row {row}"),
        "seat": _("Row {row} seat {number}{kind}, {zone} ¥{price}, {state}"),
        "states": {
            "free": _("free"),
            "mine": _("yours"),
            "sold": _("sold"),
            "held": _("on hold"),
            "house": _("house"),
            "blocked": _("out of use"),
        },
        "kinds": {"wheelchair": _(", wheelchair"), "love": _(", couple")},
        "zones": desk.zone_words(showtime),
        "base": sales.type_codes(showtime)[0],
        "left": _("{n} left"),
        "loading": _("Loading seats…"),
        "holding": _("Holding…"),
        "failed": _("Couldn't load seats. Press Enter to retry (E{code})"),
        "entrySeat": _("Seat: row . number  {text}"),
        "entrySize": _("Seats together: {text}"),
        "noSeat": _("There is no seat {seat}"),
    }


# --- What a form says -------------------------------------------------------------------------------
def _seats_for(seats: Sequence[Answer], order: Answer | None) -> list[Answer]:
    """Return the seats as this order may choose them: its own are free to it."""
    own = {seat["seat"] for seat in order["seats"]} if order and order["state"] == "held" else set()
    return [{**seat, "state": "free"} if seat["seat"] in own else seat for seat in seats]


def _number(request: HttpRequest, name: str) -> int:
    text = request.POST.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0


def _size(request: HttpRequest) -> int:
    size = _number(request, "size")
    if size > settings.SEATS_PER_ORDER:
        raise Invalid({"size": [_("At most %(n)s seats.") % {"n": settings.SEATS_PER_ORDER}]})
    return size


def _amount(text: str) -> Decimal:
    if not AMOUNT.match(text):
        raise Invalid({"tendered": [_("Not an amount.")]})
    return to_decimal(text)
