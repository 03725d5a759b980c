"""Reach MongoDB itself, for conditional updates and hot paths that the ORM cannot express."""

from typing import Any

from bson.codec_options import CodecOptions
from django.db import connection
from pymongo import MongoClient
from pymongo.collection import Collection

# The ORM wants naive times and makes them aware itself; everything else here works with aware ones.
AWARE: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True)


def collection(name: str) -> Collection[dict[str, Any]]:
    """Return the collection `name` of the product's database."""
    return connection.get_collection(name, codec_options=AWARE)  # type: ignore[attr-defined]  # the backend's own


def client() -> MongoClient[dict[str, Any]]:
    """Return this process's one client, for writes that span collections."""
    connection.ensure_connection()
    return connection.connection


def namespace(name: str) -> str:
    """Return `database.collection`, as `MongoClient.bulk_write` names a collection."""
    return f"{database_name()}.{name}"


def database_name() -> str:
    """Return the name of the product's database, which a restore may have changed (`core.serving`)."""
    client()
    return str(connection.database.name)
