"""Sixty clients in four processes want the same seats of one showtime."""

import json
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest
from bson import ObjectId

from backend.boxoffice.ledger import breaches
from backend.core import clock
from backend.core.mongo import collection
from tests.support import flush
from tests.support.chain import build_chain, soon
from tests.support.workers import ROOT

PROCESSES, CLIENTS = 4, 15


@pytest.fixture
def showtime(transactional_db: None) -> ObjectId:
    """A showtime that other processes will sell."""
    flush.written.any = True
    return build_chain().show(soon())


def rush(showtime: ObjectId, environment: dict[str, str], *how: str) -> list[dict[str, Any]]:
    """Let all clients loose and return what each sold and was refused."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.support.rush", str(showtime), str(CLIENTS), str(seed), *how],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in range(0, PROCESSES * 100, 100)
    ]
    said = [process.communicate(timeout=150)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * PROCESSES
    return [client for each in said for client in json.loads(each)]


def sales(showtime: ObjectId) -> Counter[str]:
    """Return how many times each seat was sold."""
    paid = collection("orders").find({"showtime": showtime, "state": "paid"})
    return Counter(ticket["seat"] for order in paid for ticket in order["tickets"])


@pytest.mark.slow
def test_each_seat_is_sold_once_and_everyone_refused_is_told_which_seats(showtime, test_environment):
    clients = rush(showtime, test_environment)

    assert len(clients) == 60
    sold = sales(showtime)
    assert sold == Counter(seat for client in clients for seat in client["sold"])
    assert set(sold.values()) == {1}
    refusals = [refusal for client in clients for refusal in client["refused"]]
    assert len(refusals) > 100
    assert all(taken and set(taken) <= set(wanted) for wanted, taken in refusals)
    assert sum(client["lost"] for client in clients) == 0
    # No half order: every order has all its seats on the map, sold, and no seat is there without one.
    assert collection("orders").count_documents({"showtime": showtime, "state": {"$ne": "paid"}}) == 0
    seats = collection("seatMaps").find_one({"_id": showtime})["seats"]
    assert set(seats) == set(sold)
    assert breaches(clock=clock.now, pause=0) == []


@pytest.mark.slow
def test_without_the_guard_the_same_rush_sells_seats_twice(showtime, test_environment):
    rush(showtime, test_environment, "unguarded")

    assert max(sales(showtime).values()) > 1
    assert any("is another order’s" in breach.what for breach in breaches(clock=clock.now, pause=0))
