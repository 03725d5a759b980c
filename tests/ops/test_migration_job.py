"""The migration job: one at a time, killed at each step and begun again, and nothing in the way of its indexes."""

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from bson import ObjectId
from django.core.management import CommandError, call_command
from pymongo import MongoClient

from backend.core.management.commands.create_indexes import Definition
from backend.core.mongo import collection
from backend.devtools.prepare import DATABASE
from backend.ops import lease
from backend.ops.migration import duplicates
from tests.ops.processes import ROOT, eventually

PERMISSIONS = ("auth_permission", "django_content_type", "django_migrations")
Document = dict[str, Any]


def job(database: str, *command: str) -> str:
    """Run the job, or `command` in its place, on a database of its own and return what it prints."""
    environment = {**os.environ, "MONGO_DB": database}
    words = [sys.executable, *(command or ("manage.py", "migrate_database", "--verbosity", "0"))]
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def schema(server: MongoClient[Document], database: str) -> dict[str, Any]:
    """Return the collections with their indexes, and what Django keeps about itself."""
    found: dict[str, Any] = {}
    for name in sorted(set(server[database].list_collection_names()) - {"leases"}):
        indexes = server[database][name].index_information()
        found[name] = {
            key: Definition.of({**index, "key": dict(index["key"])}) for key, index in indexes.items() if key != "_id_"
        }
    for name in PERMISSIONS:
        rows = server[database][name].find({}, {"_id": 0, "applied": 0, "content_type_id": 0})
        found[f"rows of {name}"] = sorted(str(sorted(row.items())) for row in rows)
    return found


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_job_that_is_killed_at_every_step_and_begun_again_ends_in_the_same_schema() -> None:
    with MongoClient[Document](os.environ["MONGO_URI"]) as server:
        try:
            job("migrated_whole")
            deaths = int(job("migrated_in_pieces", "-m", "tests.ops.dying_migration"))

            whole = schema(server, "migrated_whole")
            assert schema(server, "migrated_in_pieces") == whole
            # Each collection was one step at least, each migration's record another.
            assert deaths >= len(whole) - len(PERMISSIONS) + len(whole["rows of django_migrations"])
            assert len(whole["users"]) > 3
        finally:
            server.drop_database("migrated_whole")
            server.drop_database("migrated_in_pieces")


def test_make_run_goes_on_where_a_start_that_was_killed_has_stopped() -> None:
    with MongoClient[Document](os.environ["MONGO_URI"]) as server:
        try:
            server["prepared_again"].create_collection("users")  # made, and not yet on record
            job("prepared_again", "-m", "backend.devtools.prepare", *DATABASE[:1])
            assert "phone_1" in server["prepared_again"]["users"].index_information()
        finally:
            server.drop_database("prepared_again")


def test_control_with_the_plain_editor_the_next_run_stumbles_over_what_the_first_has_done() -> None:
    with MongoClient[Document](os.environ["MONGO_URI"]) as server:
        try:
            with pytest.raises(AssertionError, match="CollectionInvalid"):
                job("migrated_plainly", "-m", "tests.ops.dying_migration", "--plain")
        finally:
            server.drop_database("migrated_plainly")


def test_a_job_with_nothing_to_do_changes_nothing(db: None) -> None:
    call_command("migrate_database", verbosity=0)

    assert collection("leases").find_one() is None


def test_a_second_job_says_in_one_line_who_holds_the_lease(db: None) -> None:
    until = datetime.now(UTC) + timedelta(minutes=1)
    collection("leases").insert_one({"_id": "migration", "holder": "host-7/4711/ab", "until": until})

    with pytest.raises(CommandError, match=r"^Another job migrates this database: held by host-7/4711/ab, until .*$"):
        call_command("migrate_database", verbosity=0)


def test_a_second_job_waits_for_the_first(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "ASK_AGAIN_SECONDS", 0.02)
    until = datetime.now(UTC) + timedelta(minutes=1)
    collection("leases").insert_one({"_id": "migration", "holder": "host-7/4711/ab", "until": until})
    ended = threading.Timer(0.3, collection("leases").delete_one, [{"_id": "migration"}])
    ended.start()

    call_command("migrate_database", verbosity=0, wait=20.0)
    ended.join()


def test_one_that_was_killed_keeps_the_others_waiting_no_longer_than_its_lease(db: None) -> None:
    over = datetime.now(UTC) - timedelta(milliseconds=50)
    collection("leases").insert_one({"_id": "migration", "holder": "host-7/4711/ab", "until": over})

    with lease.held("migration", wait=0):
        assert collection("leases").find_one({"_id": "migration"})["holder"] != "host-7/4711/ab"


