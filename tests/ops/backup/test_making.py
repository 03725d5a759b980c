"""A backup is whole or not there; old ones go only after a good new one, and never those that are needed."""

import errno
import os
import resource
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyrage
import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import override_settings
from pymongo.errors import OperationFailure

from backend.core.mongo import collection
from backend.ops.backup import archive, dump
from backend.ops.backup import shelf as shelves
from backend.ops.backup.shelf import Backup, Retention
from backend.ops.management.commands import backup_database

NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)


def put(shelf: Path, *taken: datetime) -> list[str]:
    """Put files with the names of backups taken then; return the names."""
    shelf.mkdir(exist_ok=True)
    for at in taken:
        shelves.path_of(shelf, at).write_bytes(b"old")
    return [shelves.path_of(shelf, at).name for at in taken]


def names(shelf: Path) -> set[str]:
    """Return what is there, but for the reports of what was last."""
    return {path.name for path in shelf.iterdir() if path.suffix != ".json"} if shelf.exists() else set()


# --- made or not there --------------------------------------------------------------------------------
@pytest.mark.usefixtures("sold")
def test_a_backup_has_its_time_for_a_name_and_is_listed(shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("backup_database", output=shelf)
    call_command("list_backups", output=shelf)

    (name,) = names(shelf)
    made, listed = capsys.readouterr().out.splitlines()
    assert abs(shelves.backups_in(shelf)[0].taken_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert name in made
    assert "read back" in made
    assert listed.startswith(name)


def test_an_empty_shelf_says_so(shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("list_backups", output=shelf)
    call_command("prune_backups", output=shelf)

    assert capsys.readouterr().out.splitlines() == [f"There is no backup in {shelf}.", "Nothing to remove."]


def full_disk(*_args: Any, **_more: Any) -> Any:
    raise OSError(errno.ENOSPC, "No space left on device")


def expired(*_args: Any, **_more: Any) -> Any:
    """As MongoDB says it when a snapshot is older than what it keeps."""
    raise OperationFailure("Read timestamp is older than the oldest available timestamp.", 239)


def read_wrongly(path: Path, **more: Any) -> Any:
    written = path.read_bytes()
    path.write_bytes(written[: len(written) // 2])
    return REAL_VERIFY(path, **more)


REAL_VERIFY = archive.verify


@pytest.mark.usefixtures("sold")
@pytest.mark.parametrize(
    ("where", "failure", "said"),
    [
        ((dump, "write_documents"), full_disk, "No space left on device"),
        ((dump, "metadata_of"), expired, "older than the oldest available"),
        ((os, "link"), full_disk, "No space left on device"),
        ((archive, "verify"), read_wrongly, "cannot be read to its end"),
    ],
)
def test_what_fails_leaves_nothing_and_removes_nothing(
    shelf: Path, monkeypatch: pytest.MonkeyPatch, where: tuple[Any, str], failure: Any, said: str
) -> None:
    before = set(put(shelf, *(NOON - timedelta(days=days) for days in range(40))))
    monkeypatch.setattr(*where, failure)

    with pytest.raises(CommandError, match=said):
        call_command("backup_database", output=shelf)

    assert names(shelf) == before


SPOOLED, PACKED = 40_000, 100_000  # bytes at which the system refuses: within a collection, and after two


@pytest.mark.usefixtures("sold")
@pytest.mark.parametrize("room", [SPOOLED, PACKED])
@pytest.mark.parametrize("encrypted", [False, True])
def test_a_file_that_the_system_lets_grow_no_further_leaves_nothing(shelf: Path, room: int, encrypted: bool) -> None:
    """The system's own refusal, not one of ours: a disk that is full answers each write the same way."""
    before = set(put(shelf, *(NOON - timedelta(days=days) for days in range(10))))
    for name in ("films", "halls"):
        collection(name).insert_one({"filler": os.urandom(60_000)})  # which no packing makes smaller
    recipient = str(pyrage.x25519.Identity.generate().to_public()) if encrypted else ""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        with override_settings(BACKUP_AGE_RECIPIENT=recipient), pytest.raises(CommandError, match="File too large"):
            call_command("backup_database", output=shelf)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert names(shelf) == before
    call_command("backup_database", output=shelf)  # the control: with room it is made
    assert len(names(shelf) - before) == 1


def test_a_database_that_is_gone_is_one_line(shelf: Path) -> None:
    environment = {**os.environ, "MONGO_URI": "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=300"}
    said = subprocess.run(
        [sys.executable, "manage.py", "backup_database", "--output", str(shelf)],
        env={**environment, "DJANGO_SETTINGS_MODULE": "backend.settings.dev"},
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert said.returncode == 1
    assert "Traceback" not in said.stderr
    assert names(shelf) == set()


def test_a_directory_that_is_a_file_is_one_line(shelf: Path, db: None) -> None:
    shelf.write_text("a file")

    with pytest.raises(CommandError, match="cannot be written"):
        call_command("backup_database", output=shelf)


def test_a_backup_of_this_very_second_is_not_written_over(shelf: Path) -> None:
    (name,) = put(shelf, NOON)

    with pytest.raises(shelves.BackupError, match="there already"), shelves.placed(shelves.path_of(shelf, NOON)):
        raise AssertionError("nothing is written")

    assert (shelf / name).read_bytes() == b"old"


def test_another_backup_under_way_is_left_alone(shelf: Path, sold: None) -> None:
    """Its writer lives, so what it has written is nobody's leftover."""
    with shelves.placed(shelves.path_of(shelf, NOON)) as part:
        with pytest.raises(shelves.BackupError, match="being written"), shelves.placed(shelves.path_of(shelf, NOON)):
            raise AssertionError("nothing is written")
        call_command("backup_database", output=shelf)
        assert part.exists()

    assert len(shelves.backups_in(shelf)) == 2


@pytest.mark.usefixtures("sold")
def test_memory_stays_flat(shelf: Path, commands_environment: dict[str, str]) -> None:
    """Sixty megabytes go through a process that grows by less than half of them."""
    from django.db import connection  # noqa: PLC0415

    filler = os.urandom(32 * 1024).hex()
    for _ in range(10):
        collection("loginLogs").insert_many([{"filler": filler} for _ in range(92)])
    grown = subprocess.run(
        [sys.executable, "-c", GROWTH, str(shelf), connection.settings_dict["NAME"]],
        env=commands_environment,
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )

    assert float(grown.stdout.splitlines()[-1]) < 30


GROWTH = """
import resource, sys
from pathlib import Path
import django
django.setup()
from django.core.management import call_command
from django.db import connection
connection.settings_dict["NAME"] = sys.argv[2]
from backend.core.mongo import collection
collection("users").find_one()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
call_command("backup_database", output=Path(sys.argv[1]))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


# --- kept or removed ----------------------------------------------------------------------------------
def hourly(days: int) -> list[Backup]:
    return [Backup(NOON - timedelta(hours=hour), Path(f"{hour}")) for hour in range(24 * days)]


def test_of_two_years_of_hours_seven_days_four_weeks_and_twelve_months_stay() -> None:
    kept = sorted((backup.taken_at for backup in Retention().kept(hourly(730), now=NOON)), reverse=True)

    assert kept[:7] == [NOON - timedelta(hours=hour) for hour in range(7)]  # the newest seven
    days = {at.date() for at in kept}
    assert {NOON.date() - timedelta(days=day) for day in range(7)} <= days
    assert len({at.isocalendar()[:2] for at in kept}) >= 4
    assert len({(at.year, at.month) for at in kept}) == 12
    assert len(kept) <= 7 + 7 + 4 + 12


def test_the_newest_seven_stay_whatever_their_dates() -> None:
    same_minute = [Backup(NOON - timedelta(days=400, seconds=second), Path(f"{second}")) for second in range(20)]

    assert len(Retention(days=1, weeks=1, months=1).kept(same_minute, now=NOON)) == 7


def test_a_clock_a_year_ahead_removes_nothing_that_is_needed() -> None:
    backups = hourly(30)
    before = Retention().kept(backups, now=NOON)
    ahead = Backup(NOON + timedelta(days=365), Path("ahead"))

    lost = before - Retention().kept([ahead, *backups], now=ahead.taken_at)

    assert len(lost) <= 3  # of the seven newest, days, weeks and months one each has moved out by the new one
    assert max(backups) in Retention().kept([ahead, *backups], now=ahead.taken_at)
    # Put right again, what it left counts for nothing, and whatever is needed stays, hour for hour.
    later = Backup(NOON + timedelta(hours=1), Path("later"))
    afterwards = Retention().kept([ahead, later, *backups], now=later.taken_at)
    assert afterwards == Retention().kept([later, *backups], now=later.taken_at) | {ahead}


def test_a_clock_a_year_behind_removes_nothing_at_all() -> None:
    backups = hourly(30)

    assert Retention().kept(backups, now=NOON - timedelta(days=365)) == set(backups)


def test_one_run_with_a_clock_a_year_ahead_costs_nothing_that_is_needed(
    shelf: Path, sold: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(shelf, *(backup.taken_at for backup in hourly(30)))
    needed = Retention().kept(shelves.backups_in(shelf), now=NOON)

    for at in (NOON + timedelta(days=365), NOON + timedelta(hours=1), NOON + timedelta(hours=2)):
        monkeypatch.setattr(backup_database, "clock", SimpleNamespace(now=lambda at=at: at))
        call_command("backup_database", output=shelf)

    left = shelves.backups_in(shelf)
    assert left[0].taken_at == NOON + timedelta(days=365)  # it stays, and counts for nothing
    assert [backup.taken_at for backup in left[1:4]] == [NOON + timedelta(hours=hours) for hours in (2, 1, 0)]
    days = {backup.taken_at.date() for backup in left[1:]}
    assert {NOON.date() - timedelta(days=day) for day in range(6)} <= days  # of the seven the run took the oldest
    assert len(needed - {*left}) <= 6


def test_old_ones_go_after_a_good_new_one(shelf: Path, sold: None) -> None:
    put(shelf, *(NOON - timedelta(hours=hour) for hour in range(24 * 40)))

    call_command("backup_database", output=shelf)

    kept = shelves.backups_in(shelf)
    assert kept[0].taken_at > NOON
    assert 7 < len(kept) < 24
    call_command("prune_backups", output=shelf)
    assert shelves.backups_in(shelf) == kept


def test_zero_days_remove_nothing_and_less_is_refused(shelf: Path, sold: None) -> None:
    before = put(shelf, *(NOON - timedelta(hours=hour) for hour in range(100)))

    call_command("backup_database", output=shelf, keep_days=0)

    assert names(shelf) > set(before)
    with pytest.raises(CommandError, match="number of days"):
        call_command("backup_database", output=shelf, keep_days=-1)


def test_a_dry_run_says_and_removes_nothing(shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = put(shelf, *(NOON - timedelta(minutes=minute) for minute in range(30)))
    (shelf / "backup_99999999_999999.tar.gz").write_text("no time")
    (shelf / "notes.txt").write_text("somebody's")

    call_command("prune_backups", output=shelf, dry_run=True)
    assert names(shelf) >= set(before)
    assert capsys.readouterr().out.count("Would remove") == 23

    call_command("prune_backups", output=shelf)
    assert len(names(shelf) & set(before)) == 7
    assert {"notes.txt", "backup_99999999_999999.tar.gz"} <= names(shelf)
