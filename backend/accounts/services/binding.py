"""What managers do with a first log-in: approve or refuse who waits, bind a refused attempt, make a code.

Binding is one conditional update of the account, the same for all ways. What follows it (the history's row, the
log, the others who waited) is named by the row's own id: doing it again finishes what was stopped half way.
"""

import contextlib
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from django.conf import settings
from pymongo.errors import DuplicateKeyError

from backend.accounts import activation
from backend.accounts.binding_documents import SPENT, bound_event, device_document, history_row
from backend.accounts.errors import BindingOver, DeviceBound, NotActive, NothingToBind, OtherPolicy
from backend.accounts.models import AccountState, BindingPolicy, DeviceBinding
from backend.accounts.services.managing import manageable, note_account, unbind_device
from backend.audit.services import record_change, record_security
from backend.audit.words import BINDABLE
from backend.core.actor import Actor
from backend.core.ids import as_reference
from backend.core.mongo import collection
from backend.core.problems import NotFound

Document = dict[str, Any]
State = DeviceBinding.State


def approve_binding(binding: ObjectId, *, by: Actor, now: datetime) -> Document:
    """Bind the machine that waits as `binding`, and return the row. A second call finishes the first.

    Raises NotFound, NotYours, BindingOver for one that no longer waits, DeviceBound and NotActive.
    """
    row, user = _row_and_user(binding, by=by)
    if row["state"] == State.ACTIVE and not row.get("boundBy"):
        return row  # it never waited
    if not _may_finish(row, user) and (row["state"] != State.PENDING or row["expiresAt"] <= now):
        raise BindingOver
    device = device_document(
        machine_code=row["machineCode"],
        key=row["keyThumbprint"],
        name=row["deviceName"],
        os=row["os"],
        client_version=row.get("clientVersion", ""),
        bound_at=now,
        now=None,
    )
    _bind(user, device, row, by=by, now=now)
    return collection("deviceBindings").find_one({"_id": binding}) or row


def bind_attempt(user: ObjectId, *, reference: str, by: Actor, now: datetime) -> None:
    """Bind the very key and machine of a refused log-in, found by its reference in any spelling.

    Raises NotFound, NotYours, NothingToBind where no such refusal is on record, DeviceBound and NotActive.
    """
    account = manageable(user, by=by)
    attempt = collection("loginLogs").find_one(
        {
            "reference": as_reference(reference),
            "user": user,
            "result": "refused",
            "reason": {"$in": [reason.value for reason in BINDABLE]},
            "loginTime": {"$gt": now - timedelta(seconds=settings.APPROVAL_SECONDS)},
        }
    )
    if attempt is None:
        raise NothingToBind
    row = collection("deviceBindings").find_one({"_id": attempt["_id"]})
    if row is not None and not _may_finish(row, account):
        raise BindingOver  # it was bound by this attempt once, and unbound since
    device = device_document(
        machine_code=attempt["machineCode"],
        key=attempt["key"],
        name=attempt["deviceName"],
        os="",  # the log does not keep it; the next log-in tells
        client_version=attempt["clientVersion"],
        bound_at=now,
        now=None,
    )
    fresh = history_row(
        account,
        device,
        state=State.ACTIVE.value,
        reference=attempt["reference"],
        address=attempt["address"],
        inside=None,
        at=now,
        identifier=attempt["_id"],
        bound_by=by.name,
    )
    _bind(account, device, fresh, by=by, now=now)


def _bind(user: Document, device: Document, row: Document, *, by: Actor, now: datetime) -> None:
    """Give the account its device, and write down by `row` that it has it; raises DeviceBound and NotActive."""
    key, machine = device["keyThumbprint"], device["machineCode"]
    result = collection("users").update_one(
        # Role and cinemas as they were judged: somebody raised meanwhile is not bound by a lower one.
        {
            "_id": user["_id"],
            "account.status.code": AccountState.ACTIVE.value,
            "device": None,
            "role": user["role"],
            "cinemas": user["cinemas"],
        },
        {"$set": {"device": device, **SPENT}},
    )
    if not result.matched_count:
        present = collection("users").find_one({"_id": user["_id"]}) or user
        bound = present.get("device") or {}
        if (bound.get("keyThumbprint"), bound.get("machineCode")) != (key, machine):
            raise DeviceBound if bound else NotActive
    bindings = collection("deviceBindings")
    with contextlib.suppress(DuplicateKeyError):
        bindings.insert_one(row)
    bindings.update_one(
        {"_id": row["_id"], "state": State.PENDING.value},
        {"$set": {"state": State.ACTIVE.value, "boundAt": now, "boundBy": by.name}},
    )
    bindings.update_many(
        {"user": user["_id"], "state": State.PENDING.value, "_id": {"$ne": row["_id"]}},
        {"$set": {"state": State.SUPERSEDED.value}},
    )
    # Emptied, not deleted: whoever read it before must see that it changed.
    collection("bindingQueues").update_one({"_id": user["phone"]}, {"$set": {"slots": [], "stamp": ObjectId()}})
    _write_down(user, device, row, by=by, now=now)


