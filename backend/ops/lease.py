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


class Holding:
    """What the holder of a lease knows of it."""

    def __init__(self, leases: Leases, name: str, holder: str) -> None:
        self._leases = leases
        self._name = name
        self._holder = holder
        self.over = threading.Event()  # nobody need be interrupted any more
        self.lost = threading.Event()

    def confirm(self) -> None:
        """Renew the lease by one conditional update; raises Lost where somebody else has had it since."""
        until = database_time() + timedelta(seconds=SECONDS)
        mine = {"_id": self._name, "holder": self._holder}
        if self.lost.is_set() or not self._leases.update_one(mine, {"$set": {"until": until}}).matched_count:
            self.lost.set()
            raise Lost(f"The lease on the {self._name} was lost: somebody else may be at it.")

    def keep(self) -> None:
        """Renew it until it is over; interrupt the main thread where it was lost."""
        ends = time.monotonic() + SECONDS
        while not self.over.wait(SECONDS / 3):
            try:
                self.confirm()
                ends = time.monotonic() + SECONDS
            except Lost:
                pass
            except PyMongoError:
                if time.monotonic() > ends:  # before, in an election, nobody else could take it either
                    self.lost.set()
            if self.lost.is_set():
                if not self.over.is_set():
                    _thread.interrupt_main()
                return

    def end(self) -> None:
        """Give it back."""
        with suppress(PyMongoError):  # it ends by itself
            self._leases.delete_one({"_id": self._name, "holder": self._holder})


@contextmanager
def held(name: str, *, wait: float, leases: Leases | None = None) -> Iterator[Holding]:
    """Hold the lease `name` for the length of the block; it is renewed meanwhile, by a thread.

    Args:
        name: what is leased, `migration`.
        wait: for how many seconds to wait for another holder.
        leases: where leases are kept; the collection of that name without it.

    Raises Held where another has it longer than that. Where it cannot be renewed the block is interrupted, and Lost
    is raised: what it does must be such that it can be done again from any point. A block whose process may sleep, on a
    machine that was stopped, calls `confirm()` before each of its steps.
    """
    leases = collection("leases") if leases is None else leases
    holder = f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4().hex[:8]}"
    give_up = time.monotonic() + wait
    while not take(leases, name, holder):
        other = leases.find_one({"_id": name})
        if other and time.monotonic() >= give_up:
            raise Held(other["holder"], other["until"])
        time.sleep(ASK_AGAIN_SECONDS)
    holding = Holding(leases, name, holder)
    renewing = threading.Thread(target=holding.keep, daemon=True)
    renewing.start()
    try:
        yield holding
    except KeyboardInterrupt:
        if holding.lost.is_set():
            raise Lost(f"The lease on the {name} could not be renewed.") from None
        raise
    finally:
        holding.over.set()
        try:
            renewing.join()
        except KeyboardInterrupt:
            if not holding.lost.is_set():  # else it is the thread's, and too late: Lost is on its way
                raise
        holding.end()


def take(leases: Leases, name: str, holder: str) -> bool:
    """Take the lease by one conditional update, where it is free or over, and tell whether `holder` has it now."""
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
