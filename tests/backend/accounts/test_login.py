"""Logging in: the first machine binds, every other is refused, and nobody learns why but a manager."""

from datetime import timedelta

import msgspec
import pytest
from bson import ObjectId

from backend.accounts import replay
from backend.accounts.services import entering
from backend.core import clock
from backend.core.mongo import collection
from tests.backend.accounts.state import redis
from tests.factories import make_staff
from tests.support.till import DeviceKey

LOGIN = "/api/v2/login"


def account_of(staff):
    return collection("users").find_one({"_id": staff.id})


def reason_behind(answer):
    return collection("loginLogs").find_one({"reference": answer.json()["reference"]})["reason"]


def test_the_first_log_in_binds_its_machine_and_closes_the_window(seller, make_till):
    till = make_till(seller).log_in()

    account = account_of(seller)
    assert account["device"]["keyThumbprint"] == till.key.thumbprint
    assert account["device"]["machineCode"] == till.machine_code
    assert account["account"]["bindingWindowUntil"] is None
    assert collection("deviceBindings").count_documents({"user": seller.id, "state": "active"}) == 1


def test_a_log_in_answers_who_where_and_for_how_long(seller, make_till):
    answer = make_till(seller).try_log_in().json()

    assert (answer["tokenType"], answer["expiresIn"]) == ("DPoP", 600)
    assert (answer["user"]["phone"], answer["user"]["role"]) == (seller.phone, "seller")
    assert answer["session"]["idleMinutes"] == 30
    assert set(answer["device"]) >= {"machineCode", "keyThumbprint", "name"}


def test_a_window_that_ran_out_binds_nothing(cinema, make_till):
    late = make_staff(cinemas=[cinema], now=clock.now() - timedelta(hours=24, seconds=1))

    answer = make_till(late).try_log_in()

    assert (answer.status_code, reason_behind(answer)) == (401, "window_closed")
    assert account_of(late)["device"] is None


def test_every_refusal_has_one_body_and_its_true_reason_in_the_log(seller, till, cinema, make_till):
    disabled, closed = make_staff(cinemas=[cinema]), make_staff(cinemas=[cinema])
    collection("users").update_one({"_id": disabled.id}, {"$set": {"account.status.code": "disabled"}})
    collection("users").update_one({"_id": closed.id}, {"$set": {"account.bindingWindowUntil": None}})
    tries = {
        "unknown_phone": make_till("13700000000"),
        "disabled": make_till(disabled),
        "window_closed": make_till(closed),
        "other_device": make_till(seller),
        "wrong_machine_code": make_till(seller, key=till.key),
    }

    answers = {reason: each.try_log_in() for reason, each in tries.items()}

    assert {answer.status_code for answer in answers.values()} == {401}
    own = ("reference", "requestId")
    bodies = [{k: v for k, v in answer.json().items() if k not in own} for answer in answers.values()]
    assert all(body == bodies[0] for body in bodies)
    assert bodies[0]["code"] == "login_refused"
    assert {reason: reason_behind(answer) for reason, answer in answers.items()} == {r: r for r in tries}
    assert len({frozenset(answer.headers) for answer in answers.values()}) == 1


def test_the_machine_code_alone_proves_nothing(seller, till, make_till):
    copy = make_till(seller, machine_code=till.machine_code, key=DeviceKey())

    assert copy.try_log_in().json()["code"] == "login_refused"
    assert till.get("/api/v2/session").status_code == 200


def test_a_new_log_in_ends_the_former_session(till, seller, make_till):
    again = make_till(seller, key=till.key, machine_code=till.machine_code).log_in()

    answer = till.get("/api/v2/session")
    assert (answer.status_code, answer.json()["code"]) == (401, "session_revoked")
    assert answer.json()["reason"] == "logged_in_elsewhere"
    assert again.get("/api/v2/session").status_code == 200
    assert collection("staffSessions").count_documents({"user": seller.id, "endedAt": None}) == 1


def test_one_machine_serves_two_persons(till, cinema, make_till):
    other = make_till(make_staff(cinemas=[cinema]), key=till.key, machine_code=till.machine_code).log_in()

    assert {each.get("/api/v2/session").status_code for each in (till, other)} == {200}


@pytest.mark.parametrize(
    "written",
    ["{}", "+86 {}", "0086{}", " {} ", "+86-{}"],
)
def test_a_phone_may_be_written_in_any_usual_form(seller, make_till, written):
    assert make_till(seller).try_log_in(phone=written.format(seller.phone)).status_code == 200


def test_a_phone_may_be_written_in_full_width_digits(seller, make_till):
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in seller.phone)

    assert make_till(seller).try_log_in(phone=wide).json()["user"]["phone"] == seller.phone


