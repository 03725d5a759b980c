"""Phones, tokens and ids thrown at every part of a request: no label of a figure and no line of a log has them."""

import io
import itertools
import json
import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bson import ObjectId
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from prometheus_client import REGISTRY

from backend.accounts import figures
from backend.boxoffice.api import views as order_views
from backend.core import logs, metrics
from backend.core.logs import AddRequestId, JsonFormatter
from tests.support.chain import account, build_chain, soon
from tests.support.till import Till, order_for

PHONE, SECRET, ID = "13800138000", "Xq7hiddenQ9zTvW3", str(ObjectId())
TOKEN = f"eyJhbGciOiJIUzI1NiJ9.{SECRET}.{SECRET}"
WORDS = (
    PHONE,
    TOKEN,
    ID,
    f"+86{PHONE}",
    "%2013800138000",
    "138-0013-8000",
    "../" * 5 + PHONE,
    "路径",
    "\x1b[2J",
    'a"} 1\nx{',
)
PATHS = (
    "/{}",
    "/{}/",
    "/api/v2/{}",
    "/api/v2/orders/{}",
    "/api/v2/login/{}",
    "/till/{}/",
    "/till/enter/{}/",
    "/admin/{}/",
    "/admin/accounts/user/{}/change/",
    "/static/{}",
    "/metrics/{}",
    "//{}",
    "/api/v2/../{}",
)
METHODS = ("GET", "POST", "PROPFIND", PHONE, SECRET, "get", "X" * 500)

HEADERS = (
    "X-Request-ID", "Host", "Referer", "Origin", "Content-Type", "Accept", "Accept-Language", "Cookie", "Authorization",
    "DPoP", "X-Forwarded-For", "X-Device-Id", "User-Agent", "Idempotency-Key", "X-Forwarded-Proto",
)  # fmt: skip
DEVICE = {"name": PHONE, "os": TOKEN, "clientVersion": "1.0.0"}
BODIES = (
    json.dumps({"phone": PHONE, "machineCode": SECRET, "device": DEVICE}),
    json.dumps({"refreshToken": TOKEN, PHONE: SECRET}),
    f'{{"phone": "{PHONE}", "password": "{SECRET}"',
    f"phone={PHONE}&password={SECRET}&csrfmiddlewaretoken={SECRET}",
)


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What production would write, from the lowest level on."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.addFilter(AddRequestId())
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield written
    root.removeHandler(handler)
    root.setLevel(level)


def routes(patterns: list[Any], prefix: str = "") -> Iterator[str]:
    """Yield the pattern of each view, as a match names it."""
    for each in patterns:
        if isinstance(each, URLResolver):
            yield from routes(each.url_patterns, prefix + str(each.pattern))
        elif isinstance(each, URLPattern):
            yield prefix + str(each.pattern)


def foreign_labels() -> list[str]:
    """Return what stands in a label of a figure of ours and in none of the fixed lists."""
    known = {
        "route": {route or "/" for route in routes(get_resolver().url_patterns)} | {"other", "admin/"},
        "method": metrics.METHODS | {"other"},
        "status": {"1xx", "2xx", "3xx", "4xx", "429", "5xx"},
        "command": metrics.COMMANDS | {"other"},
        "limit": set(metrics.LIMITS),
        "how": {"reused", "other_key"},
        "queue": {"lapsed_holds", "unfreed_seats"},
        "result": {result for result, _reason in figures.RESULTS}
        | {"ok", "failed", "held", "sold", "refused", "made", "paid", "cancelled", "expired"},
        "reason": {reason for _result, reason in figures.RESULTS} | {*metrics.WHY_NO_CONNECTION, "other"},
    }
    ours = [metric for metric in REGISTRY.collect() if metric.name.startswith("cinema_")]
    labels = {item for metric in ours for sample in metric.samples for item in sample.labels.items()}
    free = {"le", "version", "commit"}  # of the library, and of the build
    return [f"{name}={value}" for name, value in labels if name not in free and value not in known.get(name, ())]


