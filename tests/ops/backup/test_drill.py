"""The drill: the newest backup is restored, compared, checked as of its time, and leaves nothing behind."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyrage
import pytest
from bson import ObjectId
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test import override_settings
from pymongo.collection import Collection
from pymongo.database import Database

from backend.core import backup_state
from backend.core.mongo import client, collection
from backend.ops import lease
from backend.ops.backup import archive, consistency, drill, loading, options, reports
from backend.ops.backup import shelf as shelves
from backend.ops.management.commands import restore_drill
from tests.ops.backup import damage


def no_ledger(*_args: Any) -> list[str]:
    """Stand for a process that takes two seconds, where the test is not about it."""
    return []


@pytest.fixture
def scratch(monkeypatch: pytest.MonkeyPatch, commands_environment: dict[str, str]) -> str:
    """Return the scratch database's name; the drill's own process finds the tests' server."""
    for name, value in commands_environment.items():
        monkeypatch.setenv(name, value)
    return f"{connection.settings_dict['NAME']}_drill"


def left_in(scratch: str) -> set[str]:
    """Return the scratch database's collections, but for the one that says whose turn it is, and probes of backups."""
    names = {*client()[scratch].list_collection_names()} - {drill.LEASES}
    return {name for name in names if not consistency.is_somebodys_probe(name)}


def everything() -> dict[str, Any]:
    """Return what the live database holds, without what a till's call writes meanwhile."""
    names = ("orders", "seatMaps", "users", "showtimes", "loginLogs")
    return {name: list(collection(name).find().sort("_id")) for name in names}


