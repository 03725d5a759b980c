"""Accounts, bindings and sessions in the back office; every change goes through the services."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from backend.accounts.forms import AccountForm, OwnPasswordForm
from backend.accounts.models import AccountState, DeviceBinding, StaffSession, User, thumbprint_label
from backend.accounts.phones import normalised
from backend.accounts.roles import ROLES, roles_below
from backend.accounts.selectors import actor_of, people_within
from backend.accounts.services import managing
from backend.core import clock
from backend.core.http import client_address, own_cinemas
from backend.core.ids import as_reference
from backend.core.problems import Problem

admin.site.unregister(Group)
admin.site.password_change_form = OwnPasswordForm  # type: ignore[attr-defined]  # core's BackOffice


def request_actor(request: HttpRequest) -> Any:
    """Return the manager behind an admin request."""
    return actor_of(request.user, address=client_address(request))  # type: ignore[arg-type]  # our own user model


# What people type in several ways, as it is stored.
AS_STORED: dict[str, Callable[[str], str]] = {
    "phone": lambda term: normalised(term) or term,
    "reference": as_reference,
}


class StatusFilter(admin.SimpleListFilter):
    """Filter by `account.status.code`."""

    title = _("status")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return AccountState.choices

    def queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> QuerySet[Model]:
        return queryset.filter(account__status__code=self.value()) if self.value() else queryset


class PeopleAdmin(admin.ModelAdmin):
    """A list about people, narrowed to the caller's cinemas and found by exact fields."""

    show_full_result_count = False
    list_per_page = 50
    exact_fields: tuple[str, ...] = ("phone",)
    search_fields = ("phone",)  # shows the box; `get_search_results` searches

    def get_queryset(self, request: HttpRequest) -> QuerySet[Model]:
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
        return False

    def each(self, request: HttpRequest, queryset: QuerySet[Model], change: Callable[[Any], object]) -> None:
        """Run `change` for each row, and say how many were changed and which were refused, why."""
        done = 0
        for row in queryset:
            try:
                change(row)
            except Problem as problem:
                self.message_user(request, f"{row}: {problem.title} {problem.detail}", messages.ERROR)
            else:
                done += 1
        if done:
            text = ngettext("%(count)d row changed.", "%(count)d rows changed.", done) % {"count": done}
            self.message_user(request, text, messages.SUCCESS)


