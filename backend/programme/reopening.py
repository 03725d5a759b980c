"""Showtimes that a restore closed for sale: what was sold since the backup is not known there."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from bson import ObjectId

from backend.audit.services import record_change
from backend.core.actor import Actor
from backend.core.clock import iso
from backend.core.mongo import collection
from backend.core.problems import NotFound

Document = dict[str, Any]
# {at, salesEndAt, backup}: since when, until when it was to be sold, and the time of the newest thing in the backup.
CLOSED = "closedByRestore"


def close_after_restore(
    *,
    now: datetime,
    backup: datetime | None = None,
    cinemas: Collection[ObjectId] | None = None,
    showtimes: Collection[ObjectId] = (),
) -> list[Document]:
    """Close every showtime that is still sold, of `cinemas` and `showtimes` or all, and return all that are closed.

    `backup` is the time of the newest thing that the backup knows. It may be repeated.
    """
    these = [{"cinema": {"$in": list(cinemas or ())}}, {"_id": {"$in": list(showtimes)}}]
    which: Document = {} if cinemas is None else {"$or": these}
    at = now.replace(microsecond=0)  # as a form shows it: who saves other members of the showtime changes nothing here
    for show in collection("showtimes").find({"salesEndAt": {"$gt": now}, CLOSED: {"$exists": False}, **which}):
        closed = {"salesEndAt": at, CLOSED: {"at": at, "salesEndAt": show["salesEndAt"], "backup": backup}}
        collection("showtimes").update_one({"_id": show["_id"], CLOSED: {"$exists": False}}, {"$set": closed})
    return closed_showtimes()


def closed_showtimes() -> list[Document]:
    """Return the showtimes that a restore closed and nobody opened again, by their time."""
    return list(collection("showtimes").find({CLOSED: {"$exists": True}}).sort("startsAt", 1))


def open_again(showtime: ObjectId, *, by: Actor | None, now: datetime) -> bool:
    """Let a showtime that a restore closed be sold again, for as long as it was to be; say whether this call did it.

    Raises NotFound.
    """
    show = collection("showtimes").find_one({"_id": showtime})
    if show is None or (by is not None and not by.sees(show["cinema"])):
        raise NotFound
    closed = show.get(CLOSED)
    if closed is None:
        return False
    opened = collection("showtimes").update_one(
        {"_id": showtime, f"{CLOSED}.at": closed["at"]},
        {"$set": {"salesEndAt": closed["salesEndAt"]}, "$unset": {CLOSED: ""}},
    )
    if opened.modified_count:
        record_change(
            "showtime_opened",
            kind="showtime",
            target=showtime,
            label=name_of(show),
            before={"salesEndAt": iso(show["salesEndAt"])},
            after={"salesEndAt": iso(closed["salesEndAt"])},
            by=by,
            now=now,
            cinemas=[show["cinema"]],
        )
    return bool(opened.modified_count)


def name_of(show: Document) -> str:
    """Return how people call a showtime: its business day, session code and film."""
    return f"{show['businessDay']} {show['code']} {show['filmTitle']}"
