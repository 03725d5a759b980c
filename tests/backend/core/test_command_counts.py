"""Counts of database commands see what goes to the server, raw calls and bulk writes included."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from django.contrib.sessions.models import Session
from django.db import connection
from pymongo import InsertOne


def test_raw_calls_bulk_writes_and_the_orm_are_counted(
    commands: Callable[[], AbstractContextManager[list[str]]],
) -> None:
    with commands() as seen:
        connection.get_collection("one").find_one({"_id": 1})
        connection.connection.bulk_write([InsertOne({"_id": 1}, namespace=f"{connection.database.name}.two")])
        Session.objects.filter(pk="x").first()

    assert seen == ["find one", "bulkWrite two", "aggregate django_session"]


def test_nothing_is_counted_outside_the_block(
    commands: Callable[[], AbstractContextManager[list[str]]],
) -> None:
    with commands() as seen:
        pass
    connection.get_collection("one").find_one({"_id": 1})

    assert seen == []
