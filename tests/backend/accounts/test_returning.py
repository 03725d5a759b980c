"""A log-in at a machine that Redis remembers: one round trip, and every word of the hint is checked by MongoDB."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId
from django.core.management import call_command

from backend.accounts.services import entering
from backend.accounts.services.managing import unbind_device
from backend.core import clock
from backend.core.mongo import collection
from tests.backend.accounts.state import redis
from tests.factories import Staff, make_staff
from tests.support.fixtures import MakeTill
from tests.support.till import Till

SESSION = "/api/v2/session"


@pytest.fixture
def till(seller: Staff, make_till: MakeTill) -> Till:
    return make_till(seller).log_in()


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that fills with the ways by which accounts are entered."""
    taken: list[str] = []
    for name in ("enter_again", "enter_bound"):
        real = getattr(entering, name)

        def entered(*args: Any, _name: str = name, _real: Any = real, **more: Any) -> Any:
            done = _real(*args, **more)
            taken.append(f"{_name}: {'in' if done else 'out'}")
            return done

        monkeypatch.setattr(entering, name, entered)
    return taken


def live_sessions() -> list[ObjectId]:
    return [session["_id"] for session in collection("staffSessions").find({"endedAt": None})]


def account(till: Till) -> dict[str, Any]:
    found = collection("users").find_one({"phone": till.phone})
    assert found is not None
    return found


def test_who_returns_is_let_in_by_the_hint_each_time(till: Till, ways: list[str]) -> None:
    for _ in range(3):
        till.log_in()

    assert ways == ["enter_again: in"] * 3
    assert live_sessions() == [account(till)["session"]]
    assert collection("loginLogs").count_documents({"phone": till.phone, "result": "success"}) == 4
    assert till.get(SESSION).status_code == 200


def test_a_hint_of_a_former_session_lets_nobody_in_and_is_mended(till: Till, ways: list[str]) -> None:
    (key,) = redis().keys("returning:*")
    redis().hset(key, "session", str(ObjectId()))

    till.log_in()
    till.log_in()

    assert ways == ["enter_again: out", "enter_bound: in", "enter_again: in"]
    assert live_sessions() == [account(till)["session"]]


WRONG_IDS = '{"user": "x", "name": "A", "role": "seller", "cinemas": ["y"], "bound_at": "2026-01-01T00:00:00Z"}'


@pytest.mark.parametrize(
    ("field", "hint"),
    [
        *(("account", hint) for hint in ("", "{", "[]", '{"user": 1}', '{"user": "x", "name": "A"}', WRONG_IDS)),
        ("session", "no id"),
        ("session", b"\xff"),
        ("session", ""),
    ],
)
def test_a_hint_that_cannot_be_read_is_none(till: Till, ways: list[str], field: str, hint: str | bytes) -> None:
    (key,) = redis().keys("returning:*")
    redis().hset(key, field, hint)

    assert till.try_log_in().status_code == 200
    assert ways == ["enter_bound: in"]


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({"name": "王小明"}, ("name", "王小明")),
        ({"role": "checker"}, ("role", "checker")),
        ({"cinemas": [ObjectId("64b000000000000000000001")]}, ("cinemas", ["64b000000000000000000001"])),
    ],
)
def test_what_changed_since_is_what_counts(till: Till, change: dict[str, Any], shown: tuple[str, Any]) -> None:
    collection("users").update_one({"phone": till.phone}, {"$set": change})

    user = till.try_log_in().json()["user"]

    assert user[shown[0]] == shown[1]
    assert till.get(SESSION).json()["user"][shown[0]] == shown[1]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"account.status.code": "disabled"}, "disabled"),
        ({"device": None}, "window_closed"),
        ({"device.keyThumbprint": "another"}, "other_device"),
        ({"device.machineCode": "ANOTHER"}, "wrong_machine_code"),
    ],
)
def test_who_may_no_longer_is_refused_whatever_redis_remembers(till: Till, change: dict[str, Any], reason: str) -> None:
    collection("users").update_one({"phone": till.phone}, {"$set": change})
    before = collection("staffSessions").count_documents({})

    answer = till.try_log_in()

    assert (answer.status_code, answer.json()["code"]) == (401, "login_refused")
    row = collection("loginLogs").find_one({"reference": answer.json()["reference"]})
    assert row is not None
    assert row["reason"] == reason
    assert collection("staffSessions").count_documents({}) == before


