"""The logs in the back office: read only, found by phone, machine code or reference."""

from typing import Any

from django.contrib import admin
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest

from backend.audit.models import Change, LoginLog, SecurityLog
from backend.audit.selectors import in_cinemas
from backend.core.http import own_cinemas
from backend.core.ids import as_reference


class LogAdmin(admin.ModelAdmin):
    """A log: nothing in it is added, changed or deleted, and what it shows is what the row itself holds."""

    show_full_result_count = False
    list_per_page = 50
    exact_fields: tuple[str, ...] = ()
    search_fields = ("phone",)  # only shows the search box: `get_search_results` searches by index

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Model]:
        return in_cinemas(super().get_queryset(request), own_cinemas(request))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Model], search_term: str
    ) -> tuple[QuerySet[Model], bool]:
        """Find by the whole phone, machine code or reference, each by its index."""
        term = search_term.strip()
        if not term:
            return queryset, False
        wanted = Q()
        for field in self.exact_fields:
            wanted |= Q(**{field: as_reference(term) if field == "reference" else term})
        return queryset.filter(wanted), False


@admin.register(LoginLog)
class LoginLogAdmin(LogAdmin):
    """Log-ins and refusals, with the true reason."""

    list_display: Any = ("login_time", "phone", "name", "result", "reason", "reference", "machine_code", "address")
    list_filter: Any = ("result",)
    exact_fields = ("phone", "reference", "machine_code")


@admin.register(SecurityLog)
class SecurityLogAdmin(LogAdmin):
    """What touched security."""

    list_display: Any = ("timestamp", "event", "phone", "name", "by_name", "reason", "machine_code", "address")
    list_filter: Any = ("event",)
    exact_fields = ("phone", "reference", "machine_code")


@admin.register(Change)
class ChangeAdmin(LogAdmin):
    """Who changed what."""

    list_display: Any = ("timestamp", "action", "kind", "label", "by_name", "by_phone")
    list_filter: Any = ("kind",)
    search_fields = ("by_phone",)
    exact_fields = ("by_phone", "target")
