"""Seats and holds are counted by what became of them, a retry not again; what waits for the sweeper has an age."""

from datetime import timedelta

import pytest
from prometheus_client import REGISTRY

from backend.boxoffice.errors import SeatsTaken
from backend.boxoffice.services.cancel import cancel_order
from backend.boxoffice.services.pay import pay_order
from backend.boxoffice.services.sweep import queue_ages, sweep
from backend.core import clock
from backend.core.idempotency import IdempotencyKey
from backend.core.mongo import collection
from tests.backend.boxoffice.test_sweep import SELLER, hold
from tests.support.figures import added_to


def seats(result: str) -> float:
    return REGISTRY.get_sample_value("cinema_seats_total", {"result": result}) or 0


def test_seats_are_counted_once_by_what_became_of_them(showtime):
    before = {result: seats(result) for result in ("held", "refused", "sold")}
    order = hold(showtime, "4-4", "4-5")
    with pytest.raises(SeatsTaken):
        hold(showtime, "4-5", "4-6")
    key = IdempotencyKey()
    for _ in range(2):
        pay_order(key=key, order=order["_id"], method="cash", by=SELLER, now=clock.now())

    assert {result: seats(result) - before[result] for result in before} == {"held": 2, "refused": 1, "sold": 2}


def test_holds_are_counted_once_by_what_became_of_them(showtime):
    with added_to("cinema_holds_total") as added:
        key = IdempotencyKey()
        paid, cancelled, lapsed = hold(showtime, "4-4", key=key), hold(showtime, "4-5"), hold(showtime, "4-6")
        hold(showtime, "4-4", key=IdempotencyKey(order_id=key.order_id, retry=True))
        payment = IdempotencyKey()
        for _ in range(2):
            pay_order(key=payment, order=paid["_id"], method="cash", by=SELLER, now=clock.now())
            cancel_order(order=cancelled["_id"], by=SELLER, now=clock.now())
            sweep(now=lapsed["expiresAt"])
    assert added == {("made",): 3, ("paid",): 1, ("cancelled",): 1, ("expired",): 1}


def test_the_oldest_of_what_waits_for_the_sweeper_says_how_long(showtime):
    now = clock.now()
    assert queue_ages(now) == {"lapsed_holds": 0, "unfreed_seats": 0}
    old, new, over = hold(showtime, "4-4"), hold(showtime, "4-5"), hold(showtime, "4-6")
    for order, seconds in ((new, 30), (old, 90)):
        collection("orders").update_one(
            {"_id": order["_id"]}, {"$set": {"expiresAt": now - timedelta(seconds=seconds)}}
        )
    crashed = {"state": "cancelled", "releasing": True, "cancelledAt": now - timedelta(seconds=20)}
    collection("orders").update_one({"_id": over["_id"]}, {"$set": crashed})

    assert queue_ages(now) == {"lapsed_holds": 90, "unfreed_seats": 20}
    sweep(now=now)
    assert queue_ages(now) == {"lapsed_holds": 0, "unfreed_seats": 0}
