"""Where a recipient is set, the server writes what it cannot read, and only who has the identity can."""

import errno
import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyrage
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test import override_settings

from backend.ops.backup import archive, dump
from backend.ops.backup import shelf as shelves
from backend.ops.backup.errors import Damaged
from tests.ops.backup import damage

pytestmark = pytest.mark.usefixtures("sold")


@pytest.fixture
def identity(tmp_path: Path) -> Iterator[Path]:
    """Return the file of an identity, as age-keygen writes it; its recipient is set."""
    made = pyrage.x25519.Identity.generate()
    file = tmp_path / "identity"
    file.write_text(f"# created: today\n# public key: {made.to_public()}\n{made}\n")
    with override_settings(BACKUP_AGE_RECIPIENT=str(made.to_public())):
        yield file


@pytest.fixture
def backup(shelf: Path, identity: Path) -> Path:
    call_command("backup_database", output=shelf)
    (made,) = shelves.backups_in(shelf)
    return made.path


def test_only_the_identity_opens_it(backup: Path, identity: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert backup.name.endswith(".tar.gz.age")
    assert backup.stat().st_mode & 0o777 == 0o600
    assert b"orders" not in backup.read_bytes()
    with pytest.raises(CommandError, match="is encrypted: set BACKUP_AGE_IDENTITY_FILE") as refused:
        call_command("verify_backup", str(backup))
    assert "Use another" not in str(refused.value)

    with override_settings(BACKUP_AGE_IDENTITY_FILE=str(identity)):
        call_command("verify_backup", str(backup))
    assert "is whole" in capsys.readouterr().out


def test_age_itself_and_tar_read_it(backup: Path, identity: Path) -> None:
    secret = pyrage.x25519.Identity.from_str(identity.read_text().splitlines()[-1])
    plain = pyrage.decrypt(backup.read_bytes(), [secret])

    with tarfile.open(fileobj=io.BytesIO(plain), mode="r:gz") as opened:
        assert f"{connection.settings_dict['NAME']}/orders.bson" in opened.getnames()


@pytest.mark.parametrize(
    "spoil",
    [damage.cut_file(0.5), damage.cut_file(0.999), damage.cut_file(0.0), damage.flip_byte(0.3), damage.flip_byte(0.99)],
)
def test_damage_is_refused(backup: Path, identity: Path, spoil: Any) -> None:
    spoil(backup)

    with override_settings(BACKUP_AGE_IDENTITY_FILE=str(identity)), pytest.raises(CommandError, match="is damaged"):
        call_command("verify_backup", str(backup))


@pytest.mark.parametrize("text", ["", "no identity\n", f"{pyrage.x25519.Identity.generate()}\n" * 2])
def test_an_identity_file_that_is_none_is_said_so(backup: Path, tmp_path: Path, text: str) -> None:
    other = tmp_path / "other"
    other.write_text(text)

    with override_settings(BACKUP_AGE_IDENTITY_FILE=str(other)), pytest.raises(CommandError, match="no single age"):
        call_command("verify_backup", str(backup))


def test_a_strangers_identity_opens_nothing(backup: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text(f"{pyrage.x25519.Identity.generate()}\n")

    with (
        override_settings(BACKUP_AGE_IDENTITY_FILE=str(other)),
        pytest.raises(CommandError, match="does not open") as refused,
    ):
        call_command("verify_backup", str(backup))
    assert "Use another" not in str(refused.value)  # it may be as good as any
    with override_settings(BACKUP_AGE_IDENTITY_FILE=str(tmp_path / "absent")), pytest.raises(CommandError):
        call_command("verify_backup", str(backup))


@override_settings(BACKUP_AGE_RECIPIENT="age1nobody")
def test_a_recipient_that_is_none_stops_the_backup(shelf: Path) -> None:
    with pytest.raises(CommandError, match="no age recipient"):
        call_command("backup_database", output=shelf)
    assert not shelf.exists()


@override_settings(BACKUP_MUST_BE_ENCRYPTED=True)
def test_production_writes_none_that_anybody_can_read_unless_told_by_name(shelf: Path) -> None:
    with pytest.raises(CommandError, match="BACKUP_AGE_RECIPIENT"):
        call_command("backup_database", output=shelf)
    assert not shelf.exists()

    call_command("backup_database", output=shelf, unencrypted=True)
    assert len(shelves.backups_in(shelf)) == 1


def gone_wrong(*_args: Any, **_more: Any) -> Any:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("where", [(dump, "write_documents"), (os, "link"), (os, "fsync")])
def test_what_fails_on_the_way_leaves_nothing(
    shelf: Path, identity: Path, monkeypatch: pytest.MonkeyPatch, where: tuple[Any, str]
) -> None:
    monkeypatch.setattr(*where, gone_wrong)

    with pytest.raises(CommandError, match="No space left"):
        call_command("backup_database", output=shelf)
    assert [path.name for path in shelf.iterdir()] == ["last-failure.json"]


def test_what_passes_wrongly_is_found_while_it_is_written(
    shelf: Path, identity: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server cannot read the file back, so the plain bytes are checked as they pass."""

    def early(stream: Any) -> Any:
        stream.read(100)
        raise Damaged("users.bson is not what was written")

    monkeypatch.setattr(archive, "verify_stream", early)
    with pytest.raises(CommandError, match="is not what was written"):
        call_command("backup_database", output=shelf)
    assert [path.name for path in shelf.iterdir()] == ["last-failure.json"]
