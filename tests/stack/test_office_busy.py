"""Managers have servers of their own: whatever keeps those busy, the tills sell. The control: what else would be."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import requests

from backend.devtools.stack import Stack
from tests.stack.opening import opened
from tests.stack.process import Process
from tests.stack.selling import SteadyTill, selling

pytestmark = pytest.mark.slow

TILLS = 2
MANAGERS = 12  # more than the office has threads
SALES = 3  # of each till, while the managers wait


@pytest.fixture(scope="module")
def tills(stack: Stack) -> tuple[list[SteadyTill], Iterator[str]]:
    """Sellers who are logged in, and showtimes for them."""
    opening = opened(stack, staff=TILLS, showtimes=2 * TILLS)
    made = [SteadyTill(stack, phone) for phone in opening.phones]
    for till in made:
        till.log_in()
    return made, iter(opening.showtimes)


@contextmanager
def at_a_long_report(servers: list[Process]) -> Iterator[None]:
    """Keep all workers of `servers` from answering for the length of the block; what is asked meanwhile waits."""
    workers = [worker for server in servers for worker in server.workers()]
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)
    try:
        yield
    finally:
        for worker in workers:
            os.kill(worker, signal.SIGCONT)


def asked_by_a_manager(stack: Stack) -> int:
    """Open a page of the back office and return its status."""
    return requests.get(f"{stack.origin}/admin/login/", verify=str(stack.ca_file), timeout=60).status_code


def test_an_office_that_is_at_a_report_stops_no_till(
    stack: Stack, parts: dict[str, Process], tills: tuple[list[SteadyTill], Iterator[str]]
) -> None:
    people, showtimes = tills
    with ThreadPoolExecutor(MANAGERS) as managers, at_a_long_report([parts["office"]]):
        waiting: list[Future[int]] = [managers.submit(asked_by_a_manager, stack) for _ in range(MANAGERS)]
        with selling(people, [[next(showtimes)] for _ in people]) as sales:
            for _ in range(SALES):
                sales.well_after(time.monotonic(), within=30)
            people[0].try_log_in()
        assert not [each for each in waiting if each.done()], "the office was not busy at all"
        os.kill(parts["office"].workers()[0], signal.SIGCONT)
        answered = [each.result(60) for each in waiting]

    assert sales.trouble() == {}
    assert answered == [200] * MANAGERS  # late, and all of them


def test_control_where_tills_do_what_managers_ask_nobody_sells(
    stack: Stack, parts: dict[str, Process], tills: tuple[list[SteadyTill], Iterator[str]]
) -> None:
    people, showtimes = tills
    with selling(people, [[next(showtimes)] for _ in people]) as sales:
        sales.well_after(time.monotonic(), within=30)
        with at_a_long_report([parts["till-1"], parts["till-2"]]):
            assert asked_by_a_manager(stack) == 200
            time.sleep(0.5)  # what was being answered is answered
            before = len(sales.sold())
            with pytest.raises(AssertionError, match="not well within"):
                sales.well_after(time.monotonic(), within=3)
            assert len(sales.sold()) == before
        sales.well_after(time.monotonic(), within=30)
