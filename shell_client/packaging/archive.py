"""Archives and sums that depend on nothing but what is in them and the release's moment."""

from __future__ import annotations

import hashlib
import os
import stat
import zipfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

_EARLIEST = datetime(1980, 1, 1, tzinfo=UTC)  # a ZIP knows no earlier time
_UNIX = 3
_CHUNK = 1 << 20


def write_zip(folder: Path, target: Path, *, moment: datetime) -> None:
    """Pack `folder` under its own name into `target`: names in order, every time `moment`, links kept as links."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).as_posix()):
            if path.is_dir() and not path.is_symlink():
                continue
            name = path.relative_to(folder.parent).as_posix()
            entry = zipfile.ZipInfo(name, max(moment, _EARLIEST).timetuple()[:6])
            entry.create_system = _UNIX
            entry.compress_type = zipfile.ZIP_DEFLATED
            if path.is_symlink():
                entry.external_attr = (stat.S_IFLNK | 0o777) << 16
                archive.writestr(entry, str(path.readlink()))
                continue
            entry.external_attr = (stat.S_IFREG | (0o755 if os.access(path, os.X_OK) else 0o644)) << 16
            with path.open("rb") as source, archive.open(entry, "w") as packed:
                while chunk := source.read(_CHUNK):
                    packed.write(chunk)


def sha256(path: Path) -> str:
    """Return a file's SHA-256, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_sums(files: Iterable[Path], target: Path) -> None:
    """Write the sums of `files` as `sha256sum --check` reads them."""
    lines = [f"{sha256(path)}  {path.name}\n" for path in sorted(files)]
    target.write_text("".join(lines), "utf-8", newline="\n")
