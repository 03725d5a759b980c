"""What the last backup, the last failure and the last drill were: small files beside the backups, for who watches.

The backup service has no web server and the one that sends copies off-site no database: both know this directory.
"""

from datetime import datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from backend.ops.backup import records
from backend.ops.backup.errors import BackupError

RPO_SECONDS = 3600  # what may be lost: the sales of an hour
RTO_SECONDS = 1800  # how long the way back may take
Kind = TypeVar("Kind", bound=msgspec.Struct)


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """The last backup that succeeded: when it was begun (UTC), its bytes, and how long it took, read back included."""

    name: str
    taken_at: datetime
    size: int
    seconds: float
    documents: int


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """The last backup that failed, and why."""

    at: datetime
    reason: str


class Drilled(msgspec.Struct, frozen=True, kw_only=True):
    """The last drill. `wrong` is empty where the backup can be relied on.

    `loss_seconds` is what would have been lost at worst, judged by the backups that were there (the RPO);
    `recovery_seconds` is how long it took from the file to a checked ledger (the RTO).
    """

    at: datetime
    name: str
    documents: int
    loss_seconds: float
    recovery_seconds: float
    wrong: list[str]


FILES: dict[type[msgspec.Struct], str] = {
    Made: "last-backup.json",
    Failed: "last-failure.json",
    Drilled: "last-drill.json",
}


def keep(directory: Path, report: msgspec.Struct) -> None:
    """Keep `report` as the last of its kind; raises OSError."""
    records.put(directory / FILES[type(report)], msgspec.json.encode(report))


def last(directory: Path, kind: type[Kind]) -> Kind | None:
    """Return the last report of `kind`, or None where there is none that can be read."""
    try:
        return parse((directory / FILES[kind]).read_bytes(), kind)
    except (OSError, BackupError):
        return None


def parse(text: bytes, kind: type[Kind]) -> Kind:
    """Return the report in `text`; raises BackupError where it is none."""
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BackupError(f"that is no report of a {kind.__name__.lower()} backup ({error})") from None
