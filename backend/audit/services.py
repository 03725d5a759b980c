"""Write the logs: plain inserts, never an update, so that what was logged stays."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bson import ObjectId

from backend.core.actor import Actor
from backend.core.mongo import collection

Document = dict[str, Any]


def one_line(text: str, length: int) -> str:
    """Return `text` without control characters, cut to `length`: a newline in a name forges no log row."""
    if not text.isprintable():
        text = "".join(character if character.isprintable() else " " for character in text)
    return text[:length]


def login_log(
    *,
    phone: str,
    machine_code: str,
    key: str,
    result: str,
    reason: str,
    reference: str,
    address: str,
    client_version: str,
    device_name: str,
    now: datetime,
    user: Document | None = None,
) -> Document:
    """Return the login log document of one try; the log-in writes it together with its session."""
    return {
        "_id": ObjectId(),
        "phone": phone,
        "name": user["name"] if user else "",
        "machineCode": machine_code,
        "key": key,
        "result": result,
        "reason": reason,
        "reference": reference,
        "address": address,
        "clientVersion": one_line(client_version, 20),
        "deviceName": one_line(device_name, 60),
        "user": user["_id"] if user else None,
        "cinemas": user["cinemas"] if user else [],
        "loginTime": now,
    }


def security_log(
    event: str,
    *,
    now: datetime,
    user: Document | None = None,
    by: Actor | None = None,
    machine_code: str = "",
    key: str = "",
    reason: str = "",
    reference: str = "",
    address: str = "",
) -> Document:
    """Return the security log document about `user` (a document of `users`, or of `staffSessions`)."""
    user = user or {}
    return {
        "event": event,
        "phone": user.get("phone", ""),
        "name": user.get("name", ""),
        "machineCode": machine_code,
        "key": key,
        "byPhone": by.phone if by else "",
        "byName": by.name if by else "",
        "reason": one_line(reason, 200),
        "reference": reference,
        "address": address or (by.address if by else None) or "",
        "user": user.get("user", user.get("_id")),
        "cinemas": user.get("cinemas", []),
        "timestamp": now,
    }


def record_security(event: str, **about: Any) -> None:
    """Insert one security log; the arguments are those of `security_log`."""
    collection("securityLogs").insert_one(security_log(event, **about))


def record_change(
    action: str,
    *,
    kind: str,
    target: ObjectId,
    now: datetime,
    by: Actor | None,
    label: str = "",
    before: Document | None = None,
    after: Document | None = None,
    cinemas: Sequence[ObjectId] = (),
    identifier: ObjectId | None = None,
) -> None:
    """Insert one entry of the change log; `by` is None for a command of ops.

    `identifier` names what may be written once only: raises DuplicateKeyError where it is there already.
    """
    collection("changeLog").insert_one(
        {
            "_id": identifier or ObjectId(),
            "action": action,
            "kind": kind,
            "target": str(target),
            "label": one_line(label, 120),
            "before": before or {},
            "after": after or {},
            "byPhone": by.phone if by else "",
            "byName": by.name if by else "manage.py",
            "machineCode": (by.machine_code if by else None) or "",
            "cinemas": list(cinemas),
            "timestamp": now,
        }
    )
