"""The doors of managing: accounts, bindings, sessions and logs."""

from collections.abc import Iterable
from typing import Any

import msgspec
from bson import ObjectId
from django.http import HttpRequest, HttpResponse

from backend.accounts.api.base import ManagingAPIView, no_content
from backend.accounts.api.shapes import (
    ActivationCodeAnswer,
    Binding,
    BindingPage,
    LoginLogPage,
    LoginLogRow,
    ManagedSession,
    ManagedUser,
    ReasonIn,
    ReferenceIn,
    SecurityLogPage,
    SecurityLogRow,
    SessionPage,
    UserChange,
    UserIn,
    UserPage,
    binding_row,
    managed_user,
    row_of,
)
from backend.accounts.phones import normalised, required_phone
from backend.accounts.selectors import in_state, within
from backend.accounts.services import managing
from backend.accounts.services.binding import approve_binding, bind_attempt, make_activation_code, revoke_binding
from backend.audit.selectors import cinemas_filter
from backend.core import clock
from backend.core.actor import Actor
from backend.core.api import django_request, json_answer, page_answer
from backend.core.ids import as_reference
from backend.core.mongo import collection
from backend.core.openapi import describe
from backend.core.pagination import page
from backend.core.parsing import instant, object_id, parse
from backend.core.problems import Invalid, NotFound

READ = (400, 401, 403, 404, 503)
WRITE = (400, 401, 403, 404, 409, 413, 415, 422, 503)
# What PATCH changes, by the service's names and the body's.
CHANGES = {name: name for name in ("name", "role", "cinemas", "status")} | {"bindingPolicy": "binding_policy"}


def _visible_user(user: str, actor: Actor) -> dict[str, Any]:
    document = collection("users").find_one({"_id": object_id(user), **within(actor.cinemas)})
    if document is None:
        raise NotFound
    return document


def _text_filters(request: HttpRequest, names: tuple[str, ...]) -> dict[str, Any]:
    """Return equality filters for the query parameters; their values are text, never operators."""
    wanted = {name: request.GET[name] for name in names if request.GET.get(name)}
    if "phone" in wanted:
        wanted["phone"] = normalised(wanted["phone"]) or wanted["phone"]
    if "reference" in wanted:
        wanted["reference"] = as_reference(wanted["reference"])
    return wanted


def _each_once(cinemas: Iterable[str]) -> list[ObjectId]:
    return [ObjectId(cinema) for cinema in dict.fromkeys(cinemas)]


class UsersView(ManagingAPIView):
    """`users`."""

    permission_required = {"GET": "accounts.view_user", "POST": "accounts.add_user"}

    @describe(
        summary="Accounts of the caller's cinemas.",
        operation_id="users_list",
        answers={200: UserPage},
        problems=READ,
        query=("limit", "cursor", "phone", "role"),
    )
    def get(self, request: Any) -> HttpResponse:
        plain = django_request(request)
        wanted = {**_text_filters(plain, ("phone", "role")), **within(request.actor.cinemas)}
        found, following, previous = page(plain, collection("users"), filter=wanted, sort=[("phone", 1), ("_id", 1)])
        return page_answer([managed_user(each) for each in found], following, previous)

    @describe(summary="Create an account.", body=UserIn, answers={201: ManagedUser}, problems=WRITE)
    def post(self, request: Any) -> HttpResponse:
        wanted = parse(django_request(request), UserIn)
        identifier = managing.create_account(
            phone=required_phone(wanted.phone),
            name=wanted.name,
            role=wanted.role,
            cinemas=_each_once(wanted.cinemas),
            binding_policy=wanted.binding_policy or "",
            by=request.actor,
            now=clock.now(),
        )
        return json_answer(managed_user(_visible_user(str(identifier), request.actor)), status=201)


