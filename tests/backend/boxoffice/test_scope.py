"""Who sees and changes which order."""

from urllib.parse import quote

import pytest

from tests.support.chain import Chain, account, soon
from tests.support.till import Till


def test_a_seller_sees_the_orders_of_his_cinema_and_changes_only_his_own(till, other_till, showtime):
    theirs = other_till.hold(showtime, "4-4")

    assert till.get(f"/api/v2/orders/{theirs['id']}").status_code == 200
    assert till.try_pay(theirs).status_code == 403
    assert till.post(f"/api/v2/orders/{theirs['id']}/cancel").status_code == 403
    assert other_till.seat_states(showtime, "4-4") == ["mine"]


def test_a_supervisor_pays_and_cancels_any_order_of_the_cinema(till, supervisor, showtime):
    assert supervisor.pay(till.hold(showtime, "4-4"))["state"] == "paid"
    held = till.hold(showtime, "4-5")
    assert supervisor.post(f"/api/v2/orders/{held['id']}/cancel").json()["state"] == "cancelled"


def test_who_logs_in_next_on_the_machine_finishes_the_sale(till, chain, showtime, make_till):
    order = till.hold(showtime, "4-4")
    till.log_out()
    account("13900000007", "seller", chain.cinema, name="吴凯")
    following: Till = make_till("13900000007", key=till.key, machine_code=till.machine_code).log_in()

    paid = following.pay(order)

    assert (paid["state"], paid["staff"]["phone"]) == ("paid", till.phone)


def test_another_cinemas_orders_are_absent(till, supervisor, chain: Chain, make_till):
    account("13900000008", "seller", chain.elsewhere)
    stranger: Till = make_till("13900000008").log_in()
    order = stranger.hold(chain.show(soon(), hall=chain.hall_elsewhere), "4-4")

    for caller in (till, supervisor):
        assert caller.get(f"/api/v2/orders/{order['id']}").status_code == 404
        assert caller.try_pay(order).status_code == 404
        assert caller.post(f"/api/v2/orders/{order['id']}/cancel").status_code == 404
        assert caller.get(f"/api/v2/orders?number={order['number']}").json()["results"] == []


@pytest.mark.parametrize("order", ["6b05fe3b9628157990799417", "zzz", "1" * 24 + "0", "null"])
def test_an_order_that_does_not_exist_is_not_found(till, order):
    assert till.get(f"/api/v2/orders/{order}").status_code == 404
    assert till.post(f"/api/v2/orders/{order}/pay", {"method": "cash"}).status_code == 404
    assert till.post(f"/api/v2/orders/{order}/cancel").status_code == 404


def test_orders_are_found_by_number_ticket_phone_and_time(till, showtime):
    body = {"showtime": str(showtime), "seats": [{"seat": "4-4", "ticketType": "adult"}]}
    first = till.post("/api/v2/orders", {**body, "customerPhone": "13812345678"}).json()
    second = till.sell(showtime, "5-5")

    def found(query: str) -> list[str]:
        return [order["number"] for order in till.get(f"/api/v2/orders?{query}").json()["results"]]

    assert found("") == [second["number"], first["number"]]
    assert found(f"number={first['number']}") == [first["number"]]
    assert found(f"number={first['number'].replace('-', '')}") == [first["number"]]
    assert found(f"ticket={second['tickets'][0]['number']}") == [second["number"]]
    assert found("phone=%2B86+138+1234+5678") == [first["number"]]
    assert found(f"from={quote(second['createdAt'])}") == [second["number"]]
    assert found(f"to={quote(second['createdAt'])}") == [first["number"]]
    assert till.get("/api/v2/orders?from=yesterday").status_code == 400
    assert till.get("/api/v2/orders?phone=nobody").status_code == 400


def test_a_list_is_paged_by_cursor(till, showtime):
    orders = [till.hold(showtime, f"5-{number}")["number"] for number in range(1, 6)]

    page = till.get("/api/v2/orders?limit=2").json()
    numbers = [order["number"] for order in page["results"]]
    while page["next"]:
        page = till.get(page["next"].removeprefix("http://testserver")).json()
        numbers += [order["number"] for order in page["results"]]

    assert numbers == orders[::-1]
