"""Put a backup's documents into a database, batch by batch, and measure what is in one."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import unquote_plus

import bson
from bson import json_util
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from django.conf import settings
from pymongo.database import Database

from backend.ops.backup import archive
from backend.ops.backup.ahead import read_ahead
from backend.ops.backup.archive import Progress, untold
from backend.ops.backup.streams import plain_bytes

Document = dict[str, Any]
RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)
BATCH_DOCUMENTS = 1000
BATCH_BYTES = 2 * 1024 * 1024
BITS = 256


@dataclass
class Content:
    """What a collection holds: the number of documents and a digest that does not depend on their order."""

    documents: int = 0
    digest: int = 0

    def add(self, raw: bytes | memoryview) -> None:
        """Count one document in."""
        self.documents += 1
        self.digest = (self.digest + int.from_bytes(hashlib.sha256(raw).digest(), "big")) % 2**BITS


def load(path: Path, database: Database[Document], *, progress: Progress = untold) -> dict[str, Content]:
    """Load the backup in `path` into `database`, which should be empty, and return what was loaded by collection.

    Indexes come after the documents, those that let documents expire without their time: what is restored is looked
    at, and must not vanish meanwhile. Raises Damaged and PyMongoError.
    """
    loaded: dict[str, Content] = {}
    with (
        plain_bytes(path, settings.BACKUP_AGE_IDENTITY_FILE) as stream,
        archive.opened(stream) as members,
    ):
        for name, content in members:
            stem = name.rpartition("/")[2]
            if stem.endswith(".bson"):
                collection = unquote_plus(stem.removesuffix(".bson"))
                loaded[collection] = _insert(database, collection, content, progress)
            elif stem.endswith(".metadata.json"):
                _make_indexes(database, json_util.loads(content.read()))
    return loaded


def _insert(database: Database[Document], name: str, content: IO[bytes], progress: Progress) -> Content:
    target = database.get_collection(name, codec_options=RAW)
    held = Content()
    for batch in read_ahead(_batches(bson.decode_file_iter(content, RAW))):
        for document in batch:
            held.add(document.raw)
        target.insert_many(batch, ordered=False)
        progress(f"{name}: documents restored", held.documents)
    return held


def _batches(documents: Iterable[RawBSONDocument]) -> Iterator[list[RawBSONDocument]]:
    batch: list[RawBSONDocument] = []
    size = 0
    for document in documents:
        batch.append(document)
        size += len(document.raw)
        if len(batch) == BATCH_DOCUMENTS or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _make_indexes(database: Database[Document], metadata: Document) -> None:
    name = metadata["collectionName"]
    if name not in database.list_collection_names(filter={"name": name}):
        database.create_collection(name)  # an empty one has no documents that would have made it
    of_ours = ("v", "ns", "expireAfterSeconds")
    indexes = [
        {key: value for key, value in index.items() if key not in of_ours}
        for index in metadata["indexes"]
        if index["name"] != "_id_"
    ]
    if indexes:
        database.command("createIndexes", name, indexes=indexes)


def measure(database: Database[Document], name: str, *, progress: Progress = untold) -> Content:
    """Return what the collection `name` holds."""
    held = Content()
    for batch in database[name].find_raw_batches({}, batch_size=BATCH_DOCUMENTS):
        for document in bson.decode_all(cast("bytes", batch), RAW):  # the stubs know nothing of raw batches
            held.add(document.raw)
        progress(f"{name}: documents compared", held.documents)
    return held
