"""How many database commands each hot route costs: a regression here is felt at every till."""

from backend.boxoffice.services.sweep import sweep
from backend.core import clock

KEY = ["insert idempotencyKeys"]
KEPT = ["update idempotencyKeys"]


def of_sales(seen: list[str]) -> list[str]:
    """Return the commands of a request without those of the session, which the accounts' tests pin."""
    of_the_session = {"staffSessions", "users", "spentProofs", "replays"}
    return [each for each in seen if each.split()[1] not in of_the_session]


def test_the_board_costs_three(till, showtime, commands):
    till.get("/api/v2/showtimes")
    with commands() as seen:
        till.get("/api/v2/showtimes")

    assert of_sales(seen) == ["find cinemas", "find showtimes", "find seatMaps"]


def test_the_seat_map_costs_two_and_one_more_where_seats_are_held(till, showtime, commands):
    address = f"/api/v2/showtimes/{showtime}/seat-map"
    etag = till.get(address).headers["ETag"]
    with commands() as seen:
        till.get(address)
    with commands() as unchanged:
        till.get(address, headers={"If-None-Match": etag})
    till.hold(showtime, "4-4")
    with commands() as held:
        till.get(address)

    assert of_sales(seen) == of_sales(unchanged) == ["find showtimes", "find seatMaps"]
    assert of_sales(held) == ["find showtimes", "find seatMaps", "find orders"]


def test_a_sale_costs_ten(till, showtime, commands):
    till.hold(showtime, "2-2")
    with commands() as hold:
        order = till.hold(showtime, "4-4", "4-5")
    with commands() as pay:
        till.pay(order)

    assert of_sales(hold) == [*KEY, "find showtimes", "update seatMaps", "insert orders", *KEPT]
    assert of_sales(pay) == [*KEY, "find orders", "update seatMaps", "update orders", *KEPT]


def test_a_conflict_costs_five(till, other_till, showtime, commands):
    other_till.hold(showtime, "4-4")
    with commands() as seen:
        till.try_hold(showtime, "4-4")

    assert of_sales(seen) == [*KEY, "find showtimes", "update seatMaps", "find seatMaps", *KEPT]


def test_a_cancellation_costs_six(till, showtime, commands):
    order = till.hold(showtime, "4-4")
    with commands() as seen:
        till.post(f"/api/v2/orders/{order['id']}/cancel")

    assert of_sales(seen) == [*KEY, "find orders", "update orders", "update seatMaps", "update orders", *KEPT]


def test_reading_an_order_costs_one(till, showtime, commands):
    order = till.hold(showtime, "4-4")
    with commands() as seen:
        till.get(f"/api/v2/orders/{order['id']}")
        till.get(f"/api/v2/orders?number={order['number']}")

    assert of_sales(seen) == ["find orders"] * 2


def test_a_sweep_with_nothing_to_do_costs_three(till, showtime, commands):
    till.sell(showtime, "4-4")
    with commands() as seen:
        sweep(now=clock.now())

    assert seen == ["find orders", "find orders", "find seatMaps"]
