"""Faults drilled on the stack while tills sell: what staff see, that nothing acknowledged is lost, how soon it is well.

All on one stack, which other tests share and which is whole again after each; its ledger is judged after the last.
docs/guides/faults.md is written from a run; `make test ARGS="tests/stack/test_faults.py -s"` prints the figures.
"""

import os
import signal
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
from bson import ObjectId
from pymongo import MongoClient

from backend.devtools import certificates
from backend.devtools.run import answers
from backend.devtools.stack import Stack
from shell_client.api.client import Pending, StaffClient, StaffSession
from shell_client.api.errors import ServerUnreachable
from shell_client.device.key import DeviceKey
from tests.ops.processes import eventually
from tests.stack.opening import Opening, opened
from tests.stack.process import Process
from tests.stack.selling import Sales, SteadyTill, selling

pytestmark = pytest.mark.slow

TILLS = 4
DRILLS = 7  # each sells on showtimes of its own
FULL = Path("/dev/full")  # takes nothing: every write to it says that the disk is full
EACH = 5  # showtimes that a till has seats of in one drill: more than it can sell however long that takes
JUMP_MINUTES = 10  # as long as an access token lives, and longer than a hold and a nonce
TAKEOVER_SECONDS = 30  # IDEMPOTENCY_TAKEOVER_SECONDS: how long a key is taken for busy of whose worker nothing is known
SERVERS = ("till-1", "till-2")


@dataclass
class Drill:
    """The stack, its parts by name, and tills that are logged in."""

    stack: Stack
    opening: Opening
    tills: list[SteadyTill]
    parts: dict[str, Process]
    done: int = 0

    @contextmanager
    def selling(self, name: str) -> Iterator[Sales]:
        """Sell in the block; afterwards nothing that was acknowledged is missing."""
        showtimes = self.opening.showtimes[self.done * TILLS * EACH :][: TILLS * EACH]
        self.done += 1
        began = time.monotonic()
        with selling(self.tills, [showtimes[number::TILLS] for number in range(TILLS)]) as sales:
            sales.well_after(time.monotonic(), within=60)
            yield sales
        print(
            f"\n{name}: {len(sales.sold())} sales in {time.monotonic() - began:.1f} s, the slowest"
            f" {sales.longest_wait():.1f} s; {dict(sales.trouble())}"
        )
        self.nothing_lost(sales, showtimes)

    def nothing_lost(self, sales: Sales, showtimes: list[str]) -> None:
        """Compare what the tills were told with what the database holds."""
        with MongoClient[dict[str, Any]](self.stack.mongo_uri) as client:
            database = client[self.stack.environment["MONGO_DB"]]
            kept = list(database.orders.find({"showtime": {"$in": [ObjectId(each) for each in showtimes]}}))
        paid = {str(order["_id"]): order["seats"][0]["seat"] for order in kept if order["state"] == "paid"}
        assert paid == sales.sold(), "what is paid in the database is what the tills were told, no more, no less"
        assert all(len(order["tickets"]) == len(order["payments"]) == 1 for order in kept if order["state"] == "paid")

    def ready(self) -> requests.Response:
        """Ask whether the application is ready."""
        return requests.get(f"{self.stack.origin}/readyz", verify=str(self.stack.ca_file), timeout=30)

    def serves(self) -> bool:
        """Tell whether the whole way to the database is open."""
        try:
            return self.ready().status_code == 200
        except requests.ConnectionError:
            return False

    def newcomer(self) -> StaffClient:
        """Return the shell's own client on a machine that nobody knows yet."""
        client = StaffClient(base_url=self.stack.origin, key=DeviceKey.make(), language="en")
        client._http.verify = str(self.stack.ca_file)
        return client

    def log_in(self, client: StaffClient) -> StaffSession | Pending:
        """Log in there as somebody who has no machine yet."""
        phone = self.opening.phones[TILLS + self.done]
        return client.log_in(phone=phone, machine_code=uuid.uuid4().hex.upper(), device_name="TILL-9")


@pytest.fixture(scope="module")
def drill(stack: Stack, parts: dict[str, Process]) -> Iterator[Drill]:
    """Open a cinema in the stack and log its tills in."""
    opening = opened(stack, staff=TILLS + DRILLS + 1, showtimes=TILLS * DRILLS * EACH)
    tills = [SteadyTill(stack, phone) for phone in opening.phones[:TILLS]]
    for till in tills:
        till.log_in()
    yield Drill(stack, opening, tills, parts)
    stack.manage("check_ledger")  # raises where any of it left a breach


