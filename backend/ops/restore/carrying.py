"""What a restore takes over from the database that served until now, as one list of rules: one a collection.

A backup is older than the revocations, sales and logs that came after it. Where the former database can be read they
come along, so that nobody gets back what was taken from him and no seat is sold twice. A new collection of the
product needs its line here; a test holds the list against the models.
"""

from collections.abc import Callable, Iterator
from typing import Any

from pymongo import InsertOne, ReplaceOne
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import BulkWriteError

from backend.ops.restore import twins
from backend.ops.restore.errors import NotRestored
from backend.ops.restore.twins import KEYS, Twin

Document = dict[str, Any]
# Given a document of the former database and its restored self (None: the backup has none), return what is to stand.
Rule = Callable[[Document, Document | None], Document]
BATCH = 500
DUPLICATE = 11000


def later(former: Document, _restored: Document | None) -> Document:
    """The former database's document: it is the younger one."""
    return former


def members(*names: str) -> Rule:
    """The backup's document with these members as they are in the former one."""

    def rule(former: Document, restored: Document | None) -> Document:
        if restored is None:
            return former
        return {**restored, **{name: former[name] for name in names if name in former}}

    return rule


def slots(former: Document, restored: Document | None) -> Document:
    """The backup's times of a hall, and those of showtimes that were planned since."""
    if restored is None:
        return former
    known = {slot["showtime"] for slot in restored["slots"]}
    planned_since = [slot for slot in former["slots"] if slot["showtime"] not in known]
    return {**restored, "slots": restored["slots"] + planned_since}


def showtime(former: Document, restored: Document | None) -> Document:
    """The backup's showtime; one that an earlier restore closed for sale stays closed."""
    closed = ("salesEndAt", "closedByRestore") if "closedByRestore" in former else ()
    return members(*KEYS["showtimes"], *closed)(former, restored)


# What a person may do and on which machine: who was disabled, unbound or moved since stays so.
STANDING = ("phone", "account", "device", "role", "cinemas", "password", "session")
ACCOUNTS: dict[str, Rule] = {"users": members(*STANDING), "deviceBindings": later, "staffSessions": later}
# What was sold: orders hold their tickets and payments, seat maps who sits where.
SALES: dict[str, Rule] = {"orders": later, "seatMaps": later, "idempotencyKeys": later}
# What was logged stays.
LOGS: dict[str, Rule] = {"loginLogs": later, "securityLogs": later, "changeLog": later, "django_admin_log": later}
# When the last backup and drill were.
NOTES: dict[str, Rule] = {"backupState": later}
# What is sold, and where: as in the backup, with what came since; later sales name it. All is called as it is today.
PROGRAMME: dict[str, Rule] = {
    "cinemas": members("code", "networks"),  # from where a first log-in binds
    "halls": members(*KEYS["halls"]),
    "hallLayouts": members(*KEYS["hallLayouts"]),
    "films": members(*KEYS["films"]),
    "showtimes": showtime,
    "hallSchedules": slots,
    "clientReleases": later,  # the oldest version that may log in
}
RULES: dict[str, Rule] = {**ACCOUNTS, **SALES, **LOGS, **NOTES, **PROGRAMME}
# Marks of what is spent or waits: those of the backup are void, those of the former database all that count.
MARKS = ("bindingQueues", "dpopReplays")
# Nobody stays signed in to the back office.
EMPTIED = ("django_session", "leases")


def carry(name: str, former: Database[Document], restored: Database[Document]) -> int:
    """Bring the collection `name` of `restored` up to `former` by its rule; return how many documents changed.

    Memory stays flat. It may be repeated. Raises NotRestored where two documents cannot be told apart.
    """
    rule, target, changed = RULES[name], restored[name], 0
    for batch in _batches(former[name]):
        there = {each["_id"]: each for each in target.find({"_id": {"$in": [each["_id"] for each in batch]}})}
        writes: list[InsertOne[Document] | ReplaceOne[Document]] = []
        for each in batch:
            before = there.get(each["_id"])
            after = rule(each, before)
            if before is None:
                writes.append(InsertOne(after))
            elif after != before:
                writes.append(ReplaceOne({"_id": each["_id"]}, after))
        if writes:
            try:
                target.bulk_write(writes, ordered=False)
            except BulkWriteError as error:
                raise _two_alike(target, error) from error
            changed += len(writes)
    return changed


def _two_alike(target: Collection[Document], error: BulkWriteError) -> Exception:
    """Return what names both documents that want one unique key; any other error as it is."""
    wrong = error.details["writeErrors"][0]
    if wrong.get("code") != DUPLICATE or not (key := wrong.get("keyValue")):
        return error
    other = target.find_one(key, {"_id": 1}) or {}
    wanted = " ".join(str(value) for value in key.values())
    written: Any = wrong["op"].get("u", wrong["op"])
    return NotRestored(f"two of {target.name} are {wanted}: {written['_id']} and the backup's {other.get('_id')}")


def make_way(former: Database[Document], restored: Database[Document]) -> list[Twin]:
    """Free in `restored` what the former database's documents are called, and return who was in the way."""
    return [
        twin
        for name in RULES
        if name in KEYS
        for batch in _batches(former[name])
        for twin in twins.make_way(name, batch, former, restored)
    ]


def renew_marks(former: Database[Document] | None, restored: Database[Document]) -> None:
    """Void what was spent or waited as of the backup, and take over what is so now."""
    for name in (*MARKS, *EMPTIED):
        restored[name].delete_many({})
    for name in MARKS if former is not None else ():
        for batch in _batches(former[name]):  # type: ignore[index]  # there are none without it
            restored[name].insert_many(batch)


def _batches(collection: Collection[Document]) -> Iterator[list[Document]]:
    batch: list[Document] = []
    for document in collection.find().sort("_id", 1).batch_size(BATCH):
        batch.append(document)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
