"""Every change of films and showtimes."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from bson import ObjectId
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from pymongo.errors import DuplicateKeyError

from backend.audit.services import record_change
from backend.core.actor import Actor
from backend.core.clock import business_day, iso
from backend.core.money import money, to_bson, to_decimal
from backend.core.mongo import collection
from backend.core.problems import NotFound, RuleBroken
from backend.programme.errors import HallTaken, PricesBroken
from backend.programme.reopening import CLOSED
from backend.venues.selectors import layout as layout_of

Document = dict[str, Any]
CODE_TRIES = 20
SLOTS_KEPT = timedelta(days=2)
SLOT_PATIENCE = timedelta(minutes=1)


def add_film(
    *, title: str, original_title: str, duration_minutes: int, language: str, by: Actor | None, now: datetime
) -> ObjectId:
    """Add a film; raises RuleBroken where the title is taken or the length cannot be."""
    document = {"_id": ObjectId(), **_film(title, original_title, duration_minutes, language)}
    try:
        collection("films").insert_one(document)
    except DuplicateKeyError:
        raise RuleBroken({"title": [_("Another film has this title.")]}) from None
    record_change("film_added", kind="film", target=document["_id"], label=title, by=by, now=now)
    return ObjectId(document["_id"])


def change_film(
    film: ObjectId,
    *,
    title: str,
    original_title: str,
    duration_minutes: int,
    language: str,
    by: Actor | None,
    now: datetime,
) -> None:
    """Change a film. Showtimes that are planned already keep what they copied."""
    before = collection("films").find_one({"_id": film})
    if before is None:
        raise NotFound
    after = _film(title, original_title, duration_minutes, language)
    try:
        collection("films").update_one({"_id": film}, {"$set": after})
    except DuplicateKeyError:
        raise RuleBroken({"title": [_("Another film has this title.")]}) from None
    before.pop("_id")
    record_change("film_changed", kind="film", target=film, label=title, before=before, after=after, by=by, now=now)


def schedule_showtime(
    *,
    film: ObjectId,
    hall: ObjectId,
    starts_at: datetime,
    prices: Sequence[Document],
    picture: str = "2D",
    by: Actor | None,
    now: datetime,
) -> ObjectId:
    """Plan a show and put it on sale; return its id.

    Slot first, then showtime: a crash leaves a slot that nothing is sold in, never two shows in one hall. Who
    plans that hall a minute later drops it. The session code is the next of the cinema's business day.

    `prices` are `{ticketType, label, amount, zone?}`, amount in yuan as a Decimal or text; `picture` is `2D`,
    `3D` or `IMAX`.

    Raises NotFound, HallTaken, PricesBroken.
    """
    place = collection("halls").find_one({"_id": hall})
    shown = collection("films").find_one({"_id": film})
    if place is None or shown is None or (by is not None and not by.sees(place["cinema"])):
        raise NotFound
    home = collection("cinemas").find_one({"_id": place["cinema"]}) or {}
    zones = {seat["zone"] for seat in layout_of(place["layout"])["seats"]}
    ends_at = starts_at + timedelta(minutes=shown["durationMinutes"])
    showtime = {
        "_id": ObjectId(),
        "film": film,
        "filmTitle": shown["title"],
        "originalTitle": shown["originalTitle"],
        "language": shown["language"],
        "format": picture,
        "durationMinutes": shown["durationMinutes"],
        "cinema": place["cinema"],
        "cinemaName": home["name"],
        "hall": hall,
        "hallName": place["name"],
        "layout": place["layout"],
        "businessDay": business_day(starts_at, home["timeZone"]).isoformat(),
        "startsAt": starts_at,
        "endsAt": ends_at,
        "salesEndAt": starts_at + timedelta(minutes=settings.SALES_END_AFTER_START_MINUTES),
        "seatsTotal": place["seatsTotal"],
        "prices": checked_prices(prices, zones=zones),
    }
    _take_slot(showtime, now=now)
    _insert_with_code(showtime)
    _keep_slot(showtime)
    record_change(
        "showtime_added",
        kind="showtime",
        target=showtime["_id"],
        label=f"{showtime['businessDay']} {showtime['code']} {showtime['filmTitle']}",
        after={
            "hall": showtime["hallName"],
            "startsAt": iso(starts_at),
            "prices": _plain(showtime["prices"]),
        },
        by=by,
        now=now,
        cinemas=[showtime["cinema"]],
    )
    return ObjectId(showtime["_id"])


def change_showtime(
    showtime: ObjectId, *, prices: Sequence[Document], sales_end_at: datetime, by: Actor | None, now: datetime
) -> None:
    """Change what seats cost and until when they are sold. Orders keep the prices that they were held with.

    Raises NotFound, PricesBroken and RuleBroken.
    """
    before = collection("showtimes").find_one({"_id": showtime})
    if before is None or (by is not None and not by.sees(before["cinema"])):
        raise NotFound
    if sales_end_at > before["endsAt"]:
        raise RuleBroken({"salesEndAt": [_("A show is not sold after its end.")]})
    zones = {seat["zone"] for seat in layout_of(before["layout"])["seats"]}
    kept = checked_prices(prices, zones=zones)
    after = {"prices": kept, "salesEndAt": sales_end_at}
    # Who says until when it is sold has decided that it is.
    decided = {"$unset": {CLOSED: ""}} if sales_end_at != before["salesEndAt"] else {}
    collection("showtimes").update_one({"_id": showtime}, {"$set": after, **decided})
    record_change(
        "showtime_changed",
        kind="showtime",
        target=showtime,
        label=f"{before['businessDay']} {before['code']} {before['filmTitle']}",
        before={"prices": _plain(before["prices"]), "salesEndAt": iso(before["salesEndAt"])},
        after={"prices": _plain(kept), "salesEndAt": iso(sales_end_at)},
        by=by,
        now=now,
        cinemas=[before["cinema"]],
    )


def checked_prices(prices: Sequence[Document], *, zones: set[str]) -> list[Document]:
    """Return `prices` as a showtime keeps them; raises PricesBroken.

    Every ticket type has one price without a zone, which holds wherever the zone has none of its own.
    """
    kept: list[Document] = []
    seen: set[tuple[str, str | None]] = set()
    for price in prices:
        key = (str(price["ticketType"]), price.get("zone"))
        amount = to_decimal(price["amount"])
        if key in seen:
            raise PricesBroken({"prices": [_("%(type)s is priced twice.") % {"type": key[0]}]})
        if not Decimal(0) <= amount < Decimal(10000):
            raise PricesBroken({"prices": [_("An amount between 0 and 9999.99 yuan.")]})
        if key[1] is not None and key[1] not in zones:
            raise PricesBroken({"prices": [_("This hall has no zone %(zone)s.") % {"zone": key[1]}]})
        seen.add(key)
        kept.append({**price, "amount": to_bson(amount)})
    if not kept or any((ticket_type, None) not in seen for ticket_type, _zone in seen):
        raise PricesBroken({"prices": [_("Each ticket type needs a price for the hall as a whole.")]})
    return kept


def _film(title: str, original_title: str, duration_minutes: int, language: str) -> Document:
    errors: dict[str, list[Any]] = {}
    if not 1 <= len(title.strip()) <= 80:
        errors["title"] = [_("Between 1 and 80 characters.")]
    if not 1 <= duration_minutes <= 600:
        errors["durationMinutes"] = [_("Between 1 and 600 minutes.")]
    if errors:
        raise RuleBroken(errors)
    return {
        "title": title.strip(),
        "originalTitle": original_title.strip(),
        "durationMinutes": duration_minutes,
        "language": language.strip(),
    }


def _take_slot(showtime: Document, *, now: datetime) -> None:
    """Take the hall from the show's start until it is cleaned, or raise HallTaken: one conditional update.

    `takenAt` stands in the slot until its showtime does: by it an abandoned slot is known.
    """
    schedules = collection("hallSchedules")
    start = showtime["startsAt"]
    end = showtime["endsAt"] + timedelta(minutes=settings.HALL_CLEANING_MINUTES)
    slot = {"showtime": showtime["_id"], "from": start, "to": end, "takenAt": now}
    free = {"slots": {"$not": {"$elemMatch": {"from": {"$lt": end}, "to": {"$gt": start}}}}}
    for _try in range(2):
        if schedules.update_one({"_id": showtime["hall"], **free}, {"$push": {"slots": slot}}).modified_count:
            # What is long over can overlap nothing; the document stays small.
            past = {"slots": {"to": {"$lt": now - SLOTS_KEPT}}}
            schedules.update_one({"_id": showtime["hall"], "slots.to": {"$lt": now - SLOTS_KEPT}}, {"$pull": past})
            return
        schedule = schedules.find_one({"_id": showtime["hall"]})
        if schedule is None:
            with suppress(DuplicateKeyError):  # someone else planned this hall's first show
                schedules.insert_one({"_id": showtime["hall"], "slots": []})
        elif not _drop_abandoned(schedule, now=now):
            break
    raise HallTaken(_("%(hall)s is taken then.") % {"hall": showtime["hallName"]})


def _drop_abandoned(schedule: Document, *, now: datetime) -> bool:
    """Free the slots of planners that died before their showtime stood; say whether there were any."""
    limit = now - SLOT_PATIENCE
    waiting = [slot["showtime"] for slot in schedule["slots"] if slot.get("takenAt", now) < limit]
    planned = collection("showtimes").distinct("_id", {"_id": {"$in": waiting}})
    gone = {"showtime": {"$in": [showtime for showtime in waiting if showtime not in planned]}}
    # `takenAt` again: a planner that was only slow may have kept its slot since we looked.
    abandoned = {"slots": {**gone, "takenAt": {"$lt": limit}}}
    return bool(collection("hallSchedules").update_one({"_id": schedule["_id"]}, {"$pull": abandoned}).modified_count)


def _keep_slot(showtime: Document) -> None:
    """Make the slot last, or take the showtime back where the slot was given to others: we were a minute too slow.

    Raises HallTaken.
    """
    ours = {"_id": showtime["hall"], "slots.showtime": showtime["_id"]}
    kept = collection("hallSchedules").update_one(ours, {"$unset": {"slots.$.takenAt": ""}})
    if not kept.matched_count:
        collection("showtimes").delete_one({"_id": showtime["_id"]})
        raise HallTaken(_("%(hall)s is taken then.") % {"hall": showtime["hallName"]})


def _insert_with_code(showtime: Document) -> None:
    """Insert the showtime under the next session code of its cinema's business day."""
    showtimes = collection("showtimes")
    day = {"cinema": showtime["cinema"], "businessDay": showtime["businessDay"]}
    for _try in range(CODE_TRIES):
        codes = [int(other["code"]) for other in showtimes.find(day, {"code": 1})]
        showtime["code"] = f"{max(codes, default=0) + 1:02d}"
        try:
            showtimes.insert_one(showtime)
        except DuplicateKeyError:
            continue  # someone planned another one at this moment
        return
    raise HallTaken(_("Too many people plan this day at once. Try again."))


def _plain(prices: Sequence[Document]) -> list[Document]:
    return [{**price, "amount": money(price["amount"])} for price in prices]
