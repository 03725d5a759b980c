"""Which build this is: written into the bundle by `shell_client.packaging`, absent where the shell runs from source."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

FILE_NAME = "build.json"


@dataclass(frozen=True)
class Build:
    """One build of the shell: `built_at` is UTC, ISO 8601; `commit` is the source's, None where it is not known.

    `api_base_url` is the server that the build was made for: its installer writes it into a machine's first settings.
    """

    version: str
    built_at: str | None = None
    commit: str | None = None
    api_base_url: str | None = None


SOURCE = Build(version="1.0.0")
"""The shell from its source."""


def read_build(folder: Path) -> Build:
    """Return the build whose description lies in `folder`, SOURCE where none does."""
    try:
        text = (folder / FILE_NAME).read_text("utf-8")
    except FileNotFoundError:
        return SOURCE
    return Build(**json.loads(text))


BUILD = read_build(Path(__file__).parent)
"""This very program's."""
