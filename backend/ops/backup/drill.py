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
from backend.ops import lease
from backend.ops.backup import archive, shelf
from backend.ops.backup.consistency import is_somebodys_probe
from backend.ops.backup.errors import BackupError, Damaged, WrongIdentity
from backend.ops.backup.loading import load, measure
from backend.ops.backup.reports import Drilled
from backend.ops.backup.services import scratch_of
from backend.ops.backup.shelf import Backup, Retention

LEDGER_SECONDS = 1800
LEASE = "drill"
LEASES = "drillLease"  # the collection of the scratch database that says whose turn it is
PATIENCE_SECONDS = 5.0  # with another drill, beyond what one that was killed keeps the lease
Progress = Callable[[str, int], None]


def drill(directory: Path, *, now: datetime, progress: Progress) -> Drilled:
    """Try the newest backup in `directory` out and return what was found; the live database is not touched.

    A backup dated later than `now` was made while a clock was wrong: it is not the newest.

    One that is damaged, or encrypted for somebody else, is what a drill is to find: the report says so.

    Raises BackupError where there is none, where there is no identity to open it with, where another drill is under
    way, or where the database fails.
    """
    backups = shelf.up_to(now, shelf.backups_in(directory))
    if not backups:
        raise BackupError(f"there is no backup in {directory}")
    began = time.monotonic()
    documents = 0
    try:
        documents, said = _tried_out(backups[0].path, progress)
    except (Damaged, WrongIdentity) as error:
        said = [str(error)]
    except OSError as error:
        raise BackupError(f"{backups[0].path.name} cannot be read ({error.strerror})") from error
    except PyMongoError as error:
        raise BackupError(f"the database failed while the backup was tried out ({error})") from error
    return Drilled(
        at=now,
        name=backups[0].path.name,
        documents=documents,
        loss_seconds=loss_seconds(backups, now=now),
        recovery_seconds=time.monotonic() - began,
        wrong=said,
    )


def _tried_out(path: Path, progress: Progress) -> tuple[int, list[str]]:
    """Restore the backup at `path` for a moment; return how many documents it has, and what is wrong."""
    manifest = archive.verify(path, progress=progress)
    with _scratch() as scratch:
        loaded = load(path, scratch, progress=progress)
        wrong = [name for name, content in loaded.items() if measure(scratch, name, progress=progress) != content]
        said = [f"{name} is not what was in the backup once it was restored" for name in wrong]
        progress("seats, orders, tickets and payments", 0)
        said += _ledger(scratch.name, manifest.taken_at)
    return sum(content.documents for content in loaded.values()), said


def loss_seconds(backups: list[Backup], *, now: datetime) -> float:
    """Return how many seconds of sales would have been lost at worst, had the server been lost at any time lately.

    That is the longest time without a new backup between the newest ones, which are kept whatever their age, and since.
    `backups` come newest first.
    """
    times = [now, *(backup.taken_at for backup in backups[: Retention.newest])]
    return max((later - earlier).total_seconds() for later, earlier in pairwise(times))


@contextmanager
def _scratch() -> Iterator[Database[dict[str, Any]]]:
    """Yield a database that is this drill's alone, and emptied afterwards; what a killed drill left goes first.

    Two at once would each find the other's documents in it, and call a good backup unreliable.
    """
    scratch = client()[scratch_of(connection.settings_dict["NAME"])]
    try:
        with lease.held(LEASE, wait=lease.SECONDS + PATIENCE_SECONDS, leases=scratch[LEASES]) as holding:
            _empty(scratch)
            try:
                yield scratch
                holding.confirm()
            finally:
                if not holding.lost.is_set():
                    _empty(scratch)
    except lease.Held as other:
        raise BackupError(f"another drill is under way: {other}") from None
    except lease.Lost as lost:
        raise BackupError(f"{lost} Drill again") from None


def _empty(scratch: Database[dict[str, Any]]) -> None:
    """Drop what drills leave, and neither the lease nor what a backup under way tries the server out with."""
    for name in scratch.list_collection_names():
        if name != LEASES and not name.startswith("system.") and not is_somebodys_probe(name):
            scratch.drop_collection(name)


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
