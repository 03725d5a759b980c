"""Read the logs, as far as the caller's cinemas allow."""

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any

from bson import ObjectId
from django.db.models import Model, Q, QuerySet

from backend.core.http import address_group
from backend.core.mongo import collection

RECENT = timedelta(hours=1)
ENOUGH, AT_MOST = 20, 1000  # log-ins that say something; that are looked at


def cinemas_filter(cinemas: Iterable[ObjectId]) -> dict[str, Any]:
    """Return the MongoDB filter for rows about people of `cinemas`; empty means all, as everywhere.

    A row about nobody known (a refused stranger) belongs to everyone who may read logs; a row about a person
    of all cinemas belongs to those of all cinemas.
    """
    wanted = list(cinemas)
    return {"$or": [{"cinemas": {"$in": wanted}}, {"user": None}]} if wanted else {}


def in_cinemas(queryset: QuerySet[Model], cinemas: Iterable[ObjectId]) -> QuerySet[Model]:
    """Return `queryset` narrowed like `cinemas_filter`."""
    wanted = list(cinemas)
    if not wanted:
        return queryset
    clauses = Q(cinemas__overlap=wanted)
    if hasattr(queryset.model, "user"):
        clauses |= Q(user=None)
    return queryset.filter(clauses)


def share_of_one_private_address(now: datetime) -> float:
    """Return which part of the last hour's tries to log in, from 0 to 1, came from the commonest address.

    0 where that address is a public one, and where there were too few to say. Behind a proxy that hides its clients all
    come from one private address, and every limit by address is then one for all.
    """
    rows = collection("loginLogs").find({"loginTime": {"$gt": now - RECENT}}, {"address": 1, "_id": 0})
    addresses = Counter(address_group(row["address"]) for row in rows.sort("loginTime", -1).limit(AT_MOST))
    if addresses.total() < ENOUGH:
        return 0.0
    ((commonest, count),) = addresses.most_common(1)
    with suppress(ValueError):
        if ip_address(commonest.partition("/")[0]).is_private:
            return count / addresses.total()
    return 0.0
