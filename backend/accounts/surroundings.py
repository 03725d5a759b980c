"""What an attempt from a machine that is not the account's own is judged by: where it comes from, what it names."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import ObjectId
from django.conf import settings
from pymongo import InsertOne

from backend.audit.services import security_log
from backend.core import clock
from backend.core.mongo import collection, namespace
from backend.core.networks import is_within

Document = dict[str, Any]


@dataclass(frozen=True)
class Surroundings:
    """Whether the address is one of the account's cinemas' networks, and whether the machine has another key."""

    inside: bool = True
    has_other_key: bool = False


def look_around(user: Document | None, *, address: str, machine_code: str, key: str) -> Surroundings:
    """Return the surroundings of an attempt, in one round trip whether the phone is known or not.

    A cinema that keeps no networks admits every address; an account of all cinemas, any cinema's.
    """
    theirs = {"_id": {"$in": user["cinemas"]}} if user and user["cinemas"] else {}
    # The machine first: the first stage uses its index, the other reads a chain's few cinemas.
    found = list(
        collection("users").aggregate(
            [
                {"$match": {"device.machineCode": machine_code}},
                {"$limit": 50},
                {"$project": {"device.keyThumbprint": 1}},
                {
                    "$unionWith": {
                        "coll": "cinemas",
                        "pipeline": [{"$match": theirs}, {"$project": {"networks": 1}}],
                    }
                },
            ]
        )
    )
    keys = {each["device"]["keyThumbprint"] for each in found if "device" in each}
    lists = [each.get("networks") or [] for each in found if "device" not in each]
    return Surroundings(
        inside=not lists or any(not networks or is_within(address, networks) for networks in lists),
        has_other_key=bool(keys - {key}),
    )


def alert_of_new_key(
    user: Document | None, *, phone: str, machine_code: str, key: str, reference: str, address: str, now: datetime
) -> InsertOne[Document]:
    """Return the write of "same machine code, new key": one row an account, key and day, as its `_id` sees to."""
    day = clock.business_day(now, settings.TIME_ZONE)
    named = f"known_machine_new_key|{user['_id'] if user else phone}|{key}|{day}"
    event = security_log(
        "known_machine_new_key",
        now=now,
        user=user or {"phone": phone},
        machine_code=machine_code,
        key=key,
        reference=reference,
        address=address,
    )
    identifier = ObjectId(hashlib.sha256(named.encode()).digest()[:12])
    return InsertOne({"_id": identifier, **event}, namespace=namespace("securityLogs"))
