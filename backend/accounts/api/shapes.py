"""What the API of log-in and managing takes and answers; times in UTC, ids as text."""

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from backend.core import clock
from backend.core.parsing import Answer, Body

Name = Annotated[str, Meta(min_length=1, max_length=60)]
Reason = Annotated[str, Meta(max_length=200)]
Phone = Annotated[str, Meta(min_length=3, max_length=32)]
MachineCode = Annotated[str, Meta(pattern=r"^[A-Za-z0-9-]{16,64}\Z")]
Version = Annotated[str, Meta(pattern=r"^[0-9]{1,4}(\.[0-9]{1,4}){0,2}\Z")]
Id = Annotated[str, Meta(pattern=r"^[0-9a-f]{24}\Z")]
RoleCode = Literal["seller", "checker", "supervisor", "manager", "chain_manager", "auditor", "ops"]
StatusCode = Literal["active", "disabled", "pending"]
Policy = Literal["window", "approval", "code"]


class DeviceIn(Body):
    """What a client says of its machine."""

    name: Annotated[str, Meta(max_length=60)]
    os: Annotated[str, Meta(max_length=60)]
    client_version: Version


class LoginIn(Body):
    """A log-in. The proof in the `DPoP` header names the key."""

    phone: Phone
    machine_code: MachineCode
    device: DeviceIn
    activation_code: Annotated[str, Meta(max_length=20)] | None = None
    pin: Annotated[str, Meta(max_length=12)] | None = None


class RefreshIn(Body):
    """A refresh token."""

    refresh_token: Annotated[str, Meta(max_length=2048)]


class UserIn(Body):
    """A new account."""

    phone: Phone
    name: Name
    role: RoleCode
    cinemas: Annotated[list[Id], Meta(max_length=200)] = []
    binding_policy: Policy | None = None


class UserChange(Body):
    """Changes of an account; what is left out stays."""

    name: Name | UnsetType = UNSET
    role: RoleCode | UnsetType = UNSET
    cinemas: Annotated[list[Id], Meta(max_length=200)] | UnsetType = UNSET
    status: StatusCode | UnsetType = UNSET
    binding_policy: Policy | UnsetType = UNSET


class ReasonIn(Body):
    """Why."""

    reason: Reason = ""


class ReferenceIn(Body):
    """The reference of a refused log-in, in any spelling."""

    reference: Annotated[str, Meta(min_length=6, max_length=20)]


class StaffUser(Answer):
    """A person, as his own till sees him."""

    id: str
    phone: str
    name: str
    role: str
    cinemas: list[str]


class BoundDevice(Answer):
    """The machine that an account is bound to."""

    machine_code: str
    key_thumbprint: str
    name: str
    bound_at: str | None = None
    last_login_time: str | None = None


class SessionInfo(Answer):
    """A session."""

    id: str
    started_at: str
    expires_at: str
    idle_minutes: int


class LoginAnswer(Answer):
    """A successful log-in."""

    access_token: str
    token_type: Literal["DPoP"]
    expires_in: int
    refresh_token: str
    user: StaffUser
    device: BoundDevice
    session: SessionInfo


class WaitingAnswer(Answer):
    """A first log-in that a manager must approve first: ask again after `retryAfter` seconds."""

    status: Literal["pending"]
    reference: str
    retry_after: int


class TokenPair(Answer):
    """The next pair of tokens."""

    access_token: str
    token_type: Literal["DPoP"]
    expires_in: int
    refresh_token: str


class ClientVersions(Answer):
    """The newest client and the oldest that may log in."""

    latest: str
    minimum: str


class SessionAnswer(Answer):
    """The heartbeat's answer."""

    user: StaffUser
    device: BoundDevice
    session: SessionInfo
    server_time: str
    client: ClientVersions


class WebSessionAnswer(Answer):
    """The one-time address of the ticket screens."""

    url: str
    expires_in: int


class ManagedUser(Answer):
    """An account, as a manager sees it."""

    id: str
    phone: str
    name: str
    role: str
    cinemas: list[str]
    status: str
    binding_policy: str
    device: BoundDevice | None
    created_at: str
    binding_window_until: str | None = None
    activation_code_until: str | None = None