def test_of_many_that_ask_at_once_one_has_it(db: None) -> None:
    leases = collection("leases")
    together = threading.Barrier(8)
    took: list[str] = []

    def ask(holder: str) -> None:
        together.wait(10)
        if lease.take(leases, "migration", holder):
            took.append(holder)

    threads = [threading.Thread(target=ask, args=(f"job {number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert took == [leases.find_one({"_id": "migration"})["holder"]]


def test_it_is_renewed_for_as_long_as_the_work_takes(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "SECONDS", 0.6)
    with lease.held("migration", wait=0):
        time.sleep(1.2)
        assert not lease.take(collection("leases"), "migration", "somebody else")


def test_who_lost_it_is_interrupted(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "SECONDS", 0.6)

    def work() -> None:
        with lease.held("migration", wait=0):
            until = datetime.now(UTC) + timedelta(minutes=1)
            collection("leases").update_one({"_id": "migration"}, {"$set": {"holder": "thief", "until": until}})
            for _ in range(100):
                time.sleep(0.05)

    with pytest.raises(lease.Lost):
        work()
    assert collection("leases").find_one({"_id": "migration"})["holder"] == "thief"  # and leaves it alone


def slept_while_another_had_the_lease(server: MongoClient[Document], *options: str) -> tuple[str, bool]:
    """Put a job to sleep until another has its lease, wake it; return what it said and whether it changed anything."""
    database = server["migrated_asleep"]
    environment = {**os.environ, "MONGO_DB": database.name}
    command = [sys.executable, "-m", "tests.ops.sleeping_migration", *options]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            _pid, status = os.waitpid(process.pid, os.WUNTRACED)
            assert os.WIFSTOPPED(status), status
            assert eventually(lambda: lease.take(database["leases"], "migration", "another"))
            before = schema(server, database.name)
            process.send_signal(signal.SIGCONT)
            _out, said = process.communicate(timeout=60)
            assert database["leases"].find_one({"_id": "migration"})["holder"] == "another"
            return said, schema(server, database.name) != before
        finally:
            process.kill()
            server.drop_database(database.name)


def test_one_that_slept_past_its_lease_does_no_further_step_and_says_so(db: None) -> None:
    with MongoClient[Document](os.environ["MONGO_URI"]) as server:
        said, changed = slept_while_another_had_the_lease(server)

    assert said.startswith("CommandError: The lease on the migration ")
    assert said.endswith("Start the job again.\n")
    assert not changed


def test_control_without_the_fence_it_goes_on_beside_the_other(db: None) -> None:
    with MongoClient[Document](os.environ["MONGO_URI"]) as server:
        said, changed = slept_while_another_had_the_lease(server, "--unfenced")

    assert (said, changed) == ("", True)


@pytest.fixture
def without_index(db: None):
    """Drop a unique index for the length of a test."""
    dropped = [("users", "phone_1"), ("orders", "tickets.number_1")]
    for table, name in dropped:
        collection(table).drop_index(name)
    yield
    for table, _name in dropped:
        collection(table).delete_many({})
    call_command("create_indexes", verbosity=0)


def test_documents_in_the_way_of_a_unique_index_are_named_before_anything_is_changed(without_index: None) -> None:
    first, second, third = (ObjectId() for _ in range(3))
    for document in ({"_id": first, "phone": "13700000001"}, {"_id": second, "phone": "13700000001"}):
        collection("users").insert_one({**document, "name": "x"})
    collection("users").insert_one({"_id": third, "phone": "13700000002", "name": "x"})
    said = StringIO()

    with pytest.raises(CommandError, match="Nothing was changed"):
        call_command("migrate_database", verbosity=0, stderr=said)

    assert said.getvalue() == f"users.phone_1: {first}, {second} share phone\n"  # and no phone
    assert "phone_1" not in collection("users").index_information()


def test_in_a_list_every_element_counts_and_only_where_the_index_looks(without_index: None) -> None:
    ids = [ObjectId() for _ in range(4)]
    collection("orders").insert_many(
        [
            {"_id": ids[0], "number": "1", "tickets": [{"number": "A"}, {"number": "B"}]},
            {"_id": ids[1], "number": "2", "tickets": [{"number": "C"}, {"number": "B"}]},
            {"_id": ids[2], "number": "3"},
            {"_id": ids[3], "number": "4"},
        ]
    )

    assert list(duplicates()) == [f"orders.tickets.number_1: {ids[0]}, {ids[1]} share tickets.number"]


def test_a_backup_that_fails_stops_the_job_before_any_change(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []

    def told(name: str, *_args: object, **_options: object) -> None:
        steps.append(name)
        if name == "backup_database":
            raise CommandError("The disk is full.")

    module = "backend.ops.management.commands.migrate_database"
    monkeypatch.setattr(f"{module}.get_commands", lambda: {"backup_database": "backend.ops"})
    monkeypatch.setattr(f"{module}.call_command", told)

    with pytest.raises(CommandError, match="The disk is full"):
        call_command("migrate_database", backup=True)
    assert steps == ["backup_database"]


def test_without_a_command_for_backups_none_is_pretended(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.ops.management.commands.migrate_database.get_commands", dict)

    with pytest.raises(CommandError, match="has no backup_database"):
        call_command("migrate_database", backup=True)
