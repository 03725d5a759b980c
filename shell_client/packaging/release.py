"""What a release is: its version, the commit it is made of, its time, and the server it is for."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from shell_client.build import Build

APP_NAME = "电影票务管理系统"
"""What shortcuts, installer and Windows' list of programs call it."""

FILE_STEM = "MovieTicketClient"
"""What its files are called: no tool of any system stumbles over it."""

_VERSION = re.compile(r"(0|[1-9]\d{0,4})\.(0|[1-9]\d{0,4})\.(0|[1-9]\d{0,4})")
_LARGEST_PART = 65_535  # Windows keeps each part in 16 bits


class CannotPackage(Exception):
    """The client cannot be packaged; the message is one line that says why."""


@dataclass(frozen=True)
class Release:
    """One release: `version` is `1.2.3`, `moment` whole seconds UTC, `commit` None outside of a checkout."""

    version: str
    moment: datetime
    commit: str | None
    api_base_url: str

    @classmethod
    def of(cls, root: Path, *, version: str, api_base_url: str, environ: Mapping[str, str]) -> Self:
        """Return the release of the checkout `root`; raises CannotPackage for a wrong version or time."""
        match = _VERSION.fullmatch(version)
        if match is None or any(int(part) > _LARGEST_PART for part in match.groups()):
            raise CannotPackage(f'VERSION must be three numbers such as 1.2.3, not "{version}"')
        return cls(version=version, moment=_moment(environ), commit=commit_of(root), api_base_url=api_base_url)

    @property
    def name(self) -> str:
        """How the release's files begin."""
        return f"{FILE_STEM}_v{self.version}"

    @property
    def build(self) -> Build:
        """What the program itself knows of its release."""
        return Build(
            version=self.version,
            built_at=self.moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
            commit=self.commit,
            api_base_url=self.api_base_url,
        )


def _moment(environ: Mapping[str, str]) -> datetime:
    """Return SOURCE_DATE_EPOCH, else now: https://reproducible-builds.org/specs/source-date-epoch/."""
    told = environ.get("SOURCE_DATE_EPOCH", "").strip()
    if told and not told.isascii():
        raise CannotPackage("SOURCE_DATE_EPOCH must be whole seconds since 1970")
    try:
        return datetime.fromtimestamp(int(told or time.time()), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise CannotPackage("SOURCE_DATE_EPOCH must be whole seconds since 1970") from error


def commit_of(root: Path) -> str | None:
    """Return the commit of the checkout, with `-dirty` where what is shipped was changed since; None without git."""
    try:
        commit = _git(root, "rev-parse", "HEAD")
        changed = _git(root, "status", "--porcelain", "--", "shell_client", "docs", "requirements")
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{commit}-dirty" if changed else commit


def _git(root: Path, *words: str) -> str:
    command = ["git", "-C", str(root), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
