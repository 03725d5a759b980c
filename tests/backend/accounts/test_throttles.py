"""Throttles: a stranger can neither guess nor lock a cashier out."""

import json
from datetime import timedelta

from backend.core import clock, throttles
from backend.core.http import address_group
from backend.core.mongo import collection
from tests.backend.accounts.state import redis

DEVICE = {"name": "", "os": "", "clientVersion": "1.0.0"}


def statuses(tills):
    return [till.try_log_in().status_code for till in tills]


def test_five_failures_are_free_and_then_the_waits_grow(seller, till, make_till):
    strangers = [make_till(seller) for _ in range(6)]

    assert statuses(strangers) == [401] * 5 + [429]
    answer = strangers[0].try_log_in()
    assert answer.json()["code"] == "too_many_attempts"
    assert 1 <= int(answer.headers["Retry-After"]) <= 15
    assert int(answer.headers["Retry-After"]) == answer.json()["retryAfter"]


def test_who_must_wait_has_one_reference_by_which_a_manager_binds_him(seller, make_till, managing):
    collection("users").update_one({"_id": seller.id}, {"$set": {"account.bindingWindowUntil": None}})
    statuses([make_till(seller) for _ in range(5)])
    cashier = make_till(seller)

    answers = [cashier.try_log_in() for _ in range(3)]

    assert [answer.status_code for answer in answers] == [429] * 3
    (reference,) = {answer.json()["reference"] for answer in answers}
    assert collection("loginLogs").count_documents({"reason": "throttled"}) == 1
    assert managing.post(f"/api/v2/users/{seller.id}/bind-attempt", {"reference": reference}).status_code == 200
    assert cashier.try_log_in().status_code == 200


def test_an_unknown_phone_that_must_wait_answers_alike(make_till, db):
    strangers = [make_till("13700000000") for _ in range(6)]

    answer = [stranger.try_log_in() for stranger in strangers][-1]

    assert set(answer.json()) == {"type", "title", "status", "code", "detail", "requestId", "retryAfter", "reference"}


def test_each_further_failure_waits_longer(seller, till, make_till):
    stranger = make_till(seller)
    waits = []
    for _ in range(8):
        while (answer := stranger.try_log_in()).status_code == 401:
            pass
        waits.append(int(answer.headers["Retry-After"]))
        (key,) = (each for each in redis().keys("throttle:login-phone:*"))
        redis().hset(key, "next", "0")

    assert waits == sorted(waits)
    assert waits[-1] == 900


def test_an_unknown_phone_is_throttled_like_a_known_one(make_till, db):
    assert statuses([make_till("13700000000") for _ in range(7)]) == [401] * 5 + [429] * 2


def test_strangers_cannot_spend_the_bound_machines_budget(seller, till, make_till):
    statuses([make_till(seller) for _ in range(8)])

    assert till.try_log_in().status_code == 200


def test_the_bound_machine_has_five_log_ins_at_once_and_one_a_second(till):
    answers: list[int] = []
    token = ""
    while 429 not in answers and len(answers) < 30:
        answers.append(till.try_log_in().status_code)
        token = till.access_token or token

    assert set(answers[:4]) == {200}
    assert answers[-1] == 429
    till.access_token = token
    assert till.get("/api/v2/session").status_code == 200, "a throttle ends no session"


def test_the_machine_code_and_the_device_header_earn_nothing(seller, till, make_till):
    liars = [make_till(seller, machine_code=till.machine_code) for _ in range(6)]

    assert statuses(liars) == [401] * 5 + [429]


def test_one_address_may_fail_sixty_times_a_minute_over_all_phones(db, make_till, settings):
    settings.LOGIN_THROTTLES = {**settings.LOGIN_THROTTLES, "address_failures": 6}

    answers = statuses([make_till(f"137000000{number:02}") for number in range(9)])

    assert answers[:6] == [401] * 6
    assert answers.count(429) >= 2


