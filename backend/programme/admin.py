"""Films and showtimes in the back office; every change goes through the services."""

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from backend.accounts.admin import request_actor
from backend.core import clock
from backend.programme import services
from backend.programme.forms import FilmForm, ShowtimeForm
from backend.programme.models import Film, Showtime
from backend.programme.reopening import closed_showtimes, open_again
from backend.venues.admin import ServiceAdmin

FACTS = ("film_title", "cinema_name", "hall_name", "format", "business_day", "code", "starts_at", "ends_at")


@admin.register(Film)
class FilmAdmin(ServiceAdmin):
    """Films: the whole chain's."""

    form = FilmForm
    cinema_field = None
    list_display = ("title", "original_title", "duration_minutes", "language")
    list_filter = ("language",)
    fields = ("title", "original_title", "duration_minutes", "language")

    def add(self, values: dict[str, Any], common: dict[str, Any]) -> Any:
        """Add a film."""
        return services.add_film(**values, **common)

    def change(self, obj: Any, values: dict[str, Any], common: dict[str, Any]) -> None:
        """Change a film."""
        services.change_film(obj.pk, **values, **common)


class ClosedByRestore(admin.SimpleListFilter):
    """Showtimes that a restore closed for sale and nobody opened again."""

    title = _("sale")
    parameter_name = "sale"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Offer the one question."""
        return [("closed", _("Closed by a restore"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Narrow the list to them."""
        if self.value() != "closed":
            return queryset
        return queryset.filter(pk__in=[show["_id"] for show in closed_showtimes()])


@admin.register(Showtime)
class ShowtimeAdmin(ServiceAdmin):
    """Showtimes: planned here, then only their prices and the end of sales change."""

    actions = ("sell_again",)

    form = ShowtimeForm
    list_display = ("business_day", "code", "starts_at", "film_title", "cinema_name", "hall_name", "seats_total")
    list_filter = ("business_day", "cinema_name", "hall_name", ClosedByRestore)

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Ask for all while it is new."""
        new = ["film", "hall", "picture", "starts_at", "prices"]
        return new if obj is None else [*FACTS, "sales_end_at", "prices"]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Show what no longer changes."""
        return () if obj is None else FACTS

    @admin.action(description=_("Sell again (closed by a restore)"), permissions=["change"])
    def sell_again(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Open the chosen ones although nobody knows what was sold of them: whoever presses has reconciled them."""
        opened = sum(open_again(show.pk, by=request_actor(request), now=clock.now()) for show in queryset)
        self.message_user(request, _("Sold again: %(n)s showtimes.") % {"n": opened})

    def add(self, values: dict[str, Any], common: dict[str, Any]) -> Any:
        """Plan a show."""
        return services.schedule_showtime(**values, **common)

    def change(self, obj: Any, values: dict[str, Any], common: dict[str, Any]) -> None:
        """Change prices and the end of sales."""
        services.change_showtime(obj.pk, **values, **common)
