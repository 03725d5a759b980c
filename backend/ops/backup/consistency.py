"""Read a whole database as of one moment, by the strongest means that this server really has."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import ObjectId
from bson.errors import InvalidId
from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference

PROBE = "backupProbe_"  # how a collection of the scratch database begins, each run's own, which is there for a moment
PROBE_LIVES = timedelta(hours=1)  # the longest; what is older was left by a run that was killed
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
    """Return whether what is written after the first read stays unseen, as in a snapshot it must.

    It counts only where somebody outside the session does see it: what is not there at all proves nothing.
    """
    probe = client[scratch][f"{PROBE}{ObjectId()}"]
    before, after = secrets.token_hex(8), secrets.token_hex(8)
    try:
        probe.insert_one({"_id": before})
        with opened(client) as session:
            if probe.find_one({"_id": before}, session=session) is None:
                return False
            probe.insert_one({"_id": after})
            unseen = probe.find_one({"_id": after}, session=session) is None
            return unseen and probe.find_one({"_id": after}) is not None
    except PyMongoError:
        return False
    finally:
        with suppress(PyMongoError):
            probe.drop()


def is_somebodys_probe(collection: str) -> bool:
    """Return whether a backup that is being made may need this collection of the scratch database."""
    try:
        made_at = ObjectId(collection.removeprefix(PROBE)).generation_time
    except InvalidId:
        return False
    return collection.startswith(PROBE) and abs(datetime.now(UTC) - made_at) < PROBE_LIVES
