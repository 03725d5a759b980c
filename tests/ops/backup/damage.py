"""Ways in which an archive goes bad, made with plain tar and gzip."""

import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

Members = list[tuple[tarfile.TarInfo, bytes]]


def unpacked(path: Path) -> Members:
    """Return the archive's files as they are."""
    with tarfile.open(path, "r:gz") as archive:
        return [(member, _content(archive, member)) for member in archive]


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    content = archive.extractfile(member)
    return content.read() if content else b""


def packed(path: Path, members: Members) -> None:
    """Write `members` as an archive over `path`."""
    with tarfile.open(path, "w:gz") as archive:
        for member, content in members:
            member.size = len(content) if member.isreg() else 0
            archive.addfile(member, io.BytesIO(content))


def rewritten(change: Callable[[Members], Members | None]) -> Callable[[Path], None]:
    """Return what applies `change` to an archive's members."""

    def damage(path: Path) -> None:
        members = unpacked(path)
        packed(path, change(members) or members)

    return damage


def replace_in(ending: str, old: bytes, new: bytes) -> Callable[[Path], None]:
    """Return what replaces `old`, which must be there, in the first file whose name ends so."""

    def edit(content: bytes) -> bytes:
        assert old in content
        return content.replace(old, new)

    return edit_file(ending, edit)


def edit_file(ending: str, edit: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """Return what edits the content of the first file whose name ends so."""

    def change(members: Members) -> Members:
        at = next(number for number, (member, _) in enumerate(members) if member.name.endswith(ending))
        members[at] = (members[at][0], edit(members[at][1]))
        return members

    return rewritten(change)


def add_file(
    name: str, content: bytes = b"x", *, kind: bytes = tarfile.REGTYPE, link: str = ""
) -> Callable[[Path], None]:
    """Return what puts a file of this name in front."""

    def change(members: Members) -> Members:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, link
        return [(member, content), *members]

    return rewritten(change)


def without_last_document(content: bytes) -> bytes:
    """Return BSON cut at the border of its last document: what mongorestore takes without a word."""
    at = last = 0
    while at < len(content):
        last = at
        at += int.from_bytes(content[at : at + 4], "little")
    return content[:last]


def flipped(content: bytes) -> bytes:
    """Return `content` with one bit changed, in the middle of a document's value."""
    at = len(content) - 3
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def cut_file(share: float) -> Callable[[Path], None]:
    """Return what keeps so much of the file itself."""

    def damage(path: Path) -> None:
        whole = path.read_bytes()
        path.write_bytes(whole[: int(len(whole) * share)])

    return damage


def cut_last_piece(path: Path) -> None:
    """Cut the file between two of gzip's members, before the last: every document is there, and its end is not."""
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.rindex(b"\x1f\x8b\x08\x00")])


def flip_byte(share: float) -> Callable[[Path], None]:
    """Return what changes one bit of the packed file itself."""

    def damage(path: Path) -> None:
        whole = bytearray(path.read_bytes())
        whole[int(len(whole) * share)] ^= 0x10
        path.write_bytes(bytes(whole))

    return damage


def no_backup_at_all(path: Path) -> None:
    """Make it a packed file that is no archive."""
    path.write_bytes(gzip.compress(b"not a backup" * 1000))
