"""The same request sent twice is done once and answered alike."""

import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId
from pymongo.collection import Collection
from pymongo.errors import AutoReconnect

from backend.core import clock, process
from backend.core.mongo import collection
from tests.support.chain import Chain
from tests.support.till import Till, order_for


def test_the_same_key_and_body_give_the_same_answer_and_one_order(till, showtime):
    first, second = (till.try_hold(showtime, "4-4", idempotency_key="k-1") for _ in range(2))

    assert (first.status_code, first.content) == (second.status_code, second.content)
    assert second.headers["Content-Type"] == "application/json"
    assert collection("orders").count_documents({}) == 1


def test_a_payment_sent_twice_is_taken_once(till, showtime):
    order = till.hold(showtime, "4-4")

    answers = [till.try_pay(order, tendered="100", idempotency_key="k-2") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].content == answers[1].content
    assert len(collection("orders").find_one({})["payments"]) == 1


def test_a_key_with_another_body_is_refused(till, showtime):
    till.try_hold(showtime, "4-4", idempotency_key="k-1")

    answer = till.try_hold(showtime, "4-5", idempotency_key="k-1")

    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_mismatch")
    assert till.seat_states(showtime, "4-5") == ["free"]


def test_a_key_counts_for_one_account_machine_method_and_path(till, other_till: Till, showtime):
    mine = till.try_hold(showtime, "4-4", idempotency_key="k-1").json()
    theirs = other_till.try_hold(showtime, "4-5", idempotency_key="k-1")
    paid = till.try_pay(mine, idempotency_key="k-1")

    assert (theirs.status_code, paid.status_code) == (201, 200)


def test_a_key_outlives_a_log_in(till, showtime):
    first = till.try_hold(showtime, "4-4", idempotency_key="k-1")
    till.log_out()
    till.log_in()

    assert till.try_hold(showtime, "4-4", idempotency_key="k-1").content == first.content


def test_what_the_rules_refused_is_kept_and_what_was_malformed_is_not(till, other_till: Till, showtime):
    held = other_till.hold(showtime, "4-4")
    refused = till.try_hold(showtime, "4-4", idempotency_key="k-1")
    other_till.post(f"/api/v2/orders/{held['id']}/cancel")

    assert till.try_hold(showtime, "4-4", idempotency_key="k-1").content == refused.content

    assert till.post("/api/v2/orders", {"seats": 1}, idempotency_key="k-2").status_code == 400
    right = order_for(showtime, ["4-4"])
    assert till.post("/api/v2/orders", right, idempotency_key="k-2").status_code == 201


def test_a_request_that_still_runs_is_not_run_again_before_thirty_seconds(till, showtime):
    till.try_hold(showtime, "4-4", idempotency_key="k-1")
    record = collection("idempotencyKeys").find_one({})
    running = {"state": "running", "startedAt": clock.now() - timedelta(seconds=20)}
    collection("idempotencyKeys").update_one({"_id": record["_id"]}, {"$set": running})

    waits = till.try_hold(showtime, "4-4", idempotency_key="k-1")
    assert (waits.status_code, waits.json()["code"]) == (409, "still_running")
    assert int(waits.headers["Retry-After"]) >= 1

    collection("idempotencyKeys").update_one(
        {"_id": record["_id"]}, {"$set": {"startedAt": clock.now() - timedelta(seconds=31)}}
    )
    taken_over = till.try_hold(showtime, "4-4", idempotency_key="k-1")
    assert (taken_over.status_code, taken_over.json()["id"]) == (201, str(record["order"]))
    assert collection("orders").count_documents({}) == 1


def begun_by(worker: str) -> ObjectId:
    """Make the only key one that `worker` began this moment, and return the id of its order."""
    running = {"state": "running", "startedAt": clock.now(), "worker": worker}
    return collection("idempotencyKeys").find_one_and_update({}, {"$set": running})["order"]


def test_what_a_dead_worker_of_this_machine_began_is_taken_over_at_once(till, showtime):
    till.try_hold(showtime, "4-4", idempotency_key="k-1")
    said = "import backend.core.process as p; print(p.name())"
    dead = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True).stdout.strip()
    place, pid, started = process.name().split(" ")

    order = begun_by(dead)
    answer = till.try_hold(showtime, "4-4", idempotency_key="k-1")
    assert (answer.status_code, answer.json()["id"]) == (201, str(order))
    assert collection("orders").count_documents({}) == 1

    begun_by(f"{place} {pid} {int(started) - 1}")  # whose number somebody else has now
    assert till.try_hold(showtime, "4-4", idempotency_key="k-1").status_code == 201


@pytest.mark.parametrize("elsewhere", ["another-machine/1 {pid} 1", "", "nonsense", "{place} {pid} {started}"])
def test_control_a_worker_that_lives_or_of_whom_nothing_is_known_has_its_time(till, showtime, elsewhere):
    till.try_hold(showtime, "4-4", idempotency_key="k-1")
    place, pid, started = process.name().split(" ")

    begun_by(elsewhere.format(place=place, pid=pid, started=started))

    assert till.try_hold(showtime, "4-4", idempotency_key="k-1").json()["code"] == "still_running"


@pytest.mark.parametrize("lost", [1, 2])
def test_a_key_that_an_outage_left_taken_is_free_again_with_the_next_request(till, showtime, monkeypatch, lost):
    """The key is stored and the answer to that lost, or the sale is made and its answer not kept: so is the release."""
    insert, update, calls = Collection.insert_one, Collection.update_one, []

    def insert_and_lose(table: Collection, document: object) -> object:
        done = insert(table, document)
        if table.name == "idempotencyKeys":
            raise AutoReconnect("gone")
        return done

    def gone(table: Collection, *args: Any, **options: Any) -> object:
        if table.name == "idempotencyKeys":
            calls.append(args)
            raise AutoReconnect("gone")
        return update(table, *args, **options)

    with monkeypatch.context() as outage:
        if lost == 1:
            outage.setattr(Collection, "insert_one", insert_and_lose)
        outage.setattr(Collection, "update_one", gone)
        assert till.try_hold(showtime, "4-4", idempotency_key="k-1").status_code == 503
    assert len(calls) == lost  # the release; the answer and the release

    assert till.try_hold(showtime, "4-4", idempotency_key="k-1").status_code == 201
    assert collection("orders").count_documents({}) == 1


def test_a_fault_of_ours_leaves_the_key_for_the_next_try_at_once(till, showtime, monkeypatch):
    def fail(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("between claim and order")

    with monkeypatch.context() as patched:
        patched.setattr("backend.boxoffice.orders.insert_if_absent", fail)
        assert till.try_hold(showtime, "4-4", idempotency_key="k-1").status_code == 500

    answer = till.try_hold(showtime, "4-4", idempotency_key="k-1")
    assert answer.status_code == 201
    assert till.seat_states(showtime, "4-4") == ["mine"]


def test_a_key_is_kept_for_a_day(chain: Chain):
    index = collection("idempotencyKeys").index_information()["createdAt_1"]

    assert index["expireAfterSeconds"] == 24 * 3600


@pytest.mark.parametrize("key", ["k" * 201, "é", "\t"])
def test_a_malformed_key_is_refused(till, showtime, key):
    assert till.try_hold(showtime, "4-4", idempotency_key=key.encode().decode("latin-1")).status_code == 400
