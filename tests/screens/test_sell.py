"""Seats are held, paid and printed through the screens, each press once."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from backend.core import clock
from backend.core.mongo import collection
from tests import factories


def orders() -> list[dict[str, Any]]:
    return list(collection("orders").find())


def lapse(order: str) -> None:
    """Let the hold of `order` run out."""
    past = clock.now() - timedelta(seconds=1)
    document = collection("orders").find_one_and_update(
        {"number": {"$exists": True}, "state": "held"}, {"$set": {"expiresAt": past}}
    )
    assert document is not None
    assert str(document["_id"]) == order
    untils = {f"seats.{line['seat']}.until": past for line in document["seats"]}
    collection("seatMaps").update_one({"_id": document["showtime"]}, {"$set": untils})


def test_a_party_gets_the_best_seats_together(screen, showtime):
    panel = screen.hold(showtime, size=2).content.decode()

    assert 'data-seats="4-5,4-6"' in panel
    assert "Row 4 · 5, 6" in panel
    assert "Take ¥90" in panel
    assert screen.till.seat_states(showtime, "4-5", "4-6") == ["mine", "mine"]


def test_the_next_best_is_another_block_and_gives_the_first_back(screen, showtime):
    first = screen.hold(showtime, size=2)

    second = screen.hold(showtime, size=2, skip=1, order=screen.order(first)).content.decode()

    assert 'data-seats="4-5,4-6"' not in second
    assert sorted(order["state"] for order in orders()) == ["cancelled", "held"]


def test_ticket_types_follow_the_seats_in_their_order(screen, showtime):
    panel = screen.hold(showtime, seats="1-1,1-2,1-3", types="adult:1,student:2").content.decode()

    assert "1 成人票" in panel
    assert "2, 3 学生票" in panel
    assert "¥</small>115" in panel


def test_moving_the_group_by_one_seat_keeps_the_seat_that_both_have(screen, showtime):
    first = screen.hold(showtime, seats="2-2,2-3")

    panel = screen.hold(showtime, seats="2-3,2-4", order=screen.order(first)).content.decode()

    assert 'data-seats="2-3,2-4"' in panel
    assert screen.till.seat_states(showtime, "2-2", "2-3", "2-4") == ["free", "mine", "mine"]


def test_a_seat_left_alone_is_named_with_the_way_out(screen, showtime):
    panel = screen.hold(showtime, seats="2-2,2-3").content.decode()

    assert "Row 2 seat 1 would be left alone" in panel
    assert "Move to 1, 2" in panel
    assert "Sell anyway" in panel


def test_a_faster_till_is_named_and_the_nearest_seats_are_held_until_accepted(open_screen, screen, showtime):
    other = open_screen(name="李思雨")
    other.till.sell(showtime, "3-6")

    answer = screen.hold(showtime, seats="3-5,3-6", types="adult:2")
    panel = answer.content.decode()

    assert answer.status_code == 409
    assert 'data-step="conflict"' in panel
    assert "Row 3 seat 6 was just taken at TILL-1" in panel
    assert "types and total unchanged" in panel
    assert "Take ¥" not in panel, "payment needs a second Enter"
    accepted = screen.get(f"/till/orders/{screen.order(answer)}/panel", part=True).content.decode()
    assert "Take ¥90" in accepted


def test_a_party_larger_than_what_is_left_is_told_how_many_are(screen, hall):
    small = factories.make_showtime(
        factories.make_hall(collection("cinemas").find_one({"_id": hall["cinema"]}), rows=1, seats_per_row=3)
    )

    answer = screen.hold(small, size=4)

    assert answer.status_code == 409
    assert "Only 3 seats left" in answer.content.decode()


def test_a_party_that_fits_no_row_is_split_over_two_and_told(screen, hall):
    small = factories.make_showtime(
        factories.make_hall(collection("cinemas").find_one({"_id": hall["cinema"]}), rows=2, seats_per_row=4)
    )

    panel = screen.hold(small, size=6).content.decode()

    assert "No 6 together" in panel
    assert "Split: row 1 × 3 + row 2 × 3" in panel


def test_a_cash_sale_shows_the_change_and_makes_the_tickets(screen, showtime):
    held = screen.hold(showtime, size=2)

    done = screen.post(f"/till/orders/{screen.order(held)}/pay", method="cash", tendered="200.00")

    page = done.content.decode()
    assert done.status_code == 200
    assert "<strong>¥110</strong>" in page
    assert "Received ¥200, due ¥90" in page
    assert "Paid</p>" in page  # of the printer the page knows nothing: whoever prints tells how it went
    assert "printing" not in page
    [order] = orders()
    assert order["state"] == "paid"
    assert all(ticket["number"][:4] in page for ticket in order["tickets"])


def test_the_same_press_twice_makes_one_sale_and_one_answer(screen, showtime):
    first = screen.hold(showtime, key="press-1", size=2)
    again = screen.hold(showtime, key="press-1", size=2)
    assert first.content == again.content
    pay = f"/till/orders/{screen.order(first)}/pay"

    answers = [screen.post(pay, key="press-2", method="cash", tendered="100.00") for _press in range(2)]

    assert answers[0].content == answers[1].content
    assert [(order["state"], len(order["payments"])) for order in orders()] == [("paid", 1)]


def test_paying_twice_with_two_presses_is_refused_in_words(screen, showtime):
    pay = f"/till/orders/{screen.order(screen.hold(showtime, size=1))}/pay"
    screen.post(pay, method="cash", tendered="45.00")

    answer = screen.post(pay, method="cash", tendered="45.00")

    assert (answer.status_code, answer["HX-Retarget"]) == (409, "#trouble")
    assert "The order is already paid" in answer.content.decode()


def test_too_little_cash_says_how_much_is_missing_and_sells_nothing(screen, showtime):
    pay = f"/till/orders/{screen.order(screen.hold(showtime, size=1))}/pay"

    answer = screen.post(pay, method="cash", tendered="40.00")

    assert answer.status_code == 422
    assert "¥5 short" in answer.content.decode()
    assert [order["state"] for order in orders()] == ["held"]


@pytest.mark.parametrize("amount", ["", "x", "1e9999", "NaN", "-5"])
def test_what_is_no_amount_is_refused_and_sells_nothing(screen, showtime, amount):
    pay = f"/till/orders/{screen.order(screen.hold(showtime, size=1))}/pay"

    answer = screen.post(pay, method="cash", tendered=amount)

    assert answer.status_code in {400, 422}
    assert [order["state"] for order in orders()] == ["held"]


@pytest.mark.parametrize(
    ("method", "asks"), [("card", "Present card ¥45"), ("wechat", "Scan WeChat ¥45"), ("alipay", "Scan Alipay ¥45")]
)
def test_other_payments_are_confirmed_by_hand_with_their_reference(screen, showtime, method, asks):
    order = screen.order(screen.hold(showtime, size=1))
    step = screen.get(f"/till/orders/{order}/pay-step?method={method}", part=True).content.decode()
    assert asks in step

    screen.post(f"/till/orders/{order}/pay", method=method, reference=" A-1 ")

    [paid] = orders()
    assert (paid["payments"][0]["method"], paid["payments"][0]["reference"]) == (method, "A-1")
    assert paid["payments"][0]["amount"].to_decimal() == Decimal(45)


def test_a_hold_that_ran_out_offers_its_seats_again(screen, showtime):
    order = screen.order(screen.hold(showtime, size=2, types="adult:1,student:1"))
    lapse(order)

    answer = screen.get(f"/till/orders/{order}/panel", part=True)

    panel = answer.content.decode()
    assert 'data-step="expired"' in panel
    assert "Hold expired. Row 4 seats 5, 6 are still free." in panel
    assert 'data-types="adult:1,student:1"' in panel


def test_a_hold_that_ran_out_and_was_sold_offers_the_next_best(open_screen, screen, showtime):
    order = screen.order(screen.hold(showtime, size=2))
    lapse(order)
    open_screen().till.sell(showtime, "4-5")

    panel = screen.post(f"/till/orders/{order}/pay", method="cash", tendered="90.00").content.decode()

    assert 'data-step="gone"' in panel
    assert "Hold expired and the seats are sold." in panel


def test_clearing_frees_the_seats_at_once(screen, showtime):
    order = screen.order(screen.hold(showtime, size=2))

    panel = screen.post(f"/till/orders/{order}/cancel").content.decode()

    assert 'data-step="empty"' in panel
    assert screen.till.seat_states(showtime, "4-5", "4-6") == ["free", "free"]


def test_a_reload_finds_the_hold_again(screen, showtime):
    order = screen.order(screen.hold(showtime, size=2))

    assert f'data-order="{order}"' in screen.get(f"/till/showtimes/{showtime['_id']}/").content.decode()


def test_a_session_that_is_no_longer_sold_says_so(screen, hall):
    closed = factories.make_showtime(hall, sales_end_at=clock.now() - timedelta(minutes=1))

    assert "Sales closed for this session" in screen.get(f"/till/showtimes/{closed['_id']}/").content.decode()
    assert screen.hold(closed, size=1).status_code == 409


def test_the_seat_map_is_not_sent_again_while_nothing_changed(screen, showtime):
    path = f"/till/showtimes/{showtime['_id']}/seat-map"
    first = screen.get(path)

    assert screen.get(path, **{"If-None-Match": first["ETag"]}).status_code == 304
    assert screen.get(path, **{"If-None-Match": f"W/{first['ETag']}"}).status_code == 304
    screen.hold(showtime, size=1)
    assert screen.get(path, **{"If-None-Match": first["ETag"]}).status_code == 200


def test_someone_elses_hold_cannot_be_paid_or_cleared_from_here(open_screen, screen, showtime):
    theirs = open_screen(name="李思雨")
    order = theirs.order(theirs.hold(showtime, size=1))

    assert screen.post(f"/till/orders/{order}/pay", method="cash", tendered="45.00").status_code == 403
    assert screen.post(f"/till/orders/{order}/cancel").status_code == 403
    assert [each["state"] for each in orders()] == ["held"]


@pytest.mark.parametrize("seats", ["1-1,99-99", "1-1,1-1"])
def test_an_edit_that_the_hall_refuses_leaves_the_customers_hold(screen, showtime, seats):
    order = screen.order(screen.hold(showtime, seats="1-1,3-1"))

    answer = screen.hold(showtime, seats=seats, order=order)

    assert answer.status_code == 422
    assert [(str(each["_id"]), each["state"]) for each in orders()] == [(order, "held")]
    assert screen.till.seat_states(showtime, "1-1", "3-1") == ["mine", "mine"]


def test_an_edit_after_sales_closed_leaves_the_hold_and_it_can_still_be_paid(screen, showtime):
    order = screen.order(screen.hold(showtime, seats="1-1,1-2"))
    collection("showtimes").update_one({"_id": showtime["_id"]}, {"$set": {"salesEndAt": clock.now()}})

    answer = screen.hold(showtime, seats="1-1,1-2", types="adult:1,student:1", order=order)

    panel = answer.content.decode()
    assert answer.status_code == 409
    assert "Sales closed for this session" in panel
    assert "This order can still be paid as it is." in panel
    assert screen.order(answer) == order
    assert screen.post(f"/till/orders/{order}/pay", method="cash", tendered="90.00").status_code == 200


def test_a_move_that_finds_no_seats_shows_the_hold_that_the_till_still_has(open_screen, screen, hall):
    small = factories.make_showtime(
        factories.make_hall(collection("cinemas").find_one({"_id": hall["cinema"]}), rows=2, seats_per_row=2)
    )
    order = screen.order(screen.hold(small, seats="1-1"))
    open_screen(name="李思雨").till.sell(small, "1-2", "2-1", "2-2")

    answer = screen.hold(small, seats="2-1,2-2", order=order)

    assert answer.status_code == 409
    assert screen.order(answer) == order


def test_seats_in_place_of_someone_elses_order_are_refused_before_anything_is_held(open_screen, screen, showtime):
    theirs = open_screen(name="李思雨")
    order = theirs.order(theirs.hold(showtime, seats="1-1"))

    answer = screen.hold(showtime, seats="2-1", order=order)

    assert answer.status_code == 403
    assert "This order belongs to another till" in answer.content.decode()
    assert [(str(each["_id"]), each["state"]) for each in orders()] == [(order, "held")]
    assert screen.till.seat_states(showtime, "2-1") == ["free"]


@pytest.mark.parametrize("reference", ["a\x00b", "a" * 65, "134567890123456789"])
def test_a_reference_that_must_not_be_kept_is_refused_here_too_and_says_what_to_do(screen, showtime, reference):
    order = screen.order(screen.hold(showtime, size=1))

    answer = screen.post(f"/till/orders/{order}/pay", method="wechat", reference=reference)

    assert (answer.status_code, answer["HX-Retarget"]) == (422, "#trouble")
    assert "This reference cannot be kept" in answer.content.decode()
    assert [each["state"] for each in orders()] == ["held"]


def test_a_party_is_as_large_as_an_order_may_be(screen, showtime, settings):
    settings.SEATS_PER_ORDER = 3

    answer = screen.hold(showtime, size=4)

    assert answer.status_code == 400
    assert "At most 3 seats." in answer.content.decode()
