"""Write a backup into one `.tar.gz` and read it back: whatever is not exactly what the manifest says is refused."""

import gzip
import hashlib
import io
import re
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from bson import json_util
from django.conf import settings
from pymongo import MongoClient

from backend.core import clock
from backend.ops.backup import dump, manifest
from backend.ops.backup.bson_stream import DocumentCounter
from backend.ops.backup.consistency import one_moment
from backend.ops.backup.errors import Damaged
from backend.ops.backup.manifest import File, Manifest
from backend.ops.backup.streams import PIECE, plain_bytes

PRELUDE = "prelude.json"
# What a manifest or the metadata of one collection may weigh: they alone are held in memory.
LARGEST_TEXT = 16 * 1024 * 1024
MEMBER = re.compile(r"[A-Za-z0-9_-]+/[A-Za-z0-9_.%+~-]+\.(?:bson|metadata\.json)\Z|[A-Za-z0-9_-]+/prelude\.json\Z")
Client = MongoClient[dict[str, Any]]
Progress = Callable[[str, int], None]


def write(
    target: IO[bytes],
    client: Client,
    database: str,
    *,
    scratch: str,
    spool_in: Path,
    taken_at: datetime,
    progress: Progress,
) -> Manifest:
    """Write a backup of `database` to `target` and return its manifest.

    `scratch` names a database that may be written, `spool_in` the directory that has room for the largest collection.
    Raises BackupError, OSError (a full disk) or PyMongoError; the caller removes what was begun.
    """
    server = str(client.server_info()["version"])
    files: dict[str, File] = {}
    with (
        gzip.GzipFile(fileobj=target, mode="wb", compresslevel=6, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as archive,
    ):

        def add_text(name: str, text: bytes) -> None:
            _add(archive, name, io.BytesIO(text), len(text), taken_at)
            files[name] = File(size=len(text), sha256=hashlib.sha256(text).hexdigest())

        add_text(f"{database}/{PRELUDE}", json_util.dumps({"ServerVersion": server, "ToolVersion": "100.9.0"}).encode())
        with one_moment(client, scratch) as view:
            for info in dump.collections_of(client[database]):
                name = str(info["name"])
                stem = dump.file_stem(database, name)
                # A member's size stands before its bytes: each collection is spooled, unnamed, so that a kill leaves
                # nothing of it.
                with tempfile.TemporaryFile(dir=spool_in) as spool:
                    file = dump.write_documents(client[database], name, spool, session=view.session, progress=progress)
                    spool.seek(0)
                    _add(archive, f"{stem}.bson", spool, file.size, taken_at)
                files[f"{stem}.bson"] = file
                add_text(f"{stem}.metadata.json", dump.metadata_of(client[database], info))
            written = Manifest(
                format=manifest.FORMAT,
                database=database,
                taken_at=clock.iso(taken_at),
                server=server,
                snapshot=view.snapshot,
                consistency=view.consistency,
                files=files,
            )
        text = manifest.encode(written)
        _add(archive, manifest.NAME, io.BytesIO(text), len(text), taken_at)
    return written


def _add(archive: tarfile.TarFile, name: str, source: IO[bytes], size: int, at: datetime) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = size, 0o600, int(at.timestamp())
    archive.addfile(member, source)


def untold(_what: str, _number: int) -> None:
    """Take progress that nobody watches."""


def verify(path: Path, *, progress: Progress = untold) -> Manifest:
    """Read all of the backup at `path` and return its manifest; raises like `verify_stream` and `plain_bytes`."""
    with plain_bytes(path, settings.BACKUP_AGE_IDENTITY_FILE) as stream:
        return verify_stream(stream, progress=progress)


def verify_stream(stream: IO[bytes], *, progress: Progress = untold) -> Manifest:
    """Read all of an archive and return its manifest; raises Damaged naming the first thing that is wrong.

    Nothing is unpacked and memory stays flat.
    """
    found: dict[str, File] = {}
    text = b""
    with opened(stream) as members:
        for name, content in members:
            if name == manifest.NAME:
                text = _text(name, content)
            else:
                found[name] = _measured(name, content, progress)
    if not text:
        raise Damaged(f"there is no {manifest.NAME}: it was cut off, or is no backup")
    expected = manifest.decode(text)
    for name in sorted(expected.files.keys() - found.keys()):
        raise Damaged(f"{name} is missing")
    for name in sorted(found.keys() - expected.files.keys()):
        raise Damaged(f"{name} does not belong to this backup")
    for name, file in found.items():
        wanted = expected.files[name]
        if file.documents != wanted.documents:
            raise Damaged(f"{name} holds {file.documents} documents, {wanted.documents} were written")
        if file != wanted:
            raise Damaged(f"{name} is not what was written: its SHA-256 differs")
    return expected


@contextmanager
def opened(stream: IO[bytes]) -> Iterator[Iterator[tuple[str, IO[bytes]]]]:
    """Open the archive for one reading from front to end: yield name and content of each file.

    Each content must be read before the next is asked for. No name is ever a path that leaves its directory, a link
    or a device, and none comes twice. Raises Damaged, also for what is read inside the `with`.
    """
    with gzip.GzipFile(fileobj=stream, mode="rb") as packed:
        try:
            with tarfile.open(fileobj=packed, mode="r|") as archive:
                yield _members(archive)
            while packed.read(PIECE):  # the checksum stands at gzip's end, behind the padding of tar
                pass
        except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise Damaged(f"it cannot be read to its end: {error}") from None


def _members(archive: tarfile.TarFile) -> Iterator[tuple[str, IO[bytes]]]:
    seen: set[str] = set()
    for member in archive:
        if not _is_ours(member):
            raise Damaged(f"{member.name!r} is no file that a backup may hold")
        if member.name in seen:
            raise Damaged(f"{member.name} is there twice")
        seen.add(member.name)
        content = archive.extractfile(member)
        assert content is not None  # it is a regular file
        yield member.name, content


def _is_ours(member: tarfile.TarInfo) -> bool:
    if not member.isreg():
        return False
    if member.name == manifest.NAME:
        return True
    return MEMBER.match(member.name) is not None


def _text(name: str, content: IO[bytes]) -> bytes:
    text = content.read(LARGEST_TEXT + 1)
    if len(text) > LARGEST_TEXT:
        raise Damaged(f"{name} is too large")
    return text


def _measured(name: str, content: IO[bytes], progress: Progress) -> File:
    digest, size = hashlib.sha256(), 0
    counter = DocumentCounter(name) if name.endswith(".bson") else None
    while piece := content.read(PIECE):
        digest.update(piece)
        size += len(piece)
        if counter is not None:
            counter.feed(piece)
            progress(f"{name}: documents read back", counter.documents)
    return File(size=size, sha256=digest.hexdigest(), documents=counter.close() if counter is not None else None)
