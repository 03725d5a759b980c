"""Who may see and change which order."""

from typing import Any

from backend.boxoffice.errors import NotYourOrder
from backend.core.actor import Actor
from backend.core.problems import NotFound

VIEW_SHOWTIMES = "boxoffice.view_showtimes"
SELL = "boxoffice.sell"
VIEW_ORDERS = "boxoffice.view_orders"
CHANGE_ALL = "boxoffice.change_all_orders"


def require_sight(document: dict[str, Any] | None, actor: Actor) -> dict[str, Any]:
    """Return the order or showtime where it is of the caller's cinemas; raises NotFound for any other."""
    if document is None or not actor.sees(document["cinema"]):
        raise NotFound
    return document


def may_change(order: dict[str, Any], actor: Actor) -> bool:
    """Return whether the order is the caller's, was held on this very machine, or he supervises.

    A session may end in mid-sale: whoever logs in next on the machine finishes what stands there.
    """
    own = order["staff"]["id"] == actor.id
    this_machine = actor.device is not None and order["device"]["key"] == actor.device
    return (actor.may(SELL) and (own or this_machine)) or actor.may(CHANGE_ALL)


def require_change(order: dict[str, Any], actor: Actor) -> None:
    """Raise NotYourOrder unless the caller may change the order."""
    if not may_change(order, actor):
        raise NotYourOrder
