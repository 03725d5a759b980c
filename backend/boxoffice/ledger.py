"""The ledger: what must hold between seats, orders, tickets and payments, checked document by document.

Pure functions over one showtime's documents say what is wrong; `breaches` walks the database with them.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from bson import ObjectId

from backend.boxoffice import orders as kept_orders
from backend.boxoffice import seatmap
from backend.boxoffice.models import OrderState
from backend.boxoffice.orders import luhn_digit
from backend.boxoffice.services.pay import METHODS
from backend.core.money import to_decimal
from backend.core.mongo import collection
from backend.venues.selectors import layout as layout_of

# A sale in flight or a sweeper at work is no breach: what stays wrong for longer than this is one.
GRACE = timedelta(seconds=60)
LOOK_AGAIN_SECONDS = 1.0
PAID = frozenset({OrderState.PAID, OrderState.PARTLY_REFUNDED, OrderState.REFUNDED})
OVER = frozenset({OrderState.CANCELLED, OrderState.EXPIRED})
Document = dict[str, Any]


@dataclass(frozen=True, order=True)
class Breach:
    """One thing that is wrong: where (`seats`, `orders`, `tickets`, `payments`), which, and what."""

    where: str
    which: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.which}: {self.what}"


def breaches(*, clock: Callable[[], datetime], pause: float = LOOK_AGAIN_SECONDS) -> list[Breach]:
    """Return every breach in the database, in order.

    A showtime that looks wrong is looked at again after `pause` seconds: what is gone then was a sale between
    its two steps.
    """
    suspects = [show for show in _showtimes() if _of_showtime(show, clock())]
    if suspects:
        time.sleep(pause)
    found = {breach for show in suspects for breach in _of_showtime(show, clock())}
    return sorted(found | set(_doubles()))


def _showtimes() -> list[ObjectId]:
    """Return every showtime that has a seat map or an order, the deleted ones included."""
    mapped = {each["_id"] for each in seatmap.seat_maps().find({}, {"_id": 1})}
    return sorted(mapped | set(kept_orders.orders().distinct("showtime")))


def breaches_of(showtime: ObjectId, *, now: datetime) -> list[Breach]:
    """Return the breaches of one showtime, in order."""
    return sorted(_of_showtime(showtime, now))


def _of_showtime(showtime: ObjectId, now: datetime) -> set[Breach]:
    # The map first: an order that is paid after it was read can only look better, never worse.
    taken = seatmap.taken(showtime)
    orders = list(kept_orders.orders().find({"showtime": showtime}))
    show = collection("showtimes").find_one({"_id": showtime})
    known = set(layout_of(show["layout"])["by_id"]) if show else None
    found = set(wrong_seats(taken, orders, known, now))
    for order in orders:
        found |= {*wrong_order(order, taken, now), *wrong_tickets(order), *wrong_payments(order)}
    if show is None:
        found.add(Breach("seats", str(showtime), "the showtime is gone"))
    return found


def wrong_seats(
    taken: seatmap.Taken, orders: Sequence[Document], known: set[str] | None, now: datetime
) -> Iterator[Breach]:
    """Yield what is wrong with the seats of one map, seen from the seats. `known` are the hall's."""
    by_id = {order["_id"]: order for order in orders}
    for name, seat in taken.items():
        order = by_id.get(seat["order"])
        which = f"seat {name} of order {order['number'] if order else seat['order']}"
        if known is not None and name not in known:
            yield Breach("seats", which, "the hall has no such seat")
        if seat["state"] not in {seatmap.HELD, seatmap.SOLD}:
            yield Breach("seats", which, f"unknown state {seat['state']}")
        elif seat["state"] == seatmap.SOLD and seat["until"] != seatmap.FOREVER:
            yield Breach("seats", which, "sold, but not for ever")
        if what := _wrong_owner(name, seat, order, now):
            yield Breach("seats", which, what)


def _wrong_owner(name: str, seat: Document, order: Document | None, now: datetime) -> str:
    """Return why `seat` cannot be its order's, or the empty string."""
    sold = seat["state"] == seatmap.SOLD
    if order is None:
        # A claim without an order lapses by itself; a sold seat never does.
        return "sold for an order that does not exist" if sold else ""
    if name not in {line["seat"] for line in order["seats"]}:
        return "its order does not have it"
    if order["state"] in OVER and seatmap.is_taken(seat, now) and _is_stuck(order, now):
        return f"still taken, its order is {order['state']}"
    if sold and order["state"] == OrderState.HELD and order["expiresAt"] + GRACE < now:
        return "sold, but its order was never paid"
    if not sold and order["state"] in PAID:
        return "only held, but its order is paid"
    return ""


