"""Killed at any step of a restore: the live database is as it was, or the switch is complete; the next one finishes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings

from backend.boxoffice.ledger import breaches
from backend.core import clock, serving
from backend.core.mongo import client, collection
from backend.ops.backup.loading import Content, measure
from tests.factories import make_showtime, make_staff

NEVER = 10_000
EVERY = 18


def test_killed_anywhere_it_is_untouched_or_complete(live: str, make_till: Any, backed_up: Callable[[], Path]) -> None:
    till = make_till(make_staff()).log_in()
    showtime = make_showtime()
    till.sell(showtime, "1-1")
    file = backed_up()
    till.sell(showtime, "1-2")
    before = contents(live)

    with dying_restores(live, file) as restore:
        code, steps = restore(NEVER)
        assert code == 0
        assert "update serving" in steps
        is_complete(live)
        go_back(live)
        complete: list[int] = []
        for last in kills(steps):
            code, done = restore(last)
            assert (code, len(done)) == (9, last), done[-3:]
            let_its_lease_run_out(live)
            assert contents(live) == before
            if serving.read(client()).database != live:
                is_complete(live)
                go_back(live)
                complete.append(last)
        # The switch is one write; all that was killed before it switched nothing.
        assert complete
        assert complete == kills(steps)[-len(complete) :]

        assert restore(complete[0] - 1)[0] == 9
        let_its_lease_run_out(live)
        assert restore(NEVER)[0] == 0  # it goes over what that one left

    is_complete(live)
    serving.forget()
    assert till.log_in().try_hold(showtime, "1-2").json()["code"] == "seats_taken"


def kills(steps: list[str]) -> list[int]:
    """Return after how many writes to kill: of filling, where all are alike, some; of the rest every one."""
    filling = steps.index("dropDatabase 1") + 1, len(steps) - [kind(step) for step in reversed(steps)].index("collMod")
    return [
        number
        for number in range(1, len(steps) + 1)
        if not filling[0] < number < filling[1] or (number - filling[0]) % EVERY == 0
    ]


def kind(step: str) -> str:
    return step.partition(" ")[0]


def contents(database: str) -> dict[str, Content]:
    """Return what every collection holds."""
    there = client()[database]
    return {name: measure(there, name) for name in there.list_collection_names()}


def let_its_lease_run_out(live: str) -> None:
    """Do what half a minute does."""
    client()[f"{live}_control"]["leases"].delete_many({})


def is_complete(live: str) -> None:
    said = serving.read(client())
    assert (said.database, said.maintenance, said.filling) == (f"{live}_b", None, "")
    with serving.using(said.database):
        assert collection("staffSessions").count_documents({"endedAt": None}) == 0
        assert {order["state"] for order in collection("orders").find()} == {"paid"}
        assert breaches(clock=clock.now, pause=0) == []


def go_back(live: str) -> None:
    """Let the former database serve again, as before any restore."""
    serving.control(client()).delete_many({})
    client().drop_database(f"{live}_b")


@contextmanager
def dying_restores(live: str, file: Path) -> Iterator[Callable[[int], tuple[int, list[str]]]]:
    """Yield a function that restores and dies after so many writes; it returns the exit code and the writes."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.ops.restore.dying_restore", str(file)],
        cwd=settings.BASE_DIR,
        env={**os.environ, "MONGO_DB": live},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    asked, answers = process.stdin, process.stdout

    def restore(last: int) -> tuple[int, list[str]]:
        print(last, file=asked, flush=True)
        code, done = json.loads(answers.readline())
        return code, done

    try:
        yield restore
    finally:
        asked.close()
        process.wait(30)
        answers.close()
