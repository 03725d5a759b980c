"""Make a backup, which counts once it was read back, and remove those that are no longer needed."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import IO

from django.conf import settings
from pymongo.errors import PyMongoError

from backend.core import serving
from backend.core.mongo import client, database_name
from backend.ops.backup import archive, reports, shelf
from backend.ops.backup.errors import BackupError, Damaged
from backend.ops.backup.manifest import Manifest
from backend.ops.backup.shelf import Backup, Retention
from backend.ops.backup.streams import encrypted_file, plain_file, recipient_of

Progress = Callable[[str, int], None]


@dataclass(frozen=True)
class Made:
    """A new backup that was read back, and the old ones that it made superfluous."""

    backup: Backup
    manifest: Manifest
    report: reports.Made
    removed: list[Backup]


def back_up(directory: Path, *, retention: Retention | None, now: datetime, progress: Progress) -> Made:
    """Write a backup into `directory`, read it back, and only then remove old ones (none without `retention`).

    Raises BackupError; then nothing new is in `directory` and nothing old is gone.
    """
    began = monotonic()
    recipient = recipient_of(settings.BACKUP_AGE_RECIPIENT) if settings.BACKUP_AGE_RECIPIENT else None
    target = shelf.path_of(directory, now, encrypted=recipient is not None)

    def write(stream: IO[bytes]) -> Manifest:
        database, scratch = database_name(), scratch_of(serving.first_name())
        return archive.write(
            stream, client(), database, scratch=scratch, spool_in=directory, taken_at=now, progress=progress
        )

    try:
        with shelf.placed(target) as part:
            if recipient is None:
                with plain_file(part) as stream:
                    written = write(stream)
                read = archive.verify(part)
            else:
                with encrypted_file(part, recipient, archive.verify_stream) as passing:
                    written = write(passing.stream)
                read = passing.checked
            if read != written:
                raise Damaged(f"{part.name} does not read back as it was written")
    except PyMongoError as error:
        raise BackupError(f"the database could not be read to the end ({error})") from error
    backup = Backup(now, target)
    report = reports.Made(
        name=target.name,
        taken_at=now,
        size=backup.size,
        seconds=monotonic() - began,
        documents=sum(file.documents or 0 for file in written.files.values()),
    )
    removed = prune(directory, retention=retention, now=now, dry_run=False) if retention else []
    return Made(backup, written, report, removed)


def prune(directory: Path, *, retention: Retention, now: datetime, dry_run: bool) -> list[Backup]:
    """Remove the backups that `retention` does not keep as of `now` and return them; `dry_run` only returns them."""
    backups = shelf.backups_in(directory)
    kept = retention.kept(backups, now=now)
    superfluous = [backup for backup in backups if backup not in kept]
    if not dry_run:
        shelf.remove(superfluous)
    return superfluous


def scratch_of(database: str) -> str:
    """Return the database in which backups are tried out; whoever backs up may write it, and it alone."""
    return f"{database}_drill"
