"""Films and showtimes in the back office; every change goes through the services."""

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from backend.programme import services
from backend.programme.forms import FilmForm, ShowtimeForm
from backend.programme.models import Film, Showtime
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


@admin.register(Showtime)
class ShowtimeAdmin(ServiceAdmin):
    """Showtimes: planned here, then only their prices and the end of sales change."""

    form = ShowtimeForm
    list_display = ("business_day", "code", "starts_at", "film_title", "cinema_name", "hall_name", "seats_total")
    list_filter = ("business_day", "cinema_name", "hall_name")

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Ask for all while it is new."""
        new = ["film", "hall", "picture", "starts_at", "prices"]
        return new if obj is None else [*FACTS, "sales_end_at", "prices"]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Show what no longer changes."""
        return () if obj is None else FACTS

    def add(self, values: dict[str, Any], common: dict[str, Any]) -> Any:
        """Plan a show."""
        return services.schedule_showtime(**values, **common)

    def change(self, obj: Any, values: dict[str, Any], common: dict[str, Any]) -> None:
        """Change prices and the end of sales."""
        services.change_showtime(obj.pk, **values, **common)
