"""Take a payment: the held seats become sold, the order paid, and its tickets exist."""

import re
import unicodedata
from datetime import datetime
from decimal import Decimal
from typing import Any

from bson import ObjectId
from django.utils.translation import gettext_lazy as _

from backend.boxoffice import orders, seatmap
from backend.boxoffice.errors import (
    AlreadyPaid,
    HoldExpired,
    MethodNotOffered,
    OrderCancelled,
    ReferenceRefused,
    TenderedTooSmall,
)
from backend.boxoffice.permissions import require_change, require_sight
from backend.core import metrics
from backend.core.actor import Actor
from backend.core.idempotency import IdempotencyKey
from backend.core.money import money, to_bson, to_decimal

CASH = "cash"
BY_REFERENCE = ("card", "wechat", "alipay")
METHODS = (CASH, *BY_REFERENCE)
REFERENCE_LENGTH = 64
# What a customer's WeChat or Alipay shows to be scanned: it is money, so it is never kept.
PAYMENT_CODE = re.compile(r"1[0-5][0-9]{16}|(?:2[5-9]|30)[0-9]{14,22}")
Document = dict[str, Any]


def pay_order(
    *,
    key: IdempotencyKey,
    order: ObjectId,
    method: str,
    by: Actor,
    now: datetime,
    tendered: Decimal | None = None,
    reference: str | None = None,
) -> Document:
    """Return the order, paid by one payment of its whole total.

    Seats first, then order. A crash between leaves seats that are taken by an unpaid order, never seats that
    are free and paid; a retry finishes it, or the sweeper gives the seats back once the hold is over.

    The key's id becomes the payment's, by which a retry knows its own payment. `tendered` is what the customer
    gave in cash, in yuan; exactly the total without it. `reference` is what the terminal or the app printed.

    Raises NotFound, NotYourOrder, HoldExpired, AlreadyPaid, OrderCancelled, MethodNotOffered, TenderedTooSmall,
    ReferenceRefused.
    """
    held = require_sight(orders.find(order), by)
    require_change(held, by)
    if (done := _settled(held, key, now)) is not None:
        return done
    payment = _payment(held, key, method, tendered=tendered, reference=reference, by=by, now=now)
    seats = [line["seat"] for line in held["seats"]]
    sold = seatmap.sell(held["showtime"], seats, order=order)
    paid = orders.pay(held, payment, lambda: _tickets(held), now=now) if sold else None
    if paid:
        metrics.seats.labels("sold").inc(len(seats))
        metrics.holds.labels("paid").inc()
    return paid or _lost_race(order, key, now=now)


def _settled(order: Document, key: IdempotencyKey, now: datetime) -> Document | None:
    """Return the order where this very payment paid it; raise where it cannot be paid; None where it can."""
    state = orders.state_at(order, now)
    if state == orders.HELD:
        return None
    if state == orders.EXPIRED:
        raise HoldExpired
    if state == orders.CANCELLED:
        raise OrderCancelled
    if any(payment["id"] == key.order_id for payment in order["payments"]):
        return order
    raise AlreadyPaid


def _lost_race(order: ObjectId, key: IdempotencyKey, *, now: datetime) -> Document:
    """Answer for an order that changed under our hands; give back the seats where we marked some sold."""
    current = orders.find(order)
    assert current is not None, "orders are never deleted"
    try:
        settled = _settled(current, key, now)
    except (HoldExpired, OrderCancelled):
        if current["state"] != orders.HELD:  # else the sweeper ends it first, then its seats
            seatmap.release(current["showtime"], [line["seat"] for line in current["seats"]], order=order)
        raise
    if settled is None:
        raise HoldExpired
    return settled


def _payment(
    order: Document,
    key: IdempotencyKey,
    method: str,
    *,
    tendered: Decimal | None,
    reference: str | None,
    by: Actor,
    now: datetime,
) -> Document:
    if method not in METHODS:
        raise MethodNotOffered({"method": [_("Take cash, card, WeChat or Alipay.")]})
    due = to_decimal(order["total"])
    given = to_decimal(tendered) if method == CASH and tendered is not None else due
    if given < due:
        raise TenderedTooSmall(money(due - given))
    return {
        "id": key.order_id,
        "method": method,
        "amount": to_bson(due),
        "tendered": to_bson(given),
        "change": to_bson(given - due),
        "reference": _reference(reference or ""),
        "staff": by.staff(),
        "device": by.machine(),
        "at": now,
        "shift": None,
    }


def _reference(text: str) -> str:
    """Return a reference as it is kept, its blanks made single spaces; raises ReferenceRefused."""
    kept = " ".join(text.split())
    if len(kept) > REFERENCE_LENGTH or not kept.isprintable():
        raise ReferenceRefused(_("At most %(n)s printable characters.") % {"n": REFERENCE_LENGTH})
    # As a scanner may type it through an input method: full-width, in groups.
    if PAYMENT_CODE.fullmatch(unicodedata.normalize("NFKC", kept).replace(" ", "")):
        raise ReferenceRefused(
            _("That is the customer's payment code, which is never kept. Type the receipt's number, or nothing.")
        )
    return kept


def _tickets(order: Document) -> list[Document]:
    """Return a ticket for each seat, each with a number of its own."""
    numbers: set[str] = set()
    while len(numbers) < len(order["seats"]):
        numbers.add(orders.new_ticket_number())
    return [
        {
            "number": number,
            "seat": line["seat"],
            "ticketType": line["ticketType"],
            "label": line["label"],
            "price": line["price"],
            "state": "valid",
        }
        for number, line in zip(numbers, order["seats"], strict=True)
    ]
