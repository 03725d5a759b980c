"""Note what became of a backup or a drill: beside the backups for Prometheus, in the database for who manages.

A note that cannot be made undoes nothing: the backup is there all the same, and the alert of its age would tell.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from django.db import DatabaseError
from pymongo.errors import PyMongoError

from backend.core import backup_state
from backend.ops.backup import records, reports
from backend.ops.backup.services import Made
from backend.ops.backup.shelf import backups_in, up_to


def note_success(directory: Path, made: Made) -> list[str]:
    """Note a backup that was made; return a half-sentence for each place where that failed."""
    report = made.report

    def in_database() -> None:
        what = {"name": report.name, "size": report.size, "seconds": report.seconds, "documents": report.documents}
        backup_state.note(backup_state.LAST, report.taken_at, **what)
        kept = records.directory_for(directory)
        sent = [backup for backup in backups_in(directory) if records.is_off_site(kept, backup)]
        for newest in up_to(report.taken_at, sent)[:1]:
            backup_state.note(backup_state.OFF_SITE, newest.taken_at, name=newest.path.name)

    return _noted(directory, report, in_database)


def note_failure(directory: Path, reason: str, *, now: datetime) -> None:
    """Note beside the backups that none was made; a disk that takes nothing more takes no note either."""
    if not directory.is_dir():
        return
    with suppress(OSError):
        reports.keep(directory, reports.Failed(at=now, reason=reason))


def note_drill(directory: Path, report: reports.Drilled) -> list[str]:
    """Note a drill; return a half-sentence for each place where that failed."""
    what = {
        "name": report.name,
        "passed": not report.wrong,
        "lossSeconds": report.loss_seconds,
        "recoverySeconds": report.recovery_seconds,
    }
    return _noted(directory, report, lambda: backup_state.note(backup_state.DRILL, report.at, **what))


def _noted(directory: Path, report: reports.Made | reports.Drilled, in_database: Callable[[], None]) -> list[str]:
    failed = []
    try:
        reports.keep(directory, report)
    except OSError as error:
        failed.append(f"{directory} could not take a note of it ({error.strerror})")
    try:
        in_database()
    except (PyMongoError, DatabaseError) as error:
        failed.append(f"the database could not take a note of it ({error})")
    return failed