def _write_down(user: Document, device: Document, row: Document, *, by: Actor, now: datetime) -> None:
    """Log the binding once, however often it is finished."""
    event = bound_event(user, device, reference=row["reference"], now=now, by=by, address=row["address"])
    with contextlib.suppress(DuplicateKeyError):
        collection("securityLogs").insert_one({"_id": row["_id"], **event})
    with contextlib.suppress(DuplicateKeyError):
        record_change(
            "device_bound",
            kind="account",
            target=user["_id"],
            label=f"{user['name']} {user['phone']}",
            after={"machineCode": device["machineCode"], "key": device["keyThumbprint"], "reference": row["reference"]},
            by=by,
            now=now,
            cinemas=user["cinemas"],
            identifier=row["_id"],
        )


def revoke_binding(binding: ObjectId, *, reason: str, by: Actor, now: datetime) -> None:
    """Unbind the account that `binding` is the active binding of, or refuse the machine that waits as it.

    A refused machine keeps its place until its time is up, so that its next try is told so instead of asking anew.
    Raises NotFound and NotYours. A second call changes nothing.
    """
    row, user = _row_and_user(binding, by=by)
    if row["state"] == State.PENDING:
        _refuse(row, user, reason=reason, by=by, now=now)
    elif (user.get("device") or {}).get("keyThumbprint") == row["keyThumbprint"]:
        unbind_device(row["user"], reason=reason, by=by, now=now)


def _refuse(row: Document, user: Document, *, reason: str, by: Actor, now: datetime) -> None:
    collection("bindingQueues").update_one(
        {"_id": row["phone"], "slots.binding": row["_id"]},
        {"$set": {"slots.$.refused": True, "stamp": ObjectId()}},
    )
    refused = collection("deviceBindings").update_one(
        {"_id": row["_id"], "state": State.PENDING.value},
        {"$set": {"state": State.REFUSED.value, "revokedAt": now, "revokedBy": by.name, "reason": reason}},
    )
    if refused.modified_count:
        record_security(
            "binding_refused",
            now=now,
            user=user,
            by=by,
            machine_code=row["machineCode"],
            key=row["keyThumbprint"],
            reason=reason,
            reference=row["reference"],
        )


def make_activation_code(user: ObjectId, *, by: Actor, now: datetime) -> tuple[str, datetime]:
    """Return a new activation code and when it runs out; a former one is void. It is shown this once.

    Raises NotFound, NotYours, OtherPolicy for an account that binds otherwise, and DeviceBound.
    """
    document = manageable(user, by=by)
    if document["account"]["bindingPolicy"] != BindingPolicy.CODE:
        raise OtherPolicy
    code, until = activation.new_code(), now + timedelta(seconds=settings.ACTIVATION_CODE_SECONDS)
    kept = {"digest": activation.digest(code, user=user), "expiresAt": until, "tries": 0}
    result = collection("users").update_one(
        {"_id": user, "device": None, "role": document["role"], "account.bindingPolicy": BindingPolicy.CODE.value},
        {"$set": {"account.activationCode": kept}},
    )
    if not result.matched_count:
        raise DeviceBound
    note_account("activation_code_made", document, by=by, now=now, after={"until": until.isoformat()})
    return code, until


def _row_and_user(binding: ObjectId, *, by: Actor) -> tuple[Document, Document]:
    row = collection("deviceBindings").find_one({"_id": binding})
    if row is None:
        raise NotFound
    return row, manageable(row["user"], by=by)


def _may_finish(row: Document, user: Document) -> bool:
    """Return whether the account has this binding already: what is left of it may be done, at any time."""
    device = user.get("device") or {}
    same = (device.get("keyThumbprint"), device.get("machineCode")) == (row["keyThumbprint"], row["machineCode"])
    return same and row["state"] in {State.PENDING, State.ACTIVE}
