"""Django's entry into the engine: the connection, whose collections rewrite what they send."""

from collections.abc import Mapping, Sequence
from typing import Any

from django_mongodb_backend.base import DatabaseWrapper as MongoDatabaseWrapper
from django_mongodb_backend.utils import OperationDebugWrapper
from pymongo.collection import Collection
from pymongo.command_cursor import CommandCursor
from pymongo.results import DeleteResult, UpdateResult

from backend.devtools.mongodb_engine.rewrite import rewrite_filter, rewrite_pipeline


class RewritingCollection(Collection[dict[str, Any]]):
    """A collection that rewrites the three calls through which the ORM reads and changes documents."""

    def aggregate(self, pipeline: Sequence[Mapping[str, Any]], *args: Any, **kwargs: Any) -> CommandCursor[Any]:
        """Run the rewritten `pipeline`."""
        return super().aggregate(rewrite_pipeline(pipeline), *args, **kwargs)

    def update_many(
        self,
        filter: Mapping[str, Any],  # noqa: A002 - PyMongo's name, by which callers pass it
        update: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        *args: Any,
        **kwargs: Any,
    ) -> UpdateResult:
        """Update what the rewritten `filter` matches, by the rewritten `update` where that is a pipeline."""
        changes = update if isinstance(update, Mapping) else rewrite_pipeline(update)
        return super().update_many(rewrite_filter(filter), changes, *args, **kwargs)

    def delete_many(
        self,
        filter: Mapping[str, Any],  # noqa: A002 - PyMongo's name, by which callers pass it
        *args: Any,
        **kwargs: Any,
    ) -> DeleteResult:
        """Delete what the rewritten `filter` matches."""
        return super().delete_many(rewrite_filter(filter), *args, **kwargs)


class DatabaseWrapper(MongoDatabaseWrapper):
    """The backend's connection; only its collections differ."""

    def get_collection(self, name: str, **kwargs: Any) -> RewritingCollection | OperationDebugWrapper:
        """Return the collection `name`, wrapped as the backend does where queries are logged."""
        collection = RewritingCollection(self.database, name, **kwargs)
        return OperationDebugWrapper(self, collection) if self.queries_logged else collection
