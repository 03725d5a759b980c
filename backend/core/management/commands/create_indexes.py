"""Make every index that the models name, or say how the database differs from them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bson import json_util
from django.apps import apps
from django.core.management.base import BaseCommand, CommandError, CommandParser
from pymongo.errors import DuplicateKeyError, OperationFailure

from backend.core.indexes import MongoIndex
from backend.core.mongo import collection

NO_COLLECTION = 26  # MongoDB's error code NamespaceNotFound


@dataclass(frozen=True)
class Definition:
    """What makes one index equal to another; `expires` is in seconds after the key's time."""

    keys: tuple[tuple[str, int], ...]
    unique: bool
    expires: int | None
    where: str  # the partial filter as JSON

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "Definition":
        """Read an index as MongoDB lists it and as PyMongo creates it."""
        seconds = document.get("expireAfterSeconds")
        return cls(
            keys=tuple((path, int(direction)) for path, direction in document["key"].items()),
            unique=bool(document.get("unique", False)),
            expires=None if seconds is None else int(seconds),
            where=json_util.dumps(document.get("partialFilterExpression", {}), sort_keys=True),
        )

    def __str__(self) -> str:
        words = [", ".join(f"{path}: {direction}" for path, direction in self.keys)]
        words += ["unique"] if self.unique else []
        words += [f"expires after {self.expires} s"] if self.expires is not None else []
        words += [f"where {self.where}"] if self.where != "{}" else []
        return " ".join(words)


@dataclass(frozen=True)
class Difference:
    """One index that is not as the models say."""

    kind: str  # missing, extra, different
    table: str
    name: str
    wanted: Definition | None
    found: Definition | None

    def __str__(self) -> str:
        line = f"{self.kind}: {self.table}.{self.name}"
        if self.wanted and self.found:
            return f"{line} is ({self.found}), should be ({self.wanted})"
        return f"{line} ({self.wanted or self.found})"


class Command(BaseCommand):
    """`create_indexes` and `create_indexes --check`."""

    help = "Make every index that the models name; can be repeated. With --check: change nothing, show differences."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add `--check`."""
        parser.add_argument(
            "--check",
            action="store_true",
            help="print missing, extra and different indexes; exit 1 if there are any",
        )

    def handle(self, *_: Any, check: bool, verbosity: int, **__: Any) -> None:
        """Make the indexes, or compare; raises CommandError (exit 1) where anything is left to do."""
        if not check:
            for table, indexes in wanted_indexes().items():
                self.create(table, indexes)
        # What only a person may remove, the extra ones, is no failure of making them.
        left = [difference for difference in differences() if check or difference.kind != "extra"]
        for difference in left:
            self.stdout.write(str(difference))
        if left:
            raise CommandError(f"{len(left)} indexes are not as the models say.")
        if verbosity:
            total = sum(len(indexes) for indexes in wanted_indexes().values())
            self.stdout.write(self.style.SUCCESS(f"All {total} indexes are there."))

    def create(self, table: str, indexes: list[MongoIndex]) -> None:
        """Make the missing ones of `table`, and set the expiry of those that differ in it alone.

        A different key or uniqueness is left to a person: dropping an index of a running system first stops
        what it guards, such as one account a phone.
        """
        found = existing_indexes(table)
        by_keys = {definition.keys: name for name, definition in found.items()}
        for index in indexes:
            wanted = Definition.of(index.document().document)
            current = found.get(index.name)
            if current and current != wanted and wanted.expires is not None and current.keys == wanted.keys:
                change = {"name": index.name, "expireAfterSeconds": wanted.expires}
                collection(table).database.command("collMod", table, index=change)
            elif current is None and wanted.keys not in by_keys:
                try:
                    collection(table).create_indexes([index.document()])
                except DuplicateKeyError as error:
                    raise CommandError(f"{table}.{index.name}: two documents share a key: {error.details}") from error


def wanted_indexes() -> dict[str, list[MongoIndex]]:
    """Return the indexes of our models by collection; Django's own apps keep theirs in their migrations."""
    tables: dict[str, list[MongoIndex]] = {}
    for model in apps.get_models():
        meta = model._meta  # noqa: SLF001 - Django's documented door to a model's options
        if model.__module__.startswith("backend.") and meta.managed and not meta.proxy:
            ours = [index for index in meta.indexes if isinstance(index, MongoIndex)]
            tables.setdefault(meta.db_table, []).extend(ours)
    return tables


def existing_indexes(table: str) -> dict[str, Definition]:
    """Return the indexes of a collection by name, without that of `_id`; none where it does not exist yet."""
    try:
        listed = collection(table).index_information()
    except OperationFailure as error:
        if error.code == NO_COLLECTION:
            return {}
        raise
    return {
        name: Definition.of({**document, "key": dict(document["key"])})
        for name, document in listed.items()
        if name != "_id_"
    }


def differences() -> Iterator[Difference]:
    """Yield every index that is missing, extra or different, collection by collection."""
    for table, indexes in sorted(wanted_indexes().items()):
        wanted = {index.name: Definition.of(index.document().document) for index in indexes}
        found = existing_indexes(table)
        names_by_keys = {definition.keys: name for name, definition in found.items() if name not in wanted}
        renamed = set()
        for name, definition in wanted.items():
            other = names_by_keys.get(definition.keys)
            if name in found:
                if found[name] != definition:
                    yield Difference("different", table, name, definition, found[name])
            elif other is not None:
                renamed.add(other)
                yield Difference("different", table, f"{name} (named {other})", definition, found[other])
            else:
                yield Difference("missing", table, name, definition, None)
        for name in sorted(found.keys() - wanted.keys() - renamed):
            yield Difference("extra", table, name, None, found[name])
