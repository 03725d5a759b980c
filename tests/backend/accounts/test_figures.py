"""Log-ins are counted by what they came to, as the login log has it; tokens used twice by how."""

import json

from prometheus_client import REGISTRY

from backend.accounts.figures import RESULTS
from backend.accounts.services import login as login_service
from backend.core import clock
from backend.core.mongo import collection
from backend.core.problems import Unavailable
from tests.backend.accounts.first_log_ins import account
from tests.factories import make_staff
from tests.support.figures import added_to

LOG_INS = "cinema_log_ins_total"
LOGIN = "/api/v2/login"


def test_each_log_in_is_counted_once_by_its_result_and_its_true_reason(seller, cinema, make_till):
    disabled, closed = make_staff(cinemas=[cinema]), make_staff(cinemas=[cinema])
    collection("users").update_one({"_id": disabled.id}, {"$set": {"account.status.code": "disabled"}})
    collection("users").update_one({"_id": closed.id}, {"$set": {"account.bindingWindowUntil": None}})
    waiting = account("13700000001", "approval", [cinema])
    first = make_till(seller)
    with added_to(LOG_INS) as added:
        assert first.log_in() is first
        assert make_till(seller, key=first.key, machine_code=first.machine_code).try_log_in().status_code == 200
        assert make_till(seller, key=first.key).try_log_in().status_code == 401
        for refused in (make_till("13700000000"), make_till(disabled), make_till(closed), make_till(seller)):
            assert refused.try_log_in().status_code == 401
        assert make_till(waiting).try_log_in().status_code == 202

    again = added.pop(("use_dpop_nonce", "again"))
    assert added == {
        ("bound", "success"): 1,
        ("known", "success"): 1,
        ("wrong_machine_code", "refused"): 1,
        ("unknown_phone", "refused"): 1,
        ("disabled", "refused"): 1,
        ("window_closed", "refused"): 1,
        ("other_device", "refused"): 1,
        ("approval", "pending"): 1,
    }
    assert again == 8  # each machine's first try had no nonce yet: nobody was refused


def test_what_never_reaches_the_login_log_is_counted_too(seller, make_till, monkeypatch):
    till = make_till(seller).log_in()
    device = {"name": "", "os": "", "clientVersion": "1.0.0"}
    body = json.dumps({"phone": seller.phone, "machineCode": till.machine_code, "device": device}).encode()
    headers = {"Content-Type": "application/json"}
    till.access_token = None
    with added_to(LOG_INS) as added:
        assert till.post(LOGIN, {"phone": 5}).status_code == 400
        assert till.send("POST", LOGIN, b"{", headers).status_code == 400
        late = till.proof("POST", LOGIN, iat=int(clock.now().timestamp()) - 3600)
        assert till.send("POST", LOGIN, body, {**headers, "DPoP": late}).json()["code"] == "clock_skew"
        assert till.send("POST", LOGIN, body, headers).json()["code"] == "invalid_dpop_proof"

        def gone(*_args, **_kwargs):
            raise Unavailable

        monkeypatch.setattr(login_service, "minimum_version", gone)
        assert till.try_log_in().status_code == 503
    assert added == {
        ("malformed", "malformed"): 2,
        ("clock_skew", "refused"): 1,
        ("invalid_dpop_proof", "refused"): 1,
        ("unavailable", "failed"): 1,
    }


def test_a_limit_is_counted_by_its_name(seller, till, make_till, client):
    strangers = [make_till(seller) for _ in range(6)]
    with added_to("cinema_held_back_total") as held_back, added_to(LOG_INS) as log_ins:
        assert [stranger.try_log_in().status_code for stranger in strangers] == [401] * 5 + [429]
    assert held_back == {("login_phone",): 1}
    assert log_ins["throttled", "throttled"] == 1

    with added_to("cinema_held_back_total") as held_back:
        for _ in range(6):
            client.post("/admin/login/", {"username": "13700000009", "password": "quite-a-long-guess-1"})
    assert held_back == {("sign_in_phone",): 1}


def test_a_token_that_is_used_twice_is_counted_once_and_one_with_another_key_apart(till, make_till):
    former = till.refresh_token
    thief = make_till(till.phone)
    thief.refresh_token = former
    with added_to("cinema_misused_tokens_total") as added:
        thief.refresh()
    assert added == {("other_key",): 1}

    with added_to("cinema_misused_tokens_total") as added:
        till.refresh(idempotency_key="one")
        till.refresh_token = former
        till.refresh(idempotency_key="one")
    assert added == {}  # the lost answer, asked for again

    with added_to("cinema_misused_tokens_total") as added:
        till.refresh_token = former
        for key in ("another", "of a session that is over"):
            assert till.refresh(idempotency_key=key).json()["reason"] == "refresh_reused"
    assert added == {("reused",): 1}


def test_every_reason_of_the_login_log_is_a_series_from_the_start():
    for result, reason in RESULTS:
        assert REGISTRY.get_sample_value(LOG_INS, {"result": result, "reason": reason}) is not None
