"""Cinemas and halls in the back office; every change goes through the services."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from backend.accounts.admin import request_actor
from backend.core import clock
from backend.core.problems import Problem
from backend.venues import services
from backend.venues.forms import CinemaForm, HallForm, ServiceForm
from backend.venues.layouts import DEFAULT_ZONE
from backend.venues.models import Cinema, Hall
from backend.venues.selectors import drawn, within_cinemas


class ServiceAdmin(admin.ModelAdmin):
    """A list narrowed to the caller's cinemas, whose form hands its values to a service."""

    cinema_field: str | None = "cinema"
    form: type[ServiceForm]
    show_full_result_count = False
    list_per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[Model]:
        """Return what is of the caller's cinemas."""
        found = super().get_queryset(request)
        if self.cinema_field is None:
            return found
        return within_cinemas(found, request_actor(request).cinemas, field=self.cinema_field)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Return the form with its own fields, for the caller."""
        return type("RequestForm", (self.form,), {"actor": request_actor(request)})

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Hand the form's values to the service, and show what it made."""
        common = {"by": request_actor(request), "now": clock.now()}
        if change:
            self.change(obj, form.cleaned_data, common)
            return
        fresh = self.model.objects.get(pk=self.add(form.cleaned_data, common))
        obj.__dict__.update(fresh.__dict__)

    def add(self, values: dict[str, Any], common: dict[str, Any]) -> Any:
        """Call the service that adds, and return the id."""
        raise NotImplementedError

    def change(self, obj: Any, values: dict[str, Any], common: dict[str, Any]) -> None:
        """Call the service that changes."""
        raise NotImplementedError

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Do nothing: a document has no related rows."""

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show a refused rule as a message on the same page, never as an error page."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except Problem as problem:
            told = [message for each in problem.extra.get("errors", {}).values() for message in each]
            words = " ".join(told) or str(problem.detail or problem.title)
            self.message_user(request, f"{problem.title}: {words}", messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse: orders name what would be gone."""
        return False


@admin.register(Cinema)
class CinemaAdmin(ServiceAdmin):
    """Cinemas."""

    form = CinemaForm
    cinema_field = "pk"
    list_display = ("name", "code", "address", "time_zone")
    fields = ("name", "code", "time_zone", "address", "networks")

    def add(self, values: dict[str, Any], common: dict[str, Any]) -> Any:
        """Open a cinema."""
        return services.add_cinema(**values, **common)

    def change(self, obj: Any, values: dict[str, Any], common: dict[str, Any]) -> None:
        """Change a cinema."""
        services.change_cinema(obj.pk, **values, **common)


@admin.register(Hall)
class HallAdmin(ServiceAdmin):
    """Halls. Their seats are drawn once, and shown."""

    form = HallForm
    list_display = ("name", "cinema_name", "seats_total")
    list_filter = ("cinema_name",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show the drawing of a hall that exists, ask for it while it is new."""
        return ["cinema", "name", "drawing"] if obj is None else ["cinema_name", "name", "seats_total", "seats"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """A hall keeps its seats."""
        return [] if obj is None else ["cinema_name", "seats_total", "seats"]

    @admin.display(description=_("seats"))
    def seats(self, hall: Hall) -> SafeString:
        """Return the hall as it was drawn."""
        return format_html("<pre>{}</pre>", "\n".join(drawn(hall.layout)))

    def add(self, values: dict[str, Any], common: dict[str, Any]) -> Any:
        """Add a hall of one zone."""
        zones = {DEFAULT_ZONE: "普通区"}
        return services.add_hall(
            cinema=values["cinema"], name=values["name"], plan=values["drawing"], zones=zones, **common
        )

    def change(self, obj: Any, values: dict[str, Any], common: dict[str, Any]) -> None:
        """Rename a hall."""
        services.rename_hall(obj.pk, name=values["name"], **common)
