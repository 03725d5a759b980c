"""What the former database lost itself: a sale that it forgot would be sold a second time after the restore.

Orders and seat maps are never deleted. One that the backup has and the former database has not is lost there, and
with it, for all anybody knows, what its cinema sold since the backup.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo.collection import Collection
from pymongo.database import Database

from backend.core.mongo import AWARE

Document = dict[str, Any]
BATCH = 1000
# When each of these was written, by the clock of the servers that sold.
WRITTEN = {"orders": "createdAt", "loginLogs": "loginTime", "securityLogs": "timestamp", "changeLog": "timestamp"}
ORDER_IN_PATH = re.compile(r"/orders/([0-9a-f]{24})(?:/|$)")


def cinemas_that_lost_sales(former: Database[Document], restored: Database[Document]) -> set[ObjectId] | None:
    """Return the cinemas that lost an order or a seat map in `former`; None where it may be any.

    `restored` holds the backup's sales and the former database's by now.
    """
    if _an_answer_names_a_lost_order(restored):
        return None
    cinemas: set[ObjectId] = set()
    for orders in _missing(restored["orders"], former["orders"]):
        cinemas |= set(restored["orders"].distinct("cinema", {"_id": {"$in": orders}}))
    for maps in _missing(restored["seatMaps"], former["seatMaps"]):
        cinemas |= set(restored["showtimes"].distinct("cinema", {"_id": {"$in": maps}}))
    return cinemas


def newest(database: Database[Document]) -> datetime | None:
    """Return until when `database` knows what happened, UTC; None where it knows of nothing."""
    times = []
    for name, member in WRITTEN.items():
        kept = database.get_collection(name, codec_options=AWARE)
        times += [each[member] for each in kept.find({}, {member: 1}).sort(member, -1).limit(1) if member in each]
    return max(times, default=None)


def _an_answer_names_a_lost_order(restored: Database[Document]) -> bool:
    """Return whether a kept answer, less than a day old, says that an order was made or changed that is not there."""
    named: set[ObjectId] = set()
    done = {"status": {"$gte": 200, "$lt": 300}}
    for record in restored["idempotencyKeys"].find(done, {"path": 1, "order": 1}):
        path = record.get("path", "")
        if found := ORDER_IN_PATH.search(path):
            named.add(ObjectId(found[1]))
        elif path.endswith("/orders"):
            named.add(record["order"])
        if len(named) >= BATCH:
            if _absent(list(named), restored["orders"]):
                return True
            named.clear()
    return bool(_absent(list(named), restored["orders"]))


def _missing(these: Collection[Document], there: Collection[Document]) -> Iterator[list[ObjectId]]:
    """Yield the ids of `these` that are not `there`, batch by batch."""
    batch: list[ObjectId] = []
    for each in these.find({}, {"_id": 1}):
        batch.append(each["_id"])
        if len(batch) == BATCH:
            yield _absent(batch, there)
            batch = []
    yield _absent(batch, there)


def _absent(ids: list[ObjectId], there: Collection[Document]) -> list[ObjectId]:
    known = {each["_id"] for each in there.find({"_id": {"$in": ids}}, {"_id": 1})} if ids else set()
    return [each for each in ids if each not in known]
