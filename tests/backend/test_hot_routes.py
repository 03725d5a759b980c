"""The hot routes keep to their database commands: one more is a finding, not noise."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from tests.backend.accounts.state import redis
from tests.factories import make_showtime, make_staff
from tests.support.fixtures import MakeTill
from tests.support.till import Till

Commands = Callable[[], AbstractContextManager[list[str]]]


@pytest.fixture
def till(make_till: MakeTill) -> Till:
    """A seller's till, logged in, whose session the server has just looked at."""
    till = make_till(make_staff()).log_in()
    till.get("/api/v2/session")
    return till


def test_a_log_in_at_a_till_that_is_known_is_one_round_trip(till: Till, commands: Commands) -> None:
    with commands() as seen:
        till.log_in()

    assert seen == ["bulkWrite users,staffSessions,loginLogs"]


def test_a_log_in_at_a_bound_till_that_redis_has_forgotten_is_two(till: Till, commands: Commands) -> None:
    redis().flushall()

    with commands() as seen:
        till.log_in()

    assert seen == ["findAndModify users", "bulkWrite staffSessions,loginLogs"]


def test_the_first_log_in_binds_in_three_round_trips_with_its_history(make_till: MakeTill, commands: Commands) -> None:
    till = make_till(make_staff())

    with commands() as seen:
        till.log_in()

    assert seen == [
        "findAndModify users",
        "aggregate users",
        "bulkWrite staffSessions,users,loginLogs,deviceBindings,securityLogs",
    ]


def test_a_heartbeat_is_answered_from_redis(till: Till, commands: Commands) -> None:
    with commands() as seen:
        till.get("/api/v2/session")

    assert seen == []


def test_a_hold_is_one_claim_and_one_order_under_its_key(till: Till, commands: Commands) -> None:
    showtime = make_showtime()
    till.hold(showtime, "1-1")  # opens the map and reads the layout, once

    with commands() as seen:
        till.hold(showtime, "2-1", "2-2")

    assert seen == [
        "insert idempotencyKeys",
        "find showtimes",
        "update seatMaps",
        "insert orders",
        "update idempotencyKeys",
    ]


def test_a_refused_hold_reads_the_map_once_to_name_the_seats(till: Till, commands: Commands) -> None:
    showtime = make_showtime()
    till.hold(showtime, "2-1")

    with commands() as seen:
        till.try_hold(showtime, "2-1", "2-2")

    assert seen == [
        "insert idempotencyKeys",
        "find showtimes",
        "update seatMaps",
        "find seatMaps",
        "update idempotencyKeys",
    ]


def test_a_payment_is_two_conditional_updates_under_its_key(till: Till, commands: Commands) -> None:
    order = till.hold(make_showtime(), "2-1", "2-2")

    with commands() as seen:
        till.pay(order)

    assert seen == [
        "insert idempotencyKeys",
        "find orders",
        "update seatMaps",
        "update orders",
        "update idempotencyKeys",
    ]


def test_a_cancellation_ends_the_order_before_its_seats(till: Till, commands: Commands) -> None:
    order = till.hold(make_showtime(), "2-1", "2-2")

    with commands() as seen:
        till.post(f"/api/v2/orders/{order['id']}/cancel")

    assert seen == [
        "insert idempotencyKeys",
        "find orders",
        "update orders",
        "update seatMaps",
        "update orders",
        "update idempotencyKeys",
    ]


def test_a_seat_map_without_holds_is_two_reads(till: Till, commands: Commands) -> None:
    showtime = make_showtime()
    till.sell(showtime, "1-1")

    with commands() as seen:
        till.seat_states(showtime, "1-1")

    assert seen == ["find showtimes", "find seatMaps"]


def test_a_seat_map_with_holds_reads_once_more_to_tell_whose_they_are(till: Till, commands: Commands) -> None:
    showtime = make_showtime()
    till.hold(showtime, "1-1")

    with commands() as seen:
        till.seat_states(showtime, "1-1")

    assert seen == ["find showtimes", "find seatMaps", "find orders"]


def test_the_board_reads_cinemas_showtimes_and_their_maps_once_each(till: Till, commands: Commands) -> None:
    for _ in range(3):
        make_showtime()

    with commands() as seen:
        till.get("/api/v2/showtimes")

    assert seen == ["find cinemas", "find showtimes", "find seatMaps"]
