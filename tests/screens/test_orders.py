"""Orders are found by what a customer has in the hand, and tickets are printed."""

from datetime import timedelta

import pytest

from backend.core import clock
from backend.core.mongo import collection
from backend.screens import words
from tests import factories


def test_today_lists_what_was_held_or_sold(screen, showtime):
    screen.till.sell(showtime, "1-1", "1-2")

    page = screen.get("/till/orders/").content.decode()

    assert "长夜将明" in page
    assert "2 tickets ¥90" in page


def test_ticket_order_number_and_a_scan_find_the_order(screen, showtime):
    order = screen.till.sell(showtime, "1-1", "1-2")
    number = order["tickets"][1]["number"]

    for query in (number, words.grouped(number), order["number"], words.ticket_text(number).lower()):
        page = screen.client.get("/till/orders/", {"q": query})
        assert f"Order {order['number']}" in page.content.decode(), query


def test_a_search_without_a_match_says_so_and_shows_its_words_harmlessly(screen):
    for query, shown in (("<script>1", "&lt;script&gt;1"), ("219075512", "219075512"), ("13900", "13900")):
        answer = screen.client.get("/till/orders/", {"q": query})

        assert answer.status_code == 200
        assert f"Nothing matches “{shown}”" in answer.content.decode()


def test_a_hold_can_be_given_back_from_its_page(screen, showtime):
    order = screen.till.hold(showtime, "1-1")

    answer = screen.post(f"/till/orders/{order['id']}/release")

    assert (answer.status_code, answer["Location"]) == (303, f"/till/orders/{order['id']}/")
    assert screen.till.seat_states(showtime, "1-1") == ["free"]


def test_a_ticket_has_all_that_the_door_needs(screen, showtime):
    order = screen.till.sell(showtime, "1-1", "1-2")

    page = screen.get(f"/till/orders/{order['id']}/tickets").content.decode()

    assert page.count('<article class="ticket">') == 2
    for part in ("长夜将明", "3号厅", "Row 1 · 2", "¥45.00", "2/2", order["number"], "星河影城", "BJ01"):
        assert part in page, part
    assert words.grouped(order["tickets"][0]["number"]) in page
    assert page.count("<svg") == 2
    assert " style=" not in page


def test_what_a_qr_code_says_is_read_back_in_any_case():
    text = words.ticket_text("884219075512")

    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
    assert words.ticket_of_text(text) == words.ticket_of_text(text.lower()) == "884219075512"
    assert words.ticket_of_text("884219075512") == ""


def test_a_checker_reads_orders_and_cannot_sell(open_screen, screen, showtime):
    order = screen.till.hold(showtime, "1-1")
    checker = open_screen("checker")

    page = checker.get(f"/till/orders/{order['id']}/")

    assert page.status_code == 200
    assert "Cancel the hold" not in page.content.decode()
    assert checker.get(f"/till/showtimes/{showtime['_id']}/").status_code == 403
    assert checker.post(f"/till/orders/{order['id']}/release").status_code == 403
    assert collection("orders").count_documents({"state": "held"}) == 1


@pytest.mark.parametrize("who", ["seller", "supervisor"])
def test_the_next_person_on_the_machine_and_a_supervisor_go_on_with_a_hold_and_are_paid(
    open_screen, screen, showtime, who
):
    order = screen.till.hold(showtime, "1-1", "1-2")
    next_one = open_screen(who, name="李思雨", at=screen if who == "seller" else None)
    page = next_one.get(f"/till/orders/{order['id']}/").content.decode()
    assert f'href="/till/orders/{order["id"]}/sell"' in page
    assert "Cancel the hold" in page

    selling = next_one.get(f"/till/orders/{order['id']}/sell").content.decode()

    assert f'data-order="{order["id"]}"' in selling
    assert "Take ¥90" in selling
    paid = next_one.post(f"/till/orders/{order['id']}/pay", method="cash", tendered="90.00")
    assert paid.status_code == 200


def test_a_reload_after_such_a_hold_was_changed_finds_what_took_its_place(open_screen, screen, showtime):
    order = screen.till.hold(showtime, "1-1", "1-2")
    supervisor = open_screen("supervisor")
    changed = supervisor.order(supervisor.hold(showtime, seats="1-2,1-3", order=order["id"]))

    page = supervisor.client.get(f"/till/orders/{order['id']}/sell", follow=True).content.decode()

    assert f'data-order="{changed}"' in page


def test_another_till_reads_a_hold_and_is_offered_nothing_that_it_may_not_do(open_screen, screen, showtime):
    order = screen.till.hold(showtime, "1-1")
    other = open_screen(name="李思雨")

    page = other.get(f"/till/orders/{order['id']}/").content.decode()

    assert "On hold" in page
    assert "Cancel the hold" not in page
    assert "Go on selling" not in page
    assert other.get(f"/till/orders/{order['id']}/sell").status_code == 403


def test_the_days_list_is_this_cinemas_and_a_search_finds_the_others_by_name(open_screen, hall, showtime):
    other = factories.make_cinema(name="西山影城", code="BJ02")
    elsewhere = factories.make_showtime(factories.make_hall(other), starts_at=clock.now() + timedelta(minutes=5))
    screen = open_screen(elsewhere=[other])
    here = screen.till.sell(showtime, "1-1")
    there = screen.till.sell(elsewhere, "1-1")

    listed = screen.get("/till/orders/").content.decode()
    found = screen.client.get("/till/orders/", {"q": there["number"]}).content.decode()

    assert here["id"] in listed
    assert there["id"] not in listed
    assert f"<small>西山影城 · 1 ticket ¥{there['total'].removesuffix('.00')}</small>" in found


def test_an_order_on_hold_is_not_called_someone_elses(open_screen, showtime):
    screen = open_screen(language="zh-hans")
    order = screen.till.hold(showtime, "1-1")

    page = screen.get(f"/till/orders/{order['id']}/").content.decode()

    assert "锁座中" in page
    assert "他人锁定" not in page
