"""Orders: inserted by their id if absent, then changed only from one state to the next, never saved over.

This module alone writes the collection `orders`.
"""

import secrets
from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime
from typing import Any

from bson import ObjectId
from pymongo.collection import Collection as MongoCollection
from pymongo.errors import DuplicateKeyError

from backend.accounts.sessions import LiveSession
from backend.boxoffice.models import OrderState
from backend.core.mongo import collection

HELD, PAID = OrderState.HELD.value, OrderState.PAID.value
CANCELLED, EXPIRED = OrderState.CANCELLED.value, OrderState.EXPIRED.value
TICKET_DIGITS = 11
NUMBER_TRIES = 10
Document = dict[str, Any]


def orders() -> MongoCollection[Document]:
    """Return the collection."""
    return collection("orders")


def find(order: ObjectId) -> Document | None:
    """Return an order as it is kept, or None."""
    return orders().find_one({"_id": order})


def state_at(order: Document, now: datetime) -> str:
    """Return the order's state: held past `expiresAt` is expired at once, sweeper or not."""
    return EXPIRED if order["state"] == HELD and order["expiresAt"] <= now else order["state"]


def insert_if_absent(order: Document, *, day: date) -> Document:
    """Insert `order` under a number of its own, and return it as it is kept: what a former try inserted stays."""

    def insert() -> Document:
        order["number"] = new_number(day)
        orders().insert_one(order)
        return order

    try:
        return _with_new_numbers(insert, index="number")
    except DuplicateKeyError:  # the id: this is a retry
        return orders().find_one({"_id": order["_id"]}) or order


def pay(order: Document, payment: Document, tickets: Callable[[], list[Document]], *, now: datetime) -> Document | None:
    """Turn a held order into a paid one with its payment and tickets; None where it was not held any more.

    `tickets` makes them with fresh numbers, again where another order has one of them.
    """

    def update() -> Document | None:
        paid = {"state": PAID, "paidAt": now, "tickets": tickets(), "payments": [payment]}
        held = {"_id": order["_id"], "state": HELD, "expiresAt": {"$gt": now}}
        return {**order, **paid} if orders().update_one(held, {"$set": paid}).matched_count else None

    return _with_new_numbers(update, index="tickets.number")


def cancel(order: ObjectId, *, by: Document, now: datetime) -> bool:
    """Turn a held order into a cancelled one; say whether it was held."""
    over = {"state": CANCELLED, "cancelledAt": now, "cancelledBy": by, "releasing": True}
    held = {"_id": order, "state": HELD, "expiresAt": {"$gt": now}}
    return bool(orders().update_one(held, {"$set": over}).matched_count)


def expire(order: ObjectId, *, now: datetime) -> bool:
    """Turn a held order whose time is over into an expired one; say whether it was one."""
    over = {"state": EXPIRED, "expiredAt": now, "releasing": True}
    held = {"_id": order, "state": HELD, "expiresAt": {"$lte": now}}
    return bool(orders().update_one(held, {"$set": over}).matched_count)


def released(order: ObjectId) -> None:
    """Note that the seats of an order that is over are free."""
    orders().update_one({"_id": order}, {"$unset": {"releasing": ""}})


def overdue(now: datetime, *, limit: int) -> list[Document]:
    """Return held orders whose time is over."""
    return list(orders().find({"state": HELD, "expiresAt": {"$lte": now}}).limit(limit))


def releasing(*, limit: int) -> list[Document]:
    """Return orders that are over while their seats may still be taken."""
    return list(orders().find({"releasing": True}).limit(limit))


def alive_among(ids: Sequence[ObjectId]) -> set[ObjectId]:
    """Return which of the orders `ids` exist and are not over, whatever their time."""
    found = orders().find({"_id": {"$in": list(ids)}, "state": {"$nin": [CANCELLED, EXPIRED]}}, {"_id": 1})
    return {order["_id"] for order in found}


def held_by(staff: ObjectId, device: str | None, *, among: Collection[ObjectId]) -> set[ObjectId]:
    """Return which of the orders `among` this person holds on this machine."""
    ours = {"_id": {"$in": list(among)}, "staff.id": staff, "device.key": device}
    return {order["_id"] for order in orders().find(ours, {"_id": 1})}


def is_serving(session: LiveSession, now: datetime) -> bool:
    """Return whether this person holds an order on this machine that can still be paid."""
    held = {"state": HELD, "expiresAt": {"$gt": now}, "staff.id": ObjectId(session.user), "device.key": session.key}
    return orders().find_one(held, {"_id": 1}) is not None


def new_number(day: date) -> str:
    """Return an order number: the business day and six random digits, `261124-048213`."""
    return f"{day:%y%m%d}-{secrets.randbelow(10**6):06d}"


def new_ticket_number() -> str:
    """Return a ticket number: 11 random digits and their Luhn digit."""
    digits = "".join(str(secrets.randbelow(10)) for _ in range(TICKET_DIGITS))
    return digits + luhn_digit(digits)


def luhn_digit(digits: str) -> str:
    """Return the check digit that makes `digits` valid (ISO/IEC 7812-1, annex B)."""
    total = 0
    for position, digit in enumerate(map(int, reversed(digits))):
        doubled = digit * 2 if position % 2 == 0 else digit
        total += doubled - 9 if doubled > 9 else doubled
    return str(-total % 10)


def _with_new_numbers(change: Callable[[], Any], *, index: str) -> Any:
    """Run `change` until its random numbers are nobody else's; any other duplicate key is the caller's."""
    for _try in range(NUMBER_TRIES):
        try:
            return change()
        except DuplicateKeyError as error:
            if index not in ((error.details or {}).get("keyPattern") or {}):
                raise
    raise RuntimeError(f"no free {index} in {NUMBER_TRIES} tries")
