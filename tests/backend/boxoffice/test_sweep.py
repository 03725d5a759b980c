"""The sweeper ends what time has ended."""

import re
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from bson import ObjectId
from django.core.management import call_command

from backend.boxoffice import orders, seatmap
from backend.boxoffice.errors import HoldExpired
from backend.boxoffice.ledger import breaches
from backend.boxoffice.services.hold import SeatChoice, hold_seats
from backend.boxoffice.services.pay import pay_order
from backend.boxoffice.services.sweep import Swept, sweep
from backend.core import clock
from backend.core.idempotency import IdempotencyKey
from backend.core.mongo import collection
from backend.devtools.children import free_port
from tests.support.chain import actor

SELLER = actor()


def hold(showtime: ObjectId, *seats: str, by=SELLER, now=None, key=None):
    """Hold seats by hand."""
    return hold_seats(
        key=key or IdempotencyKey(),
        showtime=showtime,
        seats=[SeatChoice(seat, "adult") for seat in seats],
        by=by,
        now=now or clock.now(),
    )


def seats_of(showtime: ObjectId) -> dict:
    """Return the seat map's seats."""
    return seatmap.taken(showtime)


def test_a_lapsed_hold_is_ended_order_first_then_seats(showtime):
    order = hold(showtime, "4-4", "4-5")

    assert sweep(now=order["expiresAt"] - timedelta(milliseconds=1)) == Swept()
    assert sweep(now=order["expiresAt"]) == Swept(expired=1)

    kept = orders.find(order["_id"])
    assert (kept["state"], "releasing" in kept, seats_of(showtime)) == ("expired", False, {})


def test_a_paid_order_is_left_alone(showtime):
    order = hold(showtime, "4-4")
    pay_order(key=IdempotencyKey(), order=order["_id"], method="cash", by=SELLER, now=clock.now())

    assert sweep(now=clock.now() + timedelta(days=1)) == Swept()
    assert orders.find(order["_id"])["state"] == "paid"
    assert seats_of(showtime)["4-4"]["state"] == "sold"


def test_a_claim_whose_order_was_never_made_is_dropped_once_it_lapsed(showtime):
    now = clock.now()
    seatmap.claim(showtime, ["4-4"], order=ObjectId(), until=now + timedelta(minutes=5), now=now)

    assert sweep(now=now + timedelta(minutes=4)) == Swept()
    assert sweep(now=now + timedelta(minutes=6)) == Swept(claims=1)
    assert seats_of(showtime) == {}


def test_seats_that_were_sold_again_meanwhile_stay_with_their_new_owner(showtime):
    first = hold(showtime, "4-4", "4-5")
    later = first["expiresAt"] + timedelta(seconds=1)
    second = hold(showtime, "4-5", "4-6", now=later)

    sweep(now=later)

    assert {name: seat["order"] for name, seat in seats_of(showtime).items()} == {
        "4-5": second["_id"],
        "4-6": second["_id"],
    }


def test_a_payment_that_comes_too_late_takes_nothing_and_keeps_no_seat(showtime, monkeypatch):
    order = hold(showtime, "4-4")
    real = seatmap.sell

    def sell_and_be_overtaken(*args, **kwargs):
        sold = real(*args, **kwargs)
        sweep(now=order["expiresAt"])
        return sold

    monkeypatch.setattr(seatmap, "sell", sell_and_be_overtaken)
    with pytest.raises(HoldExpired):
        pay_order(key=IdempotencyKey(), order=order["_id"], method="cash", by=SELLER, now=clock.now())

    assert seats_of(showtime) == {}
    assert orders.find(order["_id"])["payments"] == []


def test_a_retry_of_a_hold_that_someone_ended_meanwhile_keeps_no_seat(showtime):
    key = IdempotencyKey(retry=True)
    order = hold(showtime, "4-4", key=IdempotencyKey(order_id=key.order_id))
    orders.cancel(order["_id"], by={}, now=clock.now())
    seatmap.release(showtime, ["4-4"], order=order["_id"])

    # A slow first try that only now claims: it finds the order it would make, and that it is over.
    assert hold(showtime, "4-4", key=IdempotencyKey(order_id=key.order_id))["state"] == "cancelled"
    assert hold(showtime, "4-4", key=key)["state"] == "cancelled"
    assert seats_of(showtime) == {}


@pytest.mark.parametrize("sweepers", [2, 4])
def test_several_sweepers_at_once_are_harmless(transactional_db, showtime, sweepers):
    names = [f"{row}-{number}" for row in (2, 4, 5) for number in range(1, 9)]
    held = [hold(showtime, name) for name in names]
    later = held[-1]["expiresAt"] + timedelta(seconds=1)
    kept = hold(showtime, "6-6", now=later)

    with ThreadPoolExecutor(sweepers) as pool:
        swept = list(pool.map(lambda _each: sweep(now=later), range(sweepers)))

    assert sum(each.expired for each in swept) == len(held)
    assert list(seats_of(showtime)) == ["6-6"]
    assert orders.find(kept["_id"])["state"] == "held"
    assert breaches(clock=lambda: later, pause=0) == []


def test_the_command_sweeps_once_and_says_what_it_did(showtime, capsys):
    order = hold(showtime, "4-4")
    collection("orders").update_one({"_id": order["_id"]}, {"$set": {"expiresAt": clock.now() - timedelta(seconds=1)}})

    call_command("sweep", "--once")

    assert "expired 1" in capsys.readouterr().out


def test_a_health_check_sees_that_the_command_goes_on(db, tmp_path):
    call_command("sweep", "--once", "--alive", str(tmp_path / "alive"))

    assert (tmp_path / "alive").exists()


def test_the_sweeper_says_on_a_port_of_its_own_when_it_last_ended_a_round(db):
    port = free_port()
    before = time.time()
    call_command("sweep", "--once", "--metrics-port", str(port))
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    (ended,) = re.findall(r"(?m)^cinema_sweep_timestamp_seconds (\S+)$", text)
    assert before - 1 <= float(ended) <= time.time()
    assert '\ncinema_queue_age_seconds{queue="lapsed_holds"} 0.0\n' in text
    assert '\ncinema_queue_age_seconds{queue="unfreed_seats"} 0.0\n' in text
    assert "\ncinema_log_ins_of_one_private_address_ratio 0.0\n" in text
    assert "\ncinema_maintenance_seconds 0.0\n" in text
