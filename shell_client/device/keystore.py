"""Where the device key is kept: the system's key store, or on a Linux without one a private file."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path
from typing import Protocol

import keyring
import keyring.errors
from keyring.backend import KeyringBackend

from shell_client.device.key import DeviceKey

SERVICE, ENTRY = "cinema-till", "device-key"
FOLDER, KEY_FILE, MARK_FILE = "device", "device.key", "device.json"
# By name: others exist that write plain text (keyrings.alt) or forget (null). They count as none.
_TRUSTED = tuple(f"keyring.backends.{name}" for name in ("Windows", "macOS", "SecretService", "libsecret", "kwallet"))


class KeyStoreError(Exception):
    """The key store did not answer, or what it holds is not our key. Never the same as "no key yet"."""


class KeyStore(Protocol):
    """A place that holds one secret text."""

    name: str

    def read(self) -> str | None:
        """Return the text, None where there is none; raises KeyStoreError where that cannot be told."""

    def write(self, text: str) -> None:
        """Keep the text; never over another one."""


class SystemKeyStore:
    """The system's own: Windows Credential Manager, macOS Keychain, Secret Service, KWallet."""

    name = "system"

    def __init__(self, backend: KeyringBackend) -> None:
        self._backend = backend
        if type(backend).__module__.startswith("keyring.backends.Windows"):
            backend.persist = "local machine"  # type: ignore[attr-defined]  # the default roams to other machines

    def read(self) -> str | None:
        """Return the kept text or None; raises KeyStoreError."""
        try:
            return self._backend.get_password(SERVICE, ENTRY)
        except Exception as error:  # backends raise what their system raises
            raise KeyStoreError(f"the system's key store did not answer: {error}") from error

    def write(self, text: str) -> None:
        """Keep the text; raises KeyStoreError."""
        try:
            self._backend.set_password(SERVICE, ENTRY, text)
        except Exception as error:
            raise KeyStoreError(f"the system's key store did not take the key: {error}") from error


class FileKeyStore:
    """A file 0600 in a folder 0700 of the data folder; refused where others could read it."""

    name = "file"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / KEY_FILE

    def read(self) -> str | None:
        """Return the file's text or None; raises KeyStoreError."""
        try:
            _refuse_if_shared(self._folder.lstat(), self._folder)
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW)
            with os.fdopen(descriptor, encoding="ascii") as file:
                _refuse_if_shared(os.fstat(file.fileno()), self._path)
                return file.read()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise KeyStoreError(f"{self._path} cannot be read: {error}") from error

    def write(self, text: str) -> None:
        """Keep the text whole or not at all; raises KeyStoreError."""
        draft = self._folder / f"{KEY_FILE}.{os.getpid()}"
        try:
            make_private_folder(self._folder)
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(text + "\n")
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(draft, self._path)  # unlike a rename it never replaces a key that came in between
            except FileExistsError:
                return
            finally:
                draft.unlink()
        except OSError as error:
            raise KeyStoreError(f"{self._path} cannot be written: {error}") from error


def load_device_key(*, data_dir: Path, own_data_dir: bool) -> DeviceKey:
    """Return this machine's key; make it at the very first start only.

    Raises KeyStoreError where the store fails, or where a key was made here before and is gone: the way on
    is then a manager's (unbind, and remove the mark file that the message names), never a silent new key.
    """
    folder = data_dir / FOLDER
    mark = _read_mark(folder)
    stores = _stores(folder, own_data_dir=own_data_dir)
    if mark is not None:
        stores = [store for store in stores if store.name == mark["store"]]
    for store in stores:
        text = store.read()
        if text is not None:
            return _checked(text, store=store, mark=mark, folder=folder)
    if mark is not None:
        raise KeyStoreError(
            f"the device key {mark['thumbprint'][:8]}… is no longer in the {mark['store']} key store;"
            f" after a manager has unbound this machine, remove {folder / MARK_FILE}"
        )
    if not stores:
        raise KeyStoreError("this system has no key store that can be trusted")
    stores[0].write(DeviceKey.make().to_text())
    kept = stores[0].read()  # what is stored counts: another start may have been faster
    if kept is None:
        raise KeyStoreError(f"the {stores[0].name} key store did not keep the device key")
    return _checked(kept, store=stores[0], mark=None, folder=folder)


def make_private_folder(folder: Path) -> None:
    """Make `folder` for its owner alone."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _checked(text: str, *, store: KeyStore, mark: dict[str, str] | None, folder: Path) -> DeviceKey:
    try:
        key = DeviceKey.from_text(text)
    except ValueError as error:
        raise KeyStoreError(f"the device key in the {store.name} key store is damaged") from error
    if mark is None:
        _write_mark(folder, {"store": store.name, "thumbprint": key.thumbprint})
    elif mark["thumbprint"] != key.thumbprint:
        raise KeyStoreError(f"the device key in the {store.name} key store is not {mark['thumbprint'][:8]}…")
    return key


def _stores(folder: Path, *, own_data_dir: bool) -> list[KeyStore]:
    stores: list[KeyStore] = []
    if not own_data_dir:  # a data folder of its own shares nothing with the user's key store
        backend = _trusted_backend()
        if backend is not None:
            stores.append(SystemKeyStore(backend))
    if sys.platform != "win32":
        stores.append(FileKeyStore(folder))
    return stores


def _trusted_backend() -> KeyringBackend | None:
    try:
        chosen = keyring.get_keyring()
    except Exception as error:
        raise KeyStoreError(f"the system's key store cannot be found: {error}") from error
    for backend in getattr(chosen, "backends", [chosen]):  # a chain tries several
        if type(backend).__module__.startswith(_TRUSTED):
            return backend
    return None


def _read_mark(folder: Path) -> dict[str, str] | None:
    path = folder / MARK_FILE
    try:
        mark = json.loads(path.read_text("utf-8"))
        return {"store": str(mark["store"]), "thumbprint": str(mark["thumbprint"])}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KeyStoreError(f"{path} cannot be read: {error!r}") from error


def _write_mark(folder: Path, mark: dict[str, str]) -> None:
    try:
        make_private_folder(folder)
        draft = folder / f"{MARK_FILE}.{os.getpid()}"
        draft.write_text(json.dumps(mark) + "\n", "utf-8")
        draft.replace(folder / MARK_FILE)
    except OSError as error:
        raise KeyStoreError(f"{folder / MARK_FILE} cannot be written: {error}") from error


def _refuse_if_shared(status: os.stat_result, path: Path) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise KeyStoreError(f"{path} is a link")
    if status.st_uid != os.geteuid():
        raise KeyStoreError(f"{path} belongs to another user")
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyStoreError(f"{path} can be read by others; have this machine unbound, then remove the folder")
