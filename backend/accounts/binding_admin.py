"""Bindings in the back office: who waits is approved or refused, a refused first log-in is bound by its row."""

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from backend.accounts.errors import NothingToBind
from backend.accounts.models import DeviceBinding
from backend.accounts.people_admin import ReadOnlyPeopleAdmin, RowActions, request_actor
from backend.accounts.services.binding import approve_binding, bind_attempt, revoke_binding
from backend.audit.admin import LoginLogAdmin, machine_column
from backend.audit.models import LoginLog
from backend.core import clock

State = DeviceBinding.State


class StateFilter(admin.SimpleListFilter):
    """Filter by the state as it reads now: what waited too long has lapsed."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        """Return the states."""
        return State.choices

    def queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> QuerySet[Model]:
        """Return the rows that are in the chosen state."""
        match self.value():
            case None:
                return queryset
            case State.PENDING:
                return queryset.filter(state=State.PENDING, expires_at__gt=clock.now())
            case State.LAPSED:
                return queryset.filter(state=State.PENDING, expires_at__lte=clock.now())
            case state:
                return queryset.filter(state=state)


@admin.register(DeviceBinding)
class DeviceBindingAdmin(ReadOnlyPeopleAdmin):
    """The history of bindings, and the machines that wait for approval."""

    list_display = (
        "bound_at",
        "phone",
        "name",
        "state_now",
        "reference",
        "device_name",
        "machine",
        "address",
        "inside",
        "bound_by",
        "revoked_at",
        "revoked_by",
    )
    list_filter = (StateFilter,)
    exact_fields = ("phone", "machine_code", "reference")
    actions = ("approve", "revoke")
    machine = machine_column

    @admin.display(description=_("state"))
    def state_now(self, binding: DeviceBinding) -> str:
        """Return the state's words."""
        return str(binding.state_now.label)

    @admin.action(description=_("Approve: bind this machine"), permissions=["bind"])
    def approve(self, request: HttpRequest, queryset: QuerySet[Model]) -> None:
        """Bind the machines that wait."""
        actor, now = request_actor(request), clock.now()
        self.each(request, queryset, lambda binding: approve_binding(binding.pk, by=actor, now=now))

    @admin.action(description=_("Unbind, or refuse who waits"), permissions=["bind"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Model]) -> None:
        """End the bindings, and refuse the machines that wait."""
        actor, now = request_actor(request), clock.now()
        self.each(request, queryset, lambda binding: revoke_binding(binding.pk, reason="", by=actor, now=now))


admin.site.unregister(LoginLog)


@admin.register(LoginLog)
class BindableLoginLogAdmin(LoginLogAdmin, RowActions):
    """The login log, from which a refused first log-in is bound."""

    actions = ("bind",)

    @admin.action(
        description=_("Bind this very machine (first log-ins refused within 30 minutes)"), permissions=["bind"]
    )
    def bind(self, request: HttpRequest, queryset: QuerySet[Model]) -> None:
        """Bind the key and machine of each row."""
        actor, now = request_actor(request), clock.now()

        def bind(row: Any) -> None:
            if row.user is None:
                raise NothingToBind
            bind_attempt(row.user, reference=row.reference, by=actor, now=now)

        self.each(request, queryset, bind)