def test_an_account_that_is_gone_is_not_made_again(till: Till, make_till: MakeTill) -> None:
    """A restored or emptied database knows nothing of it, and Redis still does."""
    collection("users").delete_one({"phone": till.phone})

    answer = till.try_log_in()

    assert (answer.status_code, answer.json()["code"]) == (401, "login_refused")
    assert collection("users").count_documents({"phone": till.phone}) == 0
    assert make_till(make_staff("manager")).log_in().get("/api/v2/users").status_code == 200


def test_an_account_that_goes_during_a_binding_log_in_is_not_made_again(
    make_till: MakeTill, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = entering.new_session

    def meanwhile(**more: Any) -> Any:
        collection("users").delete_one({"_id": more["user"]["_id"]})
        return real(**more)

    monkeypatch.setattr(entering, "new_session", meanwhile)
    till = make_till(make_staff())

    assert till.try_log_in().status_code == 401
    assert collection("users").count_documents({}) == 0
    assert live_sessions() == []


def test_the_former_session_ends_whatever_copy_redis_holds(till: Till, make_till: MakeTill) -> None:
    till.get(SESSION)
    former = make_till(till.phone, key=till.key, machine_code=till.machine_code)
    former.access_token, former.nonce = till.access_token, till.nonce
    assert redis().keys("live:*")

    till.log_in()

    answer = former.get(SESSION)
    assert (answer.status_code, answer.json()["reason"]) == (401, "logged_in_elsewhere")
    assert till.get(SESSION).status_code == 200


def test_without_the_doubt_the_former_would_go_on(till: Till) -> None:
    """The control: the mark is what keeps a copy in Redis from counting."""
    till.get(SESSION)
    former = till.access_token
    till.log_in()
    redis().delete(*redis().keys("ended:*"))

    till.access_token = former
    assert till.get(SESSION).status_code == 200


def test_a_log_in_that_fails_half_way_costs_the_former_session_nothing(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = till.access_token
    monkeypatch.setattr(entering, "enter_again", lambda *_args, **_more: None)
    monkeypatch.setattr(entering, "enter_bound", lambda *_args, **_more: None)
    till.try_log_in()
    monkeypatch.undo()

    till.access_token = token
    assert [till.get(SESSION).status_code for _ in range(2)] == [200, 200]
    assert till.log_in().get(SESSION).status_code == 200


def test_of_many_that_return_at_once_one_session_lives(
    gunicorn: Any, make_till: MakeTill, transactional_db: None
) -> None:
    origin = gunicorn(4)
    for _ in range(4):
        first = make_till(make_staff(), origin=origin).log_in()
        tills = [
            make_till(first.phone, origin=origin, key=first.key, machine_code=first.machine_code) for _ in range(4)
        ]
        for each in tills:
            each.nonce = first.nonce
        with ThreadPoolExecutor(len(tills)) as pool:
            answers = list(pool.map(lambda till: till.try_log_in(), tills))
            assert {answer.status_code for answer in answers} == {200}
            for till, answer in zip(tills, answers, strict=True):
                till.access_token = answer.json()["accessToken"]
            statuses = list(pool.map(lambda till: till.get(SESSION).status_code, tills))

        assert sorted(statuses) == [200, 401, 401, 401]
        assert collection("staffSessions").count_documents({"phone": first.phone, "endedAt": None}) == 1
        assert account(first)["session"] in live_sessions()


def test_of_several_that_stand_as_live_the_sweeper_leaves_the_accounts_own(till: Till, make_till: MakeTill) -> None:
    """A later log-in may end a session before that one's own insert: it was never valid, and its record says so."""
    own = account(till)["session"]
    other = make_till(make_staff()).log_in()
    stray = {**next(collection("staffSessions").find({"_id": own})), "_id": ObjectId()}
    collection("staffSessions").insert_one(stray)
    call_command("sweep", "--once")
    assert len(live_sessions()) == 3, "what is younger than ten seconds may still be on its way"

    collection("staffSessions").update_many({}, {"$set": {"startedAt": clock.now() - timedelta(seconds=11)}})
    call_command("sweep", "--once")

    assert sorted(live_sessions()) == sorted([own, account(other)["session"]])
    assert till.get(SESSION).status_code == 200


def test_nothing_of_a_person_stays_with_a_machine_that_is_taken_away(till: Till) -> None:
    assert redis().keys("returning:*")

    unbind_device(account(till)["_id"], reason="left", by=None, now=clock.now())

    assert not redis().keys("returning:*")
    assert till.try_log_in().status_code == 401
