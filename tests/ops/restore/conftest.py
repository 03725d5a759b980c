"""A cinema of yesterday that was backed up, and what brings the tests' own database back afterwards."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from backend.core import serving
from backend.core.mongo import client
from backend.ops.backup import shelf


@pytest.fixture
def live(transactional_db: None) -> Iterator[str]:
    """Return the name of the database that serves, and let it serve again afterwards."""
    name = str(connection.settings_dict["NAME"])
    yield name
    client().drop_database(f"{name}_control")
    serving.forget()
    serving.follow()
    client().drop_database(f"{name}_b")


@pytest.fixture
def backed_up(live: str, tmp_path: Path) -> Callable[[], Path]:
    """Give a function that backs up what there is and returns the file."""
    numbers = itertools.count()

    def back_up() -> Path:
        shelf_of_its_own = tmp_path / str(next(numbers))  # two of one second have one name
        call_command("backup_database", output=shelf_of_its_own, verbosity=0)
        return shelf.backups_in(shelf_of_its_own)[0].path

    return back_up


@pytest.fixture
def restore(live: str) -> Callable[..., None]:
    """Restore without asking, and without waiting for requests: there are none on their way."""

    def run(file: Path, **options: Any) -> None:
        call_command("restore_database", file, **{"yes": True, "drain": 0, **options})

    return run
