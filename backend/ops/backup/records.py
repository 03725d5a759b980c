"""What is known of each backup's copy off-site, kept beside it: `NAME.offsite.json`.

A copy under way is recorded part by part, so that a run that was killed goes on where it was without asking the store,
whose key can only put.
"""

from collections.abc import Iterable
from pathlib import Path

import msgspec
from django.conf import settings

from backend.ops.backup.shelf import Backup

SUFFIX = ".offsite.json"


class Record(msgspec.Struct, kw_only=True):
    """One backup's copy. `sent_at` (UTC, ISO) is set once the store has all of it; sizes are bytes.

    `upload` is the store's number of a copy in parts, `parts` the store's ETag of each part that it has.
    """

    bucket: str
    key: str
    size: int
    part_size: int
    upload: str | None = None
    parts: list[str] = msgspec.field(default_factory=list)
    sent_at: str | None = None


def directory_for(shelf: Path) -> Path:
    """Return where the records of the backups in `shelf` are: beside them, unless the settings name a place."""
    return Path(settings.BACKUP_OFFSITE_RECORDS) if settings.BACKUP_OFFSITE_RECORDS else shelf


def read(directory: Path, backup: Backup) -> Record | None:
    """Return what is known of `backup`; None where nothing is, or what was written cannot be read."""
    try:
        return msgspec.json.decode((directory / (backup.path.name + SUFFIX)).read_bytes(), type=Record)
    except (FileNotFoundError, msgspec.DecodeError):
        return None  # it is sent again, which does no harm


def write(directory: Path, backup: Backup, record: Record) -> None:
    """Keep `record`, whole or not at all."""
    put(directory / (backup.path.name + SUFFIX), msgspec.json.encode(record))


def put(path: Path, content: bytes) -> None:
    """Write a small file in one step: whoever reads it sees the one before or this one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")  # of one that was killed; the next writes over it
    part.write_bytes(content)
    part.replace(path)


def is_off_site(directory: Path, backup: Backup) -> bool:
    """Return whether the store has all of `backup`."""
    record = read(directory, backup)
    return record is not None and record.sent_at is not None


def forget(directory: Path, there: Iterable[Backup]) -> None:
    """Remove the records of backups that are no longer `there`."""
    kept = {backup.path.name + SUFFIX for backup in there}
    for record in directory.glob(f"backup_*{SUFFIX}"):
        if record.name not in kept:
            record.unlink(missing_ok=True)
