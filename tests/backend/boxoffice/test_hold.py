"""Holding seats: all or none, for five minutes, once."""

import time
from datetime import datetime, timedelta

import pytest
from bson import ObjectId

from backend.boxoffice import seatmap
from backend.core.mongo import collection
from tests.support.chain import Chain, account, soon
from tests.support.till import Till, order_for


def test_a_hold_is_an_order_for_five_minutes_at_the_prices_of_seat_and_type(till, showtime):
    body = order_for(showtime, ["7-9", "7-10"])
    body["seats"].append({"seat": "8-3", "ticketType": "child"})

    answer = till.post("/api/v2/orders", body)

    assert answer.status_code == 201, answer.content
    order = answer.json()
    assert [(seat["seat"], seat["price"]) for seat in order["seats"]] == [
        ("7-9", "60.00"),
        ("7-10", "70.00"),  # the golden zone
        ("8-3", "30.50"),
    ]
    assert (order["state"], order["total"], order["currency"]) == ("held", "160.50", "CNY")
    assert (order["tickets"], order["payments"], order["refunds"]) == ([], [], [])
    lasts = datetime.fromisoformat(order["expiresAt"]) - datetime.fromisoformat(order["createdAt"])
    assert lasts == timedelta(minutes=5)
    assert (order["staff"]["phone"], order["device"]["machineCode"]) == (till.phone, till.machine_code)
    assert till.seat_states(showtime, "7-9", "7-10", "8-3", "7-8") == ["mine", "mine", "mine", "free"]


def test_a_refused_hold_names_the_taken_seats_and_holds_none_of_the_others(till, other_till, showtime):
    other_till.hold(showtime, "7-10")

    answer = till.try_hold(showtime, "7-10", "7-11")

    assert (answer.status_code, answer.json()["code"]) == (409, "seats_taken")
    assert answer.json()["seats"] == ["7-10"]
    assert till.seat_states(showtime, "7-10", "7-11") == ["held", "free"]


def test_a_sold_seat_is_taken_for_ever(till, other_till, showtime):
    till.sell(showtime, "2-2")

    assert other_till.try_hold(showtime, "2-2").json()["seats"] == ["2-2"]
    assert other_till.seat_states(showtime, "2-2") == ["sold"]


def test_a_hold_that_ran_out_gives_its_seats_to_the_next_without_a_sweeper(till, other_till, showtime, short_hold):
    lost = till.hold(showtime, "4-4")
    time.sleep(short_hold)

    assert till.get(f"/api/v2/orders/{lost['id']}").json()["state"] == "expired"
    assert till.seat_states(showtime, "4-4") == ["free"]
    other_till.hold(showtime, "4-4")


@pytest.mark.parametrize(
    ("seats", "status", "code"),
    [
        ([{"seat": "9-1", "ticketType": "adult"}], 422, "unknown_seat"),
        ([{"seat": "3-3", "ticketType": "adult"}], 422, "unknown_seat"),  # out of use
        ([{"seat": "4-4", "ticketType": "adult"}] * 2, 422, "unknown_seat"),
        ([{"seat": "4-4", "ticketType": "pirate"}], 422, "unknown_ticket_type"),
        ([{"seat": "4-4", "ticketType": "adult"}, {"seat": "9-1", "ticketType": "adult"}], 422, "unknown_seat"),
        ([], 400, "invalid"),
        ([{"seat": "$where", "ticketType": "adult"}], 400, "invalid"),
        ([{"seat": "4-4.until", "ticketType": "adult"}], 400, "invalid"),
        ([{"seat": "4-4"}], 400, "invalid"),
        ([{"seat": "4-4", "ticketType": "adult", "price": "0.01"}], 400, "invalid"),
        ([{"seat": {"$ne": 1}, "ticketType": "adult"}], 400, "invalid"),
        ("4-4", 400, "invalid"),
    ],
)
def test_what_cannot_be_held_is_refused_in_words_and_holds_nothing(till, showtime, seats, status, code):
    answer = till.post("/api/v2/orders", {"showtime": str(showtime), "seats": seats})

    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.content
    assert answer.json()["errors"]
    assert collection("orders").count_documents({}) == 0
    assert till.seat_states(showtime, "4-4") == ["free"]


def test_a_show_that_began_is_sold_for_a_quarter_of_an_hour(till, chain):
    began, long_ago = chain.show(soon(-10)), chain.show(soon(-200))

    assert till.try_hold(began, "4-4").status_code == 201
    refused = till.try_hold(long_ago, "4-4")
    assert (refused.status_code, refused.json()["code"]) == (409, "sales_closed")


def test_a_showtime_of_another_cinema_is_as_absent_as_none(till, chain: Chain):
    theirs = chain.show(soon(), hall=chain.hall_elsewhere)

    answers = [till.try_hold(theirs, "4-4"), till.try_hold(ObjectId(), "4-4")]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "not_found")] * 2
    assert till.get(f"/api/v2/showtimes/{theirs}/seat-map").status_code == 404


def test_a_customers_phone_is_kept_in_one_form(till, showtime):
    body = {**order_for(showtime, ["4-4"]), "customerPhone": "+86 138 1234 5678"}
    assert till.post("/api/v2/orders", body).json()["customerPhone"] == "13812345678"

    body = {**order_for(showtime, ["4-5"]), "customerPhone": "call me"}
    refused = till.post("/api/v2/orders", body)
    assert (refused.status_code, list(refused.json()["errors"])) == (400, ["customerPhone"])


@pytest.mark.parametrize("role", ["checker", "manager"])
def test_who_does_not_sell_cannot_hold(role, chain, showtime, make_till):
    account("13900000009", role, chain.cinema)
    till: Till = make_till("13900000009").log_in()

    assert till.try_hold(showtime, "4-4").status_code == 403
    assert till.seat_states(showtime, "4-4") == ["free"]


def test_seats_that_nobody_was_left_with_are_asked_for_again_and_not_called_taken(till, showtime, monkeypatch):
    with monkeypatch.context() as once:
        once.setattr(seatmap, "CLAIM_TRIES", 1)  # which opens the map and has no try left
        answer = till.try_hold(showtime, "4-4", idempotency_key="press")

    assert (answer.status_code, answer.json()["code"]) == (503, "seats_in_motion")
    assert answer.headers["Retry-After"] == "1"
    assert "seats" not in answer.json()
    assert till.try_hold(showtime, "4-4", idempotency_key="press").status_code == 201
