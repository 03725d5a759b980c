"""Seat maps: one document a showtime, changed only by conditional updates, so no seat has two owners.

A document is `{_id: showtime, version, seats: {"7-10": {order, state, until}}, nextUntil}`. A free seat is
absent. `version` grows with each change. `nextUntil` is never later than the first hold that lapses: the
sweeper finds the document by it. A showtime that nobody bought for has no document.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId
from pymongo.collection import Collection as MongoCollection
from pymongo.errors import DuplicateKeyError

from backend.boxoffice.errors import SeatsInMotion
from backend.core.mongo import collection

HELD, SOLD = "held", "sold"
CLAIM_TRIES = 5
FOREVER = datetime(9999, 12, 31, tzinfo=UTC)
Document = dict[str, Any]
Taken = Mapping[str, Document]


def seat_maps() -> MongoCollection[Document]:
    """Return the collection."""
    return collection("seatMaps")


def claim(showtime: ObjectId, seats: Sequence[str], *, order: ObjectId, until: datetime, now: datetime) -> list[str]:
    """Give all of `seats` to `order` until `until`, or none; return those that someone else has: none means done.

    A seat is claimable when it is absent or its `until` (UTC) has passed. One update of one document: MongoDB
    applies it whole or not at all, so there is nothing to lock and nothing to undo.

    Raises SeatsInMotion where the seats were taken and freed again around every try.
    """
    for _try in range(CLAIM_TRIES):
        result = seat_maps().update_one(
            {"_id": showtime, **unclaimed(seats, now=now)},
            {"$set": _owned(seats, order=order, state=HELD, until=until), **_changed(until)},
        )
        if result.modified_count:
            return []
        document = seat_maps().find_one({"_id": showtime})
        if document is None:
            _open(showtime)
            continue
        lost = _owned_elsewhere(document["seats"], seats, order=order, now=now)
        # Ours already: a retry after a crash. What else blocked us was freed meanwhile: try again.
        if lost or _renew(showtime, seats, order=order, until=until):
            return lost
    raise SeatsInMotion


def unclaimed(seats: Sequence[str], *, now: datetime) -> Document:
    """Return the guard: the filter that no seat of someone else passes. Sold seats have `until` for ever."""
    return {f"seats.{seat}.until": {"$not": {"$gte": now}} for seat in seats}


def sell(showtime: ObjectId, seats: Sequence[str], *, order: ObjectId) -> bool:
    """Mark all of `seats` sold where all are the order's; say whether they were. A second call changes nothing."""
    result = seat_maps().update_one(
        {"_id": showtime, **_owned_by(seats, order)},
        {"$set": _owned(seats, order=order, state=SOLD, until=FOREVER), "$inc": {"version": 1}},
    )
    return result.matched_count == 1


def release(showtime: ObjectId, seats: Iterable[str], *, order: ObjectId) -> None:
    """Free those of `seats` that are the order's. Only for an order that is over: it can gain none meanwhile."""
    ours = list(seats)
    while ours:
        gone = {f"seats.{seat}": "" for seat in ours}
        if (
            seat_maps()
            .update_one({"_id": showtime, **_owned_by(ours, order)}, {"$unset": gone, "$inc": {"version": 1}})
            .matched_count
        ):
            return
        # Some lapsed and have another owner, or are free: go on with what is left, which only shrinks.
        left = taken(showtime)
        still = [seat for seat in ours if left.get(seat, {}).get("order") == order]
        if still == ours:
            return  # the document itself is gone
        ours = still


def taken(showtime: ObjectId) -> Taken:
    """Return the seats that have an owner, holds that lapsed included."""
    return read(showtime)["seats"]


def read(showtime: ObjectId) -> Document:
    """Return the whole document; an empty one where there is none."""
    return seat_maps().find_one({"_id": showtime}) or {"_id": showtime, "version": 0, "seats": {}}


def is_taken(seat: Mapping[str, Any] | None, now: datetime) -> bool:
    """Return whether `seat` of a seat map belongs to someone at `now`: the guard's rule, for reading."""
    return seat is not None and seat["until"] >= now


def lapsed(seats: Taken, now: datetime) -> int:
    """Return how many holds ran out and are still on the map."""
    return sum(1 for seat in seats.values() if seat["until"] < now)


def with_lapsed_holds(now: datetime, *, limit: int) -> list[Document]:
    """Return seat maps on which a hold ran out."""
    return list(seat_maps().find({"nextUntil": {"$lt": now}}).limit(limit))


def drop_lapsed(document: Document, orders_alive: Collection[ObjectId], *, now: datetime) -> bool:
    """Take lapsed holds off a map and note when the next one lapses; say whether nobody changed it meanwhile.

    `orders_alive` keep theirs: an order is ended before its seats are.
    """
    gone = {
        f"seats.{name}": ""
        for name, seat in document["seats"].items()
        if seat["until"] < now and seat["order"] not in orders_alive
    }
    kept = [seat["until"] for name, seat in document["seats"].items() if f"seats.{name}" not in gone]
    update: Document = {"$set": {"nextUntil": min(kept, default=FOREVER)}}
    if gone:
        update |= {"$unset": gone, "$inc": {"version": 1}}
    result = seat_maps().update_one({"_id": document["_id"], "version": document["version"]}, update)
    return bool(result.matched_count)


def _open(showtime: ObjectId) -> None:
    """Begin the map of a showtime that nobody bought for yet."""
    with suppress(DuplicateKeyError):  # another till did, at this moment
        seat_maps().insert_one({"_id": showtime, "version": 0, "seats": {}, "nextUntil": FOREVER})


def _owned_elsewhere(owners: Taken, seats: Sequence[str], *, order: ObjectId, now: datetime) -> list[str]:
    return [seat for seat in seats if is_taken(owners.get(seat), now) and owners[seat]["order"] != order]


def _renew(showtime: ObjectId, seats: Sequence[str], *, order: ObjectId, until: datetime) -> bool:
    """Give the order its own seats anew: a retry after a crash. False where they are not all its own."""
    held = {f"seats.{seat}.state": HELD for seat in seats}
    result = seat_maps().update_one(
        {"_id": showtime, **_owned_by(seats, order), **held},
        {"$set": _owned(seats, order=order, state=HELD, until=until), **_changed(until)},
    )
    return result.matched_count == 1


def _owned(seats: Iterable[str], *, order: ObjectId, state: str, until: datetime) -> Document:
    return {f"seats.{seat}": {"order": order, "state": state, "until": until} for seat in seats}


def _owned_by(seats: Iterable[str], order: ObjectId) -> Document:
    return {f"seats.{seat}.order": order for seat in seats}


def _changed(until: datetime) -> Document:
    return {"$inc": {"version": 1}, "$min": {"nextUntil": until}}
