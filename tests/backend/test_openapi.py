"""The API's description: it is made without a warning, names every route, and what is answered fits it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.urls import get_resolver
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from tests.backend.test_permissions import addresses
from tests.factories import make_staff
from tests.support.chain import build_chain, soon
from tests.support.till import Till

V2 = "/api/v2/"


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The description as `manage.py spectacular` writes it; a warning fails."""
    file = tmp_path_factory.mktemp("openapi") / "schema.json"
    call_command("spectacular", "--fail-on-warn", "--validate", "--format", "openapi-json", "--file", str(file))
    described: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return described


def test_every_route_and_method_is_described(schema):
    wanted = {
        (method, "/" + path.replace("<str:", "{").replace(">", "}"))
        for path, view in addresses(get_resolver().url_patterns)
        if path.startswith("api/v2/")
        for method in ("get", "post", "put", "patch", "delete")
        if hasattr(view.cls, method)
    }
    described = {(method, path) for path, item in schema["paths"].items() for method in item if path.startswith(V2)}

    assert described == wanted


def test_every_operation_says_what_it_is_for_and_how_it_refuses(schema):
    for path, item in schema["paths"].items():
        for method, operation in item.items():
            if path.startswith(V2) and method in {"get", "post", "patch"}:
                assert operation["summary"], path
                assert path.endswith("latest") or "401" in operation["responses"], path


class Checker:
    """Compares answers with the description."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self.schema = schema
        self.seen: set[tuple[str, str, int]] = set()

    def operation(self, path: str) -> str:
        """The described path that `path` is one of."""
        parts = path.partition("?")[0].split("/")
        for described in self.schema["paths"]:
            wanted = described.split("/")
            if len(wanted) == len(parts) and all(
                a.startswith("{") or a == b for a, b in zip(wanted, parts, strict=True)
            ):
                return str(described)
        raise AssertionError(path)

    def check(self, method: str, path: str, answer: Any) -> None:
        """Fail where `answer` is not as described."""
        described = self.operation(path)
        responses = self.schema["paths"][described][method.lower()]["responses"]
        assert str(answer.status_code) in responses, (method, described, answer.status_code, answer.content)
        self.seen.add((method, described, answer.status_code))
        content = responses[str(answer.status_code)].get("content")
        if not content:
            assert answer.content == b"", (method, described)
            return
        kind = answer.headers["Content-Type"].partition(";")[0]
        assert kind in content, (method, described, kind)
        shape = {**content[kind]["schema"], "components": self.schema["components"]}
        Draft202012Validator(shape).validate(answer.json())


@pytest.fixture
def watch(schema: dict[str, Any]) -> Callable[[Till], Till]:
    """Make tills whose every answer is checked."""
    checker = Checker(schema)

    def of(till: Till) -> Till:
        send = till.send

        def checked(method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Any:
            answer = send(method, path, body, headers)
            checker.check(method, path, answer)
            return answer

        till.send = checked
        return till

    of.checker = checker
    return of


def test_what_is_answered_is_as_described(watch, make_till, db):
    chain = build_chain()
    cinema = {"_id": chain.cinema}
    seller, manager = make_staff(cinemas=[cinema]), make_staff("manager", cinemas=[cinema])
    showtime = chain.show(soon())
    till, boss = watch(make_till(seller)).log_in(), watch(make_till(manager)).log_in()

    sell_and_look(till, showtime)
    manage(boss, seller, cinema)
    first_log_ins(boss, lambda phone: watch(make_till(phone)), cinema)
    refused(till, watch(make_till("13700000000")), seller)
    till.send("GET", "/api/v2/client/latest", None, {})
    boss.log_out()

    described = {(method.upper(), path) for path, item in watch.checker.schema["paths"].items() for method in item}
    succeeded = {(method, path) for method, path, status in watch.checker.seen if status < 300}
    assert {each for each in described if each[1].startswith(V2)} - succeeded == set()


def sell_and_look(till, showtime):
    order = till.hold(showtime, "5-1", "5-2")
    till.try_hold(showtime, "5-1")
    paid = till.pay(order)
    till.try_pay(paid)
    till.post(f"/api/v2/orders/{till.hold(showtime, '6-1')['id']}/cancel")
    for path in ("showtimes", f"showtimes/{showtime}/seat-map", "orders", f"orders/{order['id']}", "session"):
        assert till.get(V2 + path).status_code == 200
    till.get(f"{V2}orders?limit=1")
    till.post(f"{V2}web-session")
    till.refresh()


def manage(boss, seller, cinema):
    created = boss.post(
        f"{V2}users", {"phone": "13811112222", "name": "王小琳", "role": "checker", "cinemas": [str(cinema["_id"])]}
    )
    assert created.status_code == 201
    user = f"{V2}users/{created.json()['id']}"
    boss.get(user)
    boss.patch(user, {"name": "李思雨"})
    boss.post(f"{user}/open-binding-window")
    for path in ("users", "device-bindings", "sessions", "login-logs", "security-logs"):
        answer = boss.get(f"{V2}{path}?limit=1")
        assert answer.json()["results"], path
    session = boss.get(f"{V2}sessions?phone={seller.phone}").json()["results"][0]
    assert boss.post(f"{V2}sessions/{session['id']}/revoke").status_code == 204
    binding = boss.get(f"{V2}device-bindings?phone={seller.phone}").json()["results"][0]
    assert boss.post(f"{V2}users/{seller.id}/open-binding-window").status_code == 409
    assert boss.post(f"{V2}device-bindings/{binding['id']}/revoke", {"reason": "lost"}).status_code == 204
    assert boss.post(f"{V2}users/{seller.id}/unbind-device").status_code == 200


def first_log_ins(boss, till_of, cinema):
    new = {"name": "x", "role": "seller", "cinemas": [str(cinema["_id"])]}
    waits = boss.post(f"{V2}users", {**new, "phone": "13811113333", "bindingPolicy": "approval"}).json()
    coded = boss.post(f"{V2}users", {**new, "phone": "13811114444", "bindingPolicy": "code"}).json()
    assert till_of(waits["phone"]).try_log_in().status_code == 202
    (row,) = boss.get(f"{V2}device-bindings?state=pending").json()["results"]
    assert boss.post(f"{V2}device-bindings/{row['id']}/approve").status_code == 200
    assert boss.post(f"{V2}users/{coded['id']}/activation-code").status_code == 200
    assert boss.post(f"{V2}users/{waits['id']}/activation-code").status_code == 409
    reference = till_of(coded["phone"]).try_log_in().json()["reference"]
    assert boss.post(f"{V2}users/{coded['id']}/bind-attempt", {"reference": reference}).status_code == 200
    assert boss.post(f"{V2}users/{waits['id']}/bind-attempt", {"reference": reference}).status_code == 409


def refused(till, stranger, seller):
    assert till.get(f"{V2}session").status_code == 401
    assert stranger.try_log_in().status_code == 401
    assert stranger.try_log_in(phone="x").status_code == 400
    assert stranger.try_log_in(device={"name": "", "os": "", "clientVersion": "0.1"}).status_code == 426
    for _ in range(6):
        answer = stranger.try_log_in()
    assert answer.status_code == 429
    assert stranger.get(f"{V2}users").status_code == 401
    stranger.refresh_token = "x"
    assert stranger.refresh().status_code == 401
