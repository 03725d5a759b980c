"""Read a whole database as of one moment, by the strongest means that this server really has."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference

PROBE = "backupProbe"  # a collection of the scratch database, which is there for a moment
Client = MongoClient[dict[str, Any]]


@dataclass(frozen=True)
class View:
    """A session whose reads all see the same moment (`snapshot`), or None where the server offers none."""

    session: ClientSession | None
    snapshot: bool
    consistency: str


@contextmanager
def one_moment(client: Client, scratch: str) -> Iterator[View]:
    """Yield the view to read with; `scratch` names a database that may be written, for the probe.

    A snapshot session first: MongoDB keeps it as long as `minSnapshotHistoryWindowInSeconds`. Some servers accept
    one and give no snapshot, which a probe finds out: then a transaction, and without that, plain reads, which the
    manifest owns up to.
    """
    for name, opened in (("snapshot session", _snapshot_session), ("transaction", _transaction)):
        if _holds(client, scratch, opened):
            with opened(client) as session:
                yield View(session, snapshot=True, consistency=name)
            return
    yield View(None, snapshot=False, consistency="none: each document is as it was when it was read")


@contextmanager
def _snapshot_session(client: Client) -> Iterator[ClientSession]:
    with client.start_session(snapshot=True) as session:
        yield session


@contextmanager
def _transaction(client: Client) -> Iterator[ClientSession]:
    with (
        client.start_session() as session,
        session.start_transaction(ReadConcern("snapshot"), read_preference=ReadPreference.PRIMARY),
    ):
        yield session


def _holds(client: Client, scratch: str, opened: Any) -> bool:
    """Return whether what is written after the first read stays unseen, as in a snapshot it must."""
    probe = client[scratch][PROBE]
    before, after = secrets.token_hex(8), secrets.token_hex(8)
    try:
        probe.insert_one({"_id": before})
        with opened(client) as session:
            if probe.find_one({"_id": before}, session=session) is None:
                return False
            probe.insert_one({"_id": after})
            return probe.find_one({"_id": after}, session=session) is None
    except PyMongoError:
        return False
    finally:
        with suppress(PyMongoError):
            probe.drop()
