"""Manage accounts: create, change, disable, bind and unbind; each change is logged and takes effect at once."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.utils.translation import gettext_lazy as _
from pymongo.errors import DuplicateKeyError

from backend.accounts import replay, sessions
from backend.accounts.binding_documents import SPENT
from backend.accounts.errors import DeviceBound, NotYours, OtherPolicy, PhoneTaken
from backend.accounts.models import AccountState, BindingPolicy
from backend.accounts.roles import ROLES
from backend.audit.services import record_change, record_security
from backend.core.actor import Actor
from backend.core.mongo import collection
from backend.core.problems import Invalid, NotFound, RuleBroken

Document = dict[str, Any]
CHANGEABLE = {
    "name": "name",
    "role": "role",
    "cinemas": "cinemas",
    "status": "account.status.code",
    "bindingPolicy": "account.bindingPolicy",
}


def create_account(
    *,
    phone: str,
    name: str,
    role: str,
    cinemas: Sequence[ObjectId],
    by: Actor | None,
    now: datetime,
    password: str | None = None,
    binding_policy: str = "",
) -> ObjectId:
    """Create an enabled account; return its id. Where it binds by window, that is open for 24 hours.

    `phone` is normalised; `cinemas` empty means all; `binding_policy` empty means the setting's; `by` None is a
    command of ops. Raises NotYours, RuleBroken and PhoneTaken.
    """
    policy = binding_policy or settings.BINDING_POLICY
    _check_values({"name": name, "role": role, "cinemas": list(cinemas), "bindingPolicy": policy})
    _check_reach(by, role=role, cinemas=cinemas)
    window = now + timedelta(seconds=settings.BINDING_WINDOW_SECONDS) if policy == BindingPolicy.WINDOW else None
    document: Document = {
        "_id": ObjectId(),
        "phone": phone,
        "name": name.strip(),
        "role": role,
        "cinemas": list(cinemas),
        "password": make_password(password),
        "last_login": None,
        "device": None,
        "account": {
            "status": {"code": AccountState.ACTIVE.value},
            "bindingPolicy": str(policy),
            "bindingWindowUntil": window,
            "activationCode": None,
        },
        "session": None,
        "metadata": {"createdAt": now, "createdBy": by.phone if by else ""},
    }
    try:
        collection("users").insert_one(document)
    except DuplicateKeyError:
        raise PhoneTaken from None
    after = {"phone": phone, "name": name, "role": role, "cinemas": [str(cinema) for cinema in cinemas]}
    note_account("account_created", document, by=by, now=now, after=after)
    return ObjectId(document["_id"])


def change_account(user: ObjectId, *, changes: Document, by: Actor | None, now: datetime) -> None:
    """Change `name`, `role`, `cinemas`, `status` or `bindingPolicy` of an account.

    Role, cinemas and a status other than active end its sessions: the next log-in has the new rights. Another
    policy voids an open window and a code, and opens and makes none.
    Raises NotFound, NotYours and RuleBroken.
    """
    document = manageable(user, by=by)
    _check_values(changes)
    wanted = {**document, **changes}
    _check_reach(by, role=wanted["role"], cinemas=wanted["cinemas"])
    before = {
        **{name: document[name] for name in ("name", "role", "cinemas")},
        "status": _status(document),
        "bindingPolicy": document["account"]["bindingPolicy"],
    }
    changed = {name: value for name, value in changes.items() if before[name] != value}
    if not changed:
        sessions.end_withdrawn(user, now=now)  # whoever was stopped half way comes again, and finds it finished
        return
    # The condition repeats what was judged: somebody raised meanwhile is not changed by a lower one.
    written = {CHANGEABLE[name]: value for name, value in changed.items()}
    if "bindingPolicy" in changed:
        written |= SPENT
    result = collection("users").update_one(
        {"_id": user, "role": document["role"], "cinemas": document["cinemas"]}, {"$set": written}
    )
    if not result.matched_count:
        raise NotYours
    sessions.end_withdrawn(user, now=now)
    shown = {name: before[name] for name in changed}
    note_account("account_changed", document, by=by, now=now, before=_plain(shown), after=_plain(changed))


def unbind_device(user: ObjectId, *, reason: str, by: Actor | None, now: datetime) -> None:
    """Take the device from an account and end its sessions. It opens no window. A second call changes nothing."""
    document = manageable(user, by=by)
    device = document.get("device")
    unbound = False
    if device is not None:
        same = {"_id": user, "device.keyThumbprint": device["keyThumbprint"]}
        unbound = bool(collection("users").update_one(same, {"$set": {"device": None}}).modified_count)
    # These two always: a former call may have been stopped before them.
    sessions.end_withdrawn(user, now=now)
    if device is None or unbound:
        collection("deviceBindings").update_many(
            {"user": user, "state": "active", "boundAt": {"$lte": now}},
            {"$set": {"state": "revoked", "revokedAt": now, "revokedBy": by.name if by else "", "reason": reason}},
        )
    if device is not None and unbound:
        replay.expect_no_more(document)
        shown = {"machineCode": device["machineCode"], "key": device["keyThumbprint"]}
        note_account("device_unbound", document, by=by, now=now, before=shown, reason=reason)


def open_binding_window(user: ObjectId, *, by: Actor | None, now: datetime) -> datetime:
    """Let the first log-in within 24 hours bind its device; return when the window closes.

    Raises DeviceBound: a window never replaces a device; OtherPolicy for an account that binds otherwise.
    """
    document = manageable(user, by=by)
    if document["account"]["bindingPolicy"] != BindingPolicy.WINDOW:
        raise OtherPolicy
    until = now + timedelta(seconds=settings.BINDING_WINDOW_SECONDS)
    result = collection("users").update_one(
        {"_id": user, "device": None, "account.bindingPolicy": BindingPolicy.WINDOW.value},
        {"$set": {"account.bindingWindowUntil": until}},
    )
    if not result.matched_count:
        raise DeviceBound
    note_account("binding_window_opened", document, by=by, now=now, after={"until": until.isoformat()})
    return until


def revoke_session(session: ObjectId, *, by: Actor, now: datetime) -> None:
    """End one session of an account that the caller manages. A second call changes nothing."""
    found = collection("staffSessions").find_one({"_id": session})
    if found is None:
        raise NotFound
    user = manageable(found["user"], by=by)
    if sessions.end(session, reason="revoked", now=now):
        note_account("session_revoked", user, by=by, now=now, before={"session": str(session)})


def set_password(user: ObjectId, *, password: str, by: Actor | None, now: datetime) -> None:
    """Set the password with which a manager signs in to the back office; the caller has validated it."""
    document = collection("users").find_one({"_id": user})
    if document is None:
        raise NotFound
    if by is None or by.id != user:
        manageable(user, by=by)
    collection("users").update_one({"_id": user}, {"$set": {"password": make_password(password)}})
    note_account("password_set", document, by=by, now=now)


def manageable(user: ObjectId, *, by: Actor | None) -> Document:
    """Return the account's document where `by` may manage it.

    Raises NotFound for an account that shares no cinema with the caller; NotYours for himself, for roles equal to
    or above his own, and for somebody who works in a cinema that is not the caller's as well.
    """
    document = collection("users").find_one({"_id": user})
    if by is None:
        if document is None:
            raise NotFound
        return document
    theirs, ours = set(document["cinemas"] if document else ()), set(by.cinemas)
    if document is None or (ours and not theirs & ours):
        raise NotFound
    if document["_id"] == by.id or ROLES[document["role"]].rank >= by.rank or (ours and not theirs <= ours):
        raise NotYours
    return document


def _check_reach(by: Actor | None, *, role: str, cinemas: Sequence[ObjectId]) -> None:
    """Raise NotYours where `by` would give a role or a cinema that is not his to give."""
    if by is None:
        return
    if ROLES[role].rank >= by.rank:
        raise NotYours
    if by.cinemas and not (cinemas and set(cinemas) <= set(by.cinemas)):
        raise NotYours(_("Choose among your own cinemas; none chosen would mean all."))


def _check_values(values: Document) -> None:
    errors: dict[str, list[Any]] = {}
    if "name" in values and not 1 <= len(values["name"].strip()) <= 60:
        errors["name"] = [_("Between 1 and 60 characters.")]
    if "name" in values and not values["name"].isprintable():
        errors["name"] = [_("Only printable characters.")]
    if "role" in values and values["role"] not in ROLES:
        errors["role"] = [_("Not a role.")]
    if "bindingPolicy" in values and values["bindingPolicy"] not in BindingPolicy.values:
        errors["bindingPolicy"] = [_("Not a binding policy.")]
    if "status" in values and values["status"] not in AccountState.values:
        errors["status"] = [_("Not a status.")]
    if errors:
        raise Invalid(errors)
    wanted = values.get("cinemas") or []
    if wanted and collection("cinemas").count_documents({"_id": {"$in": wanted}}) != len(set(wanted)):
        raise RuleBroken({"cinemas": [_("A cinema that does not exist.")]})


def _status(document: Document) -> str:
    return str(document["account"]["status"]["code"])


def _plain(values: Document) -> Document:
    return {name: [str(each) for each in value] if isinstance(value, list) else value for name, value in values.items()}


def note_account(
    event: str,
    user: Document,
    *,
    by: Actor | None,
    now: datetime,
    before: Document | None = None,
    after: Document | None = None,
    reason: str = "",
) -> None:
    """Write what happened to an account into the change log and the security log."""
    label = f"{user['name']} {user['phone']}"
    machine = (before or {}).get("machineCode", "")
    record_change(
        event,
        kind="account",
        target=user["_id"],
        label=label,
        before=before,
        after=after,
        by=by,
        now=now,
        cinemas=user["cinemas"],
    )
    record_security(event, now=now, user=user, by=by, machine_code=machine, reason=reason)
