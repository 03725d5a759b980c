"""Figures for Prometheus: by route and never by address, on a port of their own, of all workers together."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory
from prometheus_client import REGISTRY, Gauge
from pymongo import MongoClient
from pymongo.monitoring import ConnectionCheckedOutEvent, ConnectionCheckOutFailedEvent, ConnectionCheckOutFailedReason

from backend import __version__
from backend.core import metrics, redis
from backend.core.metrics import CountConnections, build, exposition, tell_build
from backend.core.mongo import client, collection
from backend.core.observing import figures, observed
from tests.support.figures import added_to

PHONE = "13800138000"


def counted(route: str, status: str) -> float:
    labels = {"route": route, "method": "GET", "status": status}
    return REGISTRY.get_sample_value("cinema_http_request_seconds_count", labels) or 0


@pytest.mark.django_db
def test_requests_are_counted_by_route_and_what_has_none_as_other(client: Client) -> None:
    before, lost = counted("api/v2/client/latest", "2xx"), counted("other", "4xx")
    client.get("/api/v2/client/latest")
    client.get(f"/{PHONE}")
    assert counted("api/v2/client/latest", "2xx") == before + 1
    assert counted("other", "4xx") == lost + 1
    names = {sample.labels.get("route", "") for metric in REGISTRY.collect() for sample in metric.samples}
    assert not any(PHONE in name for name in names)


@pytest.mark.django_db
def test_commands_of_the_database_are_timed(client: Client) -> None:
    def finds() -> float:
        labels = {"command": "find", "result": "ok"}
        labels_of_aggregate = {**labels, "command": "aggregate"}
        name = "cinema_mongo_command_seconds_count"
        return sum(REGISTRY.get_sample_value(name, each) or 0 for each in (labels, labels_of_aggregate))

    before = finds()
    collection("users").find_one({"phone": PHONE})
    assert finds() == before + 1


@pytest.mark.django_db
def test_a_caller_of_the_public_port_gets_no_figures(db: None, client: Client) -> None:
    answer = client.get("/metrics", headers={"host": "testserver:9200", "x-forwarded-port": "9200"})
    assert answer.status_code == 404
    assert b"cinema_" not in answer.content


def test_the_port_of_the_figures_answers_nothing_else(rf: RequestFactory) -> None:
    request = rf.get("/admin/")
    assert figures(request).status_code == 404
    assert b"cinema_http_request_seconds" in figures(rf.get("/metrics")).content


@pytest.mark.django_db
def test_too_many_requests_are_apart_from_other_refusals(rf: RequestFactory) -> None:
    def answering(status: int) -> None:
        observed(lambda _request: HttpResponse(status=status))(rf.get("/"))

    before = {status: counted("other", status) for status in ("4xx", "429")}
    for status in (429, 429, 404):
        answering(status)
    assert {status: counted("other", status) - before[status] for status in before} == {"4xx": 1, "429": 2}


@pytest.mark.django_db
def test_the_pool_says_how_large_it_is_and_which_commands_had_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    with added_to("cinema_mongo_connection_wait_seconds_count") as waited:
        for seconds in (0.0, 0.0002, 0.02):
            CountConnections().connection_checked_out(ConnectionCheckedOutEvent(("db", 27017), 1, seconds))
    assert waited == {(): 1}

    pool = Gauge("pool_of_this_test", "Connections of one client.", registry=None)
    monkeypatch.setattr(metrics, "pool", pool)
    host, port = client().address or ("", 0)
    with MongoClient[Any](host, port, directConnection=True, event_listeners=[CountConnections()]) as other:
        other.admin.command("ping")
        assert value_of(pool) == 1
    assert value_of(pool) == 0


def value_of(gauge: Gauge) -> float:
    ((sample,),) = (metric.samples for metric in gauge.collect())
    return sample.value


def test_a_command_without_a_connection_is_counted_by_one_of_three_reasons() -> None:
    listener = CountConnections()
    with added_to("cinema_mongo_no_connection_total") as added:
        for reason in (ConnectionCheckOutFailedReason.TIMEOUT, ConnectionCheckOutFailedReason.CONN_ERROR, PHONE):
            listener.connection_check_out_failed(ConnectionCheckOutFailedEvent(("host", 1), reason, 0.1))
    assert added == {("timeout",): 1, ("connectionError",): 1, ("other",): 1}


def test_a_redis_that_is_lost_is_counted_until_it_is_found() -> None:
    with added_to("cinema_redis_errors_total") as errors:
        redis.lost()
        assert REGISTRY.get_sample_value("cinema_redis_given_up") == 1
        redis.found()
    assert errors == {(): 1}
    assert REGISTRY.get_sample_value("cinema_redis_given_up") == 0


@pytest.mark.parametrize(("commit", "told"), [("a" * 40, "a" * 40), ("", "unknown"), (PHONE + "x", "unknown")])
def test_the_build_is_told_by_version_and_commit(commit: str, told: str) -> None:
    build.clear()
    tell_build(commit)
    assert f'cinema_build_info{{commit="{told}",version="{__version__}"}} 1.0' in exposition().decode()


def test_the_version_is_that_of_the_project() -> None:
    project = tomllib.loads((Path(__file__).resolve().parents[3] / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["version"] == __version__
