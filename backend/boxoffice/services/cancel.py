"""Cancel a held order: its seats are free at once."""

from datetime import datetime
from typing import Any

from bson import ObjectId

from backend.boxoffice import orders, seatmap
from backend.boxoffice.errors import AlreadyPaid, HoldExpired
from backend.boxoffice.permissions import require_change, require_sight
from backend.core import metrics
from backend.core.actor import Actor

Document = dict[str, Any]


def cancel_order(*, order: ObjectId, by: Actor, now: datetime) -> Document:
    """Return the order, cancelled. A second call changes nothing.

    Order first, then seats: a crash between leaves seats taken by an order that is over, which a retry or the
    sweeper frees; the other way round they could be sold to someone else and paid here too.

    Raises NotFound, NotYourOrder, HoldExpired, AlreadyPaid.
    """
    current = require_sight(orders.find(order), by)
    require_change(current, by)
    staff = {**by.staff(), **by.machine()}
    if orders.state_at(current, now) == orders.HELD and orders.cancel(order, by=staff, now=now):
        current = {**current, "state": orders.CANCELLED, "releasing": True}
        metrics.holds.labels("cancelled").inc()
    elif current["state"] == orders.HELD:  # someone else was faster, or time was
        current = orders.find(order) or current
    state = orders.state_at(current, now)
    if state == orders.EXPIRED:
        raise HoldExpired
    if state != orders.CANCELLED:
        raise AlreadyPaid
    if current.get("releasing"):
        free_seats(current)
    return current


def free_seats(order: Document) -> None:
    """Free the seats of an order that is over, and note that they are."""
    seatmap.release(order["showtime"], [line["seat"] for line in order["seats"]], order=order["_id"])
    orders.released(order["_id"])
