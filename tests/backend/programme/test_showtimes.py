"""Planning showtimes."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from unittest.mock import Mock

import pytest
from bson import ObjectId

from backend.boxoffice.services.hold import SeatChoice, hold_seats
from backend.core import clock
from backend.core.idempotency import IdempotencyKey
from backend.core.mongo import collection
from backend.core.problems import NotFound
from backend.programme import services
from backend.programme.errors import HallTaken, PricesBroken
from backend.programme.services import change_showtime, checked_prices, schedule_showtime
from tests.support.chain import PRICES, actor, build_chain

EVENING = datetime(2026, 12, 24, 11, 30, tzinfo=UTC)  # 19:30 in Shanghai


@pytest.fixture
def chain(db):
    """Two cinemas, a hall, a film of 120 minutes."""
    return build_chain("Asia/Shanghai")


def show_of(showtime: ObjectId) -> dict:
    """Return the document."""
    return collection("showtimes").find_one({"_id": showtime})


def test_a_showtime_copies_what_it_shows_and_pins_its_layout(chain):
    show = show_of(chain.show(EVENING))

    assert (show["filmTitle"], show["cinemaName"], show["hallName"]) == ("长夜将明", "星河影城", "3号厅")
    assert show["layout"] == collection("halls").find_one({"_id": chain.hall})["layout"]
    assert (show["businessDay"], show["code"]) == ("2026-12-24", "01")
    assert (show["endsAt"], show["salesEndAt"]) == (
        EVENING + timedelta(minutes=120),
        EVENING + timedelta(minutes=15),
    )
    assert str(show["prices"][0]["amount"]) == "60.00"


@pytest.mark.parametrize("minutes", [0, 60, -60, 129, -129])
def test_shows_that_overlap_in_a_hall_are_refused(chain, minutes):
    chain.show(EVENING)

    with pytest.raises(HallTaken):
        chain.show(EVENING + timedelta(minutes=minutes))
    assert collection("showtimes").count_documents({}) == 1


@pytest.mark.parametrize("minutes", [130, -130])
def test_shows_that_leave_ten_minutes_for_cleaning_follow_each_other(chain, minutes):
    chain.show(EVENING)

    chain.show(EVENING + timedelta(minutes=minutes))


def test_two_people_who_plan_at_once_cannot_both_get_the_hall(transactional_db, chain):
    def plan(_each: int) -> int:
        try:
            chain.show(EVENING)
        except HallTaken:
            return 0
        return 1

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(plan, range(6))) == 1


def test_codes_count_the_business_day_of_a_cinema_and_are_never_renumbered(chain):
    codes = [show_of(chain.show(EVENING + timedelta(hours=hours)))["code"] for hours in (0, -5, 5)]
    elsewhere = show_of(chain.show(EVENING, hall=chain.hall_elsewhere))
    next_day = show_of(chain.show(EVENING + timedelta(hours=24)))

    assert codes == ["01", "02", "03"]  # the third starts at 00:30 and still belongs to this day
    assert (elsewhere["code"], next_day["code"], next_day["businessDay"]) == ("01", "01", "2026-12-25")


def test_the_hundredth_code_of_a_day_has_three_digits(chain):
    show = chain.show(EVENING)
    collection("showtimes").update_one({"_id": show}, {"$set": {"code": "99"}})

    assert show_of(chain.show(EVENING + timedelta(hours=3)))["code"] == "100"


@pytest.mark.parametrize(
    "prices",
    [
        [],
        [{"ticketType": "adult", "label": "成人", "amount": Decimal(-1)}],
        [{"ticketType": "adult", "label": "成人", "amount": Decimal(10000)}],
        [{"ticketType": "adult", "label": "成人", "amount": Decimal(1)}] * 2,
        [{"ticketType": "adult", "label": "成人", "amount": Decimal(1), "zone": "golden"}],  # none for the hall
        [*PRICES, {"ticketType": "adult", "label": "成人", "amount": Decimal(1), "zone": "moon"}],
    ],
)
def test_prices_that_cannot_be_sold_by_are_refused(prices):
    with pytest.raises(PricesBroken):
        checked_prices(prices, zones={"standard", "golden"})


def test_a_manager_plans_in_his_own_cinemas_alone(chain):
    manager = actor("manager", chain.cinema)
    theirs = chain.show(EVENING, hall=chain.hall_elsewhere)
    common: dict[str, Any] = {"prices": PRICES, "by": manager, "now": clock.now()}

    with pytest.raises(NotFound):
        schedule_showtime(film=chain.film, hall=chain.hall_elsewhere, starts_at=EVENING, **common)
    with pytest.raises(NotFound):
        change_showtime(theirs, sales_end_at=EVENING, **common)


def test_new_prices_hold_for_new_orders_only(chain):
    show, seller = chain.show(EVENING), actor()

    def hold(seat: str):
        return hold_seats(
            key=IdempotencyKey(), showtime=show, seats=[SeatChoice(seat, "adult")], by=seller, now=clock.now()
        )

    before = hold("4-4")
    dearer = [{"ticketType": "adult", "label": "成人", "amount": Decimal(80)}]
    change_showtime(show, prices=dearer, sales_end_at=EVENING, by=None, now=clock.now())

    assert (str(before["total"]), str(hold("4-5")["total"])) == ("60.00", "80.00")


class Killed(BaseException):
    """The planner's process is killed."""


def test_a_planner_killed_before_its_showtime_stood_blocks_the_hall_for_a_minute_and_no_longer(chain, monkeypatch):
    now = clock.now()
    with monkeypatch.context() as dying:
        dying.setattr(services, "_insert_with_code", Mock(side_effect=Killed))
        with pytest.raises(Killed):
            chain.show(EVENING, now=now)

    with pytest.raises(HallTaken):
        chain.show(EVENING, now=now + timedelta(seconds=50))
    chain.show(EVENING, now=now + timedelta(seconds=70))

    assert collection("showtimes").count_documents({}) == 1
    with pytest.raises(HallTaken):
        chain.show(EVENING, now=now + timedelta(days=1))


def test_a_planner_killed_after_its_showtime_stood_keeps_the_hall(chain, monkeypatch):
    now = clock.now()
    with monkeypatch.context() as dying:
        dying.setattr(services, "_keep_slot", Mock(side_effect=Killed))
        with pytest.raises(Killed):
            chain.show(EVENING, now=now)

    with pytest.raises(HallTaken):
        chain.show(EVENING, now=now + timedelta(hours=1))


def test_a_planner_that_slept_for_a_minute_finds_the_hall_taken_and_leaves_no_second_show(chain, monkeypatch):
    now, insert = clock.now(), services._insert_with_code
    others = []

    def sleep_first(showtime: dict[str, Any]) -> None:
        monkeypatch.setattr(services, "_insert_with_code", insert)
        others.append(chain.show(EVENING, now=now + timedelta(seconds=70)))
        insert(showtime)

    monkeypatch.setattr(services, "_insert_with_code", sleep_first)

    with pytest.raises(HallTaken):
        chain.show(EVENING, now=now)
    assert len(others) == 1
    assert collection("showtimes").distinct("_id") == others
