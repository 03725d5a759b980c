"""Hold seats for a customer while they pay."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from bson import ObjectId
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from backend.accounts.phones import normalised
from backend.boxoffice import orders, seatmap
from backend.boxoffice.errors import SalesClosed, SeatsTaken, UnknownSeat, UnknownTicketType
from backend.boxoffice.permissions import SELL, require_sight
from backend.core import metrics
from backend.core.actor import Actor
from backend.core.idempotency import IdempotencyKey
from backend.core.money import to_bson, to_decimal
from backend.core.mongo import collection
from backend.core.problems import Invalid
from backend.venues.selectors import layout as layout_of

Document = dict[str, Any]


@dataclass(frozen=True)
class SeatChoice:
    """A seat and the ticket type that it is sold as."""

    seat: str
    ticket_type: str


def hold_seats(
    *,
    key: IdempotencyKey,
    showtime: ObjectId,
    seats: Sequence[SeatChoice],
    by: Actor,
    now: datetime,
    customer_phone: str | None = None,
) -> Document:
    """Return a held order for all of `seats`; it lapses after 5 minutes.

    Raises NotFound, SalesClosed, UnknownSeat, UnknownTicketType, SeatsInMotion, or SeatsTaken naming the seats of
    others.
    """
    by.require(SELL)
    if key.retry and (former := orders.find(key.order_id)) is not None:
        return former
    show, lines = check_hold(showtime=showtime, seats=seats, by=by, now=now)
    order = _held(key.order_id, show, lines, by=by, now=now, phone=_phone(customer_phone))
    wanted = [choice.seat for choice in seats]
    if lost := seatmap.claim(showtime, wanted, order=key.order_id, until=order["expiresAt"], now=now):
        metrics.seats.labels("refused").inc(len(lost))
        raise SeatsTaken(lost)
    # Second: a crash before it leaves a claim that its retry, or time, resolves.
    kept = orders.insert_if_absent(order, day=date.fromisoformat(show["businessDay"]))
    if kept["state"] in {orders.CANCELLED, orders.EXPIRED}:
        # Another try under this key made the order and someone ended it before our claim: give the seats back.
        seatmap.release(showtime, wanted, order=key.order_id)
    else:
        metrics.seats.labels("held").inc(len(wanted))
        metrics.holds.labels("made").inc()
    return kept


def check_hold(
    *, showtime: ObjectId, seats: Sequence[SeatChoice], by: Actor, now: datetime
) -> tuple[Document, list[Document]]:
    """Return the showtime and the priced seats, or raise what refuses such a hold whoever has the seats.

    Raises NotFound, SalesClosed, UnknownSeat, UnknownTicketType.
    """
    show = require_sight(collection("showtimes").find_one({"_id": showtime}), by)
    if now >= show["salesEndAt"]:
        raise SalesClosed
    return show, quote(show, seats)


def quote(show: Document, seats: Sequence[SeatChoice]) -> list[Document]:
    """Return `{seat, ticketType, label, zone, price}` for each of `seats`; raises UnknownSeat, UnknownTicketType."""
    known = layout_of(show["layout"])["by_id"]
    names = [choice.seat for choice in seats]
    if not 1 <= len(names) <= settings.SEATS_PER_ORDER:
        raise UnknownSeat([], _("Between 1 and %d seats an order.") % settings.SEATS_PER_ORDER)
    if absent := [name for name in names if name not in known]:
        raise UnknownSeat(absent, _("This hall has no seat %(seats)s."))
    if broken := [name for name in names if known[name].get("blocked")]:
        raise UnknownSeat(broken, _("Out of use: %(seats)s."))
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UnknownSeat(twice, _("Asked for twice: %(seats)s."))
    prices = {(price["ticketType"], price.get("zone")): price for price in show["prices"]}
    lines: list[Document] = []
    for choice in seats:
        zone = known[choice.seat]["zone"]
        price = prices.get((choice.ticket_type, zone)) or prices.get((choice.ticket_type, None))
        if price is None:
            raise UnknownTicketType(choice.ticket_type)
        lines.append(
            {
                "seat": choice.seat,
                "ticketType": choice.ticket_type,
                "label": price["label"],
                "zone": zone,
                "price": price["amount"],
            }
        )
    return lines


def _held(
    order_id: ObjectId, show: Document, lines: list[Document], *, by: Actor, now: datetime, phone: str
) -> Document:
    return {
        "_id": order_id,
        "state": orders.HELD,
        "cinema": show["cinema"],
        "cinemaName": show["cinemaName"],
        "showtime": show["_id"],
        "filmTitle": show["filmTitle"],
        "hallName": show["hallName"],
        "startsAt": show["startsAt"],
        "businessDay": show["businessDay"],
        "seats": lines,
        "total": to_bson(sum((to_decimal(line["price"]) for line in lines), start=to_decimal(0))),
        "currency": "CNY",
        "payments": [],
        "refunds": [],
        "staff": by.staff(),
        "device": by.machine(),
        "customerPhone": phone,
        "channel": "counter",
        "createdAt": now,
        "expiresAt": now + timedelta(seconds=settings.HOLD_SECONDS),
    }


def _phone(text: str | None) -> str:
    if not text:
        return ""
    phone = normalised(text)
    if not phone:
        raise Invalid({"customerPhone": [_("Not a phone number.")]})
    return phone
