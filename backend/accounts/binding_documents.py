"""What a binding leaves behind: the row of the history and the security log."""

from datetime import datetime
from typing import Any

from bson import ObjectId

from backend.audit.services import one_line, security_log

Document = dict[str, Any]
# Whatever let a machine be bound lets no second one: goes into each update that binds.
SPENT = {"account.bindingWindowUntil": None, "account.activationCode": None}


def device_document(
    *, machine_code: str, key: str, name: str, os: str, client_version: str, bound_at: datetime, now: datetime | None
) -> Document:
    """Return `users.device`; `now` is the log-in's time, None where nobody has logged in there yet."""
    return {
        "machineCode": machine_code,
        "keyThumbprint": key,
        "name": one_line(name, 60),
        "os": one_line(os, 60),
        "clientVersion": one_line(client_version, 20),
        "boundAt": bound_at,
        "lastLoginTime": now,
    }


def history_row(
    user: Document,
    device: Document,
    *,
    state: str,
    reference: str,
    address: str,
    inside: bool | None,
    at: datetime,
    identifier: ObjectId | None = None,
    expires_at: datetime | None = None,
    bound_by: str = "",
) -> Document:
    """Return the row of `deviceBindings`; `at` is when it was bound, or since when it waits."""
    return {
        "_id": identifier or ObjectId(),
        "user": user["_id"],
        "phone": user["phone"],
        "name": user["name"],
        "cinemas": user["cinemas"],
        "machineCode": device["machineCode"],
        "keyThumbprint": device["keyThumbprint"],
        "deviceName": device["name"],
        "os": device["os"],
        "clientVersion": device["clientVersion"],
        "state": state,
        "reference": reference,
        "address": address,
        "inside": inside,
        "boundAt": at,
        "boundBy": bound_by,
        "expiresAt": expires_at,
        "revokedAt": None,
        "revokedBy": "",
        "reason": "",
    }


def bound_event(user: Document, device: Document, *, reference: str, now: datetime, **more: Any) -> Document:
    """Return the security log of a binding; `more` is what `security_log` takes besides."""
    return security_log(
        "device_bound",
        now=now,
        user=user,
        machine_code=device["machineCode"],
        key=device["keyThumbprint"],
        reference=reference,
        **more,
    )
