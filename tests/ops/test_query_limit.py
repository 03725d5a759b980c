"""How long one call of the database may take: the setting, and what the driver makes of it."""

import os
import time
from collections.abc import Iterator
from typing import Any

import pymongo
import pytest
from pymongo import MongoClient, monitoring
from pymongo.errors import PyMongoError

from tests.backend.test_settings import run

SHOWN = (
    "import django; django.setup(); from django.conf import settings as s; o = s.DATABASES['default']['OPTIONS']; "
    "print({name: o[name] for name in o if name != 'event_listeners'})"
)
NOWHERE = "mongodb://127.0.0.1:1/?retryWrites=true&serverSelectionTimeoutMS=20000"


class Sent(monitoring.CommandListener):
    """Remembers each command that goes out."""

    def __init__(self) -> None:
        self.commands: list[dict[str, Any]] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        self.commands.append(dict(event.command))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Nothing to remember."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Nothing to remember."""


@pytest.fixture
def sent() -> Sent:
    return Sent()


@pytest.fixture
def client(sent: Sent) -> Iterator[MongoClient[dict[str, Any]]]:
    """Return a client as a till has it: two seconds a call."""
    with MongoClient[dict[str, Any]](os.environ["MONGO_URI"], timeoutMS=2000, event_listeners=[sent]) as made:
        yield made


@pytest.mark.parametrize(
    ("seconds", "options"), [("2", "{'timeoutMS': 2000}"), ("30", "{'timeoutMS': 30000}"), ("0", "{}")]
)
def test_the_setting_limits_every_call(seconds: str, options: str) -> None:
    assert run("-c", SHOWN, MONGO_QUERY_SECONDS=seconds).stdout.strip() == options


def test_every_command_tells_the_server_when_to_give_up(client: MongoClient[dict[str, Any]], sent: Sent) -> None:
    rows = client.query_limit.rows
    rows.insert_one({"a": 1})
    rows.find_one({"a": 1})
    rows.update_one({"a": 1}, {"$set": {"a": 2}})
    list(rows.aggregate([{"$match": {"a": 2}}]))
    rows.drop()

    limits = [command.get("maxTimeMS", 0) for command in sent.commands if "hello" not in command]
    assert len(limits) == 5
    assert all(1000 < limit <= 2000 for limit in limits), limits


def test_a_database_out_of_reach_is_given_up_in_that_time_however_often_it_is_tried_again() -> None:
    began = time.monotonic()
    with MongoClient[dict[str, Any]](NOWHERE, timeoutMS=400) as client, pytest.raises(PyMongoError):
        client.query_limit.rows.insert_one({})
    assert time.monotonic() - began < 2


def test_a_shorter_patience_within_it_counts() -> None:
    began = time.monotonic()
    patient = MongoClient[dict[str, Any]](NOWHERE, timeoutMS=20_000)
    with patient as client, pytest.raises(PyMongoError), pymongo.timeout(0.3):
        client.query_limit.rows.find_one()
    assert time.monotonic() - began < 2
