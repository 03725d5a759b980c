"""Which database serves, and whether it serves at all: one small document that every process follows.

It stands in a database of its own, `MONGO_DB` + `_control`, so that no backup holds it and no restore touches it. Where
there is none the product's database is `MONGO_DB` itself, and it serves. Two databases take turns: a restore fills the
one that rests, and one update of this document lets them change places (docs/decisions/0012-switching-databases.md).
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection
from pymongo import MongoClient
from pymongo import timeout as within
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError, PyMongoError

from backend.core.mongo import AWARE, client, database_name

ASK_EVERY_SECONDS = 0.5  # so that all know within a second
PATIENCE_SECONDS = 0.5  # what is known already will do for a while; who knows nothing waits longer
FIRST_PATIENCE_SECONDS = 5.0
# Where the database does not answer, what was read last holds for so long. Maintenance lasts longer before anything is
# switched, so nobody can sleep through it.
STALE_SECONDS = 30.0
IDENTIFIER = "serving"
RESTORE = "restore"  # the key of a restore's maintenance, and the name of its lease
Document = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Maintenance:
    """Since when nobody is served (UTC), and why: `restore`, or what ops said. `key` is whose it is."""

    key: str
    since: datetime
    reason: str


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A database that served until a restore took its place, at `until` (UTC)."""

    database: str
    until: datetime


@dataclass(frozen=True, kw_only=True)
class Serving:
    """What the document says. `filling` names the database that a restore is filling, or was when it was killed."""

    database: str
    maintenance: Maintenance | None = None
    kept: Kept | None = None
    filling: str = ""


class _Known:
    """What this process read last, and when, in the seconds of `time.monotonic`."""

    serving: Serving | None = None
    read_at = 0.0
    asked_at = -ASK_EVERY_SECONDS


_known = _Known()


def first_name() -> str:
    """Return `MONGO_DB`, which serves as long as nothing was ever restored."""
    return str(connection.settings_dict["NAME"])


def resting(database: str) -> str:
    """Return the database that takes turns with `database`."""
    first = first_name()
    return first if database != first else f"{first}_b"


def control(server: MongoClient[Document]) -> Collection[Document]:
    """Return the collection of the one document."""
    return server[f"{first_name()}_control"].get_collection("serving", codec_options=AWARE)


def read(server: MongoClient[Document]) -> Serving:
    """Return what the document says now."""
    document = control(server).find_one({"_id": IDENTIFIER}) or {}
    maintenance, kept = document.get("maintenance"), document.get("kept")
    return Serving(
        database=document.get("database") or first_name(),
        maintenance=Maintenance(**maintenance) if maintenance else None,
        kept=Kept(**kept) if kept else None,
        filling=document.get("filling") or "",
    )


def current() -> Serving:
    """Return what the document said half a second ago at most; where the database is away, for half a minute.

    Raises PyMongoError or DatabaseError after that.
    """
    now = time.monotonic()
    known = _known.serving
    if known is not None and now - _known.asked_at < ASK_EVERY_SECONDS and now - _known.read_at < STALE_SECONDS:
        return known
    try:
        with within(PATIENCE_SECONDS if known is not None else FIRST_PATIENCE_SECONDS):
            fresh = read(client())
    except (PyMongoError, DatabaseError):
        if known is None or now - _known.read_at >= STALE_SECONDS:
            raise
        _known.asked_at = time.monotonic()
        return known
    _known.serving, _known.read_at, _known.asked_at = fresh, now, now
    return fresh


def forget() -> None:
    """Let the next call of `current` ask."""
    _known.serving = None


def follow() -> Serving:
    """Let this thread's connection go to the database that serves, and return what the document says."""
    serving = current()
    _point(serving.database)
    return serving


