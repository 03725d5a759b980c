"""Accounts, bindings and sessions in the back office; every change goes through the services."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from backend.accounts import binding_admin as binding_admin  # registers its pages
from backend.accounts.forms import AccountForm, OwnPasswordForm
from backend.accounts.models import AccountState, BindingPolicy, StaffSession, User, thumbprint_label
from backend.accounts.people_admin import PeopleAdmin, ReadOnlyPeopleAdmin, request_actor
from backend.accounts.roles import ROLES, roles_below
from backend.accounts.services import managing
from backend.accounts.services.binding import make_activation_code
from backend.core import clock
from backend.core.problems import Problem

admin.site.unregister(Group)
admin.site.password_change_form = OwnPasswordForm  # type: ignore[attr-defined]  # core's BackOffice


class StatusFilter(admin.SimpleListFilter):
    """Filter by `account.status.code`."""

    title = _("status")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return AccountState.choices

    def queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> QuerySet[Model]:
        return queryset.filter(account__status__code=self.value()) if self.value() else queryset


@admin.register(User)
class UserAdmin(PeopleAdmin):
    """Staff accounts: create, enable, disable, unbind, open the binding window, make an activation code."""

    form = AccountForm
    list_display = ("phone", "name", "role_name", "status", "device_name", "machine_code", "window", "last_login_time")
    list_filter = (StatusFilter, "role")
    actions = ("enable", "disable", "unbind", "open_window", "make_code")
    readonly_fields = (
        "phone_shown",
        "machine_code",
        "key",
        "device_name",
        "bound_at",
        "last_login_time",
        "window",
        "code_until",
    )
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

    @admin.display(description=_("activation code valid until"), empty_value=_("none"))
    def code_until(self, user: User) -> Any:
        code = user.account.activation_code
        return code.expires_at if code and code.expires_at > clock.now() else None

    @admin.display(description=_("first log-in binds"))
    def policy(self, user: User) -> str:
        return str(BindingPolicy(user.account.binding_policy).label)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return [(None, {"fields": ["phone", "name", "role", "cinemas", "binding_policy", "new_password"]})]
        editable = self.has_change_permission(request, obj)
        own = ["role_name", "status", "policy"]
        if editable:
            own = ["name", "role", "cinemas", "status", "binding_policy", "new_password"]
        bound = ["machine_code", "key", "device_name", "bound_at", "last_login_time", "window", "code_until"]
        return [(None, {"fields": ["phone_shown", *own]}), (_("Device"), {"fields": bound})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is not None and not self.has_change_permission(request, obj):
            return (*self.readonly_fields, "role_name", "status", "policy")
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
            # What the person changed, against what the page showed: the rest may have changed since, and stays.
            changes = {
                name: values[name] for name in ("name", "role", "cinemas", "status") if name in form.changed_data
            }
            if values["binding_policy"] and "binding_policy" in form.changed_data:
                changes["bindingPolicy"] = values["binding_policy"]
            managing.change_account(obj.pk, changes=changes, by=actor, now=now)
            if password:
                managing.set_password(obj.pk, password=password, by=actor, now=now)
            return
        chosen = {name: values[name] for name in ("phone", "name", "role", "cinemas", "binding_policy")}
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

    @admin.action(description=_("Make an activation code (shown once)"), permissions=["bind"])
    def make_code(self, request: HttpRequest, queryset: QuerySet[Model]) -> HttpResponse | None:
        """Show the codes on the answer itself: nowhere else, messages included, do they stand in clear."""
        actor, now, made = request_actor(request), clock.now(), []
        for user in queryset:
            try:
                code, until = make_activation_code(user.pk, by=actor, now=now)
            except Problem as problem:
                self.refuse(request, user, problem)
            else:
                made.append({"user": user, "code": code, "until": until})
        if not made:
            return None
        context = {**self.admin_site.each_context(request), "title": _("Activation codes"), "made": made}
        return TemplateResponse(
            request, "accounts/activation_codes.html", context, headers={"Cache-Control": "no-store"}
        )


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
