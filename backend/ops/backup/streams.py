"""The bytes of a backup on their way to and from the disk: encrypted with age where a recipient is set.

age's library pulls from one file and pushes into another, so each direction has a thread and a pipe. A server has the
recipient alone and can never read what it wrote: it checks the plain bytes while they pass, and the file's afterwards.
"""

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import pyrage

from backend.ops.backup.errors import BackupError, Damaged, WrongIdentity

PIECE = 1024 * 1024
ENCRYPTED = ".age"
NOT_FOR_US = "No matching keys found"  # how age says it; there is no kind of error for it


def recipient_of(text: str) -> Any:
    """Return the recipient `age1...`; raises BackupError where it is none."""
    try:
        return pyrage.x25519.Recipient.from_str(text)
    except pyrage.RecipientError as error:
        raise BackupError(f"BACKUP_AGE_RECIPIENT is no age recipient ({error})") from None


def identity_of(file: str) -> Any:
    """Return the identity in `file`, as age-keygen writes it; raises BackupError where there is none."""
    try:
        lines = Path(file).read_text(encoding="utf-8").splitlines()
        (secret,) = [line for line in lines if line.startswith("AGE-SECRET-KEY-")]
        return pyrage.x25519.Identity.from_str(secret)
    except OSError as error:
        raise BackupError(f"BACKUP_AGE_IDENTITY_FILE {file} cannot be read ({error.strerror})") from None
    except (ValueError, pyrage.IdentityError):
        raise BackupError(f"BACKUP_AGE_IDENTITY_FILE {file} holds no single age identity") from None


class _Worker(threading.Thread):
    """One direction's other end; `finish` waits for it and raises what stopped it."""

    def __init__(self, work: Callable[[], Any]) -> None:
        super().__init__(name="backup-stream", daemon=True)
        self.work = work
        self.result: Any = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.result = self.work()
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            self.error = error

    def finish(self) -> Any:
        self.join()
        if self.error is not None:
            raise self.error
        return self.result


class _Tee:
    """A file to write to that hands each piece to several."""

    def __init__(self, *targets: IO[bytes]) -> None:
        self.targets = targets

    def write(self, piece: bytes) -> int:
        for target in self.targets:
            target.write(piece)
        return len(piece)

    def flush(self) -> None:
        for target in self.targets:
            target.flush()


@contextmanager
def plain_file(path: Path) -> Iterator[IO[bytes]]:
    """Yield the file at `path`, emptied, nobody else's to read, and safe on the disk at the end."""
    with path.open("wb") as file:
        path.chmod(0o600)
        yield file
        file.flush()
        os.fsync(file.fileno())


@dataclass
class Passing:
    """Where to write plain bytes, and, once all have passed, what the check made of them."""

    stream: IO[bytes]
    checked: Any = None


@contextmanager
def encrypted_file(path: Path, recipient: Any, check: Callable[[IO[bytes]], Any]) -> Iterator[Passing]:
    """Yield what to write plain bytes to; `path` gets them encrypted, and `check` reads the plain ones as they pass.

    Raises BackupError where the disk takes no more, what `check` raises, and Damaged where the disk gives other bytes
    back than were written.
    """
    digest = hashlib.sha256()
    with plain_file(path) as file:

        class Hashed:
            """age's target: counts the file's bytes into the digest."""

            def write(self, piece: bytes) -> int:
                digest.update(piece)
                return file.write(piece)

            def flush(self) -> None:
                file.flush()

        to_disk, from_writer = _pipe()
        to_check, from_tee = _pipe()
        encrypting = _Worker(lambda: _closing(to_disk, lambda plain: pyrage.encrypt_io(plain, Hashed(), [recipient])))
        checking = _Worker(lambda: _closing(to_check, check))
        encrypting.start()
        checking.start()
        passing = Passing(cast("IO[bytes]", _Tee(from_writer, from_tee)))  # all that gzip asks of a file
        try:
            with from_writer, from_tee:
                yield passing
        except BrokenPipeError:
            _encrypted(encrypting, path)  # whoever left before the end says why
            checking.finish()
            raise
        finally:
            encrypting.join()
            checking.join()
        _encrypted(encrypting, path)
        passing.checked = checking.finish()
    if _sha256(path) != digest.hexdigest():
        raise Damaged(f"{path.name} does not read back as it was written")


@contextmanager
def plain_bytes(path: Path, identity_file: str) -> Iterator[IO[bytes]]:
    """Yield the plain bytes of the backup at `path`, decrypted by the identity in `identity_file` where it must be.

    Raises Damaged where it cannot be decrypted to its end, WrongIdentity where it was encrypted for another one,
    BackupError where there is none.
    """
    if path.suffix != ENCRYPTED:
        with path.open("rb") as file:
            yield file
        return
    if not identity_file:
        raise BackupError(f"{path.name} is encrypted: set BACKUP_AGE_IDENTITY_FILE, on a machine that has the identity")
    identity = identity_of(identity_file)
    with path.open("rb") as file:
        reader, writer = _pipe()
        worker = _Worker(lambda: _closing(writer, lambda target: pyrage.decrypt_io(file, target, [identity])))
        worker.start()
        try:
            with reader:
                yield reader
                while reader.read(PIECE):  # what is left belongs to the file too
                    pass
        except Damaged:
            with suppress(BrokenPipeError):
                _decrypted(worker, path)  # where decrypting failed, that is the reason
            raise
        finally:
            worker.join()
        _decrypted(worker, path)


def _encrypted(worker: _Worker, path: Path) -> None:
    try:
        worker.finish()
    except pyrage.EncryptError as error:
        raise BackupError(f"{path.name} could not be written ({error})") from None


def _decrypted(worker: _Worker, path: Path) -> None:
    try:
        worker.finish()
    except BrokenPipeError:
        raise
    except (OSError, pyrage.DecryptError) as error:
        if str(error) == NOT_FOR_US:
            raise WrongIdentity(
                f"BACKUP_AGE_IDENTITY_FILE does not open {path.name}: it is for another recipient, or its head is bad"
            ) from None
        raise Damaged(f"{path.name} cannot be decrypted to its end: {error}") from None


def _pipe() -> tuple[IO[bytes], IO[bytes]]:
    reader, writer = os.pipe()
    return os.fdopen(reader, "rb", buffering=PIECE), os.fdopen(writer, "wb", buffering=PIECE)


def _closing(end: IO[bytes], work: Callable[[IO[bytes]], Any]) -> Any:
    """Return what `work` makes of one end of a pipe; the other end is told when it is over."""
    with end:
        return work(end)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
