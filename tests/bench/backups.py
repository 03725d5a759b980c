"""Backups as production makes them, encrypted and read back, against bare reading and bare writing.

Each turn is a process of its own, `python -m tests.bench.backups KIND DIRECTORY`, so that its peak of memory is its
own; it prints seconds and mebibytes as JSON, the start of Python left out.
"""

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import bson
import pyrage
from bson import Decimal128, ObjectId

from tests.bench.report import UNDER, Row, compared
from tests.bench.stage import Stage

ROOT = Path(__file__).resolve().parents[2]
DATABASE = "bench_backups"
COLLECTIONS = ("orders", "loginLogs", "securityLogs", "staffSessions")
AT_ONCE = 1000
MEGABYTE = 1_000_000
SMALL, LARGE = 10, 500  # megabytes
SPEED = {"native": 60, "embedded": 12}  # megabytes that a turn reads: some seconds on each server
MORE_MEMORY = 48.0  # mebibytes: what fifty times the data may cost


def order(chance: random.Random) -> dict[str, Any]:
    """Return a document like a paid order of two seats: about a kilobyte, its numbers as random as they are."""
    at = datetime(2026, 6, 15, 12, tzinfo=UTC) + timedelta(seconds=chance.randrange(10**6))
    ticket = {
        "number": chance.randbytes(8).hex(),
        "code": chance.randbytes(12).hex(),
        "signature": chance.randbytes(32),
    }
    seat = {"seat": f"{chance.randrange(20)}-{chance.randrange(30)}", "ticketType": "adult", "ticket": ticket}
    return {
        "_id": ObjectId(),
        "state": "paid",
        "showtime": ObjectId(),
        "filmTitle": "流浪地球",
        "hallName": "1号厅",
        "businessDay": "2026-06-15",
        "seats": [{**seat, "price": Decimal128("45.00")} for _ in range(2)],
        "staff": {"id": ObjectId(), "name": "王小明", "phone": f"138{chance.randrange(10**8):08}"},
        "machine": {"machineCode": chance.randbytes(16).hex().upper(), "key": chance.randbytes(32).hex()},
        "payments": [{"method": "cash", "amount": Decimal128("90.00"), "tendered": Decimal128("100.00"), "at": at}],
        "total": Decimal128("90.00"),
        "createdAt": at,
        "paidAt": at,
        "expiresAt": at,
    }