def wrong_order(order: Document, taken: seatmap.Taken, now: datetime) -> Iterator[Breach]:
    """Yield what is wrong with one order, seen from the order."""
    which = f"order {order['number']}"
    if order["state"] not in OrderState.values:
        yield Breach("orders", which, f"unknown state {order['state']}")
    names = [line["seat"] for line in order["seats"]]
    if not names or len(set(names)) != len(names):
        yield Breach("orders", which, "no seats, or one seat twice")
    if to_decimal(order["total"]) != _sum(line["price"] for line in order["seats"]):
        yield Breach("orders", which, "the total is not the sum of its seats")
    if order["state"] == OrderState.HELD and order["expiresAt"] + GRACE < now:
        yield Breach("orders", which, "its hold ran out and nobody ended it: does the sweeper run?")
    if order.get("releasing") and _is_stuck(order, now):
        yield Breach("orders", which, "over, but its seats were not freed: does the sweeper run?")
    sold = {ticket["seat"] for ticket in order.get("tickets", ()) if ticket["state"] == "valid"}
    held = set(names) if order["state"] == OrderState.HELD and order["expiresAt"] > now else set()
    for name in sorted(sold | held):
        owner = taken.get(name)
        if owner is None or owner["order"] != order["_id"]:
            yield Breach("orders", which, f"seat {name} is {'free' if owner is None else 'another order’s'}")
        elif name in held and owner["until"] < order["expiresAt"]:
            yield Breach("orders", which, f"seat {name} lapses before the order does")


def wrong_tickets(order: Document) -> Iterator[Breach]:
    """Yield what is wrong with the tickets of one order."""
    tickets = order.get("tickets", [])
    which = f"order {order['number']}"
    if order["state"] not in PAID:
        if tickets:
            yield Breach("tickets", which, f"has tickets, but is {order['state']}")
        return
    if Counter(ticket["seat"] for ticket in tickets) != Counter(line["seat"] for line in order["seats"]):
        yield Breach("tickets", which, "not one ticket for each seat")
    if _sum(ticket["price"] for ticket in tickets) != to_decimal(order["total"]):
        yield Breach("tickets", which, "the tickets' prices do not add up to the total")
    for ticket in tickets:
        number = str(ticket["number"])
        digits = number[:-1]
        sound = number.isascii() and number.isdigit() and len(digits) == kept_orders.TICKET_DIGITS
        if not sound or luhn_digit(digits) != number[-1]:
            yield Breach("tickets", f"ticket {number}", f"of {which}: no valid number")


def wrong_payments(order: Document) -> Iterator[Breach]:
    """Yield what is wrong with the payments of one order."""
    which = f"order {order['number']}"
    payments = order["payments"]
    if order["state"] not in PAID:
        if payments:
            yield Breach("payments", which, f"has payments, but is {order['state']}")
        return
    if _sum(payment["amount"] for payment in payments) != to_decimal(order["total"]):
        yield Breach("payments", which, "the payments do not add up to the total")
    for payment in payments:
        if payment["method"] not in METHODS:
            yield Breach("payments", which, f"unknown method {payment['method']}")
        if to_decimal(payment["tendered"]) - to_decimal(payment["amount"]) != to_decimal(payment["change"]):
            yield Breach("payments", which, "the change is not what was given less what was due")


def _doubles() -> Iterator[Breach]:
    """Yield numbers that two orders or tickets share: the unique indexes forbid it, as long as they exist."""
    for where, path, word in (("orders", "number", "order"), ("tickets", "tickets.number", "ticket")):
        pipeline: list[Document] = [{"$unwind": "$tickets"}] if where == "tickets" else []
        pipeline += [
            {"$group": {"_id": f"${path}", "times": {"$sum": 1}}},
            {"$match": {"times": {"$gt": 1}}},
        ]
        for double in kept_orders.orders().aggregate(pipeline):
            yield Breach(where, f"{word} {double['_id']}", f"exists {double['times']} times")


def _is_stuck(order: Document, now: datetime) -> bool:
    """Return whether an order has been over for longer than a sweeper needs to free its seats."""
    ended = order.get("cancelledAt") or order.get("expiredAt") or order["expiresAt"]
    return ended + GRACE < now


def _sum(amounts: Any) -> Decimal:
    return sum((to_decimal(amount) for amount in amounts), start=Decimal(0))
