"""Copies off-site: by a key that can only put, no part twice, and none is called off-site before the store has it."""

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import override_settings
from prometheus_client.parser import text_string_to_metric_families

from backend.ops.backup import archive, offsite, records
from backend.ops.backup import shelf as shelves
from backend.ops.backup.shelf import Backup
from tests.ops.backup import s3 as stores
from tests.ops.processes import eventually
from tests.support.workers import free_port

NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)
PART = 5 * 1024 * 1024  # the least that S3 takes


@pytest.fixture(scope="session")  # pytest-django sorts the tests: a module's would be made twice
def server() -> Iterator[stores.S3]:
    with stores.running() as running:
        yield running


@pytest.fixture
def s3(server: stores.S3, monkeypatch: pytest.MonkeyPatch) -> Iterator[stores.S3]:
    """Give the empty store, named in the settings; a call is tried once, and parts are small."""
    owner = server.client(server.owner)
    for key in server.stored():
        owner.delete_object(Bucket=stores.BUCKET, Key=key)
    server.asked.clear()
    server.fault = None
    monkeypatch.setattr(offsite, "TRIES", 1)
    monkeypatch.setattr(offsite, "PART", PART)
    with override_settings(**server.settings()):
        yield server


def put(shelf: Path, size: int = 1000, *, at: datetime = NOON, encrypted: bool = False) -> Backup:
    """Put a file that looks like a backup on the shelf: what sends it does not look into it."""
    shelf.mkdir(exist_ok=True)
    path = shelves.path_of(shelf, at, encrypted=encrypted)
    path.write_bytes(os.urandom(1000) * (size // 1000))
    return Backup(at, path)


def key_of(backup: Backup) -> str:
    return stores.PREFIX + backup.path.name


def send(shelf: Path) -> None:
    call_command("send_backups", output=shelf, once=True)


def listed(shelf: Path, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    call_command("list_backups", output=shelf)
    return capsys.readouterr().out


@pytest.mark.usefixtures("sold")
def test_a_backup_is_sent_once_and_what_comes_back_is_the_backup(
    s3: stores.S3, shelf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("backup_database", output=shelf)
    (backup,) = shelves.backups_in(shelf)
    assert "only here" in listed(shelf, capsys)

    send(shelf)
    assert "off-site since 20" in listed(shelf, capsys)
    send(shelf)

    assert s3.asked == [f"PUT /{stores.BUCKET}/{key_of(backup)}"]
    fetched = tmp_path / backup.path.name
    fetched.write_bytes(s3.stored()[key_of(backup)])
    assert archive.verify(fetched) == archive.verify(backup.path)


def test_the_servers_key_can_put_and_nothing_else(s3: stores.S3, shelf: Path) -> None:
    backup = put(shelf, 2 * PART)
    send(shelf)
    client = s3.client(s3.key)

    place = {"Bucket": stores.BUCKET, "Key": key_of(backup)}
    for refused in (
        lambda: client.get_object(**place),
        lambda: client.head_object(**place),
        lambda: client.delete_object(**place),
        lambda: client.list_objects_v2(Bucket=stores.BUCKET),
        lambda: client.list_multipart_uploads(Bucket=stores.BUCKET),
        lambda: client.put_object(Bucket=stores.BUCKET, Key="elsewhere", Body=b""),
    ):
        with pytest.raises(ClientError, match=r"AccessDenied|403"):
            refused()
    assert list(s3.stored()) == [key_of(backup)]


def test_a_large_one_goes_in_parts(s3: stores.S3, shelf: Path) -> None:
    backup = put(shelf, 2 * PART + 1000)

    send(shelf)

    assert s3.parts() == [1, 2, 3]
    assert s3.stored() == {key_of(backup): backup.path.read_bytes()}


def failing(part: int) -> stores.Fault:
    return lambda call, body: stores.Refusal(503, "SlowDown") if stores.part_of(call) == part else body


def test_one_that_fails_is_tried_again_by_the_next_run_from_where_it_was(
    s3: stores.S3, shelf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    backup = put(shelf, 2 * PART + 1000)
    s3.fault = failing(2)

    with pytest.raises(CommandError, match=r"could not be sent .* The next run tries again"):
        send(shelf)
    assert "being sent: 49 %" in listed(shelf, capsys)
    assert s3.stored() == {}

    s3.fault = None
    s3.asked.clear()
    send(shelf)
    assert s3.parts() == [2, 3]
    assert s3.stored() == {key_of(backup): backup.path.read_bytes()}
    assert "off-site since" in listed(shelf, capsys)


def test_a_call_that_the_store_refuses_once_is_made_again_at_once(
    s3: stores.S3, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup = put(shelf)
    monkeypatch.setattr(offsite, "TRIES", 2)
    s3.fault = lambda _call, body: stores.Refusal(503, "SlowDown") if len(s3.asked) == 1 else body

    send(shelf)

    assert s3.asked == [f"PUT /{stores.BUCKET}/{key_of(backup)}"] * 2
    assert s3.stored() == {key_of(backup): backup.path.read_bytes()}


def test_one_that_is_killed_on_the_way_goes_on_where_it_was(
    s3: stores.S3, shelf: Path, commands_environment: dict[str, str]
) -> None:
    backup = put(shelf, 2 * 16 * offsite.MEBIBYTE + 1000)  # of the real size of parts
    running: list[subprocess.Popen[bytes]] = []

    def kill(call: str, body: bytes) -> bytes | stores.Refusal:
        if stores.part_of(call) == 2:
            running[0].send_signal(signal.SIGKILL)
            running[0].wait()
        return body

    s3.fault = kill
    command = [sys.executable, "manage.py", "send_backups", "--once", "--output", str(shelf)]
    running.append(subprocess.Popen(command, env={**commands_environment, **s3.settings()}, cwd=settings.BASE_DIR))
    assert running[0].wait() == -signal.SIGKILL
    record = records.read(shelf, backup)
    assert record is not None
    assert (len(record.parts), record.sent_at) == (1, None)

    s3.fault = None
    send(shelf)
    assert s3.stored() == {key_of(backup): backup.path.read_bytes()}


def test_a_copy_that_the_store_gave_up_is_begun_anew(s3: stores.S3, shelf: Path) -> None:
    backup = put(shelf, 2 * PART + 1000)
    s3.fault = failing(2)
    with pytest.raises(CommandError):
        send(shelf)
    record = records.read(shelf, backup)
    assert record is not None
    assert record.upload
    given_up, gone = record.upload, stores.Refusal(404, "NoSuchUpload")  # as S3 says it; moto breaks down instead
    s3.fault = lambda call, body: gone if given_up in call else body

    send(shelf)

    assert s3.stored() == {key_of(backup): backup.path.read_bytes()}


@pytest.mark.parametrize("size", [1000, PART + 1000])
def test_what_was_changed_on_the_way_is_not_taken_for_sent(s3: stores.S3, shelf: Path, size: int) -> None:
    backup = put(shelf, size)

    def flip(call: str, body: bytes) -> bytes | stores.Refusal:
        return bytes([body[0] ^ 1]) + body[1:] if call.startswith("PUT") else body

    s3.fault = flip
    with pytest.raises(CommandError, match="could not be sent"):
        send(shelf)
    assert not records.is_off_site(shelf, backup)

    s3.fault = None
    send(shelf)
    assert s3.stored() == {key_of(backup): backup.path.read_bytes()}


@pytest.mark.parametrize("answer", [{"ETag": '"0"'}, {"ETag": '"0"', "ServerSideEncryption": "AES256"}])
def test_a_store_that_says_to_have_received_other_bytes_is_not_believed(answer: dict[str, str]) -> None:
    with pytest.raises(OSError, match="other bytes"):
        offsite._check(answer, b"ours")
    offsite._check({**answer, "ServerSideEncryption": "aws:kms"}, b"ours")  # whose digest is of its own cipher


def test_a_store_that_is_away_leaves_the_backup_as_it_is(s3: stores.S3, shelf: Path) -> None:
    backup = put(shelf)

    nobody = f"http://127.0.0.1:{free_port()}"
    with override_settings(BACKUP_OFFSITE_ENDPOINT=nobody), pytest.raises(CommandError, match="could not be sent"):
        send(shelf)

    assert shelves.backups_in(shelf) == [backup]
    assert not records.is_off_site(shelf, backup)


def test_a_key_that_is_refused_is_said_so(s3: stores.S3, shelf: Path) -> None:
    put(shelf)
    with override_settings(BACKUP_OFFSITE_SECRET_KEY="wrong"), pytest.raises(CommandError, match="SignatureDoesNot"):
        send(shelf)


@override_settings(BACKUP_MUST_BE_ENCRYPTED=True)
def test_production_sends_nothing_that_anybody_can_read(s3: stores.S3, shelf: Path) -> None:
    put(shelf)
    secret = put(shelf, at=NOON + timedelta(hours=1), encrypted=True)

    send(shelf)

    assert list(s3.stored()) == [key_of(secret)]


def test_what_is_known_of_a_backup_goes_with_it(s3: stores.S3, shelf: Path) -> None:
    old, new = put(shelf), put(shelf, at=NOON + timedelta(hours=1))
    send(shelf)
    shelves.remove([old])

    send(shelf)

    assert {path.name for path in shelf.iterdir()} == {new.path.name, new.path.name + records.SUFFIX}
    assert set(s3.stored()) == {key_of(old), key_of(new)}  # nobody here can remove what is there


def test_half_a_store_is_refused_by_what_is_missing(shelf: Path) -> None:
    half = {"BACKUP_OFFSITE_ENDPOINT": "https://s3.example.com", "BACKUP_OFFSITE_BUCKET": "b"}
    with override_settings(**half), pytest.raises(CommandError, match="OFFSITE_KEY_ID and BACKUP_OFFSITE_SECRET_KEY"):
        send(shelf)
    with override_settings(BACKUP_OFFSITE_ENDPOINT="s3.example.com"), pytest.raises(CommandError, match="no address"):
        send(shelf)
    with pytest.raises(CommandError, match="nowhere to send"):
        send(shelf)


def test_a_secret_is_in_no_message() -> None:
    made = offsite.Store("https://s3.example.com", "b", "", "r", "path", "id", "hidden")
    assert "hidden" not in repr(made)


def test_the_service_sends_without_a_database_and_shows_figures(s3: stores.S3, shelf: Path, tmp_path: Path) -> None:
    """As the compose file runs it: its settings, its own place for records, its port."""
    backup = put(shelf, encrypted=True)
    port, alive = free_port(), tmp_path / "alive"
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("MONGO", "REDIS"))}
    environment = {
        **ours,
        **s3.settings(),
        "DJANGO_SETTINGS_MODULE": "backend.settings.offsite",
        "BACKUP_DIR": str(shelf),
        "BACKUP_OFFSITE_RECORDS": str(tmp_path / "records"),
    }
    shelf.chmod(0o500)
    running = subprocess.Popen(
        [sys.executable, "manage.py", "send_backups", "--alive", str(alive), "--metrics-port", str(port)],
        env=environment,
        cwd=settings.BASE_DIR,
    )
    try:
        assert eventually(alive.exists)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            figures = answer.read().decode()
    finally:
        running.terminate()
        running.wait()
    assert list(s3.stored()) == [key_of(backup)]
    assert (tmp_path / "records" / (backup.path.name + records.SUFFIX)).exists()
    shown = {family.name: family.samples[0].value for family in text_string_to_metric_families(figures)}
    assert shown["cinema_backup_offsite_timestamp_seconds"] == NOON.timestamp()
