"""Maintenance: everybody is told, in the way that he understands, within a second; health and figures stay."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.test import Client
from pymongo.errors import AutoReconnect

from backend.core import clock, metrics, serving
from backend.core.mongo import client, collection
from tests.factories import make_showtime, make_staff

pytestmark = pytest.mark.usefixtures("db", "_serving_afresh")


@pytest.fixture
def _serving_afresh(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    serving.forget()
    yield
    monkeypatch.undo()
    serving.control(client()).delete_many({})
    serving.forget()
    serving.follow()


@pytest.fixture
def maintenance() -> None:
    call_command("maintenance", "on", reason="a test")


def test_programs_are_told_when_to_ask_again(maintenance: None, make_till: Any) -> None:
    answer = make_till(make_staff()).request("POST", "/api/v2/login", {})

    assert (answer.status_code, answer.json()["code"]) == (503, "maintenance")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["DPoP-Nonce"]


@pytest.mark.parametrize(("language", "words"), [("zh-hans", "维护"), ("en", "maintained")])
@pytest.mark.parametrize("path", ["/till/", "/admin/", "/admin/login/"])
def test_people_get_a_page_that_waits_in_their_language(
    maintenance: None, client: Client, path: str, language: str, words: str
) -> None:
    answer = client.get(path, headers={"Accept-Language": language})

    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    page = answer.content.decode()
    assert words in page
    assert 'http-equiv="refresh"' in page


def test_a_part_of_a_page_lets_the_whole_page_say_it(maintenance: None, client: Client) -> None:
    answer = client.post("/till/orders/1/pay", headers={"HX-Request": "true"})

    assert (answer.status_code, answer.headers["HX-Refresh"]) == (503, "true")
    assert 'http-equiv="refresh"' not in answer.content.decode()  # a press is not repeated by itself


def test_health_goes_on_and_readiness_says_so(maintenance: None, client: Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "maintenance")

    call_command("maintenance", "off")

    assert client.get("/readyz").json()["status"] == "ok"
    assert client.get("/admin/login/").status_code == 200


def test_figures_go_on(maintenance: None, settings: Any) -> None:
    settings.METRICS_PORT = 9200

    answer = Client().get("/metrics", SERVER_PORT="9200")

    assert answer.status_code == 200
    assert b"cinema_" in answer.content


def test_the_sweeper_touches_nothing_meanwhile(maintenance: None, make_till: Any) -> None:
    call_command("maintenance", "off")
    make_till(make_staff()).log_in().hold(make_showtime(), "1-1")
    collection("orders").update_many({}, {"$set": {"expiresAt": clock.now()}})
    call_command("maintenance", "on")

    call_command("sweep", once=True)
    assert collection("orders").find_one()["state"] == "held"

    call_command("maintenance", "off")
    call_command("sweep", once=True)
    assert collection("orders").find_one()["state"] == "expired"


def test_maintenance_of_a_restore_is_not_taken_over(capsys: pytest.CaptureFixture[str]) -> None:
    assert serving.enter_maintenance(key="restore", reason="restore", now=clock.now())
    assert serving.enter_maintenance(key="restore", reason="restore", now=clock.now())  # again, after a kill

    with pytest.raises(CommandError, match="restore"):
        call_command("maintenance", "on")

    call_command("maintenance", "status")
    assert "Maintenance since" in capsys.readouterr().out


def test_a_database_that_is_away_for_a_moment_changes_nothing(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.get("/admin/login/").status_code == 200
    monkeypatch.setattr(serving, "read", away)
    monkeypatch.setattr(serving, "ASK_EVERY_SECONDS", 0)
    assert serving.current().database == connection.settings_dict["NAME"]

    monkeypatch.setattr(serving, "STALE_SECONDS", 0)

    assert client.get("/admin/login/").status_code == 503
    assert client.get("/api/v2/client/latest").json()["code"] == "unavailable"
    part = client.get("/till/orders/", headers={"HX-Request": "true"})
    assert part.status_code == 503
    assert "HX-Refresh" not in part.headers  # an outage leaves the page as it is, with what was chosen on it


def connect_anew() -> None:
    ours = connections["default"]
    ours.connection = None  # type: ignore[assignment]  # as before the first use
    ours.__dict__.pop("database", None)


def away(_server: Any) -> Any:
    raise AutoReconnect("away")


def test_a_new_connection_never_goes_to_the_former_database() -> None:
    name = connection.settings_dict["NAME"]
    call_command("maintenance", "on")
    during = serving.read(client()).maintenance
    assert during is not None
    assert serving.switch(former=name, database=f"{name}_b", now=clock.now(), during=during, ends_maintenance=True)
    connect_anew()

    assert collection("users").database.name == f"{name}_b"


def test_nor_where_nobody_can_tell_which_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    serving.forget()
    monkeypatch.setattr(serving, "read", away)
    connect_anew()

    for _again in range(2):
        with pytest.raises(AutoReconnect):
            collection("users").find_one()

    monkeypatch.undo()
    assert collection("users").find_one() is None


def test_the_sweepers_figure_says_how_long_it_lasts_and_when_it_is_over(maintenance: None) -> None:
    serving.control(client()).update_one({}, {"$set": {"maintenance.since": clock.now() - timedelta(hours=1)}})
    serving.forget()

    call_command("sweep", "--once")
    lasted = metrics.maintenance.collect()
    call_command("maintenance", "off")
    call_command("sweep", "--once")

    assert [3600 <= sample.value < 3700 for metric in lasted for sample in metric.samples] == [True]
    assert [sample.value for metric in metrics.maintenance.collect() for sample in metric.samples] == [0]
