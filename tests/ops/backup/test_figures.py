"""Figures of backups, their notes in the database, and the drill of another machine."""

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import override_settings

from backend.core import backup_state, clock
from backend.core.mongo import collection
from backend.ops.backup import figures, reports
from backend.ops.backup import shelf as shelves
from backend.ops.backup.drill import loss_seconds
from backend.ops.backup.records import Record, write
from backend.ops.backup.shelf import Backup

NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)
DRILLED = reports.Drilled(
    at=NOON, name="backup_20260615_115000.tar.gz", documents=7, loss_seconds=3000, recovery_seconds=60, wrong=[]
)


def put(shelf: Path, *taken: datetime) -> list[Backup]:
    shelf.mkdir(exist_ok=True)
    for number, at in enumerate(taken):
        shelves.path_of(shelf, at).write_bytes(b"x" * (100 + number))
    return [Backup(at, shelves.path_of(shelf, at)) for at in taken]


def shown(shelf: Path, *, off_site: bool = True, now: datetime = NOON) -> dict[str, float]:
    """Return the figures as Prometheus reads them, without the common beginning of their names."""
    families = figures.registry(shelf, off_site=off_site, now=lambda: now).collect()
    return {family.name.removeprefix("cinema_"): family.samples[0].value for family in families}


def test_an_empty_shelf_has_figures_of_what_must_not_be_missing(shelf: Path) -> None:
    assert shown(shelf) == {
        "backups": 0,
        "backup_taken_timestamp_seconds": 0,
        "backup_failed_timestamp_seconds": 0,
        "backup_offsite_timestamp_seconds": 0,
        "drill_timestamp_seconds": 0,
    }
    assert "backup_offsite_timestamp_seconds" not in shown(shelf, off_site=False)  # nobody expects a copy


def test_the_newest_is_shown_and_none_of_the_future(shelf: Path) -> None:
    """A backup that a wrong clock has dated would look young for a year."""
    put(shelf, NOON - timedelta(hours=2), NOON - timedelta(hours=1), NOON + timedelta(days=365))

    found = shown(shelf)

    assert (found["backups"], found["backup_size_bytes"]) == (2, 101)
    assert found["backup_taken_timestamp_seconds"] == (NOON - timedelta(hours=1)).timestamp()


def test_a_copy_counts_once_the_store_has_all_of_it(shelf: Path) -> None:
    old, new = put(shelf, NOON - timedelta(hours=2), NOON - timedelta(hours=1))
    record = Record(bucket="b", key="k", size=1, part_size=1, sent_at="2026-06-15T11:00:00Z")
    write(shelf, old, record)
    write(shelf, new, Record(bucket="b", key="k", size=2, part_size=1, upload="u", parts=["1"]))

    assert shown(shelf)["backup_offsite_timestamp_seconds"] == old.taken_at.timestamp()
    write(shelf, new, record)
    assert shown(shelf)["backup_offsite_timestamp_seconds"] == new.taken_at.timestamp()


@pytest.mark.usefixtures("sold")
def test_what_became_of_a_backup_is_shown_and_noted_in_the_database(shelf: Path) -> None:
    call_command("backup_database", output=shelf)
    (backup,) = shelves.backups_in(shelf)

    made = reports.last(shelf, reports.Made)
    assert made is not None
    assert (made.name, made.size) == (backup.path.name, backup.size)
    assert shown(shelf, now=clock.now())["backup_duration_seconds"] == made.seconds > 0
    noted = backup_state.last_backup(made.taken_at + timedelta(minutes=5))
    assert noted["backup"] == {
        "at": made.taken_at,
        "ageSeconds": 300,
        "name": made.name,
        "size": made.size,
        "seconds": made.seconds,
        "documents": made.documents,
    }
    assert (noted["offSite"], noted["drill"]) == (None, None)

    write(shelf, backup, Record(bucket="b", key="k", size=1, part_size=1, sent_at="2026-06-15T11:00:00Z"))
    late = backup.taken_at + timedelta(hours=1)
    from backend.ops.management.commands import backup_database  # noqa: PLC0415 - its clock is set

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backup_database, "clock", SimpleNamespace(now=lambda: late))
        call_command("backup_database", output=shelf)
    off_site = backup_state.last_backup(late)["offSite"]
    assert off_site == {"at": backup.taken_at, "name": backup.path.name, "ageSeconds": 3600}


