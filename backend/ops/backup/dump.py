"""Write a database's collections as mongodump lays them out, in pieces, so that memory stays flat at any size."""

import hashlib
from collections.abc import Callable, Iterator
from typing import IO, Any
from urllib.parse import quote_plus

from bson import json_util
from bson.json_util import CANONICAL_JSON_OPTIONS
from pymongo.client_session import ClientSession
from pymongo.database import Database

from backend.ops.backup.ahead import read_ahead
from backend.ops.backup.bson_stream import DocumentCounter
from backend.ops.backup.errors import BackupError
from backend.ops.backup.manifest import File
from backend.ops.backup.streams import PIECE

SAMPLE = 16  # documents by which the size of all is judged
LARGEST_BATCH = 1000  # documents
Document = dict[str, Any]
Progress = Callable[[str, int], None]


def collections_of(database: Database[Document]) -> list[Document]:
    """Return what `listCollections` says of each collection to keep, by name; raises BackupError for another kind."""
    kept: list[Document] = []
    for info in database.list_collections():
        name = info["name"]
        if name.startswith("system."):
            continue
        if info.get("type", "collection") != "collection":
            raise BackupError(f"{name} is a {info['type']}: only collections can be backed up")
        kept.append(dict(info))
    return sorted(kept, key=lambda info: str(info["name"]))


def file_stem(database: str, collection: str) -> str:
    """Return where mongodump and mongorestore look for a collection, without the extension."""
    return f"{database}/{quote_plus(collection)}"


def metadata_of(database: Database[Document], info: Document) -> bytes:
    """Return `.metadata.json`: options and indexes, in canonical Extended JSON, as mongorestore reads them."""
    identifier = (info.get("info") or {}).get("uuid")
    metadata = {
        "options": info.get("options") or {},
        "indexes": [dict(index) for index in database[info["name"]].list_indexes()],
        **({"uuid": identifier.hex()} if identifier is not None else {}),
        "collectionName": info["name"],
        "type": "collection",
    }
    return json_util.dumps(metadata, json_options=CANONICAL_JSON_OPTIONS).encode()


def write_documents(
    database: Database[Document], name: str, target: IO[bytes], *, session: ClientSession | None, progress: Progress
) -> File:
    """Write the raw documents of collection `name` to `target` and return what was written."""
    counter, digest, size = DocumentCounter(name), hashlib.sha256(), 0
    for piece in read_ahead(_raw(database, name, session)):
        target.write(piece)
        digest.update(piece)
        counter.feed(piece)
        size += len(piece)
        progress(name, counter.documents)
    return File(size=size, sha256=digest.hexdigest(), documents=counter.close())


def _raw(database: Database[Document], name: str, session: ClientSession | None) -> Iterator[bytes]:
    """Yield batches as the server sends them: documents one after another, never decoded."""
    collection = database[name]
    sample = sum(len(batch) for batch in collection.find_raw_batches({}, session=session, limit=SAMPLE))
    size = min(LARGEST_BATCH, max(1, PIECE * SAMPLE // max(1, sample)))
    yield from collection.find_raw_batches({}, session=session, batch_size=size)
