"""What an attempt from a machine that is not the account's own is judged by: where it comes from, what it names."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from pymongo import InsertOne

from backend.audit.services import security_log
from backend.core import clock
from backend.core.ids import id_named
from backend.core.mongo import collection, namespace
from backend.core.networks import is_within

Document = dict[str, Any]


@dataclass(frozen=True)
class Surroundings:
    """Whether the address is one of the account's cinemas' networks, and whether the machine has another key."""

    inside: bool = True
    has_other_key: bool = False


def look_around(*, phone: str, address: str, machine_code: str, key: str) -> tuple[Document | None, Surroundings]:
    """Return the account of `phone` and the surroundings of an attempt, in one round trip whether it is known or not.

    A cinema that keeps no networks admits every address; an account of all cinemas, any cinema's.
    """
    found = list(
        collection("users").aggregate(
            [
                {"$match": {"phone": phone}},
                {
                    "$unionWith": {
                        "coll": "users",
                        "pipeline": [
                            {"$match": {"device.machineCode": machine_code}},
                            {"$limit": 50},
                            {"$project": {"_id": 0, "device.keyThumbprint": 1}},
                        ],
                    }
                },
                {"$unionWith": {"coll": "cinemas", "pipeline": [{"$project": {"networks": 1}}]}},
            ]
        )
    )
    user = next((each for each in found if "account" in each), None)
    keys = {each["device"]["keyThumbprint"] for each in found if "_id" not in each}
    cinemas = [each for each in found if "_id" in each and "account" not in each]
    if user and user["cinemas"]:
        cinemas = [each for each in cinemas if each["_id"] in user["cinemas"]]
    lists = [each.get("networks") or [] for each in cinemas]
    return user, Surroundings(
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
    identifier = id_named(named)
    return InsertOne({"_id": identifier, **event}, namespace=namespace("securityLogs"))