def test_a_binding_forgives_the_failures_before_it(seller, make_till):
    make_till(seller).log_in()

    assert redis().keys("throttle:login-phone:*") == []


def test_a_used_proof_spends_no_budget(seller, till, make_till):
    stranger = make_till(seller)
    stranger.try_log_in()
    stale = stranger.proof("POST", "/api/v2/login", iat=int((clock.now() - timedelta(hours=1)).timestamp()))
    body = b'{"phone": "%s", "machineCode": "AAAAAAAAAAAAAAAA", "device": {"name":"","os":"","clientVersion":"1.0.0"}}'
    for _ in range(10):
        answer = stranger.send("POST", "/api/v2/login", body % seller.phone.encode(), {"DPoP": stale})
        assert answer.json()["code"] == "clock_skew"

    assert statuses([make_till(seller) for _ in range(5)]) == [401] * 4 + [429]


def test_sending_the_owners_proof_again_spends_none_of_his_budget(till):
    used = till.proof("POST", "/api/v2/login")
    body = {"phone": till.phone, "machineCode": till.machine_code, "device": DEVICE}

    answers = [till.send("POST", "/api/v2/login", json.dumps(body).encode(), {"DPoP": used}) for _ in range(11)]

    assert [answer.status_code for answer in answers] == [200] + [401] * 10
    assert till.try_log_in().status_code == 200


def test_without_redis_one_process_counts_by_the_same_rule(settings, monkeypatch):
    settings.REDIS_URL = ""
    moment = [1000.0]
    monkeypatch.setattr(throttles, "_local", throttles._InProcess())
    monkeypatch.setattr(throttles.time, "monotonic", lambda: moment[0])
    rule = throttles.Strikes(free=5, window=900)

    assert [throttles.strike("phone", rule) for _ in range(6)] == [0] * 5 + [15]
    moment[0] += 15
    assert [throttles.strike("phone", rule) for _ in range(2)] == [0, 30]
    assert [throttles.strike("other", rule) for _ in range(4)] == [0] * 4
    moment[0] += 931
    assert [throttles.strike(key, rule) for key in ["phone", "other"] for _ in range(6)] == ([0] * 5 + [15]) * 2
    bucket = throttles.Bucket(rate=1, burst=5)
    assert [throttles.take("key", bucket) for _ in range(6)] == [0] * 5 + [1]
    throttles.forgive("phone")
    assert throttles.strike("phone", rule) == 0


def test_while_redis_is_away_each_process_counts_its_share(settings, monkeypatch):
    settings.REDIS_URL, settings.SERVER_PROCESSES = "", 4
    moment = [1000.0]
    monkeypatch.setattr(throttles, "_local", throttles._InProcess())
    monkeypatch.setattr(throttles.time, "monotonic", lambda: moment[0])

    bucket = throttles.Bucket(rate=1, burst=60)
    assert [throttles.take("address", bucket) for _ in range(16)] == [0] * 15 + [4]
    rule = throttles.Strikes(free=8, window=900)
    assert [throttles.strike("phone", rule) for _ in range(3)] == [0, 0, 15]


def test_what_strangers_make_a_process_remember_is_bounded(settings, monkeypatch):
    settings.REDIS_URL = ""
    monkeypatch.setattr(throttles, "_local", throttles._InProcess())
    monkeypatch.setattr(throttles, "MOST_IN_PROCESS", 100)

    for number in range(1000):
        throttles.take(f"address-{number}", throttles.Bucket(rate=1, burst=5))

    assert len(throttles._local.state) <= 100
    assert "address-999" in throttles._local.state


def test_an_ipv6_customer_counts_once_for_his_whole_network():
    assert address_group("2001:db8:1:2:3:4:5:6") == address_group("2001:db8:1:2::1") == "2001:db8:1:2::/64"
    assert address_group("2001:db8:1:3::1") != address_group("2001:db8:1:2::1")
    assert [address_group(text) for text in ("10.0.0.7", "::ffff:10.0.0.7", "")] == ["10.0.0.7", "10.0.0.7", ""]
