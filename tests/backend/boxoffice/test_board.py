"""The schedule board and the seat map as the API answers them."""

import time
from datetime import timedelta
from zoneinfo import ZoneInfo

import msgspec

from backend.boxoffice.api import shapes
from backend.core.clock import business_day
from tests.support.chain import Chain, soon
from tests.support.noon import TIME_ZONE
from tests.support.till import Till


def exactly(answer: dict, shape: type) -> None:
    """Assert that `answer` has the members of `shape` and no others."""
    again = msgspec.to_builtins(msgspec.convert(answer, shape))
    assert again == answer


def test_every_answer_has_exactly_the_members_that_the_schema_names(till, showtime):
    exactly(till.get("/api/v2/showtimes").json(), shapes.ShowtimePage)
    exactly(till.get(f"/api/v2/showtimes/{showtime}/seat-map").json(), shapes.SeatMapAnswer)
    order = till.hold(showtime, "4-4")
    exactly(order, shapes.OrderAnswer)
    exactly(till.pay(order), shapes.OrderAnswer)
    exactly(till.get("/api/v2/orders").json(), shapes.OrderPage)


def test_the_board_lists_the_business_day_of_the_callers_cinemas_with_free_seats(till, chain: Chain):
    first, second = chain.show(soon(120)), chain.show(soon(300))
    chain.show(soon(120), hall=chain.hall_elsewhere)
    till.hold(first, "4-4", "4-5")
    day = business_day(soon(120), TIME_ZONE)

    answer = till.get(f"/api/v2/showtimes?date={day}")

    shows = [show for show in answer.json()["results"] if show["id"] in {str(first), str(second)}]
    assert len(answer.json()["results"]) == len(shows) >= 1
    assert (shows[0]["seatsTotal"], shows[0]["seatsFree"]) == (95, 93)  # 96 chairs, one broken
    assert shows[0]["film"] == {**shows[0]["film"], "title": "长夜将明", "durationMinutes": 120}
    assert shows[0]["salesOpen"] is True
    assert {"ticketType": "child", "label": "儿童", "amount": "30.50"} in shows[0]["prices"]


def test_a_show_after_midnight_is_last_nights(till, chain: Chain):
    tomorrow = business_day(soon(), TIME_ZONE) + timedelta(days=3)
    at = (
        soon()
        .astimezone(ZoneInfo(TIME_ZONE))
        .replace(year=tomorrow.year, month=tomorrow.month, day=tomorrow.day, hour=0, minute=30)
    )
    late = chain.show(at)

    def listed(day: object) -> list[str]:
        return [show["id"] for show in till.get(f"/api/v2/showtimes?date={day}").json()["results"]]

    assert listed(tomorrow - timedelta(days=1)) == [str(late)]
    assert listed(tomorrow) == []


def test_another_cinemas_board_and_a_malformed_day_are_refused(till, chain: Chain):
    assert till.get(f"/api/v2/showtimes?cinema={chain.elsewhere}").status_code == 404
    assert till.get("/api/v2/showtimes?cinema=zzz").status_code == 404
    assert till.get("/api/v2/showtimes?date=tomorrow").status_code == 400
    assert till.get("/api/v2/showtimes?date=20261124").status_code == 400


def test_the_seat_map_knows_kinds_pairs_zones_and_places(till, showtime):
    answer = till.get(f"/api/v2/showtimes/{showtime}/seat-map").json()

    seats = {seat["seat"]: seat for seat in answer["seats"]}
    assert len(seats) == 96
    assert (seats["8-1"]["kind"], seats["8-1"]["pair"], seats["8-2"]["pair"]) == ("love", "8-2", "8-1")
    assert (seats["1-1"]["kind"], seats["3-3"]["state"]) == ("wheelchair", "blocked")
    assert (seats["7-10"]["zone"], seats["7-9"]["zone"]) == ("golden", "standard")
    assert (seats["4-4"]["x"], seats["4-5"]["x"], seats["4-5"]["y"]) == (4, 6, 4)  # an aisle between


def test_a_known_seat_map_is_answered_304_until_something_changes(till, other_till: Till, showtime):
    address = f"/api/v2/showtimes/{showtime}/seat-map"
    answer = till.get(address)
    etag = answer.headers["ETag"]
    assert answer.headers["Cache-Control"] == "private, no-cache"

    for known in (etag, f"W/{etag}", f'"9.9", W/{etag}'):
        again = till.get(address, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", etag)

    other_till.hold(showtime, "4-4")
    assert till.get(address, headers={"If-None-Match": etag}).status_code == 200


def test_the_etag_changes_when_a_hold_runs_out_sweeper_or_not(till, showtime, short_hold):
    address = f"/api/v2/showtimes/{showtime}/seat-map"
    till.hold(showtime, "4-4")
    etag = till.get(address).headers["ETag"]
    time.sleep(short_hold)

    answer = till.get(address, headers={"If-None-Match": etag})

    assert answer.status_code == 200
    assert answer.headers["ETag"] == '"1.1"'
