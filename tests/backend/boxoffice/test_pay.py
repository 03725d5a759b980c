"""Paying an order: seats sold, order paid, tickets with numbers of their own."""

import time

import pytest

from backend.boxoffice.orders import luhn_digit
from backend.core.mongo import collection


def test_cash_gives_change_and_a_ticket_for_each_seat(till, showtime):
    order = till.hold(showtime, "7-9", "7-10")

    answer = till.try_pay(order, tendered="200")

    assert answer.status_code == 200, answer.content
    paid = answer.json()
    assert (paid["state"], paid["change"]) == ("paid", "70.00")
    (payment,) = paid["payments"]
    assert (payment["method"], payment["amount"]) == ("cash", "130.00")
    assert (payment["tendered"], payment["change"], payment["shift"]) == ("200.00", "70.00", None)
    assert {ticket["seat"]: ticket["price"] for ticket in paid["tickets"]} == {"7-9": "60.00", "7-10": "70.00"}
    for ticket in paid["tickets"]:
        number = ticket["number"]
        assert len(number) == 12
        assert luhn_digit(number[:-1]) == number[-1]
    assert till.seat_states(showtime, "7-9", "7-10") == ["sold", "sold"]


@pytest.mark.parametrize("method", ["card", "wechat", "alipay"])
def test_other_methods_are_paid_exactly_with_the_terminals_reference(till, showtime, method):
    order = till.hold(showtime, "4-4")

    paid = till.post(f"/api/v2/orders/{order['id']}/pay", {"method": method, "reference": "TX-77"}).json()

    assert (paid["state"], paid["change"]) == ("paid", "0.00")
    assert (paid["payments"][0]["reference"], paid["payments"][0]["tendered"]) == ("TX-77", "60.00")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"method": "cash", "tendered": "59.99"}, 422, "tendered_too_small"),
        ({"method": "voucher"}, 422, "method_not_offered"),
        ({"method": "shells"}, 400, "invalid"),
        ({"method": "cash", "tendered": "-60"}, 400, "invalid"),
        ({"method": "cash", "tendered": "1e9"}, 400, "invalid"),
        ({"method": "cash", "tendered": "60.001"}, 400, "invalid"),
        ({"method": "cash", "tendered": 60}, 400, "invalid"),
        ({"method": "cash", "amount": "1.00"}, 400, "invalid"),
        ({}, 400, "invalid"),
        ([], 400, "invalid"),
    ],
)
def test_a_refused_payment_leaves_the_hold_as_it_was(till, showtime, body, status, code):
    order = till.hold(showtime, "4-4")

    answer = till.post(f"/api/v2/orders/{order['id']}/pay", body)

    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.content
    assert till.get(f"/api/v2/orders/{order['id']}").json() == order
    assert till.seat_states(showtime, "4-4") == ["mine"]


def test_an_expired_hold_is_not_paid_even_if_its_seats_are_free(till, showtime, short_hold):
    order = till.hold(showtime, "4-4")
    time.sleep(short_hold)

    answer = till.try_pay(order)

    assert (answer.status_code, answer.json()["code"]) == (409, "hold_expired")
    assert till.seat_states(showtime, "4-4") == ["free"]


def test_a_second_payment_is_refused_and_takes_nothing(till, showtime):
    order = till.hold(showtime, "4-4")
    till.pay(order)

    answer = till.try_pay(order)

    assert (answer.status_code, answer.json()["code"]) == (409, "already_paid")
    assert len(till.get(f"/api/v2/orders/{order['id']}").json()["payments"]) == 1


def test_a_ticket_number_that_exists_is_drawn_again(till, showtime, monkeypatch):
    taken = till.sell(showtime, "4-4")["tickets"][0]["number"]
    drawn = iter([taken, "000000000018", "000000000026"])
    monkeypatch.setattr("backend.boxoffice.orders.new_ticket_number", lambda: next(drawn))

    assert till.sell(showtime, "4-5")["tickets"][0]["number"] == "000000000018"


def test_an_order_number_that_exists_is_drawn_again(till, showtime, monkeypatch):
    drawn = iter(["261124-000001", "261124-000001", "261124-000002"])
    monkeypatch.setattr("backend.boxoffice.orders.new_number", lambda _day: next(drawn))

    assert till.hold(showtime, "4-4")["number"] == "261124-000001"
    assert till.hold(showtime, "4-5")["number"] == "261124-000002"


def test_a_cancelled_order_frees_its_seats_at_once_and_is_not_paid(till, other_till, showtime):
    order = till.hold(showtime, "4-4", "4-5")

    cancelled = till.post(f"/api/v2/orders/{order['id']}/cancel")

    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    assert till.try_pay(order).json()["code"] == "order_cancelled"
    assert till.post(f"/api/v2/orders/{order['id']}/cancel").json()["state"] == "cancelled"
    other_till.sell(showtime, "4-4", "4-5")
    assert "releasing" not in collection("orders").find_one({"number": order["number"]})


def test_a_paid_order_is_not_cancelled_nor_an_expired_one(till, showtime, short_hold):
    paid = till.sell(showtime, "4-4")
    lost = till.hold(showtime, "5-5")
    time.sleep(short_hold)

    answers = [till.post(f"/api/v2/orders/{order['id']}/cancel") for order in (paid, lost)]

    assert [answer.json()["code"] for answer in answers] == ["already_paid", "hold_expired"]
    assert till.seat_states(showtime, "4-4") == ["sold"]


@pytest.mark.parametrize(
    "reference",
    ["134567890123456789", "2812 3456 7890 1234 5678", "１３４５６７８９０１２３４５６７８９", "A\u200b1"],
    ids=["wechat", "alipay", "full width", "not printable"],
)
def test_what_must_not_be_kept_is_refused_as_a_reference_and_nothing_is_paid(till, showtime, reference):
    order = till.hold(showtime, "4-4")

    answer = till.post(f"/api/v2/orders/{order['id']}/pay", {"method": "wechat", "reference": reference})

    assert (answer.status_code, answer.json()["code"]) == (422, "reference_refused")
    assert collection("orders").find_one({})["state"] == "held"


@pytest.mark.parametrize(("body", "status"), [(None, 200), ({}, 200), ({"reason": "x"}, 400), ([], 400)])
def test_a_cancellation_takes_no_body_but_an_empty_one(till, showtime, body, status):
    order = till.hold(showtime, "4-4")

    answer = till.post(f"/api/v2/orders/{order['id']}/cancel", body)

    assert answer.status_code == status
    assert till.seat_states(showtime, "4-4") == ["free" if status == 200 else "mine"]