@admin.register(User)
class UserAdmin(PeopleAdmin):
    """Staff accounts: create, enable, disable, unbind, open the binding window."""

    form = AccountForm
    list_display = ("phone", "name", "role_name", "status", "device_name", "machine_code", "window", "last_login_time")
    list_filter = (StatusFilter, "role")
    actions = ("enable", "disable", "unbind", "open_window")
    readonly_fields = ("phone_shown", "machine_code", "key", "device_name", "bound_at", "last_login_time", "window")
    ordering = ("phone",)

    @admin.display(description=_("role"))
    def role_name(self, user: User) -> str:
        return str(ROLES[user.role].label)

    @admin.display(description=_("status"))
    def status(self, user: User) -> str:
        return str(AccountState(user.account.status.code).label)

    @admin.display(description=_("phone"))
    def phone_shown(self, user: User) -> str:
        return user.phone

    @admin.display(description=_("machine code"), empty_value=_("not bound"))
    def machine_code(self, user: User) -> str | None:
        return user.device.machine_code if user.device else None

    @admin.display(description=_("key thumbprint"))
    def key(self, user: User) -> str | None:
        return thumbprint_label(user.device.key_thumbprint) if user.device else None

    @admin.display(description=_("device name"))
    def device_name(self, user: User) -> str | None:
        return user.device.name if user.device else None

    @admin.display(description=_("bound at"))
    def bound_at(self, user: User) -> Any:
        return user.device.bound_at if user.device else None

    @admin.display(description=_("last log-in"))
    def last_login_time(self, user: User) -> Any:
        return user.device.last_login_time if user.device else None

    @admin.display(description=_("binding window open until"), empty_value=_("closed"))
    def window(self, user: User) -> Any:
        until = user.account.binding_window_until
        return until if until and until > clock.now() else None

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return [(None, {"fields": ["phone", "name", "role", "cinemas", "new_password"]})]
        editable = self.has_change_permission(request, obj)
        own = ["name", "role", "cinemas", "status", "new_password"] if editable else ["role_name", "status"]
        bound = ["machine_code", "key", "device_name", "bound_at", "last_login_time", "window"]
        return [(None, {"fields": ["phone_shown", *own]}), (_("Device"), {"fields": bound})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is not None and not self.has_change_permission(request, obj):
            return (*self.readonly_fields, "role_name", "status")
        return self.readonly_fields if obj is not None else ()

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        # The form's fields are its own; the model's are written by the services alone.
        return type("RequestAccountForm", (AccountForm,), {"actor": request_actor(request)})

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed = super().has_change_permission(request, obj)
        if not allowed or obj is None:
            return allowed
        below = {role.code for role in roles_below(request_actor(request).rank)}
        return obj.pk != request.user.pk and obj.role in below

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Hand the form's values to the service."""
        values, actor, now = form.cleaned_data, request_actor(request), clock.now()
        password = values.get("new_password") or None
        if change:
            changes = {name: values[name] for name in ("name", "role", "cinemas", "status")}
            managing.change_account(obj.pk, changes=changes, by=actor, now=now)
            if password:
                managing.set_password(obj.pk, password=password, by=actor, now=now)
            return
        chosen = {name: values[name] for name in ("phone", "name", "role", "cinemas")}
        identifier = managing.create_account(**chosen, password=password, by=actor, now=now)
        fresh = User.objects.get(pk=identifier)
        obj.__dict__.update(fresh.__dict__)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Do nothing: a document has no related rows."""

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show a refused rule as a message on the same page, never as an error page."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except Problem as problem:
            self.message_user(request, f"{problem.title}: {problem.detail or problem.title}", messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def has_bind_permission(self, request: HttpRequest) -> bool:
        """Return whether the role may bind devices (asked by the actions)."""
        return bool(request.user.has_perm("accounts.bind_device"))

    @admin.action(description=_("Enable"), permissions=["change"])
    def enable(self, request: HttpRequest, queryset: QuerySet[Model]) -> None:
        self._set_status(request, queryset, AccountState.ACTIVE)

    @admin.action(description=_("Disable and end the sessions"), permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[Model]) -> None:
        self._set_status(request, queryset, AccountState.DISABLED)

    def _set_status(self, request: HttpRequest, queryset: QuerySet[Model], state: AccountState) -> None:
        actor, now = request_actor(request), clock.now()
        changes = {"status": state.value}
        self.each(request, queryset, lambda user: managing.change_account(user.pk, changes=changes, by=actor, now=now))

    @admin.action(description=_("Unbind the device and end the sessions"), permissions=["bind"])
    def unbind(self, request: HttpRequest, queryset: QuerySet[Model]) -> None:
        actor, now = request_actor(request), clock.now()
        self.each(request, queryset, lambda user: managing.unbind_device(user.pk, reason="", by=actor, now=now))

    @admin.action(description=_("Open the binding window for 24 hours"), permissions=["bind"])
    def open_window(self, request: HttpRequest, queryset: QuerySet[Model]) -> None:
        actor, now = request_actor(request), clock.now()
        self.each(request, queryset, lambda user: managing.open_binding_window(user.pk, by=actor, now=now))


class ReadOnlyPeopleAdmin(PeopleAdmin):
    """A list about people that only actions change."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(DeviceBinding)
class DeviceBindingAdmin(ReadOnlyPeopleAdmin):
    """The history of bindings."""

    list_display = ("bound_at", "phone", "name", "device_name", "machine_code", "state", "revoked_at", "revoked_by")
    list_filter = ("state",)
    exact_fields = ("phone", "machine_code", "reference")
    actions = ("revoke",)

    def has_bind_permission(self, request: HttpRequest) -> bool:
        """Return whether the role may bind devices (asked by the action)."""
        return bool(request.user.has_perm("accounts.bind_device"))

    @admin.action(description=_("Unbind"), permissions=["bind"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Model]) -> None:
        actor, now = request_actor(request), clock.now()
        self.each(request, queryset, lambda binding: managing.revoke_binding(binding.pk, reason="", by=actor, now=now))


@admin.register(StaffSession)
class StaffSessionAdmin(ReadOnlyPeopleAdmin):
    """Sessions: who is logged in where."""

    list_display = ("started_at", "phone", "name", "device_name", "address", "live", "ended_at", "end_reason")
    list_filter = ("role",)
    exact_fields = ("phone", "machine_code")
    actions = ("revoke",)

    @admin.display(description=_("live"), boolean=True)
    def live(self, session: StaffSession) -> bool:
        return session.is_live

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Return whether the role may end sessions (asked by the action)."""
        return bool(request.user.has_perm("accounts.revoke_session"))

    @admin.action(description=_("End now"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Model]) -> None:
        actor, now = request_actor(request), clock.now()
        self.each(request, queryset, lambda session: managing.revoke_session(session.pk, by=actor, now=now))
