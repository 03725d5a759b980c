"""The manifest of a backup: which files belong to it, how many documents and which bytes each has."""

from typing import Any

import msgspec

from backend.ops.backup.errors import Damaged

NAME = "manifest.json"
FORMAT = 1  # raised when an older reader would misread the archive


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of the archive: its size in bytes, its SHA-256 in hex and, where it holds documents, their number."""

    size: int
    sha256: str
    documents: int | None = None


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All there is to know of a backup. `consistency` names how `snapshot` came about."""

    format: int
    database: str
    taken_at: str
    server: str
    snapshot: bool
    consistency: str
    files: dict[str, File]


def encode(manifest: Manifest) -> bytes:
    """Return `manifest` as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def decode(text: bytes) -> Manifest:
    """Return the manifest in `text`; raises Damaged."""
    try:
        version: Any = msgspec.json.decode(text)
        version = version.get("format") if isinstance(version, dict) else None
        if version != FORMAT:
            raise Damaged(f"{NAME}: format {version!r} is not {FORMAT}, the one that this release reads")
        return msgspec.json.decode(text, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Damaged(f"{NAME}: {error}") from None
