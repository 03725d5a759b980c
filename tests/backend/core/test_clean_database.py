"""Every test starts on a clean database, and nothing but a test database is ever cleared."""

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import TransactionTestCase
from pymongo import InsertOne

from tests.support import flush


def test_what_a_test_wrote_is_cleared_and_what_migrate_wrote_is_kept(db: None) -> None:
    connection.get_collection("one").insert_one({"_id": 1})
    client = connection.connection
    client.bulk_write([InsertOne({"_id": 1}, namespace=f"{connection.database.name}.two")])
    connection.get_collection("one").aggregate([{"$match": {}}, {"$merge": "three"}])
    permissions = Permission.objects.count()

    TransactionTestCase()._fixture_teardown()

    database = connection.database
    assert [database[name].count_documents({}) for name in ("one", "two", "three")] == [0, 0, 0]
    assert Permission.objects.count() == permissions > 0


def test_a_database_that_is_no_test_database_is_refused(db: None) -> None:
    with pytest.raises(AssertionError, match="userdb is no test database"):
        flush.clear_written(connection.connection["userdb"])
