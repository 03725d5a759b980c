"""Indexes as MongoDB has them: dotted keys, directions, plain uniqueness and expiry."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Index, Model
from pymongo import IndexModel


class MongoIndex(Index):
    """One MongoDB index for a model's `Meta.indexes`.

    Django's own `unique=True` becomes a partial index here, which MongoDB often cannot use for an equality
    (django-mongodb-backend PR 543), and it has neither dotted keys nor expiry; hence this class.

    Args:
        keys: pairs of a document path (the stored name, `account.status.code`) and a direction, 1 or -1.
        name: the index's name in the database.
        unique: no two documents share the key.
        expire_after: seconds after the (only) key's time at which MongoDB deletes the document.
        where: a partial filter expression, for keys that only some documents have.
    """

    max_name_length = 120  # MongoDB has no limit of 30; a name says its keys

    def __init__(
        self,
        *,
        keys: Sequence[tuple[str, int]],
        name: str,
        unique: bool = False,
        expire_after: int | None = None,
        where: dict[str, Any] | None = None,
    ) -> None:
        # Django's checks want a field that exists; the keys of documents are paths, and stand in `keys`.
        super().__init__(fields=("id",), name=name)
        self.keys = [(path, direction) for path, direction in keys]
        self.unique = unique
        self.expire_after = expire_after
        self.where = where

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        """Return how a migration writes this index."""
        arguments: dict[str, Any] = {"keys": self.keys, "name": self.name}
        if self.unique:
            arguments["unique"] = True
        if self.expire_after is not None:
            arguments["expire_after"] = self.expire_after
        if self.where is not None:
            arguments["where"] = self.where
        return "backend.core.indexes.MongoIndex", (), arguments

    def document(self) -> IndexModel:
        """Return the index as PyMongo creates it."""
        options: dict[str, Any] = {"name": self.name}
        if self.unique:
            options["unique"] = True
        if self.expire_after is not None:
            options["expireAfterSeconds"] = self.expire_after
        if self.where is not None:
            options["partialFilterExpression"] = self.where
        return IndexModel(self.keys, **options)

    def get_pymongo_index_model(self, model: type[Model], *_: object, **__: object) -> IndexModel:
        """Return the index for the backend's schema editor."""
        return self.document()
