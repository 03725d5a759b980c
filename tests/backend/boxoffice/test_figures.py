"""Seats are counted as they are held, refused and sold; a retry counts nothing again."""

import pytest
from prometheus_client import REGISTRY

from backend.boxoffice.errors import SeatsTaken
from backend.boxoffice.services.pay import pay_order
from backend.core import clock
from backend.core.idempotency import IdempotencyKey
from tests.backend.boxoffice.test_sweep import SELLER, hold


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
