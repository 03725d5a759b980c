"""What makes migrations safe to begin in a database of data, and to begin again wherever they were killed.

MongoDB has no transactions for schemas: a migration that was killed has done the first of its steps and is not
recorded. So each step must be such that doing it again does no harm.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.db import connection
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import Index, Model
from pymongo.database import Database
from pymongo.errors import CollectionInvalid, OperationFailure

from backend.core.indexes import MongoIndex
from backend.core.management.commands.create_indexes import existing_indexes, wanted_indexes
from backend.core.mongo import collection

NO_INDEX = 27  # MongoDB's error code IndexNotFound
NAMED = 5  # groups of documents, of each index


class Forgiving:
    """A database that takes the order to make a collection twice; all else is the database itself."""

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._database = database

    def create_collection(self, name: str) -> None:
        """Make the collection where it is missing."""
        with suppress(CollectionInvalid):
            self._database.create_collection(name)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)


@contextmanager
def resumable() -> Iterator[None]:
    """Let migrations of this block do again what an earlier run did before it was killed.

    The backend's editor sets a field's default, makes an index and drops a collection twice without a word; it
    stumbles over a collection that is there, and over an index that is gone.
    """
    editor: type[BaseDatabaseSchemaEditor] = connection.SchemaEditorClass

    class Resumable(editor):  # type: ignore[valid-type]  # the class is the engine's choice
        def get_database(self) -> Any:
            """Return the database, forgiving."""
            return Forgiving(super().get_database())

        def remove_index(self, model: type[Model], index: Index) -> None:
            """Drop the index where it is still there."""
            try:
                super().remove_index(model, index)
            except OperationFailure as error:
                if error.code != NO_INDEX:
                    raise

    connection.SchemaEditorClass = Resumable
    try:
        yield
    finally:
        connection.SchemaEditorClass = editor


@contextmanager
def fenced(confirm: Callable[[], None]) -> Iterator[None]:
    """Call `confirm` whenever this block reaches for a collection or the database, which is before each of its steps.

    MongoDB makes no index under a condition. So who slept between the question and his step may still do that one step,
    which can be done twice, and no other.
    """
    reach = {name: getattr(connection, name) for name in ("get_collection", "get_database")}

    def asking(real: Callable[..., Any]) -> Callable[..., Any]:
        def asked(*args: Any, **options: Any) -> Any:
            confirm()
            return real(*args, **options)

        return asked

    for name, real in reach.items():
        setattr(connection, name, asking(real))
    try:
        yield
    finally:
        for name in reach:
            delattr(connection, name)  # its class has them


def duplicates() -> Iterator[str]:
    """Yield a line for each group of documents that a unique index, still to be made, would refuse.

    It names the documents by their `_id` and not by what they share, which may be a phone number.
    """
    for table, indexes in sorted(wanted_indexes().items()):
        found = existing_indexes(table)
        for index in indexes:
            if index.unique and index.name not in found:
                for documents in sharing(table, index):
                    yield f"{table}.{index.name}: {', '.join(map(str, documents))} share {_keys(index)}"


def sharing(table: str, index: MongoIndex) -> Iterator[list[Any]]:
    """Yield the first groups of documents, by `_id`, that have the same keys; of an array every element counts."""
    paths = [path for path, _direction in index.keys]
    parents = sorted({path.rpartition(".")[0] for path in paths if "." in path})
    key = {f"k{number}": {"$ifNull": [f"${path}", None]} for number, path in enumerate(paths)}
    pipeline: list[dict[str, Any]] = [
        *([{"$match": index.where}] if index.where else []),
        *({"$unwind": {"path": f"${parent}", "preserveNullAndEmptyArrays": True}} for parent in parents),
        {"$group": {"_id": key, "documents": {"$addToSet": "$_id"}}},
        {"$match": {"documents.1": {"$exists": True}}},
        {"$limit": NAMED},
    ]
    for group in collection(table).aggregate(pipeline, allowDiskUse=True):
        yield sorted(group["documents"], key=str)


def _keys(index: MongoIndex) -> str:
    return ", ".join(path for path, _direction in index.keys)
