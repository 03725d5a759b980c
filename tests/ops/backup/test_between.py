"""A moment between two backups: what the oplog of these servers allows, tried on a restored backup.

The oplog's entries are this server's own, not mongod's, and mongorestore is not at hand: docs/guides/backup.md says so.
"""

from pathlib import Path
from typing import Any

from bson import Timestamp
from django.core.management import call_command
from django.db import connection
from pymongo.database import Database

from backend.core.mongo import client, collection
from backend.ops.backup import loading
from backend.ops.backup import shelf as shelves

SOLD = ("orders", "seatMaps", "idempotencyKeys", "showtimes", "users", "staffSessions", "loginLogs")


def moment() -> Timestamp:
    """Return the server's own time of its last write."""
    with client().start_session() as session:
        collection("users").find_one({}, session=session)
        assert session.operation_time is not None
        return session.operation_time


def oplog(since: Timestamp, until: Timestamp) -> list[dict[str, Any]]:
    """Return the entries as `mongodump --query` takes them, up to the limit of `mongorestore --oplogLimit`."""
    return list(client()["local"]["oplog.rs"].find({"ts": {"$gte": since, "$lte": until}}).sort("ts", 1))


def replay(entry: dict[str, Any], source: str, target: Database[Any]) -> None:
    """Apply one entry; twice is as good as once, because it says what became of a document, never by how much."""
    for inner in entry["o"].get("applyOps", []) if entry["op"] == "c" else []:
        replay(inner, source, target)
    database, _, name = entry["ns"].partition(".")
    if database != source:
        return
    if entry["op"] == "i":
        target[name].replace_one({"_id": entry["o"]["_id"]}, entry["o"], upsert=True)
    elif entry["op"] == "d":
        target[name].delete_one({"_id": entry["o"]["_id"]})
    elif entry["op"] == "u" and "diff" not in entry["o"]:
        target[name].replace_one({"_id": entry["o2"]["_id"]}, entry["o"])
    elif entry["op"] == "u":
        diff = entry["o"]["diff"]
        assert not diff["truncatedArrays"]
        change = {"$set": diff["updatedFields"], "$unset": dict.fromkeys(diff["removedFields"], "")}
        target[name].update_one({"_id": entry["o2"]["_id"]}, {each: what for each, what in change.items() if what})


def contents(database: Database[Any]) -> dict[str, list[Any]]:
    return {name: list(database[name].find().sort("_id", 1)) for name in SOLD}


def test_a_mistake_is_undone_by_a_backup_and_the_oplog_up_to_it(
    transactional_db: None, make_till: Any, shelf: Path
) -> None:
    from tests.factories import make_showtime, make_staff  # noqa: PLC0415 - Django is set up by now

    live = client()[connection.settings_dict["NAME"]]
    till, showtime = make_till(make_staff()).log_in(), make_showtime()
    since = moment()  # before the backup: what it has already is applied again
    till.sell(showtime, "1-1", "1-2")
    call_command("backup_database", output=shelf)
    till.sell(showtime, "2-1")
    cancelled = till.hold(showtime, "3-1")
    till.post(f"/api/v2/orders/{cancelled['id']}/cancel")
    before, until = contents(live), moment()
    live["orders"].delete_many({})  # the mistake, and what was sold after it
    till.sell(showtime, "4-1")

    restored = client()[f"{live.name}_between"]
    client().drop_database(restored)
    try:
        loading.load(shelves.backups_in(shelf)[0].path, restored)
        assert contents(restored) != before
        entries = oplog(since, until)
        for entry in entries:
            replay(entry, live.name, restored)

        assert contents(restored) == before
        assert len(before["orders"]) == 3
    finally:
        client().drop_database(restored)