@pytest.mark.usefixtures("db")
def test_an_older_note_changes_nothing() -> None:
    backup_state.note(backup_state.LAST, NOON, name="new")
    backup_state.note(backup_state.LAST, NOON - timedelta(hours=1), name="late")
    assert backup_state.last_backup(NOON)["backup"]["name"] == "new"

    backup_state.note(backup_state.LAST, NOON + timedelta(hours=1), name="newer")
    assert backup_state.last_backup(NOON)["backup"]["name"] == "newer"
    assert collection(backup_state.NAME).count_documents({}) == 1


def test_a_failure_is_shown_until_a_backup_is_newer(shelf: Path) -> None:
    put(shelf, NOON - timedelta(hours=1))
    with override_settings(BACKUP_AGE_RECIPIENT="age1nobody"), pytest.raises(CommandError):
        call_command("backup_database", output=shelf)

    failed = reports.last(shelf, reports.Failed)
    assert failed is not None
    assert "no age recipient" in failed.reason
    assert shown(shelf)["backup_failed_timestamp_seconds"] == failed.at.timestamp()


@pytest.mark.usefixtures("sold")
def test_a_backup_whose_note_fails_is_made_all_the_same(
    shelf: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(reports, "keep", full)
    call_command("backup_database", output=shelf)

    assert len(shelves.backups_in(shelf)) == 1
    assert "The backup is made, but" in capsys.readouterr().err


def test_a_report_that_was_half_written_or_tampered_with_is_none(shelf: Path) -> None:
    put(shelf, NOON - timedelta(hours=1))
    (shelf / "last-drill.json").write_text('{"at": 1')
    (shelf / "last-backup.json").write_bytes(b"\xff")

    assert reports.last(shelf, reports.Drilled) is None
    assert shown(shelf)["drill_timestamp_seconds"] == 0


# --- the drill of another machine ---------------------------------------------------------------------------------
@pytest.mark.usefixtures("db")
def test_a_drill_of_another_machine_is_noted(shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reports.keep(tmp_path / "elsewhere", DRILLED)
    told = (tmp_path / "elsewhere" / "last-drill.json").read_bytes()
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(told)))

    call_command("record_drill", output=shelf)

    found = shown(shelf)
    assert (found["drill_passed"], found["drill_loss_seconds"], found["drill_recovery_seconds"]) == (1, 3000, 60)
    assert found["drill_timestamp_seconds"] == NOON.timestamp()
    assert backup_state.last_backup(NOON)["drill"] == {
        "at": NOON,
        "ageSeconds": 0,
        "name": DRILLED.name,
        "passed": True,
        "lossSeconds": 3000,
        "recoverySeconds": 60,
    }


@pytest.mark.parametrize("text", [b"", b"[]", b'{"at": "2026-06-15T12:00:00Z"}', b"\xff"])
def test_what_is_no_report_is_refused(shelf: Path, monkeypatch: pytest.MonkeyPatch, text: bytes) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(text)))

    with pytest.raises(CommandError, match="Nothing was noted"):
        call_command("record_drill", output=shelf)
    assert not shelf.exists()


# --- what would have been lost ------------------------------------------------------------------------------------
def test_what_would_be_lost_is_the_longest_time_without_a_new_backup(shelf: Path) -> None:
    def minutes_ago(*minutes: int) -> list[Backup]:
        return [Backup(NOON - timedelta(minutes=each), Path(f"{each}")) for each in minutes]

    assert loss_seconds(minutes_ago(10, 60, 110), now=NOON) == 50 * 60
    assert loss_seconds(minutes_ago(10, 60, 160), now=NOON) == 100 * 60
    assert loss_seconds(minutes_ago(90, 100), now=NOON) == 90 * 60  # since the newest
    hourly = minutes_ago(*range(0, 420, 60))
    assert loss_seconds([*hourly, *minutes_ago(5000)], now=NOON) == 3600  # those of earlier days are thinned out
