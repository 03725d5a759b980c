"""`check_ledger` names what is damaged, and its `--fix` mends seats and nothing else."""

from datetime import timedelta

import pytest
from bson import Decimal128, ObjectId
from django.core.management import call_command

from backend.boxoffice import seatmap
from backend.boxoffice.ledger import Breach, breaches
from backend.core import clock
from backend.core.mongo import collection


def named() -> set[str]:
    """Return what the ledger says is wrong."""
    return {f"{breach.where}: {breach.what}" for breach in breaches(clock=clock.now, pause=0)}


@pytest.fixture
def sale(till, showtime):
    """A paid order of two seats, among others."""
    till.sell(showtime, "5-5")
    till.hold(showtime, "6-6")
    sale = till.sell(showtime, "4-4", "4-5")
    assert named() == set()
    return collection("orders").find_one({"number": sale["number"]})


def damage_order(sale, **changes) -> None:
    """Write over parts of the order."""
    collection("orders").update_one({"_id": sale["_id"]}, {"$set": changes})


def damage_seat(sale, seat: str, **changes) -> None:
    """Write over parts of a seat."""
    there = {f"seats.{seat}.{name}": value for name, value in changes.items()}
    collection("seatMaps").update_one({"_id": sale["showtime"]}, {"$set": there})


def free_seat(sale, seat: str) -> None:
    """Take a seat off the map."""
    collection("seatMaps").update_one({"_id": sale["showtime"]}, {"$unset": {f"seats.{seat}": ""}})


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (lambda sale: free_seat(sale, "4-4"), "orders: seat 4-4 is free"),
        (lambda sale: damage_seat(sale, "4-4", order=ObjectId()), "seats: sold for an order that does not exist"),
        (lambda sale: damage_seat(sale, "4-4", order=ObjectId()), "orders: seat 4-4 is another order’s"),
        (lambda sale: damage_seat(sale, "4-4", state="held"), "seats: only held, but its order is paid"),
        (lambda sale: damage_seat(sale, "4-4", until=clock.now()), "seats: sold, but not for ever"),
        (lambda sale: damage_seat(sale, "4-4", state="gone"), "seats: unknown state gone"),
        (
            lambda sale: damage_seat(sale, "99-9", order=sale["_id"], state="sold", until=seatmap.FOREVER),
            "seats: the hall has no such seat",
        ),
        (
            lambda sale: damage_seat(sale, "4-6", order=sale["_id"], state="sold", until=seatmap.FOREVER),
            "seats: its order does not have it",
        ),
        (lambda sale: damage_order(sale, state="lost"), "orders: unknown state lost"),
        (lambda sale: damage_order(sale, total=Decimal128("1.00")), "orders: the total is not the sum of its seats"),
        (
            lambda sale: damage_order(sale, total=Decimal128("1.00")),
            "payments: the payments do not add up to the total",
        ),
        (lambda sale: damage_order(sale, **{"seats.1.seat": "4-4"}), "orders: no seats, or one seat twice"),
        (lambda sale: damage_order(sale, tickets=sale["tickets"][:1]), "tickets: not one ticket for each seat"),
        (
            lambda sale: damage_order(sale, **{"tickets.0.number": "123456789012"}),
            "tickets: of order {number}: no valid number",
        ),
        (
            lambda sale: damage_order(sale, **{"tickets.0.price": Decimal128("0.00")}),
            "tickets: the tickets' prices do not add up to the total",
        ),
        (lambda sale: damage_order(sale, payments=[]), "payments: the payments do not add up to the total"),
        (
            lambda sale: damage_order(sale, payments=sale["payments"] * 2),
            "payments: the payments do not add up to the total",
        ),
        (lambda sale: damage_order(sale, **{"payments.0.method": "shells"}), "payments: unknown method shells"),
        (
            lambda sale: damage_order(sale, **{"payments.0.change": Decimal128("9.00")}),
            "payments: the change is not what was given less what was due",
        ),
        (lambda sale: damage_order(sale, state="held"), "payments: has payments, but is held"),
        (lambda sale: damage_order(sale, state="cancelled"), "tickets: has tickets, but is cancelled"),
        (
            lambda sale: collection("showtimes").delete_one({"_id": sale["showtime"]}),
            "seats: the showtime is gone",
        ),
    ],
)
def test_each_damage_is_named(sale, damage, word):
    damage(sale)

    assert word.format(number=sale["number"]) in named()


def test_a_ticket_number_that_exists_twice_is_named(sale):
    number = sale["tickets"][0]["number"]
    collection("orders").drop_index("tickets.number_1")
    try:
        collection("orders").update_one({"seats.seat": "5-5"}, {"$set": {"tickets.0.number": number}})

        assert Breach("tickets", f"ticket {number}", "exists 2 times") in breaches(clock=clock.now, pause=0)
    finally:
        collection("orders").delete_many({})
        call_command("create_indexes", verbosity=0)


def test_a_sweeper_that_does_not_run_is_named(sale):
    later = clock.now() + timedelta(minutes=10)

    words = {breach.what for breach in breaches(clock=lambda: later, pause=0)}

    assert words == {"its hold ran out and nobody ended it: does the sweeper run?"}


def test_a_sale_in_flight_is_no_breach(till, showtime):
    order = till.hold(showtime, "4-4")

    assert seatmap.sell(showtime, ["4-4"], order=ObjectId(order["id"]))  # between the two steps of a payment
    seatmap.claim(showtime, ["4-5"], order=ObjectId(), until=clock.now() + timedelta(minutes=5), now=clock.now())

    assert named() == set()


def test_the_command_exits_1_and_names_the_breach_and_its_fix_mends_the_seats(sale, capsys):
    free_seat(sale, "4-4")
    damage_seat(sale, "2-2", order=ObjectId(), state="sold", until=seatmap.FOREVER)

    with pytest.raises(SystemExit) as ended:
        call_command("check_ledger")
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert "seat 4-4 is free" in said
    assert "sold for an order that does not exist" in said

    call_command("check_ledger", "--fix")
    assert "agree" in capsys.readouterr().out
    assert collection("orders").find_one({"_id": sale["_id"]}) == sale


def test_fix_gives_no_seat_away_that_someone_else_bought(till, sale, showtime):
    free_seat(sale, "4-4")
    till.sell(showtime, "4-4")

    with pytest.raises(SystemExit):
        call_command("check_ledger", "--fix")
    assert "orders: seat 4-4 is another order’s" in named()