class ActivationCodeAnswer(Answer):
    """An activation code, shown this once."""

    code: str
    expires_at: str


class Binding(Answer):
    """One binding of a machine, from when to when; `boundAt` of one that waits for approval is since when."""

    id: str
    user: str
    phone: str
    name: str
    machine_code: str
    key_thumbprint: str
    device_name: str
    state: Literal["pending", "active", "revoked", "refused", "superseded", "lapsed"]
    reference: str
    bound_at: str
    bound_by: str | None
    expires_at: str | None
    revoked_at: str | None


class ManagedSession(Answer):
    """A session, as a manager sees it."""

    id: str
    user: str
    phone: str
    name: str
    role: str
    machine_code: str
    address: str
    started_at: str
    expires_at: str
    ended_at: str | None
    end_reason: str


class LoginLogRow(Answer):
    """One try to log in."""

    id: str
    phone: str
    name: str
    machine_code: str
    key: str
    result: str
    reason: str
    reference: str
    address: str
    client_version: str
    login_time: str


class SecurityLogRow(Answer):
    """One event that touched security."""

    id: str
    event: str
    phone: str
    name: str
    machine_code: str
    key: str
    by_phone: str
    by_name: str
    reason: str
    reference: str
    address: str
    timestamp: str


class UserPage(Answer):
    """A page of accounts."""

    results: list[ManagedUser]
    next: str | None
    previous: str | None


class BindingPage(Answer):
    """A page of bindings."""

    results: list[Binding]
    next: str | None
    previous: str | None


class SessionPage(Answer):
    """A page of sessions."""

    results: list[ManagedSession]
    next: str | None
    previous: str | None


class LoginLogPage(Answer):
    """A page of the login log."""

    results: list[LoginLogRow]
    next: str | None
    previous: str | None


class SecurityLogPage(Answer):
    """A page of the security log."""

    results: list[SecurityLogRow]
    next: str | None
    previous: str | None


def time_or_none(value: datetime | None) -> str | None:
    """Return a time as the API writes it."""
    return clock.iso(value) if value else None


def bound_device(document: dict[str, Any] | None) -> BoundDevice | None:
    """Return `users.device` as answered."""
    if document is None:
        return None
    return BoundDevice(
        machine_code=document["machineCode"],
        key_thumbprint=document["keyThumbprint"],
        name=document["name"],
        bound_at=time_or_none(document.get("boundAt")),
        last_login_time=time_or_none(document.get("lastLoginTime")),
    )


def managed_user(document: dict[str, Any]) -> ManagedUser:
    """Return a document of `users` as answered."""
    account = document["account"]
    return ManagedUser(
        id=str(document["_id"]),
        phone=document["phone"],
        name=document["name"],
        role=document["role"],
        cinemas=[str(cinema) for cinema in document["cinemas"]],
        status=account["status"]["code"],
        binding_policy=account["bindingPolicy"],
        device=bound_device(document.get("device")),
        created_at=clock.iso(document["metadata"]["createdAt"]),
        binding_window_until=time_or_none(account.get("bindingWindowUntil")),
        activation_code_until=time_or_none((account.get("activationCode") or {}).get("expiresAt")),
    )


def binding_row(document: dict[str, Any]) -> Binding:
    """Return a document of `deviceBindings` as answered."""
    lapsed = document["state"] == "pending" and document["expiresAt"] <= clock.now()
    row: Binding = row_of(Binding, document | {"state": "lapsed"} if lapsed else document)
    return row


def row_of(shape: type[Any], document: dict[str, Any], **renamed: str) -> Any:
    """Return `document` as the flat structure `shape`, whose fields are the document's by camelCase name."""
    values = {}
    for name in shape.__struct_fields__:
        path = renamed.get(name) or ("_id" if name == "id" else _camel(name))
        value = document.get(path)
        if isinstance(value, datetime):
            value = clock.iso(value)
        elif value is not None:
            value = str(value)
        values[name] = value
    return shape(**values)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
