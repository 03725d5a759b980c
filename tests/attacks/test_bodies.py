"""Whatever is sent in place of a right request is refused in words: no operator, no stowaway, no server fault."""

import json
from typing import Any
from urllib.parse import quote

import pytest

from backend.core.mongo import collection
from tests.attacks.described import Operation, changed, operations
from tests.attacks.test_other_cinemas import World
from tests.attacks.wire import outcome
from tests.backend.test_openapi import Checker
from tests.backend.test_permissions import API
from tests.support.till import Till

JSON_OF_ANOTHER_KIND: dict[str, list[Any]] = {
    "string": [{"$gt": ""}, {"$ne": None}, {"$regex": ".*"}, ["x"], 7, True, {"a.b": 1}, {"": ""}],
    "array": [{"$in": []}, "text", 7, True, {"0": "x"}, [{"$gt": ""}], [None], [[]]],
    "object": [[], "text", 7, True, {"$gt": ""}, {"a.b": {"$set": 1}}, {}],
    "integer": [{"$gt": 0}, "7", [], True, 1.5, -(10**400)],
    "boolean": [{"$ne": False}, "true", 1, []],
}
NO_TEXT = ["a\0b", "\0", "13800000002\0"]
ODD_TEXT = [
    "", " ", "\n", "x\r\n2026-11-24 INFO forged entry", "١٣٨٠٠٠٠٠٠٠٢", "１３８００００００００２", "\u202e1380", "𝟙𝟛𝟠",
    "$where", "a.b", "__proto__", "{{7*7}}", "%00", "..%2f..", "' || '1'=='1", "9" * 400, "é" * 5000, "\ufeffx",
    "\x7f", "null", "-1", "1e309", "NaN", "0x10",
]  # fmt: skip
STOWAWAYS = (
    "_id", "id", "$where", "$set", "a.b", "__class__", "account", "device.keyThumbprint", "session", "password",
    "permissions", "rank", "isSuperuser", "isStaff", "state", "total", "price", "staff", "createdAt", "metadata",
    "bindingWindowUntil", "endedAt", "generation",
)  # fmt: skip
NO_REQUESTS: dict[str, tuple[bytes, set[int]]] = {
    "a list": (b"[]", {400}),
    "null": (b"null", {400}),
    "a number": (b"7", {400}),
    "text": (b"nonsense", {400}),
    "half": (b'{"a": ', {400}),
    "twice": (b'{"reason": "a", "reason": "b"}', {400}),
    "twice inside": (b'{"device": {"os": "a", "os": "b"}}', {400}),
    "NUL": (b'{"reason": "a\\u0000"}', {400}),
    "NUL as a key": (b'{"a\\u0000b": 1}', {400}),
    "NUL deep in a list": (b'{"reason": [[["\\u0000"]]]}', {400}),
    "half a letter": (b'{"reason": "\\ud800"}', {400}),
    "not UTF-8": (b'{"reason": "\xff"}', {400}),
    "UTF-16": ('{"reason": "x"}'.encode("utf-16"), {400}),
    "deep lists": (b"[" * 30_000, {400}),
    "deep objects": (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, {400}),
    "a long number": (b'{"reason": ' + b"9" * 20_000 + b"}", {400}),
    "a megabyte": (b'{"reason": "' + b"x" * 1_000_000 + b'"}', {413}),
    "a megabyte of nothing": (b" " * 1_000_000, {413}),
}
NO_JSON = ("text/plain", "application/x-www-form-urlencoded", "application/xml", "multipart/form-data; boundary=x")
NO_IDS = [
    "x", "null", "0" * 23, "0" * 25, "F" * 24, "０" * 24, "0" * 24 + "\n", "\0" * 24, '{"$gt":""}', "[$ne]", "$ne",
    "..", "' || 1", "a" * 500, "true", "0x" + "0" * 22, " " + "0" * 23,
]  # fmt: skip


class Caller:
    """Sends every operation as somebody who may, and compares what is answered with the description."""

    def __init__(self, world: World, description: dict[str, Any]) -> None:
        self.world = world
        self.checker = Checker(description)
        self.tills: dict[str, Till] = {role: world.till(role) for role in ("manager", "supervisor")}
        self.ids = world.here

    def till_for(self, operation: Operation) -> Till:
        """Return the till of somebody whom the operation admits."""
        path = operation.path.removeprefix("/api/v2/")
        plain = {(method, key.replace("<str:", "{").replace(">", "}")): roles for (method, key), roles in API.items()}
        roles = plain[operation.method, path]
        return self.tills[next((role for role in self.tills if role in roles), "supervisor")]

    def send(self, operation: Operation, body: bytes | None, address: str | None = None, **headers: str) -> Any:
        """Send, fail where the answer is a fault of ours or none that is described, and return it."""
        till, path = self.till_for(operation), address or operation.address(self.ids)
        token = till.access_token if operation.path != "/api/v2/login" else None
        for _nonce in range(2):
            owner, till.access_token = till.access_token, token
            sent = {"DPoP": till.proof(operation.method, path)} | ({"Authorization": f"DPoP {token}"} if token else {})
            till.access_token = owner
            answer = till.send(operation.method, path, body, {**sent, **headers})
            till.nonce = answer.headers["DPoP-Nonce"]
            if answer.status_code != 401 or answer.json()["code"] != "use_dpop_nonce":
                break
        assert answer.status_code < 500, (str(operation), path, body, answer.content)
        self.checker.check(operation.method, path.partition("?")[0], answer)
        return answer

    def send_json(self, operation: Operation, body: Any) -> Any:
        """Send `body` as JSON."""
        return self.send(operation, json.dumps(body).encode())


