"""Killed at every step: no half-made backup counts, nothing needed is gone, and the next run clears up."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from backend.core.mongo import client
from backend.ops.backup import archive
from backend.ops.backup import shelf as shelves
from backend.ops.backup.shelf import Retention
from tests.ops.backup import damage
from tests.ops.backup.test_drill import everything, left_in

NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)
Run = Callable[..., list[str]]


@pytest.fixture
def run(sold: None, shelf: Path, commands_environment: dict[str, str]) -> Iterator[Run]:
    """Run a command in a process that dies at a step; return the names of the steps that it reached."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.ops.backup.dying", str(shelf), connection.settings_dict["NAME"]],
        env=commands_environment,
        cwd=settings.BASE_DIR,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout

        def answer(command: str, die_at: int = 0) -> list[str]:
            print(command, die_at, file=process.stdin, flush=True)
            said: dict[str, Any] = json.loads(process.stdout.readline())  # type: ignore[union-attr]
            assert said["status"] == (-signal.SIGKILL if die_at else 0)
            return said["steps"]

        yield answer
        process.stdin.close()
    # The server keeps the transactions of the dead for a minute, and what was written since: later tests would wait.
    client().admin.command({"killAllSessions": []})


def telling(steps: list[str]) -> list[int]:
    """Return the numbers of the first `before` and the last `after` of each name: those between are like them."""
    first = {name: number for number, name in reversed([*enumerate(steps, start=1)]) if not name.startswith("after")}
    last = {name: number for number, name in enumerate(steps, start=1) if not name.startswith("before")}
    return sorted({*first.values(), *last.values()})


def test_a_backup_is_there_whole_or_not_at_all(run: Run, shelf: Path) -> None:
    steps = run("backup_database")
    assert {"open .part", "os.link .part", "os.remove .part", "os.rename .part"} <= set(steps)
    before = everything()

    for step in telling(steps):
        had = shelves.backups_in(shelf)
        run("backup_database", step)
        for made in {*shelves.backups_in(shelf)} - {*had}:
            assert archive.verify(made.path)  # whoever lists the shelf may rely on each
        assert {*had[:6]} <= {*shelves.backups_in(shelf)}

    run("backup_database")
    assert [path.name for path in shelf.iterdir() if "part" in path.name] == []
    assert everything() == before


def only_orders(members: damage.Members) -> damage.Members:
    """Return a backup of one collection: a drill of it has each kind of step, and takes a tenth of the time."""
    kept = [(member, content) for member, content in members if "/orders." in member.name]
    file, text = next((member, content) for member, content in members if member.name == "manifest.json")
    said = json.loads(text)
    said["files"] = {name: about for name, about in said["files"].items() if "/orders." in name}
    return [*kept, (file, json.dumps(said).encode())]


def test_a_drill_touches_nothing_and_the_next_one_drops_what_it_left(run: Run, shelf: Path) -> None:
    call_command("backup_database", output=shelf)
    damage.rewritten(only_orders)(shelves.backups_in(shelf)[0].path)
    before, scratch = everything(), f"{connection.settings_dict['NAME']}_drill"
    steps = run("restore_drill")
    assert {"before insert", "after createIndexes", "before drop", "after drop"} <= set(steps)

    left = []
    for step in telling(steps):
        run("restore_drill", step)
        left.append(left_in(scratch))
        assert everything() == before
    assert any(left)  # there was something to drop

    run("restore_drill")
    assert left_in(scratch) == set()


def test_pruning_goes_on_where_it_was(run: Run, shelf: Path) -> None:
    shelf.mkdir()
    for hour in range(12):
        shelves.path_of(shelf, NOON - timedelta(hours=hour)).write_bytes(b"old")
    all_of_them = shelves.backups_in(shelf)
    needed = Retention().kept(all_of_them, now=NOON)
    assert len(all_of_them) - len(needed) >= 3

    for step in (1, 2, 2):
        run("prune_backups", step)
        assert needed <= {*shelves.backups_in(shelf)}

    run("prune_backups")
    assert {*shelves.backups_in(shelf)} == needed
