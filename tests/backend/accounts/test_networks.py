"""Cinema networks: a first log-in in an open window binds only from there."""

import pytest

from backend.core.mongo import collection
from backend.core.networks import as_network, is_within
from tests.backend.accounts.first_log_ins import AT_HOME, HOME, OUTSIDE, device_of, log_row, seen_from
from tests.factories import make_cinema, make_staff

PASSWORD = "quite-a-long-password-1"
CINEMA = {"name": "星河影城", "code": "XH01", "time_zone": "Asia/Shanghai", "address": ""}


@pytest.fixture(autouse=True)
def _behind_a_proxy(settings):
    settings.TRUSTED_PROXIES = ["127.0.0.1"]


def keeps(cinema, *networks):
    collection("cinemas").update_one({"_id": cinema["_id"]}, {"$set": {"networks": list(networks)}})


def test_a_first_log_in_from_elsewhere_binds_nothing_and_its_true_reason_is_logged(cinema, seller, make_till):
    keeps(cinema, HOME)

    answer = seen_from(make_till(seller), OUTSIDE).try_log_in()

    assert (answer.status_code, answer.json()["code"]) == (401, "login_refused")
    assert log_row(answer)["reason"] == "foreign_network"
    assert device_of(seller) is None
    assert seen_from(make_till(seller), AT_HOME).try_log_in().status_code == 200, "the window is still open"


@pytest.mark.parametrize("networks", [[], [HOME, "203.0.113.0/24"], ["203.0.113.9/32"]])
def test_a_cinema_admits_its_networks_and_one_without_a_list_every_address(cinema, seller, make_till, networks):
    keeps(cinema, *networks)

    assert seen_from(make_till(seller), OUTSIDE).try_log_in().status_code == 200


def test_one_of_several_cinemas_is_enough(cinema, make_till):
    keeps(cinema, HOME)
    other = make_cinema()
    keeps(other, "203.0.113.0/24")
    both, here = make_staff(cinemas=[cinema, other]), make_staff(cinemas=[cinema])

    assert seen_from(make_till(both), OUTSIDE).try_log_in().status_code == 200
    assert seen_from(make_till(here), OUTSIDE).try_log_in().status_code == 401


def test_an_account_of_all_cinemas_binds_from_any_of_them_and_nowhere_else(cinema, make_till):
    keeps(cinema, HOME)
    keeps(make_cinema(), "10.2.0.0/16")
    everywhere, another = make_staff(), make_staff()

    assert log_row(seen_from(make_till(another), OUTSIDE).try_log_in())["reason"] == "foreign_network"
    assert seen_from(make_till(everywhere), "10.2.0.1").try_log_in().status_code == 200


def test_a_bound_machine_logs_in_from_anywhere(cinema, seller, make_till):
    keeps(cinema, HOME)
    till = seen_from(make_till(seller), AT_HOME).log_in()

    assert seen_from(make_till(seller, key=till.key, machine_code=till.machine_code), OUTSIDE).log_in()


def test_what_a_client_forwards_by_itself_is_not_believed(cinema, seller, make_till, settings):
    settings.TRUSTED_PROXIES = []
    keeps(cinema, HOME)

    assert seen_from(make_till(seller), AT_HOME).try_log_in().status_code == 401


@pytest.mark.parametrize(
    ("address", "networks", "inside"),
    [
        ("10.1.2.3", ["10.1.0.0/16"], True),
        ("10.2.2.3", ["10.1.0.0/16"], False),
        ("::ffff:10.1.2.3", ["10.1.0.0/16"], True),
        ("2001:db8::7", ["10.1.0.0/16", "2001:db8::/32"], True),
        ("2001:db8::7", ["0.0.0.0/0"], False),
        ("", ["0.0.0.0/0"], False),
        ("nonsense", ["0.0.0.0/0", "::/0"], False),
        ("10.1.2.3", [], False),
    ],
)
def test_an_address_is_in_a_network_or_not(address, networks, inside):
    assert is_within(address, networks) is inside


def test_a_network_is_kept_in_one_form():
    assert [as_network(text) for text in (" 10.1.2.3 ", "10.1.0.0/255.255.0.0", "::1")] == [
        "10.1.2.3/32",
        "10.1.0.0/16",
        "::1/128",
    ]


@pytest.fixture
def chain(db):
    """A browser of a chain manager."""
    from django.test import Client  # noqa: PLC0415

    client, staff = Client(), make_staff("chain_manager", password=PASSWORD)
    client.post("/admin/login/", {"username": staff.phone, "password": PASSWORD})
    return client


def test_networks_are_written_one_a_line_in_the_cinemas_form(chain):
    answer = chain.post("/admin/venues/cinema/add/", {**CINEMA, "networks": "10.1.0.0/16\r\n\r\n ::1 \r\n10.1.0.0/16"})

    assert answer.status_code == 302, answer.content.decode()
    kept = collection("cinemas").find_one({"code": "XH01"})
    assert kept["networks"] == ["10.1.0.0/16", "::1/128"]
    page = chain.get(f"/admin/venues/cinema/{kept['_id']}/change/").content.decode()
    assert "10.1.0.0/16\n::1/128" in page
    chain.post(f"/admin/venues/cinema/{kept['_id']}/change/", {**CINEMA, "networks": ""})
    assert collection("cinemas").find_one({"code": "XH01"})["networks"] == []
    changes = list(collection("changeLog").find({"action": "cinema_changed"}))
    assert (changes[0]["before"]["networks"], changes[0]["after"]["networks"]) == (["10.1.0.0/16", "::1/128"], [])


@pytest.mark.parametrize(
    "text",
    [
        "10.1.2.3/16",
        "10.1.0.0/33",
        "cinema",
        "10.1.0.0-10.1.0.9",
        "<b>",
        "\n".join(f"10.{number}.0.0/16" for number in range(51)),
    ],
)
def test_what_is_no_network_is_refused_in_words(chain, text):
    answer = chain.post("/admin/venues/cinema/add/", {**CINEMA, "networks": text})

    assert answer.status_code == 200
    assert "errorlist" in answer.content.decode()
    assert "<b>" not in answer.content.decode()
    assert collection("cinemas").count_documents({"code": "XH01"}) == 0


def test_a_cinema_of_before_there_were_networks_is_shown_and_keeps_none(chain):
    cinema = make_cinema()

    page = chain.get(f"/admin/venues/cinema/{cinema['_id']}/change/")

    assert page.status_code == 200
    assert "None" not in page.content.decode()
