"""Restore the newest backup into a scratch database, hold it against itself and its ledger, and drop it again."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from pymongo.database import Database
from pymongo.errors import PyMongoError

from backend.core.mongo import client
from backend.ops.backup import archive, shelf
from backend.ops.backup.errors import BackupError
from backend.ops.backup.loading import load, measure
from backend.ops.backup.reports import Drilled
from backend.ops.backup.services import scratch_of
from backend.ops.backup.shelf import Backup, Retention

LEDGER_SECONDS = 1800
Progress = Callable[[str, int], None]


def drill(directory: Path, *, now: datetime, progress: Progress) -> Drilled:
    """Try the newest backup in `directory` out and return what was found; the live database is not touched.

    A backup dated later than `now` was made while a clock was wrong: it is not the newest.

    Raises BackupError where there is none, where it is damaged, or where the database fails.
    """
    backups = shelf.up_to(now, shelf.backups_in(directory))
    if not backups:
        raise BackupError(f"there is no backup in {directory}")
    began = time.monotonic()
    manifest = archive.verify(backups[0].path, progress=progress)
    try:
        with _scratch() as scratch:
            loaded = load(backups[0].path, scratch, progress=progress)
            wrong = [name for name, content in loaded.items() if measure(scratch, name, progress=progress) != content]
            said = [f"{name} is not what was in the backup once it was restored" for name in wrong]
            progress("seats, orders, tickets and payments", 0)
            said += _ledger(scratch.name, manifest.taken_at)
    except PyMongoError as error:
        raise BackupError(f"the database failed while the backup was tried out ({error})") from error
    return Drilled(
        at=now,
        name=backups[0].path.name,
        documents=sum(content.documents for content in loaded.values()),
        loss_seconds=loss_seconds(backups, now=now),
        recovery_seconds=time.monotonic() - began,
        wrong=said,
    )


def loss_seconds(backups: list[Backup], *, now: datetime) -> float:
    """Return how many seconds of sales would have been lost at worst, had the server been lost at any time lately.

    That is the longest time without a new backup between the newest ones, which are kept whatever their age, and since.
    `backups` come newest first.
    """
    times = [now, *(backup.taken_at for backup in backups[: Retention.newest])]
    return max((later - earlier).total_seconds() for later, earlier in pairwise(times))


@contextmanager
def _scratch() -> Iterator[Database[dict[str, Any]]]:
    """Yield an empty database that is dropped afterwards; what a killed drill left goes first."""
    name = scratch_of(connection.settings_dict["NAME"])
    client().drop_database(name)
    try:
        yield client()[name]
    finally:
        client().drop_database(name)


def _ledger(database: str, at: str) -> list[str]:
    """Return what `check_ledger` says of `database` as of `at`: a process of its own, which sees nothing else."""
    checked = subprocess.run(
        [sys.executable, settings.BASE_DIR / "manage.py", "check_ledger", "--at", at],
        env={**os.environ, "MONGO_DB": database, "MONGO_QUERY_SECONDS": "0"},
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
        timeout=LEDGER_SECONDS,
    )
    return [] if checked.returncode == 0 else checked.stderr.splitlines() or ["check_ledger failed without a word"]
