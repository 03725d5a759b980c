"""The end of a session's day: it waits for the customer at the counter, ten minutes at most."""

from datetime import timedelta

import pytest

from backend.core import clock
from backend.core.mongo import collection
from tests.backend.accounts.state import redis
from tests.factories import make_hall, make_showtime, make_staff

SESSION = "/api/v2/session"


@pytest.fixture
def at(till):
    """Let the session have ended so many minutes ago (its copies in Redis would have lapsed long since)."""

    def move(minutes: float) -> None:
        ends = clock.now() - timedelta(minutes=minutes)
        collection("staffSessions").update_many({"phone": till.phone}, {"$set": {"expiresAt": ends}})
        if copies := redis().keys("live:*"):
            redis().delete(*copies)

    return move


@pytest.fixture
def showtime(cinema):
    return make_showtime(make_hall(cinema))


def held_at_the_end(till, showtime, at):
    at(-1)
    assert till.refresh().status_code == 200
    return till.hold(showtime, "3-1")


def test_a_session_is_over_at_its_end_where_nobody_is_being_served(till, at):
    at(-1)
    assert till.refresh().status_code == 200
    assert till.get(SESSION).status_code == 200
    at(0)

    answer = till.get(SESSION)

    assert (answer.status_code, answer.json()["code"]) == (401, "session_revoked")
    assert till.refresh().json()["code"] == "session_revoked"


def test_an_open_order_is_finished_before_the_session_ends(till, showtime, at):
    order = held_at_the_end(till, showtime, at)
    at(2)

    assert till.get(SESSION).status_code == 200
    assert till.refresh().status_code == 200
    assert till.pay(order)["state"] == "paid"
    assert till.get(SESSION).json()["code"] == "session_revoked", "nothing is open any more"


def test_it_waits_ten_minutes_at_most(till, showtime, at):
    held_at_the_end(till, showtime, at)
    collection("orders").update_many({}, {"$set": {"expiresAt": clock.now() + timedelta(hours=1)}})
    at(9)
    assert till.refresh().status_code == 200
    at(10)

    assert till.get(SESSION).json()["code"] in {"session_revoked", "invalid_token"}
    assert till.refresh().json()["code"] in {"session_revoked", "invalid_token"}


def test_it_does_not_wait_for_somebody_elses_order(till, make_till, showtime, at, cinema):
    at(-1)
    make_till(make_staff(cinemas=[cinema])).log_in().hold(showtime, "3-1")
    assert till.refresh().status_code == 200
    at(1)

    assert till.get(SESSION).json()["code"] == "session_revoked"
