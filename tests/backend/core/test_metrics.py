"""Figures for Prometheus: by route and never by address, on a port of their own, of all workers together."""

import pytest
from django.test import Client, RequestFactory
from prometheus_client import REGISTRY

from backend.core.mongo import collection
from backend.core.observing import figures

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
    assert REGISTRY.get_sample_value("cinema_mongo_connections_in_use") == 0


def test_a_caller_of_the_public_port_gets_no_figures(client: Client) -> None:
    answer = client.get("/metrics", headers={"host": "testserver:9200", "x-forwarded-port": "9200"})
    assert answer.status_code == 404
    assert b"cinema_" not in answer.content


def test_the_port_of_the_figures_answers_nothing_else(rf: RequestFactory) -> None:
    request = rf.get("/admin/")
    assert figures(request).status_code == 404
    assert b"cinema_http_request_seconds" in figures(rf.get("/metrics")).content
