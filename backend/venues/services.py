"""Every change of cinemas and halls."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

from bson import ObjectId
from django.utils.translation import gettext_lazy as _
from pymongo.errors import DuplicateKeyError

from backend.audit.services import record_change
from backend.core.actor import Actor
from backend.core.mongo import collection
from backend.core.networks import as_network
from backend.core.problems import NotFound, RuleBroken
from backend.venues import layouts
from backend.venues.models import CODE, CODE_PATTERN

Document = dict[str, Any]
MOST_NETWORKS = 50


def add_cinema(
    *,
    name: str,
    code: str,
    time_zone: str,
    address: str,
    networks: Sequence[str] = (),
    by: Actor | None,
    now: datetime,
) -> ObjectId:
    """Open a cinema; raises RuleBroken where the code is taken, the time zone is none or a network is none.

    `networks` (CIDR) are those of its machines: only from there does a first log-in bind; none: from anywhere.
    """
    document = {
        "_id": ObjectId(),
        **_checked(name=name, code=code, time_zone=time_zone, address=address, networks=networks),
    }
    try:
        collection("cinemas").insert_one(document)
    except DuplicateKeyError:
        raise RuleBroken({"code": [_("Another cinema has this code.")]}) from None
    _note("cinema_added", document["_id"], name, cinema=document["_id"], by=by, now=now, after=document)
    return ObjectId(document["_id"])


def change_cinema(
    cinema: ObjectId,
    *,
    name: str,
    code: str,
    time_zone: str,
    address: str,
    networks: Sequence[str],
    by: Actor | None,
    now: datetime,
) -> None:
    """Change a cinema. What showtimes and orders copied stays as it was."""
    before = collection("cinemas").find_one({"_id": cinema})
    if before is None or (by is not None and not by.sees(cinema)):
        raise NotFound
    after = _checked(name=name, code=code, time_zone=time_zone, address=address, networks=networks)
    try:
        collection("cinemas").update_one({"_id": cinema}, {"$set": after})
    except DuplicateKeyError:
        raise RuleBroken({"code": [_("Another cinema has this code.")]}) from None
    _note("cinema_changed", cinema, name, cinema=cinema, by=by, now=now, before=before, after=after)


def add_hall(
    *,
    cinema: ObjectId,
    name: str,
    plan: Mapping[str, Any],
    zones: Mapping[str, str],
    by: Actor | None,
    now: datetime,
) -> ObjectId:
    """Add a hall with its first layout.

    `plan` is what `layouts.build` returned, `zones` has the words for each zone code. Raises NotFound for a
    cinema that the caller does not have, RuleBroken where the name is taken.
    """
    home = collection("cinemas").find_one({"_id": cinema}) if by is None or by.sees(cinema) else None
    if home is None:
        raise NotFound
    if not 1 <= len(name.strip()) <= 30:
        raise RuleBroken({"name": [_("Between 1 and 30 characters.")]})
    hall, layout = ObjectId(), ObjectId()
    # The layout first: a hall whose layout is missing could not be shown.
    collection("hallLayouts").insert_one(
        {
            "_id": layout,
            "hall": hall,
            "version": 1,
            "columns": plan["columns"],
            "rows": plan["rows"],
            "zones": [{"code": code, "label": label} for code, label in zones.items()],
            "seats": plan["seats"],
        }
    )
    document = {
        "_id": hall,
        "cinema": cinema,
        "cinemaName": home["name"],
        "name": name.strip(),
        "layout": layout,
        "seatsTotal": layouts.sellable(plan["seats"]),
    }
    try:
        collection("halls").insert_one(document)
    except DuplicateKeyError:
        collection("hallLayouts").delete_one({"_id": layout})
        raise RuleBroken({"name": [_("Another hall of this cinema has this name.")]}) from None
    _note("hall_added", hall, f"{home['name']} {name}", cinema=cinema, by=by, now=now, after={"name": name})
    return hall


def rename_hall(hall: ObjectId, *, name: str, by: Actor | None, now: datetime) -> None:
    """Give a hall another name. Showtimes that are planned already keep the former one."""
    before = collection("halls").find_one({"_id": hall})
    if before is None or (by is not None and not by.sees(before["cinema"])):
        raise NotFound
    if not 1 <= len(name.strip()) <= 30:
        raise RuleBroken({"name": [_("Between 1 and 30 characters.")]})
    try:
        collection("halls").update_one({"_id": hall}, {"$set": {"name": name.strip()}})
    except DuplicateKeyError:
        raise RuleBroken({"name": [_("Another hall of this cinema has this name.")]}) from None
    label = f"{before['cinemaName']} {name}"
    names = {"before": {"name": before["name"]}, "after": {"name": name.strip()}}
    _note("hall_renamed", hall, label, cinema=before["cinema"], by=by, now=now, **names)


def networks_from(texts: Sequence[str]) -> list[str]:
    """Return the networks that `texts` name, each once, in their order.

    Raises RuleBroken naming the text that is none.
    """
    found: dict[str, None] = {}
    for text in texts:
        try:
            found[as_network(text)] = None
        except ValueError:
            shown = {"text": text.strip()[:60]}
            raise RuleBroken(
                {"networks": [_("“%(text)s” is no network: write one like 10.1.0.0/16.") % shown]}
            ) from None
    if len(found) > MOST_NETWORKS:
        raise RuleBroken({"networks": [_("At most %(count)d networks.") % {"count": MOST_NETWORKS}]})
    return list(found)


def _checked(*, name: str, code: str, time_zone: str, address: str, networks: Sequence[str]) -> Document:
    errors: dict[str, list[Any]] = {}
    if not 1 <= len(name.strip()) <= 60:
        errors["name"] = [_("Between 1 and 60 characters.")]
    if not re.match(CODE_PATTERN, code):
        errors["code"] = [CODE.message]
    if time_zone not in available_timezones():
        errors["timeZone"] = [_("Not a time zone.")]
    if errors:
        raise RuleBroken(errors)
    return {
        "name": name.strip(),
        "code": code,
        "timeZone": time_zone,
        "address": address.strip()[:120],
        "networks": networks_from(networks),
    }


def _note(
    action: str,
    target: ObjectId,
    label: str,
    *,
    cinema: ObjectId,
    by: Actor | None,
    now: datetime,
    before: Document | None = None,
    after: Document | None = None,
) -> None:
    shown = [{key: value for key, value in (each or {}).items() if key != "_id"} for each in (before, after)]
    record_change(
        action,
        kind=action.partition("_")[0],
        target=target,
        label=label,
        before=shown[0],
        after=shown[1],
        by=by,
        now=now,
        cinemas=[cinema],
    )