@pytest.fixture
def caller(db: None, make_till: Any, description: Any, settings: Any) -> Caller:
    settings.LOGIN_THROTTLES = {**settings.LOGIN_THROTTLES, "free_failures": 10**6, "address_failures": 10**6}
    return Caller(World(make_till), description)


@pytest.fixture
def with_body(description: Any) -> list[Operation]:
    """Every operation that takes a body."""
    return [each for each in operations(description) if each.shape is not None]


def test_the_right_bodies_are_right(caller: Caller, with_body: list[Operation]) -> None:
    """The control: what the sweeps below change is not refused for its shape."""
    assert len(with_body) > 5
    refused = {
        str(each): answer.content
        for each in with_body
        if (answer := caller.send_json(each, each.example())).status_code == 400
    }

    assert refused == {}


def test_a_field_takes_no_json_of_another_kind(caller: Caller, with_body: list[Operation]) -> None:
    taken = []
    for operation in with_body:
        for at, kind in operation.fields():
            for value in JSON_OF_ANOTHER_KIND[kind]:
                answer = caller.send_json(operation, changed(operation.example(), at, value))
                if answer.status_code != 400 or not answer.json()["errors"]:
                    taken.append((str(operation), at, value, answer.status_code))

    assert taken == []


def test_no_text_has_a_nul_and_odd_text_breaks_nothing(caller: Caller, with_body: list[Operation]) -> None:
    taken = []
    for operation in with_body:
        for at, kind in operation.fields():
            if kind == "string":
                bodies = [changed(operation.example(), at, text) for text in NO_TEXT]
                taken += [
                    (str(operation), at) for body in bodies if caller.send_json(operation, body).status_code != 400
                ]
                for text in ODD_TEXT:
                    caller.send_json(operation, changed(operation.example(), at, text))

    assert taken == []
    assert forged_lines() == []


def forged_lines() -> list[tuple[str, Any]]:
    """What stands in the logs and would be more than one line, or none that shows."""
    return [
        (name, value)
        for name in ("loginLogs", "securityLogs", "changeLog")
        for row in collection(name).find()
        for value in texts(row)
        if not value.isprintable()
    ]


def texts(value: Any) -> list[str]:
    """Every text in a document."""
    if isinstance(value, dict):
        return [text for each in value.values() for text in texts(each)]
    if isinstance(value, list):
        return [text for each in value for text in texts(each)]
    return [value] if isinstance(value, str) else []


def test_no_body_carries_what_its_shape_does_not_name(caller: Caller, with_body: list[Operation]) -> None:
    taken = []
    for operation in with_body:
        for name in STOWAWAYS:
            answer = caller.send_json(operation, {**operation.example(), name: "ops"})
            if answer.status_code != 400 or list(answer.json()["errors"]) != [name]:
                taken.append((str(operation), name, answer.status_code))

    assert taken == []


def test_what_is_no_request_is_refused_in_words(caller: Caller, with_body: list[Operation]) -> None:
    wrong = []
    for operation in with_body:
        for name, (body, statuses) in NO_REQUESTS.items():
            answer = caller.send(operation, body)
            if answer.status_code not in statuses:
                wrong.append((str(operation), name, answer.status_code))

    assert wrong == []


def test_what_is_not_declared_as_json_is_refused(caller: Caller, with_body: list[Operation], client: Any) -> None:
    for operation in with_body:
        till, path = caller.till_for(operation), operation.address(caller.ids)
        for kind in (
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/xml",
            "multipart/form-data; boundary=x",
        ):
            headers = {"DPoP": till.proof(operation.method, path), "Authorization": f"DPoP {till.access_token}"}
            body = json.dumps(operation.example()).encode()
            answer = client.generic(operation.method, path, body, content_type=kind, headers=headers)
            till.nonce = answer["DPoP-Nonce"]
            assert (answer.status_code, answer["Content-Type"]) == (415, "application/problem+json"), str(operation)


def test_an_id_in_an_address_is_an_id_or_nothing(caller: Caller, description: Any) -> None:
    wrong = []
    for operation in operations(description):
        for text in NO_IDS if operation.places else ():
            address = operation.address(dict.fromkeys(operation.places, quote(text, safe="")))
            body = None if operation.shape is None else json.dumps(operation.example()).encode()
            answer = caller.send(operation, body, address)
            # No address may hold a newline: its proof is refused before the address is looked at.
            if outcome(answer) not in ({"not_found", "invalid_dpop_proof"} if "\n" in text else {"not_found"}):
                wrong.append((str(operation), text, answer.status_code))

    assert wrong == []


def test_a_filter_is_text_and_an_unknown_one_widens_nothing(caller: Caller, description: Any) -> None:
    for operation in operations(description):
        if operation.method != "GET" or not operation.query:
            continue
        plain = caller.send(operation, None).json()["results"]
        for name in operation.query:
            for value in [*ODD_TEXT[::3], '{"$gt":""}', "$ne", "a" * 300, "\0"]:
                caller.send(operation, None, f"{operation.path}?{name}={quote(value)}")
            for spelled in (f"{name}[$ne]", f"{name}__gt", f"{name}.$where", f"${name}", f"{name}[]", f"__{name}"):
                answer = caller.send(operation, None, f"{operation.path}?{quote(spelled)}=1")
                assert answer.status_code == 400 or answer.json()["results"] == plain, spelled
