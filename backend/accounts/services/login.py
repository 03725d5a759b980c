"""Log in by phone, machine code and device proof; bind the device where the account's policy lets it.

A machine that the account is bound to enters by one or two database round trips (`entering`). A first log-in misses
there and costs two more: a look at the account, at where the attempt comes from and whether its machine is known
under another key; and the bulk that binds.
"""

from datetime import datetime
from typing import Any

from bson import ObjectId
from django.conf import settings
from pymongo import InsertOne
from pymongo.errors import DuplicateKeyError

from backend.accounts import activation, replay
from backend.accounts.errors import ClientTooOld, LoginRefused, TooManyAttempts
from backend.accounts.models import AccountState, BindingPolicy
from backend.accounts.services import approvals, entering
from backend.accounts.services.approvals import Queue
from backend.accounts.services.attempt import Attempt, LoggedIn, Waiting
from backend.accounts.services.ordered import write_in_order
from backend.accounts.surroundings import Surroundings, look_around
from backend.audit.words import Reason
from backend.core import metrics
from backend.core.http import address_group
from backend.core.ids import id_named
from backend.core.ids import reference as new_reference
from backend.core.mongo import collection, namespace
from backend.core.throttles import Bucket, Strikes, forgive, strike, take
from backend.releases.selectors import minimum_version, older

Document = dict[str, Any]
# A log-in that meets another of the same account begins again, at most this often.
TRIES = 4


def log_in(attempt: Attempt, *, now: datetime) -> LoggedIn | Waiting:
    """Return the new session of the account, ending the former; or that it waits for approval.

    Raises ClientTooOld before the phone is looked up, InvalidProof or UseNonce for a used or old proof,
    TooManyAttempts, and LoginRefused for every other reason alike.
    """
    minimum = minimum_version()
    if older(attempt.client_version, minimum):
        raise ClientTooOld(minimum=minimum)
    limits: dict[str, Any] = settings.LOGIN_THROTTLES
    own_budget = f"login-key:{attempt.proof.key}"
    identifier = ObjectId()
    wait, known = replay.spend_and_enter(
        attempt.proof, own_budget, Bucket(**limits["own_key"]), phone=attempt.phone, session=identifier, now=now
    )
    entered = None
    if not wait:
        again = entering.enter_again(attempt, known, identifier, now=now) if known else None
        entered = again or entering.enter_bound(attempt, now=now)
    return entered or _enter_otherwise(attempt, wait, now=now)


def _enter_otherwise(attempt: Attempt, wait: float, *, now: datetime) -> LoggedIn | Waiting:
    """Return what comes of an attempt that is not a bound machine's, or that must `wait`; raises like `log_in`."""
    admitted = False
    for _try in range(TRIES):
        user, around = look_around(
            phone=attempt.phone, address=attempt.address, machine_code=attempt.machine_code, key=attempt.proof.key
        )
        queue = approvals.queue_of(attempt.phone, user, now=now) if approvals.waits_for_approval(user) else None
        slot = queue.slot_of(key=attempt.proof.key, machine_code=attempt.machine_code) if queue else None
        waits = slot is not None and not slot["refused"]
        if not admitted:
            own_key = waits or (user is not None and _has_key(user, attempt))
            _admit(attempt, user, wait=wait if own_key else None, now=now)
            admitted = True
        if slot is not None and waits:
            return Waiting(slot["reference"], settings.APPROVAL_RETRY_SECONDS)
        done = _judge_and_enter(attempt, user, around, queue, now=now)
        if done is not None:
            return done
    raise _refused(attempt, Reason.CONTESTED, user, Surroundings(), now)


def _judge_and_enter(
    attempt: Attempt, user: Document | None, around: Surroundings, queue: Queue | None, *, now: datetime
) -> LoggedIn | Waiting | None:
    """Return what came of the attempt, or None where the account changed meanwhile. Raises LoginRefused."""
    if user is not None and _is_bound_to(user, attempt):
        if user["account"]["status"]["code"] != AccountState.ACTIVE:
            raise _refused(attempt, Reason(user["account"]["status"]["code"]), user, Surroundings(), now)
        return entering.enter_bound(attempt, now=now)
    if queue is not None:
        return _wait(attempt, user, queue, around, now=now)
    if reason := _reason_against(attempt, user, around, now=now):
        raise _refused(attempt, reason, user, around, now)
    assert user is not None
    done = entering.bind_and_enter(attempt, user, around, now=now)
    if done is not None:
        forgive(_phone_key(attempt))
    return done


def _has_key(user: Document, attempt: Attempt) -> bool:
    device = user.get("device")
    return device is not None and device["keyThumbprint"] == attempt.proof.key


def _is_bound_to(user: Document, attempt: Attempt) -> bool:
    return _has_key(user, attempt) and user["device"]["machineCode"] == attempt.machine_code


def _phone_key(attempt: Attempt) -> str:
    return f"login-phone:{attempt.phone}"