def fill(megabytes: float) -> float:
    """Fill the empty database with so many megabytes of BSON and return how many they are."""
    from backend.core.mongo import client  # noqa: PLC0415 - Django is set up by now

    database, chance = client()[DATABASE], random.Random(7)
    client().drop_database(DATABASE)
    documents = [order(chance) for _ in range(AT_ONCE)]  # more than gzip looks back over: none is packed as its double
    of_these = sum(len(bson.encode(document)) for document in documents)
    batches = -(-int(megabytes * MEGABYTE) // of_these)
    for number in range(batches):
        for document in documents:
            document["_id"] = ObjectId()
        database[COLLECTIONS[number % len(COLLECTIONS)]].insert_many(documents, ordered=False)
    return batches * of_these / MEGABYTE


def turn(kind: str, directory: Path, identity: Path) -> tuple[float, float]:
    """Run one turn in a process of its own; return its seconds and its peak of memory in mebibytes."""
    environment = {
        **os.environ,
        "MONGO_DB": DATABASE,
        "MONGO_QUERY_SECONDS": "0",
        "BACKUP_AGE_RECIPIENT": str(pyrage.x25519.Identity.from_str(identity.read_text()).to_public()),
        "BACKUP_AGE_IDENTITY_FILE": str(identity),
    }
    command = [sys.executable, "-m", "tests.bench.backups", kind, str(directory)]
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    said = json.loads(done.stdout.splitlines()[-1])
    return said["seconds"], said["mebibytes"]


def backup_rows(stage: Stage, *, rounds: int) -> list[Row]:
    """Return the rows of speed and of memory."""
    kind = stage.database_server.partition(" ")[0]
    with tempfile.TemporaryDirectory(prefix="bench-backups-") as name:
        directory, identity = Path(name), Path(name) / "identity"
        identity.write_text(str(pyrage.x25519.Identity.generate()))
        size = fill(SPEED[kind])

        measured = [  # the first warms up
            {side: size / turn(side, directory, identity)[0] for side in TURNS} for _ in range(rounds + 1)
        ]
        note = f"{size:.0f} MB, encrypted, read back"

        def pairs(ours: str, against: str) -> list[tuple[float, float]]:
            return [(speeds[ours], speeds[against]) for speeds in measured[1:]]

        rows = [
            compared("backup / find() of the same", "MB/s", pairs("backup", "find"), reach=0.6, note=note),
            compared("backup / the server's bytes undecoded", "MB/s", pairs("backup", "raw"), reach=None),
            compared("restore / insert_many of the same", "MB/s", pairs("restore", "insert"), reach=0.6, note=note),
        ]
        peaks = {}
        for megabytes in (SMALL, LARGE if kind == "native" else SPEED[kind] * 4):
            exact = fill(megabytes)
            peaks[exact] = turn("backup", directory, identity)[1]
        (small, few), (large, many) = peaks.items()
        name_of = f"peak memory of a backup of {large:.0f} MB / of {small:.0f} MB"
        rows.append(compared(name_of, "MiB", [(many, few)], reach=MORE_MEMORY, measure=UNDER))
        return rows


# --- one turn, in a process of its own ---------------------------------------------------------------------------
def backup(directory: Path) -> None:
    """Make a backup as the command does."""
    from backend.ops.backup.services import back_up  # noqa: PLC0415 - Django is set up by now

    back_up(directory / "shelf", retention=None, now=datetime.now(UTC), progress=lambda *_: None)


def find(_directory: Path) -> None:
    """Read every document as a program does."""
    from backend.core.mongo import client  # noqa: PLC0415

    for name in COLLECTIONS:
        for _document in client()[DATABASE][name].find({}, batch_size=AT_ONCE):
            pass


def raw(_directory: Path) -> None:
    """Take what the server sends and look at nothing."""
    from backend.core.mongo import client  # noqa: PLC0415

    for name in COLLECTIONS:
        for _batch in client()[DATABASE][name].find_raw_batches({}, batch_size=AT_ONCE):
            pass


def restore(directory: Path) -> None:
    """Load the newest backup into a database that is empty."""
    from backend.core.mongo import client  # noqa: PLC0415
    from backend.ops.backup.loading import load  # noqa: PLC0415
    from backend.ops.backup.shelf import backups_in  # noqa: PLC0415

    load(backups_in(directory / "shelf")[0].path, client()[f"{DATABASE}_drill"])


def insert(_directory: Path) -> Iterator[None]:
    """Insert the same documents; yields between the batches, while the next one is read and no time counts."""
    from backend.core.mongo import client  # noqa: PLC0415

    for name in COLLECTIONS:
        documents = client()[DATABASE][name].find({}, batch_size=AT_ONCE)
        while batch := list(islice(documents, AT_ONCE)):
            yield
            client()[f"{DATABASE}_drill"][name].insert_many(batch, ordered=False)
            yield


TURNS: dict[str, Callable[[Path], Iterator[None] | None]] = {
    each.__name__: each for each in (backup, find, raw, restore, insert)
}


def main() -> None:
    """Do one turn and print what it took."""
    import django  # noqa: PLC0415 - the settings are those of the environment

    django.setup()
    from backend.core.mongo import client  # noqa: PLC0415

    kind, directory = sys.argv[1], Path(sys.argv[2])
    client().drop_database(f"{DATABASE}_drill")
    seconds, began = 0.0, time.perf_counter()
    if steps := TURNS[kind](directory):
        for number, _ in enumerate(steps):
            if number % 2:
                seconds += time.perf_counter() - began
            began = time.perf_counter()
    else:
        seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "mebibytes": peak}))


if __name__ == "__main__":
    main()
