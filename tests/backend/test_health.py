"""Health: the process answers alone, and readiness tells which part is gone."""

import time

import pytest

from tests.support.fixtures import over_network

ANY_HOST = {"Host": "10.1.2.3:8000"}


def test_liveness_touches_nothing(client, commands, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    with commands() as seen:
        answer = client.get("/healthz", headers=ANY_HOST)

    assert (answer.status_code, answer.json(), seen) == (200, {"status": "ok"}, [])


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_come_by_any_host_and_without_tls(client, db, settings, path):
    settings.ALLOWED_HOSTS, settings.SECURE_SSL_REDIRECT = ["tickets.example.com"], True

    answer = client.get(path, headers={"Host": "pod-7.internal"})

    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
    assert answer["X-Request-ID"]


def test_readiness_with_everything_there(client, db):
    assert client.get("/readyz").json() == {"status": "ok", "degraded": []}


def test_readiness_without_the_database_is_503_soon(gunicorn):
    origin = gunicorn(1, MONGO_URI="mongodb://127.0.0.1:1/")
    send, began = over_network(origin), time.monotonic()

    answer = send("GET", "/readyz", None, {})

    assert (answer.status_code, answer.json()["failed"]) == (503, ["mongodb"])
    assert time.monotonic() - began < 5
    assert send("GET", "/healthz", None, {}).status_code == 200
