"""Refresh tokens: each is good for one next pair, and a copy of one ends the session."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine

from backend.core import clock
from backend.core.mongo import collection
from tests.backend.accounts.state import redis

SESSION = "/api/v2/session"
REFRESH = "/api/v2/token/refresh"


def session_of(till):
    return collection("staffSessions").find_one({"phone": till.phone}, sort=[("startedAt", -1)])


def events():
    return [row["event"] for row in collection("securityLogs").find({"event": {"$regex": "^refresh"}})]


def test_a_refresh_gives_a_new_pair_that_works(till):
    former = till.refresh_token

    answer = till.refresh()

    assert answer.status_code == 200
    assert set(answer.json()) == {"accessToken", "refreshToken", "tokenType", "expiresIn"}
    assert till.refresh_token != former
    assert till.get(SESSION).status_code == 200


@pytest.mark.parametrize("minutes", [10, -10])
def test_a_clock_that_is_set_throws_nobody_out(till, minutes):
    """Tokens that were signed while it was ahead are from the future when it is right again."""
    with time_machine.travel(clock.now() + timedelta(minutes=minutes), tick=True):
        till.nonce = None
        assert till.refresh().status_code == 200
    till.nonce = None

    assert till.get(SESSION).status_code == (200 if minutes > 0 else 401)  # it lives as long as the clock was off
    assert till.refresh().status_code == 200
    assert till.get(SESSION).status_code == 200
    assert events() == []


def test_the_same_key_gives_the_same_pair_after_a_lost_answer(till):
    former = till.refresh_token
    first = till.refresh(idempotency_key="key-of-this-try").json()
    till.refresh_token = former

    second = till.refresh(idempotency_key="key-of-this-try").json()

    assert first == second
    assert till.get(SESSION).status_code == 200
    assert events() == []


def test_a_lost_answer_is_given_again_for_two_minutes_only(till):
    former = till.refresh_token
    till.refresh(idempotency_key="key-of-this-try")
    collection("staffSessions").update_one(
        {"_id": session_of(till)["_id"]}, {"$set": {"rotatedAt": clock.now() - timedelta(seconds=121)}}
    )
    till.refresh_token = former

    answer = till.refresh(idempotency_key="key-of-this-try")

    assert (answer.status_code, answer.json()["reason"]) == (401, "refresh_reused")


@pytest.mark.parametrize("key", ["another-key", None])
def test_any_other_reuse_ends_the_session_and_is_logged(till, key):
    former = till.refresh_token
    till.refresh(idempotency_key="key-of-this-try")
    newest = till.access_token
    till.refresh_token = former

    answer = till.refresh(idempotency_key=key)

    assert (answer.status_code, answer.json()["code"]) == (401, "session_revoked")
    till.access_token = newest
    assert till.get(SESSION).json()["reason"] == "refresh_reused"
    assert events() == ["refresh_reused"]


def test_an_older_token_than_the_last_ends_the_session_even_with_its_key(till):
    former = till.refresh_token
    till.refresh(idempotency_key="first")
    till.refresh(idempotency_key="second")
    till.refresh_token = former

    assert till.refresh(idempotency_key="first").json()["reason"] == "refresh_reused"


def test_another_key_is_refused_and_logged_and_ends_nothing(till, make_till):
    thief = make_till(till.phone)
    thief.refresh_token = till.refresh_token

    answer = thief.refresh()

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")
    assert events() == ["refresh_with_other_key"]
    assert till.refresh().status_code == 200


@pytest.mark.parametrize("change", [{"activeAt": timedelta(minutes=31)}, {"expiresAt": timedelta(seconds=1)}])
def test_an_idle_or_old_session_is_not_refreshed(till, change):
    ((field, ago),) = change.items()
    collection("staffSessions").update_one({"_id": session_of(till)["_id"]}, {"$set": {field: clock.now() - ago}})

    answer = till.refresh()

    assert answer.json()["reason"] == ("idle" if field == "activeAt" else "expired")


def test_an_access_token_is_no_refresh_token(till):
    till.refresh_token = till.access_token

    assert till.refresh().json()["code"] == "invalid_token"


@pytest.mark.django_db(transaction=True)
def test_sent_twice_at_once_both_get_the_one_pair(seller, make_till):
    till = make_till(seller).log_in()
    tills = [make_till(seller, key=till.key, machine_code=till.machine_code) for _ in range(6)]
    for each in tills:
        each.refresh_token, each.nonce = till.refresh_token, till.nonce

    with ThreadPoolExecutor(len(tills)) as pool:
        answers = list(pool.map(lambda each: each.refresh(idempotency_key="the-same"), tills))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refreshToken"] for answer in answers}) == 1
    assert tills[0].get(SESSION).status_code == 200


def test_a_session_used_from_a_second_address_is_noted_once(till):
    collection("staffSessions").update_many({}, {"$set": {"address": "192.0.2.7", "provenAt": None}})
    redis().flushdb()
    for _ in range(2):
        till.get(SESSION)
        collection("staffSessions").update_many({}, {"$set": {"provenAt": None}})
        redis().flushdb()

    rows = list(collection("securityLogs").find({"event": "session_at_second_address"}))

    assert [(row["phone"], row["address"]) for row in rows] == [(till.phone, "127.0.0.1")]


def test_a_copied_token_fills_no_log(till, make_till, seller):
    thief = make_till(seller)
    thief.refresh_token = till.refresh_token

    assert [thief.refresh().status_code for _ in range(3)] == [401] * 3
    assert collection("securityLogs").count_documents({"event": "refresh_with_other_key"}) == 1
