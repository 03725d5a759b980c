"""Writes over several collections that count together: in order, and stopped by the first whose condition fails."""

from typing import Any, cast

from pymongo import InsertOne, UpdateOne
from pymongo.errors import ClientBulkWriteException

from backend.core.mongo import client

DUPLICATE_KEY = 11000
PATH_NOT_VIABLE = 28


def only_if(condition: dict[str, Any], change: dict[str, Any], *, scalar: str, namespace: str) -> UpdateOne:
    """Return the update of one document that fails, instead of doing nothing, where `condition` does not hold.

    It is an upsert that can never insert: the new document would have the condition's value at `scalar`, a field that
    `condition` compares with text, and below text there is no place for another field.
    """
    never = {"$setOnInsert": {f"{scalar}.never": True}}
    return UpdateOne(condition, {**change, **never}, upsert=True, namespace=namespace)


def write_in_order(writes: list[InsertOne[dict[str, Any]] | UpdateOne]) -> bool:
    """Do `writes` in one round trip; return whether all were done.

    A conditional one (`only_if`, or an upsert by `_id` that may insert) is no silent miss where its condition no longer
    holds, but an error at which the rest is left undone. What stood before it the caller takes back. The last may be an
    insert that somebody has done already: then nothing is missing.
    """
    try:
        client().bulk_write(writes, ordered=True)
    except ClientBulkWriteException as error:
        failed = [cast("dict[str, Any]", each) for each in error.write_errors or ()]
        codes = {each["code"] for each in failed}
        if not codes or codes - {DUPLICATE_KEY, PATH_NOT_VIABLE}:
            raise
        return all(isinstance(writes[each["idx"]], InsertOne) for each in failed)
    return True