class UserView(ManagingAPIView):
    """`users/{id}`."""

    permission_required = {"GET": "accounts.view_user", "PATCH": "accounts.change_user"}

    @describe(summary="One account.", answers={200: ManagedUser}, problems=READ)
    def get(self, request: Any, user: str) -> HttpResponse:
        return json_answer(managed_user(_visible_user(user, request.actor)))

    @describe(summary="Change an account.", body=UserChange, answers={200: ManagedUser}, problems=WRITE)
    def patch(self, request: Any, user: str) -> HttpResponse:
        wanted = parse(django_request(request), UserChange)
        changes = {name: value for name in CHANGES if (value := getattr(wanted, CHANGES[name])) is not msgspec.UNSET}
        if "cinemas" in changes:
            changes["cinemas"] = _each_once(changes["cinemas"])
        managing.change_account(object_id(user), changes=changes, by=request.actor, now=clock.now())
        return json_answer(managed_user(_visible_user(user, request.actor)))


class UnbindDeviceView(ManagingAPIView):
    """`users/{id}/unbind-device`."""

    permission_required = "accounts.bind_device"

    @describe(summary="Take the device from an account.", body=ReasonIn, answers={200: ManagedUser}, problems=WRITE)
    def post(self, request: Any, user: str) -> HttpResponse:
        managing.unbind_device(
            object_id(user), reason=_reason(django_request(request)), by=request.actor, now=clock.now()
        )
        return json_answer(managed_user(_visible_user(user, request.actor)))


class OpenBindingWindowView(ManagingAPIView):
    """`users/{id}/open-binding-window`."""

    permission_required = "accounts.bind_device"

    @describe(
        summary="Let the first log-in within 24 hours bind its device.", answers={200: ManagedUser}, problems=WRITE
    )
    def post(self, request: Any, user: str) -> HttpResponse:
        managing.open_binding_window(object_id(user), by=request.actor, now=clock.now())
        return json_answer(managed_user(_visible_user(user, request.actor)))


class ActivationCodeView(ManagingAPIView):
    """`users/{id}/activation-code`."""

    permission_required = "accounts.bind_device"

    @describe(
        summary="Make a code that binds one machine within 24 hours; a former one is void. It is shown this once.",
        answers={200: ActivationCodeAnswer},
        problems=WRITE,
    )
    def post(self, request: Any, user: str) -> HttpResponse:
        code, until = make_activation_code(object_id(user), by=request.actor, now=clock.now())
        return json_answer(ActivationCodeAnswer(code=code, expires_at=clock.iso(until)))


class BindAttemptView(ManagingAPIView):
    """`users/{id}/bind-attempt`."""

    permission_required = "accounts.bind_device"

    @describe(
        summary="Bind the very machine of a refused first log-in of the last 30 minutes, by its reference.",
        body=ReferenceIn,
        answers={200: ManagedUser},
        problems=WRITE,
    )
    def post(self, request: Any, user: str) -> HttpResponse:
        wanted = parse(django_request(request), ReferenceIn)
        bind_attempt(object_id(user), reference=wanted.reference, by=request.actor, now=clock.now())
        return json_answer(managed_user(_visible_user(user, request.actor)))


class DeviceBindingsView(ManagingAPIView):
    """`device-bindings`."""

    permission_required = "accounts.view_devicebinding"

    @describe(
        summary="The history of bindings.",
        answers={200: BindingPage},
        problems=READ,
        query=("limit", "cursor", "phone", "machineCode", "reference", "state"),
    )
    def get(self, request: Any) -> HttpResponse:
        plain = django_request(request)
        wanted = {**_text_filters(plain, ("phone", "machineCode", "reference")), **within(request.actor.cinemas)}
        if state := plain.GET.get("state"):
            wanted |= in_state(state, now=clock.now())
        found, following, previous = page(
            plain, collection("deviceBindings"), filter=wanted, sort=[("boundAt", -1), ("_id", -1)]
        )
        return page_answer([binding_row(each) for each in found], following, previous)


