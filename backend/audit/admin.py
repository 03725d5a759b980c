"""The logs in the back office: read only, found by phone, machine code or reference."""

from typing import Any

from django.contrib import admin
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from backend.audit.models import Change, LoginLog, SecurityLog
from backend.audit.selectors import in_cinemas
from backend.audit.words import EVENTS, WORDS, Reason, in_words
from backend.core.http import own_cinemas
from backend.core.ids import as_reference

SHOWN_WHOLE = 20  # letters; a longer machine code is shortened in lists


class CodeFilter(admin.SimpleListFilter):
    """Filter by a code, which is offered in words."""

    codes: Any = ()

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [(code, WORDS[code]) for code in self.codes]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> QuerySet[Model]:
        return queryset.filter(**{str(self.parameter_name): self.value()}) if self.value() else queryset


class ReasonFilter(CodeFilter):
    """Filter by the true reason."""

    title, parameter_name, codes = _("reason"), "reason", Reason.values


class EventFilter(CodeFilter):
    """Filter by the event."""

    title, parameter_name, codes = _("event"), "event", EVENTS


@admin.display(description=_("machine code"), ordering="machine_code")
def machine_column(_admin: object, row: Any) -> str:
    """Return the machine code as the log-in window shows it; the whole one is what the pointer rests on."""
    code: str = row.machine_code or ""
    if len(code) <= SHOWN_WHOLE:
        return code
    short = f"{code[:4]} {code[4:8]} … {code[-8:-4]} {code[-4:]}"
    return format_html('<span title="{}">{}</span>', code, short)


class LogAdmin(admin.ModelAdmin):
    """A log: nothing in it is added, changed or deleted, and what it shows is what the row itself holds."""

    show_full_result_count = False
    list_per_page = 50
    exact_fields: tuple[str, ...] = ()
    code_field = ""  # whose codes are shown in words and can be searched
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
        """Find by the whole phone, machine code or reference, each by its index; or by the code of a reason."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if self.code_field and term.lower() in WORDS:
            return queryset.filter(**{self.code_field: term.lower()}), False
        wanted = Q()
        for field in self.exact_fields:
            wanted |= Q(**{field: as_reference(term) if field == "reference" else term})
        return queryset.filter(wanted), False


@admin.register(LoginLog)
class LoginLogAdmin(LogAdmin):
    """Log-ins and refusals, with the true reason."""

    list_display: Any = ("login_time", "phone", "name", "result", "why", "reference", "machine", "address")
    list_filter: Any = ("result", ReasonFilter)
    exact_fields = ("phone", "reference", "machine_code")
    code_field = "reason"

    machine = machine_column

    @admin.display(description=_("reason"))
    def why(self, row: LoginLog) -> str:
        return in_words(row.reason)


@admin.register(SecurityLog)
class SecurityLogAdmin(LogAdmin):
    """What touched security."""

    list_display: Any = ("timestamp", "what", "phone", "name", "by_name", "reason", "machine", "address")
    list_filter: Any = (EventFilter,)
    exact_fields = ("phone", "reference", "machine_code")
    code_field = "event"

    machine = machine_column

    @admin.display(description=_("event"))
    def what(self, row: SecurityLog) -> str:
        return in_words(row.event)


@admin.register(Change)
class ChangeAdmin(LogAdmin):
    """Who changed what."""

    list_display: Any = ("timestamp", "what", "kind", "label", "by_name", "by_phone")
    list_filter: Any = ("kind",)
    search_fields = ("by_phone",)
    exact_fields = ("by_phone", "target")
    code_field = "action"

    @admin.display(description=_("action"))
    def what(self, row: Change) -> str:
        return in_words(row.action)
