"""Log in by phone, machine code and device proof; bind the device where the account's window is open.

The usual log-in costs two database round trips: one find, and one bulk of writes over three collections.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from bson import ObjectId
from django.conf import settings
from pymongo import InsertOne, UpdateOne
from pymongo.errors import ClientBulkWriteException

from backend.accounts import replay
from backend.accounts.dpop import Proof
from backend.accounts.errors import ClientTooOld, LoginRefused, TooManyAttempts
from backend.accounts.models import AccountState
from backend.accounts.sessions import new_session
from backend.accounts.tokens import issue_pair
from backend.audit.services import login_log, one_line, record_login, security_log
from backend.core.ids import reference as new_reference
from backend.core.mongo import client, collection, namespace
from backend.core.throttles import Bucket, Strikes, forgive, strike, take
from backend.releases.selectors import minimum_version, older

Document = dict[str, Any]
# A log-in that meets another of the same account begins again, at most this often.
TRIES = 4
DUPLICATE_KEY = 11000


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """What a log-in is made of. `phone` is normalised; `proof` holds but is not yet spent."""

    phone: str
    machine_code: str
    device_name: str
    os: str
    client_version: str
    address: str
    proof: Proof


@dataclass(frozen=True)
class LoggedIn:
    """A successful log-in: the tokens and the documents as they stand after it."""

    tokens: Document
    user: Document
    device: Document
    session: Document


def log_in(attempt: Attempt, *, now: datetime) -> LoggedIn:
    """Return the new session of the account, ending the former.

    Raises ClientTooOld before the phone is looked up, InvalidProof or UseNonce for a used or old proof,
    TooManyAttempts, and LoginRefused for every other reason alike.
    """
    minimum = minimum_version()
    if older(attempt.client_version, minimum):
        raise ClientTooOld(minimum=minimum)
    admitted = False
    for _try in range(TRIES):
        user = collection("users").find_one({"phone": attempt.phone})
        bound = user is not None and _is_bound_to(user, attempt)
        if not admitted:
            _admit(attempt, own_key=user is not None and _has_key(user, attempt), now=now)
            admitted = True
        if user is None:
            raise _refused(attempt, "unknown_phone", None, now)
        if reason := _reason_against(user, attempt, bound=bound, now=now):
            raise _refused(attempt, reason, user, now)
        done = _enter(attempt, user, bound=bound, now=now)
        if done is not None:
            if not bound:
                forgive(_phone_key(attempt))
            return done
    raise _refused(attempt, "contested", user, now)


def _has_key(user: Document, attempt: Attempt) -> bool:
    device = user.get("device")
    return device is not None and device["keyThumbprint"] == attempt.proof.key


def _is_bound_to(user: Document, attempt: Attempt) -> bool:
    return _has_key(user, attempt) and user["device"]["machineCode"] == attempt.machine_code


def _phone_key(attempt: Attempt) -> str:
    return f"login-phone:{attempt.phone}"


def _admit(attempt: Attempt, *, own_key: bool, now: datetime) -> None:
    """Spend the proof, and charge the budget that its key decides; raise TooManyAttempts where it is spent.

    The key that the account is bound to has a budget of its own that nobody else can spend. All others share
    one per phone, known or not, and a ceiling per address.
    """
    limits: dict[str, Any] = settings.LOGIN_THROTTLES
    if own_key:
        wait = replay.spend_and_take(
            attempt.proof, f"login-key:{attempt.proof.key}", Bucket(**limits["own_key"]), now=now
        )
    else:
        replay.spend(attempt.proof, now=now)
        per_minute = limits["address_failures"]
        wait = take(f"login-address:{attempt.address}", Bucket(rate=per_minute / 60, burst=per_minute))
        wait = wait or strike(_phone_key(attempt), Strikes(limits["free_failures"], limits["failure_window"]))
    if wait:
        raise TooManyAttempts(wait)


def _reason_against(user: Document, attempt: Attempt, *, bound: bool, now: datetime) -> str:
    """Return why this account may not enter from this machine, or the empty string."""
    account = user["account"]
    if account["status"]["code"] != AccountState.ACTIVE:
        return str(account["status"]["code"])
    if user.get("device") is not None:
        if bound:
            return ""
        return "wrong_machine_code" if _has_key(user, attempt) else "other_device"
    until = account.get("bindingWindowUntil")
    return "" if until is not None and until > now else "window_closed"


def _refused(attempt: Attempt, reason: str, user: Document | None, now: datetime) -> LoginRefused:
    """Log the true reason, and return the one answer for all of them."""
    reference = new_reference()
    record_login(_log_of(attempt, result="refused", reason=reason, reference=reference, now=now, user=user))
    return LoginRefused(reference=reference)


def _log_of(attempt: Attempt, **more: Any) -> Document:
    return login_log(
        phone=attempt.phone,
        machine_code=attempt.machine_code,
        key=attempt.proof.key,
        address=attempt.address,
        client_version=attempt.client_version,
        device_name=attempt.device_name,
        **more,
    )


def _enter(attempt: Attempt, user: Document, *, bound: bool, now: datetime) -> LoggedIn | None:
    """Write the log-in; return None where the account changed since it was read, and nothing counts.

    One ordered bulk: the session, the account, and only then what says that it happened. The account's update is
    an upsert, so that where its condition no longer holds it is no silent miss but a second document under one
    `_id`: an error, at which the bulk stops. Accounts are never deleted, so it can never insert.
    """
    device = _device_of(attempt, user if bound else None, now)
    session = new_session(user=user, device=device, address=attempt.address, now=now)
    former = user.get("session")
    reference = new_reference()
    log = _log_of(
        attempt, result="success", reason="known" if bound else "bound", reference=reference, now=now, user=user
    )
    condition, change = _condition_and_change(user, device, session["_id"], bound=bound, now=now)
    writes: list[Any] = [
        InsertOne(session, namespace=namespace("staffSessions")),
        UpdateOne(condition, change, upsert=True, namespace=namespace("users")),
        InsertOne(log, namespace=namespace("loginLogs")),
    ]
    if not bound:
        history, event = _binding(user, device, reference=reference, address=attempt.address, now=now)
        writes += [
            InsertOne(history, namespace=namespace("deviceBindings")),
            InsertOne(event, namespace=namespace("securityLogs")),
        ]
    if former is not None:
        ended = {"$set": {"endedAt": now, "endReason": "logged_in_elsewhere"}}
        writes.append(UpdateOne({"_id": former, "endedAt": None}, ended, namespace=namespace("staffSessions")))
    try:
        client().bulk_write(writes, ordered=True)
    except ClientBulkWriteException as error:
        if {cast("Document", each)["code"] for each in error.write_errors or ()} != {DUPLICATE_KEY}:
            raise
        collection("staffSessions").delete_one({"_id": session["_id"]})  # no token of it was given out
        return None
    if former is not None:
        replay.bury({former: "logged_in_elsewhere"})
    tokens = issue_pair(session=session["_id"], key=attempt.proof.key, generation=1, at=now, ends=session["expiresAt"])
    return LoggedIn(tokens=tokens, user=user, device=device, session=session)


def _device_of(attempt: Attempt, user: Document | None, now: datetime) -> Document:
    return {
        "machineCode": attempt.machine_code,
        "keyThumbprint": attempt.proof.key,
        "name": one_line(attempt.device_name, 60),
        "os": one_line(attempt.os, 60),
        "clientVersion": one_line(attempt.client_version, 20),
        "boundAt": user["device"]["boundAt"] if user else now,
        "lastLoginTime": now,
    }


def _condition_and_change(
    user: Document, device: Document, session: ObjectId, *, bound: bool, now: datetime
) -> tuple[Document, Document]:
    """Return the conditional update that makes the log-in count: nothing that it rests on has changed."""
    condition: Document = {
        "_id": user["_id"],
        "account.status.code": AccountState.ACTIVE.value,
        "session": user.get("session"),
        "role": user["role"],
        "cinemas": user["cinemas"],
    }
    change: Document = {"session": session}
    if bound:
        condition |= {
            "device.keyThumbprint": device["keyThumbprint"],
            "device.machineCode": device["machineCode"],
        }
        change |= {f"device.{name}": device[name] for name in ("lastLoginTime", "clientVersion", "name", "os")}
        return condition, {"$set": change}
    condition |= {"device": None, "account.bindingWindowUntil": {"$gt": now}}
    change |= {"device": device, "account.bindingWindowUntil": None}
    return condition, {"$set": change}


def _binding(
    user: Document, device: Document, *, reference: str, address: str, now: datetime
) -> tuple[Document, Document]:
    """Return the history's row and the security log of a binding."""
    history = {
        "_id": ObjectId(),
        "user": user["_id"],
        "phone": user["phone"],
        "name": user["name"],
        "cinemas": user["cinemas"],
        "machineCode": device["machineCode"],
        "keyThumbprint": device["keyThumbprint"],
        "deviceName": device["name"],
        "os": device["os"],
        "state": "active",
        "reference": reference,
        "boundAt": now,
        "revokedAt": None,
        "revokedBy": "",
        "reason": "",
    }
    event = security_log(
        "device_bound",
        now=now,
        user=user,
        machine_code=device["machineCode"],
        key=device["keyThumbprint"],
        reference=reference,
        address=address,
    )
    return history, event