class ApproveBindingView(ManagingAPIView):
    """`device-bindings/{id}/approve`."""

    permission_required = "accounts.bind_device"

    @describe(summary="Bind the machine that waits for approval.", answers={200: Binding}, problems=WRITE)
    def post(self, request: Any, binding: str) -> HttpResponse:
        return json_answer(binding_row(approve_binding(object_id(binding), by=request.actor, now=clock.now())))


class RevokeBindingView(ManagingAPIView):
    """`device-bindings/{id}/revoke`."""

    permission_required = "accounts.bind_device"

    @describe(
        summary="End a binding, or refuse a machine that waits.", body=ReasonIn, answers={204: None}, problems=WRITE
    )
    def post(self, request: Any, binding: str) -> HttpResponse:
        revoke_binding(object_id(binding), reason=_reason(django_request(request)), by=request.actor, now=clock.now())
        return no_content()


class SessionsView(ManagingAPIView):
    """`sessions`."""

    permission_required = "accounts.view_staffsession"

    @describe(
        summary="Sessions of the caller's cinemas.",
        answers={200: SessionPage},
        problems=READ,
        query=("limit", "cursor", "phone", "machineCode"),
    )
    def get(self, request: Any) -> HttpResponse:
        plain = django_request(request)
        wanted = {**_text_filters(plain, ("phone", "machineCode")), **within(request.actor.cinemas)}
        found, following, previous = page(
            plain, collection("staffSessions"), filter=wanted, sort=[("startedAt", -1), ("_id", -1)]
        )
        return page_answer([row_of(ManagedSession, each) for each in found], following, previous)


class RevokeSessionView(ManagingAPIView):
    """`sessions/{id}/revoke`."""

    permission_required = "accounts.revoke_session"

    @describe(summary="End a session at once.", answers={204: None}, problems=WRITE)
    def post(self, request: Any, session: str) -> HttpResponse:
        managing.revoke_session(object_id(session), by=request.actor, now=clock.now())
        return no_content()


class LogView(ManagingAPIView):
    """A log, newest first, found by its indexed fields."""

    collection_name = ""
    time_field = ""
    row: type[Any]
    filters: tuple[str, ...] = ()

    def rows(self, request: Any) -> HttpResponse:
        """Return one page of the log."""
        plain = django_request(request)
        wanted: dict[str, Any] = {**_text_filters(plain, self.filters), **cinemas_filter(request.actor.cinemas)}
        since, until = instant(plain, "from"), instant(plain, "to")
        if since and until and since >= until:
            raise Invalid({"to": ["must come after `from`"]})
        period = {**({"$gte": since} if since else {}), **({"$lt": until} if until else {})}
        if period:
            wanted[self.time_field] = period
        found, following, previous = page(
            plain, collection(self.collection_name), filter=wanted, sort=[(self.time_field, -1), ("_id", -1)]
        )
        return page_answer([row_of(self.row, each) for each in found], following, previous)


class LoginLogsView(LogView):
    """`login-logs`."""

    permission_required = "audit.view_loginlog"
    collection_name, time_field, row = "loginLogs", "loginTime", LoginLogRow
    filters = ("phone", "machineCode", "result", "reference")

    @describe(
        summary="Tries to log in, with their true reasons.",
        answers={200: LoginLogPage},
        problems=READ,
        query=("limit", "cursor", *filters, "from", "to"),
    )
    def get(self, request: Any) -> HttpResponse:
        return self.rows(request)


class SecurityLogsView(LogView):
    """`security-logs`."""

    permission_required = "audit.view_securitylog"
    collection_name, time_field, row = "securityLogs", "timestamp", SecurityLogRow
    filters = ("phone", "machineCode", "reference", "event")

    @describe(
        summary="Events that touched security.",
        answers={200: SecurityLogPage},
        problems=READ,
        query=("limit", "cursor", *filters, "from", "to"),
    )
    def get(self, request: Any) -> HttpResponse:
        return self.rows(request)


def _reason(request: HttpRequest) -> str:
    """Return the reason in the body, which may be left out altogether."""
    return parse(request, ReasonIn).reason if request.body else ""
