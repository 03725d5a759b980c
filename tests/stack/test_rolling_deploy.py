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
from tests.ops.processes import eventually
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


@pytest.fixture(scope="module")
def drills(stack: Stack) -> Iterator[Drills]:
    yield Drills(stack, opened(stack, staff=TILLS, showtimes=TILLS * 2 * 3))
    stack.manage("check_ledger")  # exits 1, which raises, where anything is amiss after all of them


@pytest.fixture(scope="module")
def site(stack: Stack) -> Iterator[Processes]:
    processes = Processes(stack, RELEASES, first="app:1")
    yield processes
    processes.close()


def all_serve(site: Processes, release: str) -> bool:
    wanted = {"till": [release] * 2, "office": [release], "sweeper": [release]}
    return {service: list(site.servers(service).values()) for service in wanted} == wanted


def test_a_deploy_with_migrations_and_a_rollback_fail_no_request(stack: Stack, drills: Drills, site: Processes) -> None:
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
    assert sales.trouble() == {}  # not one call, sales above all, had to be sent again
    assert steps[:3] == ["backup", "migrations of app:2", "static files of app:2"]
    assert list((stack.directory / "backups").glob("backup_*.tar.gz*"))
    assert "reference_1" in indexes(stack, "deviceBindings")


def test_a_release_that_is_never_ready_goes_back_and_fails_no_request(drills: Drills, site: Processes) -> None:
    with drills.selling() as sales:
        with pytest.raises(Failed, match=r"was not ready after 6 s\. app:1 serves\."):
            roll(site, "app:broken", patience=6, say=lambda _step: None)
        assert all_serve(site, "app:1")
        assert site.release() == "app:1"
        sales.well_after(time.monotonic(), within=30)

    assert sales.trouble() == {}


def test_control_all_tills_at_once_is_an_outage(drills: Drills, site: Processes) -> None:
    with drills.selling() as sales:
        site.kill("till")
        assert eventually(lambda: sales.trouble()["503 unavailable"] > 2 * TILLS), sales.trouble()
        for _till in range(2):
            site.start("till", "app:2", waits=False)
        sales.well_after(time.monotonic(), within=60)

    assert sales.trouble().keys() >= {"503 unavailable"}  # nobody was served, and everybody was told so again and again


def pending(stack: Stack) -> None:
    """Take the last migration back, so that the deploy has one to run."""
    with MongoClient[dict[str, Any]](stack.mongo_uri) as server:
        assert server["userdb"]["django_migrations"].delete_one({"name": "0003_reference_index"}).deleted_count == 1
        server["userdb"]["deviceBindings"].drop_index("reference_1")


def indexes(stack: Stack, table: str) -> set[str]:
    with MongoClient[dict[str, Any]](stack.mongo_uri) as server:
        return set(server["userdb"][table].index_information())
