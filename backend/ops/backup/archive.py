"""Write a backup into one `.tar.gz` and read it back: whatever is not exactly what the manifest says is refused.

A member's size stands before its bytes in tar. Each collection is therefore packed into a file of its own first; what
gzip has packed in pieces is one stream when the pieces follow each other (RFC 1952), so that the archive is the headers
and those files, joined. Packed by ISA-L, which is ten times as fast as zlib, and as small.
"""

import gzip
import hashlib
import re
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any, cast

from bson import json_util
from django.conf import settings
from isal import igzip, isal_zlib
from pymongo import MongoClient

from backend.core import clock
from backend.ops.backup import dump, manifest
from backend.ops.backup.bson_stream import DocumentCounter
from backend.ops.backup.consistency import one_moment
from backend.ops.backup.errors import Damaged
from backend.ops.backup.manifest import File, Manifest
from backend.ops.backup.streams import PIECE, plain_bytes

PRELUDE = "prelude.json"
LEVEL = isal_zlib.ISAL_DEFAULT_COMPRESSION
# What a manifest or the metadata of one collection may weigh: they alone are held in memory.
LARGEST_TEXT = 16 * 1024 * 1024
MEMBER = re.compile(r"[A-Za-z0-9_-]+/[A-Za-z0-9_.%+~-]+\.(?:bson|metadata\.json)\Z|[A-Za-z0-9_-]+/prelude\.json\Z")
END_OF_TAR = bytes(2 * tarfile.BLOCKSIZE)
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

    def add_text(name: str, text: bytes) -> File:
        _add_header(target, name, len(text), taken_at)
        target.write(_packed(text + _padding(len(text))))
        return File(size=len(text), sha256=hashlib.sha256(text).hexdigest())

    prelude = f"{database}/{PRELUDE}"
    versions = json_util.dumps({"ServerVersion": server, "ToolVersion": "100.9.0"})
    files[prelude] = add_text(prelude, versions.encode())
    with one_moment(client, scratch) as view:
        for info in dump.collections_of(client[database]):
            name = str(info["name"])
            stem = dump.file_stem(database, name)
            # Unnamed, so that a kill leaves nothing of it.
            with tempfile.TemporaryFile(dir=spool_in) as spool:
                with _packing(spool) as packing:
                    file = dump.write_documents(
                        client[database], name, packing, session=view.session, progress=progress
                    )
                spool.seek(0)
                _add_header(target, f"{stem}.bson", file.size, taken_at)
                shutil.copyfileobj(spool, target, PIECE)
                target.write(_packed(_padding(file.size)))
            files[f"{stem}.bson"] = file
            metadata = f"{stem}.metadata.json"
            files[metadata] = add_text(metadata, dump.metadata_of(client[database], info))
        written = Manifest(
            format=manifest.FORMAT,
            database=database,
            taken_at=clock.iso(taken_at),
            server=server,
            snapshot=view.snapshot,
            consistency=view.consistency,
            files=files,
        )
    add_text(manifest.NAME, manifest.encode(written))
    target.write(_packed(bytes(2 * tarfile.BLOCKSIZE)))  # tar's end
    return written


def _add_header(target: IO[bytes], name: str, size: int, at: datetime) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = size, 0o600, int(at.timestamp())
    target.write(_packed(member.tobuf(tarfile.PAX_FORMAT)))


def _padding(size: int) -> bytes:
    return bytes(-size % tarfile.BLOCKSIZE)


def _packed(content: bytes) -> bytes:
    return igzip.compress(content, compresslevel=LEVEL, mtime=0)


def _packing(target: IO[bytes]) -> IO[bytes]:
    packing = igzip.IGzipFile(fileobj=target, mode="wb", compresslevel=LEVEL, mtime=0)
    return cast("IO[bytes]", packing)


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
    with igzip.IGzipFile(fileobj=stream, mode="rb") as packed:
        watched = _Watched(cast("IO[bytes]", packed))
        try:
            with tarfile.open(fileobj=cast("IO[bytes]", watched), mode="r|") as archive:
                yield _members(archive)
            while watched.read(PIECE):  # the checksum stands at gzip's end, behind the padding of tar
                pass
        except (tarfile.TarError, EOFError, gzip.BadGzipFile, isal_zlib.error) as error:
            raise Damaged(f"it cannot be read to its end: {error}") from None
    if watched.tail != END_OF_TAR:
        raise Damaged("it cannot be read to its end: its last piece is missing")


class _Watched:
    """Reads through, and knows the last bytes: zeros end a tar, which `tarfile` does not insist on.

    Without them a file that was cut between two of gzip's members would be whole as far as anybody saw.
    """

    def __init__(self, packed: IO[bytes]) -> None:
        self._packed = packed
        self.tail = b""

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, at most `size`."""
        found = self._packed.read(size)
        if found:
            self.tail = (found if len(found) >= len(END_OF_TAR) else self.tail + found)[-len(END_OF_TAR) :]
        return found


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
