"""Read cinemas, halls and layouts, as far as the caller's cinemas allow."""

from collections.abc import Iterable
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from bson import ObjectId
from django.conf import settings
from django.db.models import Model, QuerySet

from backend.core.actor import Actor
from backend.core.mongo import collection
from backend.core.problems import NotFound
from backend.venues.layouts import drawing

Document = dict[str, Any]


def layout(layout_id: ObjectId) -> MappingProxyType[str, Any]:
    """Return a seat layout, kept in this process for ever: a layout never changes."""
    return _layout(layout_id, collection("hallLayouts").database.name)


@lru_cache(maxsize=256)
def _layout(layout_id: ObjectId, _database: str) -> MappingProxyType[str, Any]:
    document = collection("hallLayouts").find_one({"_id": layout_id})
    if document is None:
        raise NotFound
    document["by_id"] = {seat["seat"]: seat for seat in document["seats"]}
    return MappingProxyType(document)


def drawn(layout_id: ObjectId) -> list[str]:
    """Return a layout as it was drawn, one text a row."""
    found = layout(layout_id)
    return drawing(found["seats"], found["columns"])


def cinemas_of(actor: Actor) -> list[Document]:
    """Return the caller's cinemas, in the order of their codes."""
    wanted = {"_id": {"$in": list(actor.cinemas)}} if actor.cinemas else {}
    return list(collection("cinemas").find(wanted).sort("code", 1))


def cinema(actor: Actor, cinema_id: ObjectId) -> Document:
    """Return one of the caller's cinemas; raises NotFound for any other."""
    document = collection("cinemas").find_one({"_id": cinema_id}) if actor.sees(cinema_id) else None
    if document is None:
        raise NotFound
    return document


def time_zone_of(cinema_document: Document | None) -> str:
    """Return the time zone of a cinema's document, or the settings' own without one."""
    return str((cinema_document or {}).get("timeZone") or settings.TIME_ZONE)


def within_cinemas(queryset: QuerySet[Model], cinemas: Iterable[ObjectId], *, field: str = "cinema") -> QuerySet[Model]:
    """Return `queryset` narrowed to `cinemas`; empty means all, as everywhere."""
    wanted = list(cinemas)
    return queryset.filter(**{f"{field}__in": wanted}) if wanted else queryset