def throw(client: Client) -> None:
    """Send phones, tokens and ids in each part of a request."""
    for path, word in itertools.product(PATHS, WORDS):
        sent = path.format(word).encode().decode("latin-1")  # as WSGI has it
        query = f"q={PHONE}&token={SECRET}&next=%20{PHONE}"
        client.generic("GET", "/", PATH_INFO=sent, QUERY_STRING=query)
    for method, path in itertools.product(METHODS, ("/api/v2/orders", f"/{PHONE}")):
        client.generic(method, path)
    values = (PHONE, TOKEN, f"{PHONE} {TOKEN} {ID}", f"till={SECRET}; sessionid={SECRET}; csrftoken={SECRET}")
    for name, value, path in itertools.product(HEADERS, values, ("/api/v2/login", "/till/", "/admin/login/", "/no")):
        client.generic("POST", path, b"{}", headers={name: value}, content_type="application/json")
    kinds = ("application/json", "application/x-www-form-urlencoded", "text/plain")
    doors = ("/api/v2/login", "/api/v2/token/refresh", "/api/v2/orders", "/admin/login/")
    for body, path, kind in itertools.product(BODIES, doors, kinds):
        client.generic("POST", path, body.encode(), content_type=kind)


def sell(till: Till, showtime: Any) -> None:
    """Use a till with customers' phones, and let a view of it break with all that it was given."""
    till.post("/api/v2/orders", {**order_for(showtime, ["4-4"]), "customerPhone": PHONE})
    till.get(f"/api/v2/orders?phone={PHONE}&number={PHONE}")
    till.post(f"/api/v2/orders/{PHONE}/pay", {"method": PHONE, "tendered": PHONE, "reference": PHONE})
    till.refresh(idempotency_key=PHONE)


def leaks(written: str) -> list[str]:
    """Return the lines in which a phone or a secret stands."""
    pattern = re.compile(rf"38[ -]?0013[ -]?80|{SECRET}", re.IGNORECASE)
    return [line for line in written.splitlines() if pattern.search(line)]


@pytest.fixture
def attack(db: None, make_till: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Throw everything, and let a view break with a secret in its hands."""
    chain = build_chain()
    account("13900000001", "seller", chain.cinema)
    showtime, till = chain.show(soon()), make_till("13900000001").log_in()

    def attack() -> None:
        throw(Client(enforce_csrf_checks=True, raise_request_exception=False))
        sell(till, showtime)

        def broken(*_args: Any, **_kwargs: Any) -> None:
            raise ValueError({"phone": PHONE, "headers": {"Cookie": f"a=b; till={SECRET}"}, "body": f"token={TOKEN}"})

        monkeypatch.setattr(order_views, "hold_seats", broken)
        answer = till.post("/api/v2/orders", {**order_for(showtime, ["4-5"]), "customerPhone": PHONE})
        assert answer.status_code == 500

    return attack


def test_no_label_and_no_line_has_what_a_caller_sent(attack: Callable[[], None], lines: io.StringIO) -> None:
    attack()

    assert foreign_labels() == []
    written = lines.getvalue()
    assert written.count("\n") > 300
    assert all(json.loads(line)["time"] for line in written.splitlines())
    assert "ValueError" in written
    assert leaks(written) == []


def test_without_the_masks_the_same_attack_would_be_seen(
    attack: Callable[[], None], lines: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "masked", lambda text: text)
    attack()
    seen = leaks(lines.getvalue())
    assert any(PHONE in line for line in seen)
    assert any(SECRET in line for line in seen)


def test_a_route_that_is_a_path_would_be_seen() -> None:
    metrics.requests.labels(f"/{PHONE}", "GET", "4xx")
    try:
        assert any(PHONE in wrong for wrong in foreign_labels())
    finally:
        metrics.requests.remove(f"/{PHONE}", "GET", "4xx")
