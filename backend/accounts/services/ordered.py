"""Writes over several collections that count together: in order, and stopped by the first whose condition fails."""

from typing import Any, cast

from pymongo import InsertOne, UpdateOne
from pymongo.errors import ClientBulkWriteException

from backend.core.mongo import client

DUPLICATE_KEY = 11000


def write_in_order(writes: list[InsertOne[dict[str, Any]] | UpdateOne]) -> bool:
    """Do `writes` in one round trip; return whether all were done.

    A conditional one is an upsert by `_id`: where its condition no longer holds it is no silent miss but a second
    document under one `_id`, an error at which the rest is left undone. What stood before it the caller takes back.
    The last may be an insert that somebody has done already: then nothing is missing.
    """
    try:
        client().bulk_write(writes, ordered=True)
    except ClientBulkWriteException as error:
        failed = [cast("dict[str, Any]", each) for each in error.write_errors or ()]
        if {each["code"] for each in failed} != {DUPLICATE_KEY}:
            raise
        return all(isinstance(writes[each["idx"]], InsertOne) for each in failed)
    return True
