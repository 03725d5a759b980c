"""The programme and the orders in the back office."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from backend.accounts.models import User
from backend.core import clock
from backend.core.mongo import collection
from tests.support.chain import Chain, account, soon

A_MONTH_ON = (clock.now() + timedelta(days=30)).date().isoformat()


def signed_in(phone: str, role: str, *cinemas: Any) -> Client:
    """Return a browser in which someone of `role` is signed in."""
    identifier = account(phone, role, *cinemas)
    client = Client()
    client.force_login(User.objects.get(pk=identifier), "backend.accounts.backends.ManagerBackend")
    return client


@pytest.fixture
def manager(chain: Chain) -> Client:
    """A manager of the first cinema."""
    return signed_in("13900000011", "manager", chain.cinema)


def test_every_page_opens_and_shows_what_there_is(manager, chain, showtime, till):
    order = till.sell(showtime, "4-4")

    for path, words in (
        ("venues/cinema/", "星河影城"),
        (f"venues/cinema/{chain.cinema}/change/", "XH01"),
        ("venues/hall/", "3号厅"),
        (f"venues/hall/{chain.hall}/change/", "LL.. ........"),
        ("programme/film/", "长夜将明"),
        (f"programme/film/{chain.film}/change/", "120"),
        ("programme/showtime/", "长夜将明"),
        ("programme/showtime/add/", "成人"),
        (f"programme/showtime/{showtime}/change/", "adult 成人 70.00 golden 黄金区"),
        ("boxoffice/order/", order["number"]),
        (f"boxoffice/order/{order['id']}/change/", order["tickets"][0]["number"]),
    ):
        answer = manager.get(f"/admin/{path}")
        assert (path, answer.status_code) == (path, 200)
        assert words in answer.content.decode(), path


def test_an_order_names_its_payment_in_words_and_the_list_has_short_times(manager, showtime, till):
    order = till.sell(showtime, "4-4")

    page = manager.get(f"/admin/boxoffice/order/{order['id']}/change/").content.decode()
    listed = manager.get("/admin/boxoffice/order/").content.decode()

    assert "现金" in page
    assert re.search(r"field-starts_shown[^>]*>\d\d-\d\d \d\d:\d\d<", listed)


def test_an_order_is_found_by_its_number_its_ticket_and_the_phone(manager, showtime, till):
    body = {"showtime": str(showtime), "seats": [{"seat": "4-4", "ticketType": "adult"}]}
    order = till.pay(till.post("/api/v2/orders", {**body, "customerPhone": "13812345678"}).json())
    other = till.sell(showtime, "5-5")

    for term in (order["number"], order["tickets"][0]["number"], "138 1234 5678"):
        page = manager.get("/admin/boxoffice/order/", {"q": term}).content.decode()
        assert order["number"] in page, term
        assert other["number"] not in page, term


def test_a_manager_sees_his_cinemas_alone(manager, chain, make_till):
    account("13900000008", "seller", chain.elsewhere)
    theirs = chain.show(soon(), hall=chain.hall_elsewhere)
    order = make_till("13900000008").log_in().sell(theirs, "4-4")

    assert order["number"] not in manager.get("/admin/boxoffice/order/").content.decode()
    assert manager.get(f"/admin/boxoffice/order/{order['id']}/change/").status_code == 302
    assert manager.get(f"/admin/programme/showtime/{theirs}/change/").status_code == 302
    assert "别家影城" not in manager.get("/admin/venues/hall/").content.decode()


def test_a_show_is_planned_and_repriced_and_a_taken_hall_is_said_in_words(manager, chain):
    collection("cinemas").update_one({"_id": chain.cinema}, {"$set": {"timeZone": "Asia/Shanghai"}})
    when = {"starts_at_0": A_MONTH_ON, "starts_at_1": "19:30:00"}
    plan = {"film": str(chain.film), "hall": str(chain.hall), "picture": "3D", "prices": "adult 成人 60", **when}

    assert manager.post("/admin/programme/showtime/add/", plan).status_code == 302
    show = collection("showtimes").find_one({})
    assert (show["code"], show["businessDay"], show["format"]) == ("01", A_MONTH_ON, "3D")

    again = manager.post("/admin/programme/showtime/add/", plan, follow=True)
    assert collection("showtimes").count_documents({}) == 1
    assert "3号厅" in str(list(again.context["messages"])[-1])

    changed = {"prices": "adult 成人 66", "sales_end_at_0": A_MONTH_ON, "sales_end_at_1": "19:40:00"}
    assert manager.post(f"/admin/programme/showtime/{show['_id']}/change/", changed).status_code == 302
    assert str(collection("showtimes").find_one({})["prices"][0]["amount"]) == "66.00"
    assert collection("changeLog").count_documents({"action": "showtime_changed"}) == 1


def test_a_malformed_price_is_refused_beside_its_field(manager, chain):
    when = {"starts_at_0": A_MONTH_ON, "starts_at_1": "19:30:00"}
    for prices in ("adult 成人 sixty", "adult 60", "adult 成人 NaN"):
        plan = {"film": str(chain.film), "hall": str(chain.hall), "picture": "2D", "prices": prices, **when}
        answer = manager.post("/admin/programme/showtime/add/", plan)
        assert answer.status_code == 200
        assert "prices" in answer.context["adminform"].form.errors
    assert collection("showtimes").count_documents({}) == 0


def test_halls_are_renamed_by_managers_and_added_by_the_chain(manager, chain):
    address = f"/admin/venues/hall/{chain.hall}/change/"
    assert manager.post(address, {"name": "杜比厅"}).status_code == 302
    assert collection("halls").find_one({"_id": chain.hall})["name"] == "杜比厅"
    assert manager.get("/admin/venues/hall/add/").status_code == 403

    boss = signed_in("13900000012", "chain_manager")
    new = {"cinema": str(chain.cinema), "name": "小厅", "drawing": "w.. ..\r\nLL. ..\r\n"}
    assert boss.post("/admin/venues/hall/add/", new).status_code == 302
    assert collection("halls").find_one({"name": "小厅"})["seatsTotal"] == 10
    refused = boss.post("/admin/venues/hall/add/", {**new, "name": "坏厅", "drawing": "L.."})
    assert "drawing" in refused.context["adminform"].form.errors


def test_nobody_changes_an_order_here(manager, showtime, till):
    order = till.sell(showtime, "4-4")
    address = f"/admin/boxoffice/order/{order['id']}/"

    assert manager.post(f"{address}change/", {"total": "0"}).status_code == 403
    assert manager.post(f"{address}delete/", {"post": "yes"}).status_code == 403
    assert manager.get("/admin/boxoffice/order/add/").status_code == 403


def test_an_auditor_looks_and_changes_nothing(chain):
    auditor = signed_in("13900000013", "auditor")

    assert auditor.get("/admin/boxoffice/order/").status_code == 200
    assert auditor.get(f"/admin/venues/hall/{chain.hall}/change/").status_code == 200
    assert auditor.post(f"/admin/venues/hall/{chain.hall}/change/", {"name": "x"}).status_code == 403
    assert auditor.get("/admin/programme/showtime/add/").status_code == 403
