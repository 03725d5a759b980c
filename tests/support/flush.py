"""Clear after each test only the collections that it wrote: 5 ms instead of 85."""

import threading
from collections.abc import Mapping
from typing import Any

from django.db import connection
from django.test import TransactionTestCase
from pymongo import monitoring
from pymongo.database import Database

from tests.support import commands

# Written once by `migrate`; everything that follows relies on them.
KEPT = frozenset({"django_migrations", "django_content_type", "auth_permission"})
WRITES = frozenset({"insert", "update", "delete", "findAndModify", "findandmodify"})


class WrittenCollections(monitoring.CommandListener):
    """Remembers which collections this process wrote, and whether others may have written as well."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._names: set[str] = set()
        self.any = False  # another process writes too: nothing is known, clear all

    def take(self) -> set[str]:
        """Return the collections written since the last call, and forget them."""
        with self._lock:
            names, self._names = self._names, set()
        return names

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Note the collection of a write."""
        command = event.command
        name = event.command_name
        names: set[str] = set()
        if name in WRITES:
            names = {command[name]}
        elif name == "bulkWrite":
            names = {namespace["ns"].partition(".")[2] for namespace in command["nsInfo"]}
        elif name == "aggregate":
            names = {_output(stage) for stage in command["pipeline"]} - {""}
        if names:
            with self._lock:
                self._names |= names

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Nothing: a write that failed may still have written."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Nothing: see `succeeded`."""


def _output(stage: Mapping[str, Any]) -> str:
    target = stage.get("$out") or stage.get("$merge") or ""
    while not isinstance(target, str):  # {"into": {"db": …, "coll": …}}, each level also as a plain name
        target = target.get("into") or target["coll"]
    return target


written = WrittenCollections()


def install() -> None:
    """Listen to the default connection and replace the flush of Django's test cases."""
    connection.settings_dict["OPTIONS"].setdefault("event_listeners", []).extend([written, commands.log])
    TransactionTestCase._fixture_teardown = lambda _case: clear_written(connection.database)


def clear_written(database: Database[dict[str, Any]]) -> None:
    """Empty every collection that was written, but never outside a test database."""
    assert database.name.startswith("test_"), f"{database.name} is no test database"
    names = written.take()
    if written.any:
        written.any = False
        names = set(database.list_collection_names())
    for name in names - KEPT:
        if not name.startswith("system."):
            database[name].delete_many({})
    written.take()  # the deletions above