@pytest.fixture(scope="module")
def clock(drill: Drill, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Begin the tills' servers again, their output on a full disk, their clock ahead by the minutes in this file."""
    clock = tmp_path_factory.mktemp("clock") / "ahead"
    clock.write_text("0", encoding="ascii")
    for name in SERVERS:
        part = drill.parts[name]
        part.end(signal.SIGTERM)
        part.command = [word.replace("backend.wsgi:", "tests.support.jumping:") for word in part.command]
        part.begin(output=FULL, CLOCK=str(clock))
    for name in SERVERS:
        drill.parts[name].wait_until(partial(answers, f"http://127.0.0.1:{drill.stack.ports[name]}/readyz"))
    return clock


def ahead(port: int) -> float:
    """Return how many seconds the clock of the server on `port`, as it tells it, is ahead of this one."""
    answer = requests.get(f"http://127.0.0.1:{port}/readyz", timeout=30)
    return parsedate_to_datetime(answer.headers["Date"]).timestamp() - time.time()


def test_a_killed_worker_costs_the_requests_in_its_hands_one_more_try(drill: Drill) -> None:
    server = drill.parts["till-1"]
    with drill.selling("A worker killed") as sales:
        (worker,) = server.workers()
        os.kill(worker, signal.SIGSTOP)  # first, so that it has requests in its hands
        time.sleep(1)
        os.kill(worker, signal.SIGKILL)
        print(f"\nwell {sales.well_after(time.monotonic(), within=60):.1f} s later")
        assert eventually(lambda: len(set(server.workers()) - {worker}) == 1), "nobody took its place"

    # Which of these, and whether any, rests on what the worker had in its hands. The last two: an answer cut off.
    assert set(sales.trouble()) <= {"503 unavailable", "409 still_running", "ConnectionError", "ChunkedEncodingError"}
    # Others see that it is dead: nobody waited until its keys were free by themselves.
    assert sales.longest_wait() < TAKEOVER_SECONDS


def test_without_redis_tills_sell_and_people_log_in_and_it_mends_itself(drill: Drill) -> None:
    server = drill.parts["redis"]
    with drill.selling("Redis gone") as sales:
        server.end()
        gone = time.monotonic()
        print(f"\nsells {sales.well_after(gone, within=30):.1f} s after it went")
        assert (drill.ready().status_code, drill.ready().json()["degraded"]) == (200, ["redis"])
        newcomer = drill.newcomer()
        assert isinstance(drill.log_in(newcomer), StaffSession)
        newcomer.check()
        sales.well_after(time.monotonic(), within=30)
        server.begin()
        back = time.monotonic()
        assert eventually(lambda: drill.ready().json()["degraded"] == [], seconds=30)
        print(f"ready {time.monotonic() - back:.1f} s after its start, sells {sales.well_after(back, within=30):.1f} s")

    assert set(sales.trouble()) == set()


def test_a_database_that_is_killed_under_load_stops_sales_and_loses_none(drill: Drill) -> None:
    server = drill.parts["mongo"]
    with drill.selling("The database killed") as sales:
        server.end()
        assert drill.ready().status_code == 503
        with pytest.raises(ServerUnreachable):
            drill.log_in(drill.newcomer())
        server.begin()
        back = time.monotonic()
        print(f"\nsells {sales.well_after(back, within=2 * TAKEOVER_SECONDS + 30):.1f} s after its start")
        assert drill.ready().status_code == 200

    assert set(sales.trouble()) <= {"503 unavailable", "409 still_running"}


def test_a_full_disk_costs_the_logs_and_nothing_else(drill: Drill, clock: Path) -> None:
    front, logs = drill.parts["nginx"], drill.stack.directory / "nginx"
    with full(front, logs / "access.log", logs / "error.log"), drill.selling("The disk full") as sales:
        full_since = time.monotonic()
        drill.log_in(drill.newcomer())
        sales.well_after(time.monotonic(), within=30)

    assert set(sales.trouble()) == set()
    written = logs / "access.log"
    assert eventually(lambda: drill.serves() and written.exists() and written.stat().st_size > 0), "nginx logs again"
    print(f"\nlogs were lost for {time.monotonic() - full_since:.0f} s")


@contextmanager
def full(front: Process, *logs: Path) -> Iterator[None]:
    """Let nginx write `logs` to a disk that is full; and to new files afterwards. One signal opens all files anew."""
    for log in logs:
        log.rename(log.with_suffix(".before"))
        log.symlink_to(FULL)
    front.send(signal.SIGUSR1)
    yield
    for log in logs:
        log.unlink()
    front.send(signal.SIGUSR1)


def test_an_expired_certificate_stops_everybody_until_it_is_renewed(
    drill: Drill, monkeypatch: pytest.MonkeyPatch
) -> None:
    front, tls = drill.parts["nginx"], drill.stack.directory / "tls"
    names = ("ca.pem", "server.pem", "server.key")
    good = {name: (tls / name).read_bytes() for name in names}
    with drill.selling("The certificate expired") as sales:
        with monkeypatch.context() as patch:
            patch.setattr(certificates, "LIFE", timedelta(minutes=-30))
            certificates.ensure_certificates(tls / "expired")
        for name in ("server.pem", "server.key"):
            (tls / name).write_bytes((tls / "expired" / name).read_bytes())
        front.send(signal.SIGHUP)
        assert eventually(lambda: sales.trouble()["SSLError"] >= TILLS), "nobody notices"
        stranded = drill.newcomer()
        stranded._http.verify = str(tls / "expired" / "ca.pem")  # whom it trusts, but for the date
        with pytest.raises(ServerUnreachable, match="SSLError"):
            drill.log_in(stranded)

        for name in ("server.pem", "server.key"):
            (tls / name).write_bytes(good[name])
        front.send(signal.SIGHUP)
        print(f"\nwell {sales.well_after(time.monotonic(), within=30):.1f} s after the renewal")

    assert set(sales.trouble()) <= {"SSLError", "ConnectionError"}


def test_a_clock_that_jumps_ahead_and_back_throws_nobody_out(drill: Drill, clock: Path) -> None:
    with drill.selling("The clock ahead and back") as sales:
        for minutes in (JUMP_MINUTES, 0):
            clock.write_text(str(minutes), encoding="ascii")
            for name in SERVERS:
                port = drill.stack.ports[name]
                assert eventually(lambda minutes=minutes, port=port: abs(ahead(port) - 60 * minutes) < 5)
            jumped = time.monotonic()
            print(f"\nwell {sales.well_after(jumped, within=60):.1f} s after it stood at {minutes} minutes ahead")
            print(dict(sales.trouble()))

    assert not [each for each in sales.trouble() if "session_revoked" in each or each.startswith("log-in")]
