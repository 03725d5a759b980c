"""Orders in the back office: read only, found by order number, ticket number or customer's phone."""

from datetime import UTC, datetime
from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _

from backend.accounts.admin import request_actor
from backend.accounts.phones import normalised
from backend.boxoffice.models import Order, OrderState
from backend.boxoffice.orders import orders, state_at
from backend.boxoffice.selectors import orders_filter
from backend.boxoffice.words import METHODS
from backend.core import clock
from backend.core.money import money
from backend.venues.selectors import within_cinemas

FOUND_AT_MOST = 200


@admin.register(Order)
class OrderAdmin(admin.ModelAdmin):
    """Orders: who sold what, on which machine."""

    list_display = (
        "number",
        "state_shown",
        "film_title",
        "starts_shown",
        "seat_names",
        "total",
        "seller",
        "machine",
        "created_shown",
    )
    list_filter = ("state", "cinema_name")
    search_fields = ("number",)  # shows the box; `get_search_results` searches by index
    show_full_result_count = False
    list_per_page = 50
    fields = readonly_fields = (
        "number",
        "state_shown",
        "cinema_name",
        "film_title",
        "hall_name",
        "starts_at",
        "total",
        "tickets_shown",
        "payments_shown",
        "customer_phone",
        "seller",
        "machine",
        "machine_code",
        "created_at",
        "expires_at",
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: orders are made at the tills."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse: orders change at the tills."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse: an order is a record."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Model]:
        """Return the orders of the caller's cinemas."""
        return within_cinemas(super().get_queryset(request), request_actor(request).cinemas)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Model], search_term: str
    ) -> tuple[QuerySet[Model], bool]:
        """Find by a whole order number, ticket number or phone."""
        term = search_term.strip()
        if not term:
            return queryset, False
        ways: list[dict[str, Any]] = [
            {"number": term},
            {"ticket": term},
            *([{"phone": term}] if normalised(term) else []),
        ]
        filters = [orders_filter(request_actor(request), **way) for way in ways]
        found = {order["_id"] for each in filters for order in orders().find(each, {"_id": 1}).limit(FOUND_AT_MOST)}
        return queryset.filter(pk__in=list(found)), False

    @admin.display(description=_("state"), ordering="state")
    def state_shown(self, order: Order) -> str:
        """Return the state at this moment."""
        state = state_at({"state": order.state, "expiresAt": order.expires_at}, clock.now())
        return str(OrderState(state).label)

    @admin.display(description=_("starts"), ordering="starts_at")
    def starts_shown(self, order: Order) -> str:
        """Return the start, short enough for the list."""
        return _short(order.starts_at)

    @admin.display(description=_("created"), ordering="created_at")
    def created_shown(self, order: Order) -> str:
        """Return when the order was made, short enough for the list."""
        return _short(order.created_at)

    @admin.display(description=_("seats"))
    def seat_names(self, order: Order) -> str:
        """Return the seats."""
        return ", ".join(line["seat"] for line in order.seats)

    @admin.display(description=_("sold by"))
    def seller(self, order: Order) -> str:
        """Return the person."""
        return f"{order.staff['name']} {order.staff['phone']}"

    @admin.display(description=_("machine"))
    def machine(self, order: Order) -> str | None:
        """Return the machine's name, else its code."""
        return order.device["name"] or order.device["machineCode"]

    @admin.display(description=_("machine code"))
    def machine_code(self, order: Order) -> str | None:
        """Return the machine's code."""
        return order.device["machineCode"]

    @admin.display(description=_("tickets"))
    def tickets_shown(self, order: Order) -> SafeString:
        """Return a line for each ticket; for each seat while there are none."""
        return _lines(
            f"{each.get('number', '—')}  {each['seat']}  {each['label']}  ¥{money(each['price'])}"
            for each in order.tickets or order.seats
        )

    @admin.display(description=_("payments"))
    def payments_shown(self, order: Order) -> SafeString:
        """Return a line for each payment: how much, how, when, by whom, on which machine."""
        return _lines(
            f"¥{money(each['amount'])}  {METHODS.get(each['method'], each['method'])}  {_local(each['at'])}  "
            f"{each['staff']['name']}  {each['device']['name'] or each['device']['machineCode']}"
            for each in order.payments
        )


def _lines(texts: Any) -> SafeString:
    return format_html_join("", "{}<br>", ((text,) for text in texts))


def _short(instant: datetime) -> str:
    return f"{localtime(instant):%m-%d %H:%M}"


def _local(instant: datetime) -> str:
    """Return a time inside a document, which the ORM leaves naive in UTC."""
    return date_format(localtime(instant.replace(tzinfo=UTC)), "DATETIME_FORMAT")
