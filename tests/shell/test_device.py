"""The machine code and the device key: made once, kept privately, never replaced in silence."""

from __future__ import annotations

import re
from pathlib import Path

import keyring
import keyring.errors
import pytest
from keyring.backend import KeyringBackend

from shell_client.device.key import DeviceKey
from shell_client.device.keystore import KeyStoreError, load_device_key
from shell_client.device.machine import machine_code, shown


class MemoryVault(KeyringBackend):
    """A key store that the shell trusts, because it says that it is the system's."""

    __module__ = "keyring.backends.SecretService"
    priority = 1

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.broken = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.broken:
            raise keyring.errors.KeyringLocked("locked")
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password


class PlainText(MemoryVault):
    """Like keyrings.alt: it would write the key as plain text."""

    __module__ = "keyrings.alt.file"


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> MemoryVault:
    made = MemoryVault()
    monkeypatch.setattr(keyring, "get_keyring", lambda: made)
    return made


def own_key(data_dir: Path) -> DeviceKey:
    return load_device_key(data_dir=data_dir, own_data_dir=True)


def users_key(data_dir: Path) -> DeviceKey:
    return load_device_key(data_dir=data_dir, own_data_dir=False)


def test_the_machine_code_is_32_digits_and_the_same_at_every_start(data_dir: Path) -> None:
    first, second = (machine_code(data_dir=data_dir, own_data_dir=True) for _ in range(2))

    assert re.fullmatch("[0-9A-F]{32}", first)
    assert first == second


def test_the_machine_code_does_not_give_the_machine_id_away(data_dir: Path) -> None:
    (data_dir / "machine-id").write_text("0123456789abcdef0123456789abcdef\n")

    code = machine_code(data_dir=data_dir, own_data_dir=True)

    assert "0123456789ABCDEF" not in code
    assert shown(code) == f"{code[:4]} {code[4:8]} … {code[24:28]} {code[28:]}"


def test_only_a_data_folder_of_its_own_stands_for_another_machine(data_dir: Path) -> None:
    usual = machine_code(data_dir=data_dir, own_data_dir=False)
    (data_dir / "machine-id").write_text("ffffffffffffffffffffffffffffffff")

    assert machine_code(data_dir=data_dir, own_data_dir=True) != usual


def test_the_key_is_made_once_in_a_file_that_only_its_owner_can_read(data_dir: Path) -> None:
    first = own_key(data_dir)

    assert own_key(data_dir).thumbprint == first.thumbprint
    assert (data_dir / "device").stat().st_mode & 0o777 == 0o700
    assert (data_dir / "device" / "device.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("name", "mode"), [("device", 0o755), ("device/device.key", 0o640)])
def test_a_key_that_others_can_read_is_refused(data_dir: Path, name: str, mode: int) -> None:
    own_key(data_dir)
    (data_dir / name).chmod(mode)

    with pytest.raises(KeyStoreError, match="can be read by others"):
        own_key(data_dir)


def test_a_key_behind_a_link_is_refused(data_dir: Path) -> None:
    own_key(data_dir)
    file = data_dir / "device" / "device.key"
    file.rename(data_dir / "elsewhere")
    file.symlink_to(data_dir / "elsewhere")

    with pytest.raises(KeyStoreError, match="cannot be read"):
        own_key(data_dir)


def test_a_key_that_is_gone_is_not_made_anew_in_silence(data_dir: Path) -> None:
    key = own_key(data_dir)
    (data_dir / "device" / "device.key").unlink()

    with pytest.raises(KeyStoreError, match=key.thumbprint[:8]):
        own_key(data_dir)


def test_a_damaged_key_is_an_error_and_stays_where_it_is(data_dir: Path) -> None:
    own_key(data_dir)
    file = data_dir / "device" / "device.key"
    file.write_text("bm90IGEga2V5\n")

    with pytest.raises(KeyStoreError, match="damaged"):
        own_key(data_dir)
    assert file.read_text() == "bm90IGEga2V5\n"


def test_the_systems_key_store_is_used_where_there_is_one(data_dir: Path, vault: MemoryVault) -> None:
    first = users_key(data_dir)

    assert list(vault.kept) == [("cinema-till", "device-key")]
    assert not (data_dir / "device" / "device.key").exists()
    assert users_key(data_dir).thumbprint == first.thumbprint


def test_a_key_store_that_does_not_answer_is_not_an_empty_one(data_dir: Path, vault: MemoryVault) -> None:
    vault.broken = True

    with pytest.raises(KeyStoreError, match="did not answer"):
        users_key(data_dir)
    assert vault.kept == {}
    assert not (data_dir / "device").exists()


def test_a_key_store_that_vanished_does_not_make_another_key(
    data_dir: Path, vault: MemoryVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    users_key(data_dir)
    monkeypatch.setattr(keyring, "get_keyring", PlainText)  # the next start has no Secret Service

    with pytest.raises(KeyStoreError, match="no longer in the system key store"):
        users_key(data_dir)


def test_a_store_of_plain_text_is_none(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = PlainText()
    monkeypatch.setattr(keyring, "get_keyring", lambda: plain)

    users_key(data_dir)

    assert plain.kept == {}
    assert (data_dir / "device" / "device.key").exists()
