"""Mend what can be mended without deciding about money: free seats nobody has, take seats that were paid for."""

from contextlib import suppress
from datetime import datetime
from typing import Any

from bson import ObjectId

from backend.boxoffice import orders, seatmap
from backend.boxoffice.errors import SeatsInMotion
from backend.boxoffice.services.sweep import sweep

Document = dict[str, Any]


def mend_seats(*, now: datetime) -> None:
    """Bring the seat maps in line with the orders, which say who paid. Orders, tickets, payments stay.

    A paid seat that another order has meanwhile is left alone: a person must decide.
    """
    sweep(now=now)
    for showtime in orders.orders().distinct("showtime"):
        mend_showtime(showtime, now=now)


def mend_showtime(showtime: ObjectId, *, now: datetime) -> None:
    """Bring the seat map of one showtime in line with its orders, as `mend_seats` does with all."""
    of_showtime = list(orders.orders().find({"showtime": showtime}))
    taken = seatmap.taken(showtime)
    known = {order["_id"]: order for order in of_showtime}
    for order in {seat["order"] for seat in taken.values()}:
        state = known[order]["state"] if order in known else ""
        if state in {"", orders.CANCELLED, orders.EXPIRED}:
            # A claim without an order may be a sale in flight; it lapses by itself.
            sure = [
                name
                for name, seat in taken.items()
                if seat["order"] == order and (state or seat["state"] == seatmap.SOLD)
            ]
            seatmap.release(showtime, sure, order=order)
    for order in of_showtime:
        paid = [ticket["seat"] for ticket in order.get("tickets", ()) if ticket["state"] == "valid"]
        ours = [name for name in paid if taken.get(name, {}).get("order") == order["_id"]]
        free = [name for name in paid if name not in ours]
        if free:
            with suppress(SeatsInMotion):  # tills sell here just now: the next mending sees what became of it
                if not seatmap.claim(showtime, free, order=order["_id"], until=seatmap.FOREVER, now=now):
                    ours += free
        if any(taken.get(name, {}).get("state") != seatmap.SOLD for name in ours):
            seatmap.sell(showtime, ours, order=order["_id"])