def follow_from_the_start(*, connection: Any, **_signal: Any) -> None:
    """Do so for a new connection, before anybody uses it (the signal `connection_created`)."""
    if connection.alias != DEFAULT_DB_ALIAS:
        return
    try:
        name = current().database
    except BaseException:
        # Not to the database of before, by mistake: the next one to ask begins anew.
        connection.connection = None
        connection.__dict__.pop("database", None)
        raise
    if connection.database.name != name:
        connection.database = connection.connection[name]


@contextmanager
def using(database: str) -> Iterator[None]:
    """Let this thread's connection go to `database` inside the block: for what is being restored."""
    before = database_name()
    _point(database)
    try:
        yield
    finally:
        _point(before)


def _point(database: str) -> None:
    server = client()
    if connection.database.name != database:  # type: ignore[attr-defined]
        from django.contrib.contenttypes.models import ContentType  # noqa: PLC0415 - models come later than this module

        connection.database = server[database]  # type: ignore[attr-defined]
        ContentType.objects.clear_cache()  # the ids are the other database's


def enter_maintenance(*, key: str, reason: str, now: datetime, anew: bool = False) -> bool:
    """Begin maintenance by one conditional update; False where it is somebody else's already.

    `anew` lets one of the same key begin again now, so that whoever began it before can no longer switch.
    """
    maintenance = {"key": key, "since": now, "reason": reason}
    mine: list[Document] = [{"maintenance.key": key}] if anew else []
    begun = _change({"$or": [{"maintenance": None}, *mine]}, {"maintenance": maintenance})
    return begun or bool(control(client()).count_documents({"_id": IDENTIFIER, "maintenance.key": key}, limit=1))


def leave_maintenance(maintenance: Maintenance) -> bool:
    """End `maintenance`, and no other that began since; False where it is over."""
    return _change(_is_on(maintenance), {"maintenance": None})


def _is_on(maintenance: Maintenance) -> Document:
    return {"maintenance.key": maintenance.key, "maintenance.since": maintenance.since}


def fill(database: str) -> None:
    """Note that `database` is being filled: what is in it is nobody's, also after a kill."""
    _change({}, {"filling": database, **_forgotten(database)})


def filled() -> None:
    """Note that nothing is being filled."""
    _change({}, {"filling": ""})


def switch(*, former: str, database: str, now: datetime, during: Maintenance, ends_maintenance: bool) -> bool:
    """Let `database` serve instead of `former`, and end maintenance where asked, by one update of one document.

    False where another serves by now, or `during`, the maintenance that held all sales back, was ended meanwhile.
    """
    changed: Document = {"database": database, "kept": {"database": former, "until": now}, "filling": ""}
    condition = {"database": former, **_is_on(during)}
    return _change(condition, {**changed, **({"maintenance": None} if ends_maintenance else {})})


def steering_leases(server: MongoClient[Document]) -> Collection[Document]:
    """Return the leases on what concerns both databases: that of a restore."""
    return server[f"{first_name()}_control"]["leases"]


def restoring(server: MongoClient[Document]) -> str:
    """Return who restores now, his host, process and start; empty where nobody does, or died half a minute ago."""
    held = steering_leases(server).find_one({"_id": RESTORE})
    # The server's own time, as the lease's is: two hosts need not agree on theirs.
    return str(held["holder"]) if held and held["until"] >= server.admin.command("hello")["localTime"] else ""


def _forgotten(database: str) -> Document:
    kept = read(client()).kept
    return {"kept": None} if kept is not None and kept.database == database else {}


def _change(condition: Document, changes: Document) -> bool:
    documents = control(client())
    if documents.find_one({"_id": IDENTIFIER}) is None:
        with suppress(DuplicateKeyError):  # another made it at this moment
            documents.insert_one(
                {"_id": IDENTIFIER, "database": first_name(), "maintenance": None, "kept": None, "filling": ""}
            )
    matched = documents.update_one({"_id": IDENTIFIER, **condition}, {"$set": changes}).matched_count
    forget()
    return bool(matched)