@pytest.mark.usefixtures("sold")
def test_a_good_backup_passes_and_every_long_command_tells_how_far_it_is(
    shelf: Path, scratch: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(options, "EVERY_SECONDS", 0)
    before = everything()

    call_command("backup_database", output=shelf)
    assert "orders: 1\n" in capsys.readouterr().err
    call_command("verify_backup", shelves.backups_in(shelf)[0].path)
    assert "/orders.bson: documents read back: 1\n" in capsys.readouterr().err
    call_command("restore_drill", output=shelf)
    told = capsys.readouterr()
    for step in ("/orders.bson: documents read back", "orders: documents restored", "orders: documents compared"):
        assert f"{step}: 1\n" in told.err
    for goal in ("Lost at worst (RPO): 0.", "The way back (RTO): 0."):
        assert goal in told.out
    report = reports.last(shelf, reports.Drilled)
    assert report is not None
    assert (report.wrong, report.name) == ([], shelves.backups_in(shelf)[0].path.name)
    assert 0 < report.recovery_seconds < 60
    assert 0 < report.loss_seconds < 60
    assert everything() == before  # the live database is not touched
    assert left_in(scratch) == set()


@pytest.mark.usefixtures("sold")
def test_a_goal_that_was_missed_is_said_so(
    shelf: Path, scratch: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("backup_database", output=shelf)
    (made,) = shelves.backups_in(shelf)
    late = SimpleNamespace(now=lambda: made.taken_at + timedelta(minutes=61))
    monkeypatch.setattr(restore_drill, "clock", late)
    monkeypatch.setattr(drill, "_ledger", no_ledger)

    call_command("restore_drill", output=shelf)

    assert "Lost at worst (RPO): 61.0 minutes, the goal is 60: MISSED." in capsys.readouterr().err


@pytest.mark.usefixtures("sold")
def test_indexes_come_back_and_nothing_expires_in_the_scratch(shelf: Path, scratch: str) -> None:
    call_command("backup_database", output=shelf)
    restored: Database[Any] = client()[scratch]

    try:
        loading.load(shelves.backups_in(shelf)[0].path, restored)

        for name in ("orders", "users", "loginLogs"):
            live, copy = collection(name).index_information(), restored[name].index_information()
            assert {key: index["key"] for key, index in copy.items()} == {key: i["key"] for key, i in live.items()}
            assert not [index for index in copy.values() if "expireAfterSeconds" in index]
        unique = [index["key"] for index in restored["users"].index_information().values() if index.get("unique")]
        assert [("phone", 1)] in unique
    finally:
        client().drop_database(scratch)


@pytest.mark.usefixtures("sold")
def test_a_ledger_that_does_not_add_up_fails_the_drill(
    shelf: Path, scratch: str, capsys: pytest.CaptureFixture[str]
) -> None:
    long_over = {"state": "cancelled", "cancelledAt": datetime(2026, 1, 1, tzinfo=UTC)}
    collection("orders").update_many({}, {"$set": long_over})
    call_command("backup_database", output=shelf)

    with pytest.raises(CommandError, match="cannot be relied on"):
        call_command("restore_drill", output=shelf)

    assert "still taken, its order is cancelled" in capsys.readouterr().err
    assert left_in(scratch) == set()


@pytest.mark.usefixtures("sold")
def test_what_the_server_changed_on_the_way_fails_the_drill(
    shelf: Path, scratch: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("backup_database", output=shelf)
    real = loading.load

    def changed(path: Path, database: Database[Any], **more: Any) -> Any:
        loaded = real(path, database, **more)
        database["users"].update_one({}, {"$set": {"name": "somebody else"}})
        return loaded

    monkeypatch.setattr(drill, "load", changed)
    monkeypatch.setattr(drill, "_ledger", no_ledger)
    with pytest.raises(CommandError):
        call_command("restore_drill", output=shelf)

    assert "users is not what was in the backup" in capsys.readouterr().err


@pytest.mark.usefixtures("sold")
def test_a_damaged_backup_and_none_at_all_are_said_so(shelf: Path, scratch: str) -> None:
    with pytest.raises(CommandError, match="there is no backup"):
        call_command("restore_drill", output=shelf)

    call_command("backup_database", output=shelf)
    damage.cut_file(0.7)(shelves.backups_in(shelf)[0].path)
    with pytest.raises(CommandError, match="cannot be relied on"):
        call_command("restore_drill", output=shelf)
    noted = reports.last(shelf, reports.Drilled)
    assert noted is not None
    assert "cannot be read to its end" in noted.wrong[0]  # which an alarm tells, and the managers' page
    assert backup_state.last_backup(noted.at)["drill"]["passed"] is False
    assert left_in(scratch) == set()


def strangers_identity(directory: Path) -> str:
    file = directory / "stranger"
    file.write_text(f"{pyrage.x25519.Identity.generate()}\n")
    return str(file)


@pytest.mark.usefixtures("sold")
def test_a_backup_that_the_identity_does_not_open_fails_the_drill_and_no_identity_is_no_drill(
    shelf: Path, scratch: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipient = str(pyrage.x25519.Identity.generate().to_public())
    with override_settings(BACKUP_AGE_RECIPIENT=recipient):
        call_command("backup_database", output=shelf)

    with pytest.raises(CommandError, match="set BACKUP_AGE_IDENTITY_FILE"):
        call_command("restore_drill", output=shelf)
    assert reports.last(shelf, reports.Drilled) is None
    with (
        override_settings(BACKUP_AGE_IDENTITY_FILE=strangers_identity(tmp_path)),
        pytest.raises(CommandError, match="cannot be relied on"),
    ):
        call_command("restore_drill", output=shelf)
    noted = reports.last(shelf, reports.Drilled)
    assert noted is not None
    assert "does not open" in noted.wrong[0]


@pytest.mark.usefixtures("sold")
def test_two_drills_at_once_take_turns(shelf: Path, scratch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one database each would find the other's documents, and call a good backup unreliable."""
    call_command("backup_database", output=shelf)
    tried: list[str] = []

    def meanwhile(*_args: Any) -> list[str]:
        if not tried:
            with pytest.raises(CommandError) as refused:
                call_command("restore_drill", output=shelf)
            tried.append(str(refused.value))
        return []

    monkeypatch.setattr(drill, "_ledger", meanwhile)
    monkeypatch.setattr(drill, "PATIENCE_SECONDS", -lease.SECONDS)  # nobody waits
    call_command("restore_drill", output=shelf)

    assert "another drill is under way" in tried[0]
    noted = reports.last(shelf, reports.Drilled)
    assert noted is not None
    assert noted.wrong == []


@pytest.mark.usefixtures("sold")
def test_a_drill_leaves_the_probe_of_a_backup_and_clears_a_dead_ones(
    shelf: Path, scratch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    call_command("backup_database", output=shelf)
    monkeypatch.setattr(drill, "_ledger", no_ledger)
    alive = f"{consistency.PROBE}{ObjectId()}"
    dead = f"{consistency.PROBE}{ObjectId.from_datetime(datetime(2026, 1, 1, tzinfo=UTC))}"
    for name in (alive, dead):
        client()[scratch][name].insert_one({})

    try:
        call_command("restore_drill", output=shelf)
        left = {*client()[scratch].list_collection_names()}
        assert alive in left
        assert dead not in left
    finally:
        client().drop_database(scratch)


@pytest.mark.usefixtures("sold")
def test_a_probe_that_somebody_drops_proves_nothing(scratch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The servers here have no snapshot session: one is not believed for want of the document that it must not see."""
    inserted = []
    real = Collection.insert_one

    def dropped_after(self: Any, document: Any, **more: Any) -> Any:
        result = real(self, document, **more)
        inserted.append(self.name)
        if len(inserted) == 2:
            client().drop_database(scratch)
        return result

    monkeypatch.setattr(Collection, "insert_one", dropped_after)
    assert not consistency._holds(client(), scratch, consistency._snapshot_session)
    assert len({*inserted}) == 1
    consistency._holds(client(), scratch, consistency._snapshot_session)
    assert len({*inserted}) == 2  # each run has its own


TILLS, HALLS, ROWS, SEATS = 50, 3, 20, 25


def test_a_backup_taken_while_fifty_tills_sell_has_a_clean_ledger(
    transactional_db: None, make_till: Any, gunicorn: Any, shelf: Path, scratch: str
) -> None:
    from tests.factories import make_showtime, make_staff  # noqa: PLC0415 - Django is set up by now

    origin = gunicorn(2)
    showtimes = [make_showtime(rows=ROWS, seats_per_row=SEATS) for _ in range(HALLS)]
    tills = [make_till(make_staff(), origin=origin) for _ in range(TILLS)]
    selling, enough = threading.Semaphore(0), threading.Event()

    def sell(number: int) -> None:
        till, showtime = tills[number].log_in(), showtimes[number % HALLS]
        seats = [f"{row}-{seat}" for row in range(1, ROWS + 1) for seat in range(1, SEATS + 1)]
        for sold, seat in enumerate(seats[number // HALLS :: -(-TILLS // HALLS)]):  # nobody else's
            order = till.hold(showtime, seat)
            if sold % 3 == 1:
                till.post(f"/api/v2/orders/{order['id']}/cancel")
            else:
                till.pay(order)
            if sold == 0:
                selling.release()
            if enough.is_set():
                return
        raise AssertionError("the hall is full before the backup was made")

    with ThreadPoolExecutor(TILLS) as pool:
        working = [pool.submit(sell, number) for number in range(TILLS)]
        try:
            for _ in range(TILLS):
                assert selling.acquire(timeout=60)
            call_command("backup_database", output=shelf)
        finally:
            enough.set()
        for each in working:
            each.result()

    (backup,) = shelves.backups_in(shelf)
    kept = archive.verify(backup.path).files[f"{connection.settings_dict['NAME']}/orders.bson"].documents
    assert kept is not None
    assert TILLS <= kept < collection("orders").count_documents({})  # more were sold while it was made
    call_command("restore_drill", output=shelf)


def test_a_time_for_check_ledger_needs_its_zone(db: None) -> None:
    with pytest.raises(CommandError, match="no time with its zone"):
        call_command("check_ledger", "--at", "2026-06-15T12:00:00")
    call_command("check_ledger", "--at", (datetime.now(UTC) + timedelta(days=1)).isoformat())
