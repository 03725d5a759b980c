"""What nobody has after a restore: a session; and where the former database cannot be read, a bound machine or a sale.

All of it happens in the restored database before it serves.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo.database import Database

from backend.accounts.roles import ROLES

Document = dict[str, Any]
RESTORED = "restored"
# Beyond every version that a till may have seen of a map since the backup: no till takes an old picture for the new.
VERSIONS_LOST = 1_000_000


def end_sessions(restored: Database[Document], *, now: datetime) -> None:
    """End every session of every account."""
    ended = {"$set": {"endedAt": now, "endReason": RESTORED}}
    restored["staffSessions"].update_many({"endedAt": None}, ended)
    restored["users"].update_many({"session": {"$ne": None}}, {"$set": {"session": None}})


def withhold_machines(
    restored: Database[Document], *, known: Collection[ObjectId], managers: Collection[str], now: datetime
) -> int:
    """Unbind every account but the `known`, whose standing of today was carried over; return how many there are.

    Each binds anew when a manager approves its machine. Who works in the back office needs no machine: but for the
    `managers` (phones) that ops vouch for he waits until one of them enables him.
    """
    unknown: Document = {"_id": {"$nin": list(known)}}
    nothing_binds = {
        "device": None,
        "account.bindingPolicy": "approval",
        "account.bindingWindowUntil": None,
        "account.activationCode": None,
    }
    found = restored["users"].count_documents(unknown)
    restored["users"].update_many(unknown, {"$set": nothing_binds})
    waiting = {
        **unknown,
        "role": {"$in": _offices()},
        "phone": {"$nin": list(managers)},
        "account.status.code": "active",
    }
    restored["users"].update_many(waiting, {"$set": {"account.status.code": "pending"}})
    over = {"state": "revoked", "revokedAt": now, "revokedBy": "manage.py", "reason": RESTORED}
    bound: Document = {"user": {"$nin": list(known)}, "state": {"$in": ["active", "pending"]}}
    restored["deviceBindings"].update_many(bound, {"$set": over})
    return found


def may_approve(restored: Database[Document], managers: Collection[str]) -> bool:
    """Return whether one of `managers` (phones) is left who can enable the others and approve machines."""
    left = {"phone": {"$in": list(managers)}, "role": {"$in": _offices()}, "account.status.code": "active"}
    return restored["users"].find_one(left) is not None


def _offices() -> list[str]:
    return [role.code for role in ROLES.values() if role.back_office]


def renew_maps(restored: Database[Document]) -> None:
    """Give every seat map a version that no till has seen."""
    restored["seatMaps"].update_many({}, {"$inc": {"version": VERSIONS_LOST}})
