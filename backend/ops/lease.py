"""A lease: one document of the database that says who may do a thing now, and until when should he die over it.

Times are the database's own, so that two hosts need not agree on theirs.
"""

import _thread
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError, PyMongoError

from backend.core.mongo import client, collection

SECONDS = 30.0  # how long one that was killed keeps the others waiting
ASK_AGAIN_SECONDS = 0.5
Leases = Collection[dict[str, Any]]


class Held(Exception):
    """Somebody else has the lease. `holder` is his host, process and start; `until` is UTC."""

    def __init__(self, holder: str, until: datetime) -> None:
        super().__init__(f"held by {holder}, until {until:%H:%M:%S} UTC unless renewed")
        self.holder = holder
        self.until = until


class Lost(Exception):
    """The lease could not be renewed in time: somebody else may hold it now."""


@contextmanager
def held(name: str, *, wait: float, leases: Leases | None = None) -> Iterator[None]:
    """Hold the lease `name` for the length of the block; it is renewed meanwhile, by a thread.

    Args:
        name: what is leased, `migration`.
        wait: for how many seconds to wait for another holder.
        leases: where leases are kept; the collection of that name without it.

    Raises Held where another has it longer than that. Where it cannot be renewed the block is interrupted, and Lost
    is raised: what it does must be such that it can be done again from any point.
    """
    leases = collection("leases") if leases is None else leases
    holder = f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4().hex[:8]}"
    give_up = time.monotonic() + wait
    while not take(leases, name, holder):
        other = leases.find_one({"_id": name})
        if other and time.monotonic() >= give_up:
            raise Held(other["holder"], other["until"])
        time.sleep(ASK_AGAIN_SECONDS)
    done, lost = threading.Event(), threading.Event()
    renewing = threading.Thread(target=_renew, args=(leases, name, holder, done, lost), daemon=True)
    renewing.start()
    try:
        yield
    except KeyboardInterrupt:
        if lost.is_set():
            raise Lost(f"The lease on the {name} could not be renewed.") from None
        raise
    finally:
        done.set()
        renewing.join()
        with suppress(PyMongoError):  # it ends by itself
            leases.delete_one({"_id": name, "holder": holder})


def take(leases: Leases, name: str, holder: str) -> bool:
    """Take or renew the lease by one conditional update, and tell whether `holder` has it now."""
    now = database_time()
    mine_or_free = {"_id": name, "$or": [{"holder": holder}, {"until": {"$lt": now}}]}
    try:
        leases.update_one(
            mine_or_free, {"$set": {"holder": holder, "until": now + timedelta(seconds=SECONDS)}}, upsert=True
        )
    except DuplicateKeyError:  # another's, and not yet over
        return False
    return True


def database_time() -> datetime:
    """Return the time of the server that takes the writes, UTC."""
    told: datetime = client().admin.command("hello")["localTime"]
    return told.replace(tzinfo=UTC)


def _renew(leases: Leases, name: str, holder: str, done: threading.Event, lost: threading.Event) -> None:
    over = time.monotonic() + SECONDS
    while not done.wait(SECONDS / 3):
        try:
            mine = take(leases, name, holder)
        except PyMongoError:
            mine = time.monotonic() < over  # an election: nobody else could take it meanwhile either
        else:
            over = time.monotonic() + SECONDS
        if not mine:
            lost.set()
            _thread.interrupt_main()
            return
