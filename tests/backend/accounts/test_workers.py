"""What only several processes can show: one binding, one replay, one budget, and revocations that count at once."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import redis
from django.conf import settings

from backend.accounts.services import entering, managing
from backend.core import clock
from backend.core.mongo import collection
from tests.factories import make_staff
from tests.support.till import Till

SESSION = "/api/v2/session"
WORKERS = 4


def everywhere(tills: list[Till]) -> set[int]:
    """Call from several connections at once, so that every worker is asked; return the statuses."""
    with ThreadPoolExecutor(len(tills)) as pool:
        return {answer.status_code for _ in range(3) for answer in pool.map(lambda till: till.get(SESSION), tills)}


def copies(till: Till, make_till, origin: str, number: int = 8) -> list[Till]:
    """The same session on several connections."""
    tills = [make_till(till.phone, origin=origin, key=till.key, machine_code=till.machine_code) for _ in range(number)]
    for each in tills:
        each.access_token, each.nonce = till.access_token, till.nonce
    return tills


def test_workers_agree(gunicorn, make_till, transactional_db):
    """One server for all of it: what costs is its start."""
    origin = gunicorn(WORKERS)
    for part in (
        two_machines_at_once_bind_one,
        a_proof_is_spent_for_all_workers,
        every_revocation_counts_at_the_next_request,
        failures_are_counted_together,
    ):
        part(origin, make_till)


def two_machines_at_once_bind_one(origin, make_till):
    for _ in range(3):
        staff = make_staff()
        tills = [make_till(staff, origin=origin) for _ in range(4)]
        for each in tills:
            each.nonce = each.send("GET", "/api/v2/client/latest", None, {}).headers["DPoP-Nonce"]
        with ThreadPoolExecutor(len(tills)) as pool:
            answers = list(pool.map(lambda till: till.try_log_in(), tills))
        assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]
        (winner,) = [till for till, answer in zip(tills, answers, strict=True) if answer.status_code == 200]
        assert collection("users").find_one({"_id": staff.id})["device"]["keyThumbprint"] == winner.key.thumbprint
        assert collection("deviceBindings").count_documents({"user": staff.id}) == 1
        assert collection("staffSessions").count_documents({"user": staff.id}) == 1
        assert winner.get(SESSION).status_code == 200


def a_proof_is_spent_for_all_workers(origin, make_till):
    till = make_till(make_staff(), origin=origin).log_in()
    proof = till.proof("GET", SESSION)
    headers = {"Authorization": f"DPoP {till.access_token}", "DPoP": proof}
    senders = [each.send for each in copies(till, make_till, origin, 12)]

    with ThreadPoolExecutor(len(senders)) as pool:
        answers = list(pool.map(lambda send: send("GET", SESSION, None, dict(headers)), senders))

    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 11


def every_revocation_counts_at_the_next_request(origin, make_till):
    now = clock.now

    def change(**changes):
        return lambda staff, _till: managing.change_account(staff.id, changes=changes, by=None, now=now())

    ways = {
        "disabled": change(status="disabled"),
        "changed": change(role="checker"),
        "unbound": lambda staff, _till: managing.unbind_device(staff.id, reason="", by=None, now=now()),
        "logged_out": lambda _staff, till: till.log_out(),
        "logged_in_elsewhere": lambda staff, till: make_till(
            staff, origin=origin, key=till.key, machine_code=till.machine_code
        ).log_in(),
    }
    state = redis.Redis.from_url(settings.REDIS_URL)
    for reason, end in ways.items():
        staff = make_staff()
        till = make_till(staff, origin=origin).log_in()
        tills = copies(till, make_till, origin)
        assert everywhere(tills) == {200}
        end(staff, till)
        assert everywhere(tills) == {401}, reason
        state.flushdb()
        assert everywhere(tills) == {401}, f"{reason}, after Redis forgot"
        assert tills[0].get(SESSION).json()["reason"] == reason


def failures_are_counted_together(origin, make_till):
    phone = make_staff(now=clock.now() - timedelta(days=2)).phone
    for wanted in (phone, "13712312312"):
        tills = [make_till(wanted, origin=origin) for _ in range(16)]
        for each in tills:
            each.nonce = each.send("GET", "/api/v2/client/latest", None, {}).headers["DPoP-Nonce"]
        with ThreadPoolExecutor(len(tills)) as pool:
            answers = list(pool.map(lambda till: till.try_log_in(), tills))
        assert sorted(answer.status_code for answer in answers) == [401] * 5 + [429] * 11
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert 1 <= int(refused.headers["Retry-After"]) <= 15


@pytest.mark.django_db(transaction=True)
def test_without_its_condition_the_binding_would_have_two_owners(make_till, monkeypatch):
    """The control: the same race with the guard taken away binds more than one machine."""
    staff = make_staff()
    tills = [make_till(staff) for _ in range(4)]
    for each in tills:
        each.nonce = each.send("GET", "/api/v2/client/latest", None, {}).headers["DPoP-Nonce"]
    real = entering._condition_and_change

    def unguarded(user, device, session, **kwargs):
        time.sleep(0.2)  # all have read the account by now
        _condition, change = real(user, device, session, **kwargs)
        return {"_id": user["_id"]}, change

    monkeypatch.setattr(entering, "_condition_and_change", unguarded)
    with ThreadPoolExecutor(len(tills)) as pool:
        answers = list(pool.map(lambda till: till.try_log_in(), tills))

    assert [answer.status_code for answer in answers].count(200) > 1


def test_without_redis_sessions_and_log_ins_go_on_and_sign_in_is_refused(gunicorn, make_till, transactional_db):
    origin = gunicorn(2, REDIS_URL="redis://127.0.0.1:1/0")
    staff = make_staff()
    manager = make_staff("manager", password="quite-a-long-password-1")
    till = make_till(staff, origin=origin).log_in()
    tills = copies(till, make_till, origin, 6)

    assert everywhere(tills) == {200}

    proof = till.proof("GET", SESSION)
    headers = {"Authorization": f"DPoP {till.access_token}", "DPoP": proof}
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda each: each.send("GET", SESSION, None, dict(headers)), tills))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 5

    ready = till.send("GET", "/readyz", None, {})
    assert (ready.status_code, ready.json()["degraded"]) == (200, ["redis"])

    form = till.send("GET", "/admin/login/", None, {})
    token = form.content.decode().split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
    body = f"username={manager.phone}&password=quite-a-long-password-1&csrfmiddlewaretoken={token}".encode()
    kind = {"Content-Type": "application/x-www-form-urlencoded", "Origin": origin}
    assert till.send("POST", "/admin/login/?next=/admin/", body, kind).status_code == 200, "the form again, not 302"

    managing.unbind_device(staff.id, reason="", by=None, now=clock.now())
    assert everywhere(tills) == {401}