def _admit(attempt: Attempt, user: Document | None, *, wait: float | None, now: datetime) -> None:
    """Raise TooManyAttempts where the budget that the proven key decides is spent.

    The key that the account is bound to has a budget of its own that nobody else can spend, and `wait` is what it
    said. All others (`wait` is None) share one per phone, known or not, and a ceiling per address.
    """
    limits: dict[str, Any] = settings.LOGIN_THROTTLES
    limit = "login_key"
    if wait is None:
        limit, per_minute = "login_address", limits["address_failures"]
        wait = take(f"login-address:{address_group(attempt.address)}", Bucket(rate=per_minute / 60, burst=per_minute))
        if not wait:
            wait = strike(_phone_key(attempt), Strikes(limits["free_failures"], limits["failure_window"]))
            if wait:
                metrics.held_back.labels("login_phone").inc()
                raise TooManyAttempts(wait, reference=_reference_of_waiting(attempt, user, now))
    if wait:
        metrics.held_back.labels(limit).inc()
        raise TooManyAttempts(wait)


def _reference_of_waiting(attempt: Attempt, user: Document | None, now: datetime) -> str:
    """Log that this key must wait, once in its window, and return the reference.

    Strangers may have spent what is free of a phone whose cashier has no machine yet: by the reference a manager
    binds the cashier's without waiting. The ceiling of the address bounds how many rows a stranger writes.
    """
    limits: dict[str, Any] = settings.LOGIN_THROTTLES
    window = int(now.timestamp()) // limits["failure_window"]
    named = f"throttled|{attempt.phone}|{attempt.proof.key}|{attempt.machine_code}|{window}"
    identifier = id_named(named)
    reference = new_reference()
    log = attempt.log(result="refused", reason=Reason.THROTTLED.value, reference=reference, now=now, user=user)
    try:
        collection("loginLogs").insert_one({**log, "_id": identifier})
    except DuplicateKeyError:
        kept = collection("loginLogs").find_one({"_id": identifier}, {"reference": 1})
        return str(kept["reference"]) if kept else reference
    return reference


def _reason_against(attempt: Attempt, user: Document | None, around: Surroundings, *, now: datetime) -> Reason | None:
    """Return why this account may not be entered from, and bound to, this machine; None where it may."""
    reason = _reason_before_policy(attempt, user)
    if user is not None and reason is None:
        if user["account"]["bindingPolicy"] == BindingPolicy.CODE:
            return activation.reason_against(user, attempt.activation_code, now=now)
        until = user["account"].get("bindingWindowUntil")
        if until is None or until <= now:
            reason = Reason.WINDOW_CLOSED
        elif not around.inside:
            reason = Reason.FOREIGN_NETWORK
    if reason is not None:
        # A wrong code is counted where the account has one. Here nothing is, but it takes the same time.
        activation.reason_against(None, attempt.activation_code, now=now)
    return reason


def _reason_before_policy(attempt: Attempt, user: Document | None) -> Reason | None:
    if user is None:
        return Reason.UNKNOWN_PHONE
    if user["account"]["status"]["code"] != AccountState.ACTIVE:
        return Reason(user["account"]["status"]["code"])
    if user.get("device") is not None:
        return Reason.WRONG_MACHINE_CODE if _has_key(user, attempt) else Reason.OTHER_DEVICE
    return None


def _refused(
    attempt: Attempt, reason: Reason, user: Document | None, around: Surroundings, now: datetime
) -> LoginRefused:
    """Log the true reason, and return the one answer for all of them."""
    reference = new_reference()
    log = attempt.log(result="refused", reason=reason.value, reference=reference, now=now, user=user)
    write_in_order(
        [InsertOne(log, namespace=namespace("loginLogs")), *attempt.alerts(user, around, reference=reference, now=now)]
    )
    return LoginRefused(reason, reference=reference)


def _wait(
    attempt: Attempt, user: Document | None, queue: Queue, around: Surroundings, *, now: datetime
) -> Waiting | None:
    """Take a place among those that wait for approval; None where the queue changed meanwhile.

    Raises LoginRefused where all places are taken, or a manager refused this key.
    """
    unknown = Reason.UNKNOWN_PHONE if user is None else None
    if any(slot["key"] == attempt.proof.key and slot["refused"] for slot in queue.slots):
        raise _refused(attempt, unknown or Reason.APPROVAL_REFUSED, user, around, now)
    reference = new_reference()
    why = unknown or Reason.APPROVAL
    log = attempt.log(result="pending", reason=why.value, reference=reference, now=now, user=user)
    reason = approvals.ask(
        queue,
        phone=attempt.phone,
        user=user,
        device=attempt.device(now),
        address=attempt.address,
        inside=around.inside,
        reference=reference,
        log=InsertOne(log, namespace=namespace("loginLogs")),
        alerts=attempt.alerts(user, around, reference=reference, now=now),
        now=now,
    )
    if reason is Reason.APPROVALS_FULL:
        raise _refused(attempt, unknown or reason, user, around, now)
    return Waiting(reference, settings.APPROVAL_RETRY_SECONDS) if reason is None else None
