"""A worker is killed between any two steps; the till tries again with its key, or nobody does."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from bson import ObjectId

from backend.boxoffice.ledger import breaches
from backend.boxoffice.services.sweep import sweep
from backend.core import clock
from backend.core.mongo import collection
from tests.support.chain import Chain, account, build_chain, soon
from tests.support.till import Answer, Till
from tests.support.workers import gunicorn

MOST_STEPS = 12
SELLER = "13900000001"


class Server:
    """A worker that can be told to die."""

    def __init__(self, origin: str, order: Path) -> None:
        self.origin = origin
        self.order = order

    def survives(self, steps: int, send: Callable[[], Answer]) -> bool:
        """Send a request to a worker that dies after so many writes; say whether it answered all the same."""
        self.order.write_text(str(steps), encoding="utf-8")
        try:
            send()
        except requests.ConnectionError:
            return False
        assert self.order.exists(), "a worker died and answered"
        self.order.unlink()
        return True

    def again(self, send: Callable[[], Answer]) -> Answer:
        """Send until a worker is back and has answered for good."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                answer = send()
            except requests.ConnectionError:
                time.sleep(0.05)
                continue
            if answer.status_code == 409 and answer.json()["code"] == "still_running":
                time.sleep(0.1)
                continue
            return answer
        raise AssertionError("no worker came back")


@pytest.fixture
def server(transactional_db: None, tmp_path: Path, test_environment: dict[str, str]) -> Iterator[Server]:
    """One gunicorn worker with the fault built in."""
    order = tmp_path / "die-after"
    environment = {**test_environment, "DIE_AFTER": str(order), "GUNICORN_CMD_ARGS": "--preload"}
    with gunicorn(workers=1, environment=environment, application="tests.support.dying:application") as origin:
        yield Server(origin, order)


@pytest.fixture
def chain(transactional_db: None) -> Chain:
    """Two cinemas, a hall, a film."""
    return build_chain()


@pytest.fixture
def till(server: Server, chain: Chain, make_till: Callable[..., Till]) -> Till:
    """A seller, logged in at the server that may die."""
    account(SELLER, "seller", chain.cinema)
    return make_till(SELLER, origin=server.origin).log_in()


def seats_of(showtime: ObjectId) -> dict[str, Any]:
    """Return the seat map's seats."""
    return (collection("seatMaps").find_one({"_id": showtime}) or {"seats": {}})["seats"]


def sweep_later() -> None:
    """Sweep as if the hold's time were over; twice, as the command does."""
    later = clock.now() + timedelta(minutes=6)
    sweep(now=later)
    sweep(now=later)


def each_step(server: Server, once: Callable[[int], tuple[Callable[[], Answer], Callable[[Answer], None]]]) -> int:
    """Kill after the first write, the second, …, until the request needs no more; return how many there were."""
    for steps in range(1, MOST_STEPS):
        send, check = once(steps)
        survived = server.survives(steps, send)
        check(server.again(send))
        if survived:
            return steps
    raise AssertionError("a use case of so many steps?")


@pytest.mark.slow
def test_killed_anywhere_a_hold_tried_again_with_its_key_is_made_once(server, till, chain):
    def once(steps: int):
        showtime = chain.show(soon(120 + 200 * steps))

        def send() -> Answer:
            return till.try_hold(showtime, "4-4", "4-5", idempotency_key=f"hold-{steps}")

        def check(answer: Answer) -> None:
            assert answer.status_code == 201, answer.content
            order = answer.json()
            assert collection("orders").count_documents({"showtime": showtime}) == 1
            assert {str(seat["order"]) for seat in seats_of(showtime).values()} == {order["id"]}
            assert sorted(seats_of(showtime)) == ["4-4", "4-5"]
            assert server.again(lambda: till.try_pay(order)).json()["state"] == "paid"

        return send, check

    # Key, claim in vain, map opened, claim, order, answer kept: dying after the last one still loses the answer.
    assert each_step(server, once) == 7
    assert breaches(clock=clock.now) == []


@pytest.mark.slow
def test_killed_anywhere_a_payment_tried_again_with_its_key_is_taken_once(server, till, chain):
    def once(steps: int):
        showtime = chain.show(soon(120 + 200 * steps))
        order = server.again(lambda: till.try_hold(showtime, "4-4", "4-5")).json()

        def send() -> Answer:
            return till.try_pay(order, tendered="200", idempotency_key=f"pay-{steps}")

        def check(answer: Answer) -> None:
            assert (answer.status_code, answer.json()["state"]) == (200, "paid"), answer.content
            kept = collection("orders").find_one({"showtime": showtime})
            assert (len(kept["payments"]), len(kept["tickets"])) == (1, 2)
            assert {seat["state"] for seat in seats_of(showtime).values()} == {"sold"}

        return send, check

    assert each_step(server, once) == 5  # key, seats, order, answer
    assert breaches(clock=clock.now) == []


@pytest.mark.slow
def test_killed_anywhere_a_cancellation_tried_again_with_its_key_frees_the_seats(server, till, chain):
    def once(steps: int):
        showtime = chain.show(soon(120 + 200 * steps))
        order = server.again(lambda: till.try_hold(showtime, "4-4", "4-5")).json()

        def send() -> Answer:
            return till.post(f"/api/v2/orders/{order['id']}/cancel", idempotency_key=f"cancel-{steps}")

        def check(answer: Answer) -> None:
            assert (answer.status_code, answer.json()["state"]) == (200, "cancelled"), answer.content
            assert seats_of(showtime) == {}

        return send, check

    assert each_step(server, once) == 6  # key, order, seats, noted, answer
    assert breaches(clock=clock.now) == []


@pytest.mark.slow
@pytest.mark.parametrize("use_case", ["hold", "pay", "cancel"])
def test_killed_anywhere_and_never_tried_again_the_sweeper_gives_the_seats_back(server, till, chain, use_case):
    for steps in range(1, MOST_STEPS):
        showtime = chain.show(soon(120 + 200 * steps))
        order: dict[str, Any] = {}
        if use_case != "hold":
            order = server.again(lambda: till.try_hold(showtime, "4-4", "4-5")).json()  # noqa: B023
        sends = {
            "hold": lambda: till.try_hold(showtime, "4-4", "4-5"),  # noqa: B023
            "pay": lambda: till.try_pay(order),  # noqa: B023
            "cancel": lambda: till.post(f"/api/v2/orders/{order['id']}/cancel"),  # noqa: B023
        }
        survived = server.survives(steps, sends[use_case])

        sweep_later()

        kept = collection("orders").find_one({"showtime": showtime})
        paid = kept is not None and kept["state"] == "paid"
        assert {seat["state"] for seat in seats_of(showtime).values()} == ({"sold"} if paid else set())
        assert kept is None or "releasing" not in kept
        assert breaches(clock=clock.now, pause=0) == []
        if survived:
            return
    raise AssertionError("a use case of so many steps?")
