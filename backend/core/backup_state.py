"""What the database itself knows of its backups, so that every server can show it: one document for each kind.

The backup job writes it (its user may write this collection alone), everybody reads it. A restored database says what
it knew when it was backed up, until the next backup.
"""

from datetime import datetime
from typing import Any

from pymongo.errors import DuplicateKeyError

from backend.core.mongo import collection

NAME = "backupState"
LAST, OFF_SITE, DRILL = "backup", "offSite", "drill"


def note(kind: str, at: datetime, **what: Any) -> None:
    """Keep `what` as the last of its kind, as of `at` (UTC); one that is older than what is there changes nothing."""
    older = {"_id": kind, "at": {"$not": {"$gt": at}}}
    try:
        collection(NAME).replace_one(older, {"at": at, **what}, upsert=True)
    except DuplicateKeyError:
        return  # the document is there, and newer


def last_backup(now: datetime) -> dict[str, Any]:
    """Return what managers are shown: `backup`, `offSite` and `drill`, each None or with its `at` and `ageSeconds`.

    `backup` has `name`, `size` (bytes), `seconds` (it took) and `documents`; `offSite` has `name`; `drill` has `name`,
    `passed`, `lossSeconds` and `recoverySeconds`.
    """
    kinds = (LAST, OFF_SITE, DRILL)
    found = {each.pop("_id"): each for each in collection(NAME).find({"_id": {"$in": list(kinds)}})}
    return {kind: _aged(found.get(kind), now) for kind in kinds}


def _aged(said: dict[str, Any] | None, now: datetime) -> dict[str, Any] | None:
    return said and {**said, "ageSeconds": (now - said["at"]).total_seconds()}