@pytest.mark.parametrize("phone", ["", "12", "١٣٩", "abc", "1" * 33, "+99999", "139\u00000000001", "${ne}", "139;1"])
def test_what_is_no_phone_is_refused_by_its_shape(db, make_till, phone):
    answer = make_till("13700000000").try_log_in(phone=phone)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert "DPoP-Nonce" in answer.headers


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"phone": {"$gt": ""}}, "phone"),
        ({"phone": None}, "phone"),
        ({"machineCode": {"$ne": "x"}}, "machineCode"),
        ({"machineCode": "short"}, "machineCode"),
        ({"machineCode": "A" * 65}, "machineCode"),
        ({"machineCode": "A" * 16 + "\n"}, "machineCode"),
        ({"device": {"name": "T", "os": "W", "clientVersion": "1.0\n"}}, "device.clientVersion"),
        ({"device": []}, "device"),
        ({"admin": True}, "admin"),
    ],
)
def test_a_body_of_the_wrong_shape_names_its_field(seller, make_till, changes, field):
    answer = make_till(seller).try_log_in(**changes)

    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [field]
    assert account_of(seller)["device"] is None


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"[]", 400),
        (b"nonsense", 400),
        (b'{"phone": "13700000000", "phone": "13700000001"}', 400),
        (b'{"phone": "1370000\\u00000000"}', 400),
        (b'{"phone": "\\ud800"}', 400),
        (b'{"phone": "\xff"}', 400),
        (b"[" * 30000, 400),
        (b'{"phone":' * 5000, 400),
        (b'{"phone": ' + b"9" * 5000 + b"}", 400),
        (b" " * 1_000_000, 413),
    ],
    ids=["list", "text", "twice", "nul", "surrogate", "latin", "deep", "deeper", "number", "megabyte"],
)
def test_a_body_that_is_no_request_is_refused_in_words(db, make_till, body, status):
    till = make_till("13700000000")

    answer = till.send("POST", LOGIN, body, {"DPoP": till.proof("POST", LOGIN)})

    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_what_is_not_declared_as_json_is_refused(client, db, kind):
    answer = client.generic("POST", LOGIN, b"{}", content_type=kind)

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_an_old_client_is_told_before_the_phone_is_looked_up(db, make_till, commands):
    device = {"name": "T", "os": "W", "clientVersion": "0.9"}
    till = make_till("13700000000")
    till.try_log_in(device=device)

    with commands() as seen:
        answer = till.try_log_in(device=device)

    assert (answer.status_code, answer.json()["code"], answer.json()["minimum"]) == (426, "client_too_old", "1.0.0")
    assert "find users" not in seen


def test_a_role_that_changes_during_the_binding_log_in_is_not_kept(seller, make_till, monkeypatch):
    """The account is read, then changed by somebody, then entered: the session must have the new role."""
    real = entering.new_session

    def meanwhile(**kwargs):
        collection("users").update_one({"_id": seller.id}, {"$set": {"role": "checker"}})
        monkeypatch.setattr(entering, "new_session", real)
        return real(**kwargs)

    monkeypatch.setattr(entering, "new_session", meanwhile)

    till = make_till(seller).log_in()

    assert till.get("/api/v2/session").json()["user"]["role"] == "checker"
    assert collection("staffSessions").count_documents({"user": seller.id}) == 1
    assert collection("loginLogs").count_documents({"user": seller.id}) == 1


def test_a_disabling_during_the_log_in_wins(seller, make_till, monkeypatch):
    real = entering.new_session

    def meanwhile(**kwargs):
        collection("users").update_one({"_id": seller.id}, {"$set": {"account.status.code": "disabled"}})
        return real(**kwargs)

    monkeypatch.setattr(entering, "new_session", meanwhile)

    answer = make_till(seller).try_log_in()

    assert reason_behind(answer) == "disabled"
    assert collection("staffSessions").count_documents({}) == 0


def test_every_answer_has_a_number_and_a_nonce_that_nobody_stores(client, db):
    for path in (LOGIN, "/api/v2/session", "/api/v2/client/latest", "/api/v2/nothing"):
        answer = client.get(path)
        assert answer["X-Request-ID"]
        assert answer["DPoP-Nonce"]
        assert answer["Cache-Control"] == "no-store"
    harmless = client.get(LOGIN, headers={"X-Request-ID": "abcdef-123456"})
    forged = client.get(LOGIN, headers={"X-Request-ID": "a b\tc"})
    assert harmless["X-Request-ID"] == harmless.json()["requestId"] == "abcdef-123456"
    assert forged["X-Request-ID"] != "a b\tc"


def test_an_unknown_address_and_a_wrong_method_are_problems_too(client, db):
    absent, wrong = client.get("/api/v2/nothing"), client.delete(LOGIN)

    assert (absent.status_code, absent.json()["code"]) == (404, "not_found")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")
    assert "POST" in wrong["Allow"]


def test_a_log_in_ends_the_former_session_although_a_lagging_worker_copies_it_afterwards(till):
    till.get("/api/v2/session")
    (key,) = redis().keys("live:*")
    copy, former, token = msgspec.json.decode(redis().get(key)), key.decode().rpartition(":")[2], till.access_token
    till.log_in()

    replay.remember(ObjectId(former), copy)

    till.access_token = token
    answer = till.get("/api/v2/session")
    assert (answer.status_code, answer.json()["reason"]) == (401, "logged_in_elsewhere")


def test_a_log_in_that_comes_to_nothing_ends_no_session(till, monkeypatch):
    token = till.access_token
    monkeypatch.setattr(entering, "enter_again", lambda *_args, **_more: None)
    monkeypatch.setattr(entering, "enter_bound", lambda *_args, **_more: None)
    assert till.try_log_in().status_code == 401

    till.access_token = token
    assert till.get("/api/v2/session").status_code == 200
