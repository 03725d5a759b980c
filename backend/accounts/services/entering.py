"""The ways into an account: each writes the new session, its log row and the end of the former, or nothing that counts.

Who logged in here before costs one database round trip: a bulk whose first write is conditional on everything that
Redis remembers of the account. Where it remembers nothing, or not the truth, there are two: one update that finds the
account of this very key and machine, and the bulk. Binding is a bulk as well.
"""

from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo import InsertOne, UpdateOne

from backend.accounts import activation, replay
from backend.accounts.binding_documents import SPENT, bound_event, history_row
from backend.accounts.models import AccountState, BindingPolicy, DeviceBinding
from backend.accounts.returning import Returning
from backend.accounts.services.attempt import Attempt, LoggedIn
from backend.accounts.services.ordered import only_if, write_in_order
from backend.accounts.sessions import new_session
from backend.accounts.surroundings import Surroundings
from backend.accounts.tokens import issue_pair
from backend.audit.words import Reason
from backend.core.ids import reference as new_reference
from backend.core.mongo import client, collection, namespace

Document = dict[str, Any]


def enter_again(attempt: Attempt, known: Returning, identifier: ObjectId, *, now: datetime) -> LoggedIn | None:
    """Write the log-in of an account that logged in here before; None where anything about it has changed since.

    No copy of the former session has counted since the proof was spent, so that its tombstone can wait for the sweeper.
    """
    user = known.account(attempt.phone)
    device = attempt.device(now)
    device["boundAt"] = known.bound_at
    session, log = _session_and_log(attempt, user, device, identifier, now=now)
    unchanged = {name: user[name] for name in ("_id", "phone", "name", "role", "cinemas", "session")}
    account = only_if(
        {**unchanged, **_bound_and_active(attempt), "device.boundAt": known.bound_at},
        _entered(device, identifier),
        scalar="role",
        namespace=namespace("users"),
    )
    if not write_in_order([account, *_opened(session, log), *_ended(user["session"], now)]):
        return None
    return _logged_in(user, device, session, now=now)


def enter_bound(attempt: Attempt, *, now: datetime) -> LoggedIn | None:
    """Write the log-in of a machine that an active account is bound to; None where it is not.

    The account first, by one conditional update that finds it as well: from then on it stands behind the new session
    alone. What is disabled or unbound between the two writes is found out when the session is first read.
    """
    identifier = ObjectId()
    device = attempt.device(now)
    user = collection("users").find_one_and_update(
        {"phone": attempt.phone, **_bound_and_active(attempt)}, _entered(device, identifier)
    )
    if user is None:
        return None
    device["boundAt"] = user["device"]["boundAt"]
    session, log = _session_and_log(attempt, user, device, identifier, now=now)
    client().bulk_write([*_opened(session, log), *_ended(user.get("session"), now)], ordered=True)
    _bury_former(user)
    replay.expect(user, session=identifier)
    return _logged_in(user, device, session, now=now)


def _bound_and_active(attempt: Attempt) -> Document:
    """Return the condition that the account may log in and is bound to this very key and machine."""
    return {
        "account.status.code": AccountState.ACTIVE.value,
        "device.keyThumbprint": attempt.proof.key,
        "device.machineCode": attempt.machine_code,
    }


def _entered(device: Document, session: ObjectId) -> Document:
    """Return what a log-in at a bound machine changes of the account."""
    told = {f"device.{name}": device[name] for name in ("lastLoginTime", "clientVersion", "name", "os")}
    return {"$set": {"session": session, **told}}


def _session_and_log(
    attempt: Attempt, user: Document, device: Document, identifier: ObjectId, *, now: datetime
) -> tuple[Document, Document]:
    session = new_session(user=user, device=device, address=attempt.address, now=now, identifier=identifier)
    log = attempt.log(result="success", reason=Reason.KNOWN.value, reference=new_reference(), now=now, user=user)
    return session, log


def bind_and_enter(attempt: Attempt, user: Document, around: Surroundings, *, now: datetime) -> LoggedIn | None:
    """Write a log-in that binds its machine; None where the account changed since it was read, and nothing counts.

    In order: the session, the account, and only then what says that it happened.
    """
    device = attempt.device(now)
    session = new_session(user=user, device=device, address=attempt.address, now=now)
    reference = new_reference()
    log = attempt.log(result="success", reason=Reason.BOUND.value, reference=reference, now=now, user=user)
    condition, change = _condition_and_change(user, device, session["_id"], now=now)
    history = history_row(
        user,
        device,
        state=DeviceBinding.State.ACTIVE.value,
        reference=reference,
        address=attempt.address,
        inside=around.inside,
        at=now,
    )
    event = bound_event(user, device, reference=reference, address=attempt.address, now=now)
    opened, logged = _opened(session, log)
    writes: list[Any] = [
        opened,
        only_if(condition, change, scalar="role", namespace=namespace("users")),
        logged,
        InsertOne(history, namespace=namespace("deviceBindings")),
        InsertOne({"_id": history["_id"], **event}, namespace=namespace("securityLogs")),
        *_ended(user.get("session"), now),
        *attempt.alerts(user, around, reference=reference, now=now),
    ]
    if not write_in_order(writes):
        collection("staffSessions").delete_one({"_id": session["_id"]})  # no token of it was given out
        return None
    _bury_former(user)
    replay.expect({**user, "device": device}, session=session["_id"])
    return _logged_in(user, device, session, now=now, reason=Reason.BOUND)


def _opened(session: Document, log: Document) -> tuple[InsertOne[Document], InsertOne[Document]]:
    return InsertOne(session, namespace=namespace("staffSessions")), InsertOne(log, namespace=namespace("loginLogs"))


def _ended(former: ObjectId | None, now: datetime) -> list[UpdateOne]:
    """Return the write that ends the account's former session, where it has one."""
    if former is None:
        return []
    ended = {"$set": {"endedAt": now, "endReason": "logged_in_elsewhere"}}
    return [UpdateOne({"_id": former, "endedAt": None}, ended, namespace=namespace("staffSessions"))]


def _bury_former(user: Document) -> None:
    """Bury the session that `user`, as it was before, had."""
    if (former := user.get("session")) is not None:
        replay.bury({former: "logged_in_elsewhere"})


def _logged_in(
    user: Document, device: Document, session: Document, *, now: datetime, reason: Reason = Reason.KNOWN
) -> LoggedIn:
    """Give out the tokens of the new session."""
    ends = session["expiresAt"]
    tokens = issue_pair(session=session["_id"], key=device["keyThumbprint"], generation=1, at=now, ends=ends)
    return LoggedIn(tokens=tokens, user=user, device=device, session=session, reason=reason)


def _condition_and_change(
    user: Document, device: Document, session: ObjectId, *, now: datetime
) -> tuple[Document, Document]:
    """Return the conditional update that binds: nothing that it rests on has changed."""
    condition: Document = {
        "_id": user["_id"],
        "account.status.code": AccountState.ACTIVE.value,
        "session": user.get("session"),
        "role": user["role"],
        "cinemas": user["cinemas"],
    }
    account = user["account"]
    condition |= {"device": None, "account.bindingPolicy": account["bindingPolicy"]}
    if account["bindingPolicy"] == BindingPolicy.CODE:
        condition |= activation.still_good(account["activationCode"])
    else:
        condition["account.bindingWindowUntil"] = {"$gt": now}
    return condition, {"$set": {"session": session, "device": device, **SPENT}}
