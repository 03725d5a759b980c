"""The directory in which backups stand: their names, which of them to keep, and how a new one comes to be."""

import fcntl
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from backend.ops.backup.errors import BackupError
from backend.ops.backup.streams import ENCRYPTED

NAME = re.compile(r"backup_(\d{8}_\d{6})\.tar\.gz(?:\.age)?\Z")
STAMP = "%Y%m%d_%H%M%S"
PART = ".part"


@dataclass(frozen=True, order=True)
class Backup:
    """A finished backup. `taken_at` is what its name says, in UTC."""

    taken_at: datetime
    path: Path

    @property
    def size(self) -> int:
        """Return the size of the file in bytes."""
        return self.path.stat().st_size


@dataclass(frozen=True)
class Retention:
    """How many backups stay: the newest of so many days, weeks and months, and the newest of all in any case.

    Days are counted among those that have a backup, never back from today: a clock that is wrong removes nothing
    that is needed.
    """

    days: int = 7
    weeks: int = 4
    months: int = 12
    newest: int = 7

    def kept(self, backups: Iterable[Backup], *, now: datetime) -> set[Backup]:
        """Return those of `backups` to keep as of `now`.

        Those dated later were made while the clock was wrong, or it is wrong now: they stay, and count for nothing,
        so that they push none out.
        """
        there = list(backups)
        ordered = up_to(now, there)
        kept = {*there} - {*ordered} | {*ordered[: self.newest]}
        kept |= _newest_of_each(ordered, lambda at: f"{at:%Y-%m-%d}", self.days)
        kept |= _newest_of_each(ordered, lambda at: "{0.year}-{0.week}".format(at.isocalendar()), self.weeks)
        kept |= _newest_of_each(ordered, lambda at: f"{at:%Y-%m}", self.months)
        return kept


def _newest_of_each(ordered: list[Backup], period: Callable[[datetime], str], count: int) -> set[Backup]:
    newest: dict[str, Backup] = {}
    for backup in ordered:
        newest.setdefault(period(backup.taken_at), backup)
    return set(list(newest.values())[:count])


def backups_in(directory: Path) -> list[Backup]:
    """Return the finished backups in `directory`, the newest first; other files are nobody's business."""
    found = []
    for path in directory.iterdir() if directory.is_dir() else ():
        if match := NAME.match(path.name):
            with suppress(ValueError):  # digits that are no time
                found.append(Backup(datetime.strptime(match[1], STAMP).replace(tzinfo=UTC), path))
    return sorted(found, reverse=True)


def up_to(now: datetime, backups: Iterable[Backup]) -> list[Backup]:
    """Return those of `backups` that are not dated later than `now`, the newest first."""
    return sorted((backup for backup in backups if backup.taken_at <= now), reverse=True)


def path_of(directory: Path, taken_at: datetime, *, encrypted: bool = False) -> Path:
    """Return where the backup of this second stands."""
    return directory / f"backup_{taken_at.astimezone(UTC):{STAMP}}.tar.gz{ENCRYPTED if encrypted else ''}"


@contextmanager
def placed(target: Path) -> Iterator[Path]:
    """Yield where to write the backup that will be `target`.

    At the end it gets its name at once and whole, or nothing stays of it.

    Raises BackupError where the directory cannot be written, or a backup of this very second is there already.
    """
    directory = target.parent
    part = target.with_name(target.name + PART)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sweep_abandoned(directory)
        lock = None if target.exists() or part.exists() else part.open("xb")
    except OSError as error:
        raise BackupError(f"{directory} cannot be written ({error.strerror})") from None
    if lock is None:
        raise BackupError(f"{target.name} is there already, or being written: try again in a second")
    try:
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # by which others know that its writer lives
            yield part
            os.link(part, target)  # unlike a rename, never over another
            _sync(directory)
    except OSError as error:
        raise BackupError(f"{part.name} could not be written ({error.strerror}); nothing of it was kept") from error
    finally:
        part.unlink(missing_ok=True)


def remove(backups: Iterable[Backup]) -> None:
    """Remove `backups` for good."""
    for backup in backups:
        backup.path.unlink(missing_ok=True)
        _sync(backup.path.parent)


def _sweep_abandoned(directory: Path) -> None:
    """Remove what killed backups left: whoever writes one holds a lock on it, which the system takes from the dead."""
    for part in directory.glob(f"backup_*{PART}"):
        with suppress(FileNotFoundError, BlockingIOError), part.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            part.unlink()


def _sync(directory: Path) -> None:
    """Make what was done in `directory` survive a lost machine."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
