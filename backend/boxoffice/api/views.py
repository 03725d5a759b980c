"""The box office over HTTP: parse, call, answer. No rule lives here."""

from datetime import date
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from backend.accounts.api.base import StaffAPIView
from backend.boxoffice import orders as kept_orders
from backend.boxoffice import permissions, selectors
from backend.boxoffice.api.shapes import (
    Nothing,
    OrderAnswer,
    OrderPage,
    OrderWanted,
    PaymentWanted,
    SeatMapAnswer,
    ShowtimePage,
)
from backend.boxoffice.services.cancel import cancel_order
from backend.boxoffice.services.hold import SeatChoice, hold_seats
from backend.boxoffice.services.pay import pay_order
from backend.core import clock
from backend.core.api import django_request, json_answer, page_answer
from backend.core.idempotency import idempotent
from backend.core.money import to_decimal
from backend.core.mongo import collection
from backend.core.openapi import describe
from backend.core.pagination import page
from backend.core.parsing import instant, object_id, parse
from backend.core.problems import Invalid

REFUSED = (400, 401, 403, 404, 409, 422, 503)
PRIVATE = "private, no-cache"


class ShowtimesView(StaffAPIView):
    """The schedule board."""

    permission_required = permissions.VIEW_SHOWTIMES

    @describe(
        summary="Showtimes of a business day, today's without `date`; without `cinema` the caller's cinemas.",
        answers={200: ShowtimePage},
        problems=(400, 401, 403, 404),
        query=("cinema", "date", "limit", "cursor"),
    )
    def get(self, request: Any) -> HttpResponse:
        """Return a page of showtimes in the order of their start."""
        plain, now = django_request(request), clock.now()
        cinema = plain.GET.get("cinema")
        wanted = selectors.day_filter(
            request.actor, cinema=object_id(cinema) if cinema else None, day=_day(plain), now=now
        )
        found, following, previous = page(plain, collection("showtimes"), filter=wanted, sort=selectors.BY_START)
        return page_answer(selectors.with_free_seats(found, now=now), following, previous)


class SeatMapView(StaffAPIView):
    """Who may sit where."""

    permission_required = permissions.VIEW_SHOWTIMES

    @describe(
        summary="The seat map; 304 where `If-None-Match` names the current one.",
        answers={200: SeatMapAnswer, 304: None},
        problems=(401, 403, 404),
    )
    def get(self, request: Any, showtime: str) -> HttpResponse:
        """Return the seat map as the caller sees it."""
        known = _weak_tags(django_request(request).headers.get("If-None-Match", ""))
        answer, etag = selectors.seat_map_unless(request.actor, object_id(showtime), known=known, now=clock.now())
        headers = {"ETag": etag, "Cache-Control": PRIVATE}
        return HttpResponse(status=304, headers=headers) if answer is None else json_answer(answer, headers=headers)


class OrdersView(StaffAPIView):
    """Orders: find and make them."""

    permission_required = {"GET": permissions.VIEW_ORDERS, "POST": permissions.SELL}

    @describe(
        summary="Orders of the caller's cinemas, the newest first.",
        answers={200: OrderPage},
        problems=(400, 401, 403),
        query=("number", "ticket", "phone", "from", "to", "limit", "cursor"),
        operation_id="orders_list",
    )
    def get(self, request: Any) -> HttpResponse:
        """Return a page of orders."""
        plain, now = django_request(request), clock.now()
        wanted = selectors.orders_filter(
            request.actor,
            number=plain.GET.get("number", ""),
            ticket=plain.GET.get("ticket", ""),
            phone=plain.GET.get("phone", ""),
            since=instant(plain, "from"),
            before=instant(plain, "to"),
        )
        found, following, previous = page(plain, kept_orders.orders(), filter=wanted, sort=selectors.NEWEST_FIRST)
        return page_answer([selectors.order_answer(order, now=now) for order in found], following, previous)

    @describe(
        summary="Hold seats, all or none, for five minutes.",
        body=OrderWanted,
        answers={201: OrderAnswer},
        problems=REFUSED,
    )
    @idempotent
    def post(self, request: Any) -> HttpResponse:
        """Return the held order."""
        wanted, now = parse(django_request(request), OrderWanted), clock.now()
        order = hold_seats(
            key=request.idempotency_key,
            showtime=object_id(wanted.showtime),
            seats=[SeatChoice(each.seat, each.ticket_type) for each in wanted.seats],
            customer_phone=wanted.customer_phone,
            by=request.actor,
            now=now,
        )
        return json_answer(selectors.order_answer(order, now=now), status=201)


class OrderView(StaffAPIView):
    """One order."""

    permission_required = permissions.VIEW_ORDERS

    @describe(summary="An order.", answers={200: OrderAnswer}, problems=(401, 403, 404))
    def get(self, request: Any, order: str) -> HttpResponse:
        """Return the order."""
        return json_answer(selectors.order(request.actor, object_id(order), now=clock.now()))


class PayView(StaffAPIView):
    """Take the payment of an order."""

    permission_required = permissions.SELL

    @describe(
        summary="Pay a held order; its tickets exist from now on.",
        body=PaymentWanted,
        answers={200: OrderAnswer},
        problems=REFUSED,
    )
    @idempotent
    def post(self, request: Any, order: str) -> HttpResponse:
        """Return the paid order, and the change to give."""
        wanted, now = parse(django_request(request), PaymentWanted), clock.now()
        paid = pay_order(
            key=request.idempotency_key,
            order=object_id(order),
            method=wanted.method,
            tendered=to_decimal(wanted.tendered) if wanted.tendered is not None else None,
            reference=wanted.reference,
            by=request.actor,
            now=now,
        )
        answer = selectors.order_answer(paid, now=now)
        return json_answer({**answer, "change": answer["payments"][-1]["change"]})


class CancelView(StaffAPIView):
    """Cancel a held order."""

    permission_required = permissions.SELL

    @describe(
        summary="Cancel a held order; its seats are free at once. The body is empty, or an empty object.",
        answers={200: OrderAnswer},
        problems=REFUSED,
    )
    @idempotent
    def post(self, request: Any, order: str) -> HttpResponse:
        """Return the cancelled order."""
        plain, now = django_request(request), clock.now()
        if plain.body:
            parse(plain, Nothing)
        cancelled = cancel_order(order=object_id(order), by=request.actor, now=now)
        return json_answer(selectors.order_answer(cancelled, now=now))


def _day(request: HttpRequest) -> date | None:
    text = request.GET.get("date")
    if not text:
        return None
    try:
        return date.fromisoformat(text) if len(text) == len("2026-11-24") else _no_day()
    except ValueError:
        return _no_day()


def _no_day() -> date:
    raise Invalid({"date": [_("Not a day: write it like 2026-11-24.")]})


def _weak_tags(header: str) -> list[str]:
    """Return the ETags of `If-None-Match`, without the mark of weakness that nginx adds."""
    return [tag.strip().removeprefix("W/") for tag in header.split(",") if tag.strip()]
