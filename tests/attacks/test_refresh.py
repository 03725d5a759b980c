"""A refresh token is worth one next pair to the machine that it was given to, and nothing to anybody else."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from backend.accounts.services import refresh as refreshing
from backend.core.mongo import collection
from tests.attacks.wire import SESSION, greet, outcome
from tests.factories import make_staff
from tests.support.till import Answer, DeviceKey, Till

AT_ONCE = 6


class Server:
    """Real workers, and sessions on them."""

    def __init__(self, origin: str, make_till: Any) -> None:
        self.origin = origin
        self._make = make_till

    def till(self) -> Till:
        """Return a till that is logged in."""
        logged_in: Till = self._make(make_staff(), origin=self.origin).log_in()
        return logged_in

    def copy(self, till: Till, *, key: DeviceKey | None = None) -> Till:
        """Return the same session on another connection: the till's own, or with another key a thief's."""
        copied: Till = self._make(till.phone, origin=self.origin, key=key or till.key, machine_code=till.machine_code)
        copied.access_token, copied.refresh_token = till.access_token, till.refresh_token
        greet(copied)
        return copied

    def at_once(self, till: Till, keys: list[str | None]) -> list[Answer]:
        """Refresh by one token on several connections at once."""
        copies = [self.copy(till) for _ in keys]
        with ThreadPoolExecutor(len(copies)) as pool:
            return list(pool.map(lambda pair: refreshed(*pair), zip(copies, keys, strict=True)))


def refreshed(till: Till, key: str | None) -> Answer:
    return till.refresh(idempotency_key=key)


def events(till: Till) -> list[str]:
    found = collection("securityLogs").find({"phone": till.phone, "event": {"$regex": "^refresh"}})
    return [row["event"] for row in found]


def test_over_several_workers_a_refresh_token_is_worth_one_pair(gunicorn: Any, make_till: Any) -> None:
    """One server for all of it: what costs is its start."""
    server = Server(gunicorn(3), make_till)
    for part in (
        a_lost_answer_is_given_again_by_any_worker,
        sent_at_once_with_one_key_it_gives_one_pair,
        sent_at_once_without_a_key_it_ends_the_session,
        sent_at_once_under_two_keys_it_ends_the_session,
        another_machine_gets_nothing_and_ends_nothing,
    ):
        part(server)


def a_lost_answer_is_given_again_by_any_worker(server: Server) -> None:
    till = server.till()
    first = server.copy(till).refresh(idempotency_key="saved before it was sent")
    answers = [server.copy(till).refresh(idempotency_key="saved before it was sent") for _ in range(AT_ONCE)]

    assert {answer.content for answer in answers} == {first.content}
    till.keep(answers[0].json())
    assert till.get(SESSION).status_code == 200
    assert events(till) == []


def sent_at_once_with_one_key_it_gives_one_pair(server: Server) -> None:
    till = server.till()
    answers = server.at_once(till, ["the same"] * AT_ONCE)

    assert [answer.status_code for answer in answers] == [200] * AT_ONCE
    assert len({answer.content for answer in answers}) == 1
    till.keep(answers[0].json())
    assert till.get(SESSION).status_code == 200


def sent_at_once_without_a_key_it_ends_the_session(server: Server) -> None:
    till = server.till()
    outcomes = [outcome(answer) for answer in server.at_once(till, [None] * AT_ONCE)]

    assert outcomes.count("ok") <= 1
    assert set(outcomes) <= {"ok", "session_revoked"}
    assert till.get(SESSION).json()["reason"] == "refresh_reused"
    assert "refresh_reused" in events(till)


def sent_at_once_under_two_keys_it_ends_the_session(server: Server) -> None:
    till = server.till()
    outcomes = [outcome(answer) for answer in server.at_once(till, ["mine", "the thief's"])]

    assert sorted(outcomes) in (["ok", "session_revoked"], ["session_revoked"] * 2)
    assert till.get(SESSION).json()["reason"] == "refresh_reused"
    assert events(till) == ["refresh_reused"]


def another_machine_gets_nothing_and_ends_nothing(server: Server) -> None:
    till = server.till()
    old = server.copy(till)
    assert till.refresh(idempotency_key="seen by the thief").status_code == 200
    for stolen in (old, till):
        thief = server.copy(stolen, key=DeviceKey())
        for key in (None, "seen by the thief"):
            thief.refresh_token = stolen.refresh_token
            assert outcome(refreshed(thief, key)) == "invalid_token"

    assert events(till) == ["refresh_with_other_key"] * 2, "once a key"
    assert till.get(SESSION).status_code == 200
    assert till.refresh().status_code == 200


@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "control"])
def test_without_the_reuse_rule_a_copied_token_would_live_beside_the_tills(
    db: None, make_till: Any, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    till = make_till(make_staff()).log_in()
    copied = till.refresh_token
    assert till.refresh().status_code == 200
    newest = till.access_token
    if not guarded:
        monkeypatch.setattr(refreshing, "_is_retry", lambda *_: True)

    till.refresh_token = copied
    assert (till.refresh().status_code == 200) != guarded
    till.access_token = newest
    assert (till.get(SESSION).status_code == 200) != guarded
