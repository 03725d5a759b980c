"""What the lists about people share: narrowed to the caller's cinemas, found exactly, changed by the services."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import ngettext

from backend.accounts.phones import normalised
from backend.accounts.selectors import actor_of, people_within
from backend.core.http import client_address, own_cinemas
from backend.core.ids import as_reference
from backend.core.problems import Problem


def request_actor(request: HttpRequest) -> Any:
    """Return the manager behind an admin request."""
    return actor_of(request.user, address=client_address(request))  # type: ignore[arg-type]  # our own user model


# What people type in several ways, as it is stored.
AS_STORED: dict[str, Callable[[str], str]] = {
    "phone": lambda term: normalised(term) or term,
    "reference": as_reference,
}


class RowActions(admin.ModelAdmin):
    """Actions that change row by row, and say of each that was refused why."""

    def each(self, request: HttpRequest, queryset: QuerySet[Model], change: Callable[[Any], object]) -> None:
        """Run `change` for each row, and say how many were changed and which were refused, why."""
        done = 0
        for row in queryset:
            try:
                change(row)
            except Problem as problem:
                self.refuse(request, row, problem)
            else:
                done += 1
        if done:
            text = ngettext("%(count)d row changed.", "%(count)d rows changed.", done) % {"count": done}
            self.message_user(request, text, messages.SUCCESS)

    def refuse(self, request: HttpRequest, row: object, problem: Problem) -> None:
        """Say why `row` was not changed."""
        self.message_user(request, f"{row}: {problem.title} {problem.detail}", messages.ERROR)

    def has_bind_permission(self, request: HttpRequest) -> bool:
        """Return whether the role may bind devices (asked by the actions)."""
        return bool(request_actor(request).may("accounts.bind_device"))


class PeopleAdmin(RowActions):
    """A list about people, narrowed to the caller's cinemas and found by exact fields."""

    show_full_result_count = False
    list_per_page = 50
    exact_fields: tuple[str, ...] = ("phone",)
    search_fields = ("phone",)  # shows the box; `get_search_results` searches

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Filter by what the list offers and by nothing else: `?password__startswith=` would give a hash away."""
        offered = {each if isinstance(each, str) else getattr(each, "parameter_name", "") for each in self.list_filter}
        return lookup.partition("__")[0] in offered

    def get_queryset(self, request: HttpRequest) -> QuerySet[Model]:
        """Return the people of the caller's cinemas."""
        return people_within(super().get_queryset(request), own_cinemas(request))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Model], search_term: str
    ) -> tuple[QuerySet[Model], bool]:
        """Find by a whole phone, a whole name, or another exact field."""
        term = search_term.strip()
        if not term:
            return queryset, False
        wanted = Q(name=term)
        for field in self.exact_fields:
            wanted |= Q(**{field: AS_STORED.get(field, str)(term)})
        return queryset.filter(wanted), False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse: the services change, and nothing is deleted."""
        return False


class ReadOnlyPeopleAdmin(PeopleAdmin):
    """A list about people that only actions change."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse: the services change, and nothing is deleted."""
        return False
