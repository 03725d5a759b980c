"""A deploy and a rollback while tills sell: the steps of backend/ops/rollout.py, on processes, not containers."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from bson import ObjectId
from pymongo import MongoClient

from backend.devtools.stack import Stack
from backend.ops.rollout import Failed, deploy, roll
from tests.stack.opening import Opening, opened
from tests.stack.rollout_site import Processes
from tests.stack.selling import Sales, SteadyTill, selling

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

TILLS = 4
RELEASES = {
    "app:1": {},
    "app:2": {},
    "app:broken": {"MONGO_URI": "mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=500"},
}
PATIENCE_SECONDS = 60.0
LONGEST_SECONDS = 60.0  # beyond it a sale was not delayed but lost


class Drills:
    """Sellers who are logged in, and showtimes enough for each drill."""

    def __init__(self, stack: Stack, opening: Opening) -> None:
        self.stack = stack
        self.showtimes = iter(opening.showtimes)
        self.tills = [SteadyTill(stack, phone) for phone in opening.phones]
        for till in self.tills:
            till.log_in()

    @contextmanager
    def selling(self) -> Iterator[Sales]:
        """Sell in the block; afterwards what is paid is what the tills were told, no more, no less."""
        mine = [[next(self.showtimes), next(self.showtimes)] for _ in self.tills]
        with selling(self.tills, mine) as sales:
            sales.well_after(time.monotonic(), within=30)
            yield sales
        showtimes = [ObjectId(showtime) for each in mine for showtime in each]
        with MongoClient[dict[str, Any]](self.stack.mongo_uri) as server:
            orders = list(server["userdb"]["orders"].find({"showtime": {"$in": showtimes}, "state": "paid"}))
        assert {str(order["_id"]): order["seats"][0]["seat"] for order in orders} == sales.sold()
        assert all(len(order["tickets"]) == len(order["payments"]) == 1 for order in orders)
        self.stack.manage("check_ledger")  # exits 1, which raises, where anything is amiss


@pytest.fixture(scope="module")
def drills(stack: Stack) -> Drills:
    return Drills(stack, opened(stack, staff=TILLS, showtimes=TILLS * 2 * 3))


@pytest.fixture
def site(stack: Stack) -> Iterator[Processes]:
    processes = Processes(stack, RELEASES, first="app:1")
    yield processes
    processes.close()


def all_serve(site: Processes, release: str) -> bool:
    wanted = {"till": [release] * 2, "office": [release], "sweeper": [release]}
    return {service: list(site.servers(service).values()) for service in wanted} == wanted


def refused(sales: Sales) -> dict[str, int]:
    """Return what was no passing trouble: all but `ask again` and connections that a reload of nginx ended."""
    passing = ("502", "503", "504", "429", "ConnectionError", "SSLError", "409 still_running")
    return {words: number for words, number in sales.trouble().items() if not words.startswith(passing)}


def test_a_deploy_with_migrations_and_a_rollback_lose_no_sale(stack: Stack, drills: Drills, site: Processes) -> None:
    pending(stack)
    steps: list[str] = []

    with drills.selling() as sales:
        deploy(site, "app:2", patience=PATIENCE_SECONDS, say=steps.append)
        deployed = time.monotonic()
        assert all_serve(site, "app:2")
        sales.well_after(deployed, within=30)

        roll(site, "app:1", patience=PATIENCE_SECONDS, say=steps.append)
        assert all_serve(site, "app:1")
        sales.well_after(time.monotonic(), within=30)

    print(json.dumps({"sold": len(sales.sold()), "longest": sales.longest_wait(), "trouble": sales.trouble()}))
    assert refused(sales) == {}
    assert sales.longest_wait() < LONGEST_SECONDS
    assert steps[:3] == ["backup", "migrations of app:2", "static files of app:2"]
    assert list((stack.directory / "backups").glob("backup_*.tar.gz*"))
    assert "reference_1" in indexes(stack, "deviceBindings")


def test_a_release_that_is_never_ready_goes_back_and_loses_no_sale(drills: Drills, site: Processes) -> None:
    with drills.selling() as sales:
        with pytest.raises(Failed, match=r"was not ready after 8 s\. app:1 serves\."):
            roll(site, "app:broken", patience=8, say=lambda _step: None)
        assert all_serve(site, "app:1")
        assert site.release() == "app:1"
        sales.well_after(time.monotonic(), within=30)

    assert refused(sales) == {}
    assert sales.longest_wait() < LONGEST_SECONDS


def test_control_all_tills_at_once_is_an_outage(drills: Drills, site: Processes) -> None:
    with drills.selling() as sales:
        before = sum(sales.trouble().values())
        site.kill("till")
        time.sleep(3)
        lost = sales.trouble()
        for _till in range(2):
            site.start("till", "app:2")
        for name in site.servers("till"):
            site.fleet["till"][name].child.wait_until(lambda name=name: site.is_ready("till", name), seconds=60)  # type: ignore[misc]
        sales.well_after(time.monotonic(), within=40)

    assert sum(lost.values()) - before > TILLS  # nobody was served, and everybody was told so again and again
    assert {words[:3] for words in lost} & {"502", "503"}


def pending(stack: Stack) -> None:
    """Take the last migration back, so that the deploy has one to run."""
    with MongoClient[dict[str, Any]](stack.mongo_uri) as server:
        assert server["userdb"]["django_migrations"].delete_one({"name": "0003_reference_index"}).deleted_count == 1
        server["userdb"]["deviceBindings"].drop_index("reference_1")


def indexes(stack: Stack, table: str) -> set[str]:
    with MongoClient[dict[str, Any]](stack.mongo_uri) as server:
        return set(server["userdb"][table].index_information())
