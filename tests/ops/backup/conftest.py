"""A database with something in it, and a directory for its backups."""

import os
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def sold(transactional_db: None, make_till: Any) -> None:
    """Store a showtime of which two seats are sold."""
    from tests.factories import make_showtime, make_staff  # noqa: PLC0415 - Django is set up by now

    make_till(make_staff()).log_in().sell(make_showtime(), "1-1", "1-2")


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    return tmp_path / "backups"


@pytest.fixture
def commands_environment() -> dict[str, str]:
    """Return the environment in which a process of its own finds the tests' server."""
    return {**os.environ, "DJANGO_SETTINGS_MODULE": "backend.settings.test", "PYTHONPATH": "."}
