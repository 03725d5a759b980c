"""A Redis that answers and keeps nothing (full, or not allowed to write): tills go on, and nobody gets in by it."""

import time
from typing import Any

import pytest
import redis
import requests

from backend.accounts.dpop import issue_nonce
from backend.accounts.replay import IN_MONGODB
from backend.core import redis as ours
from tests.attacks.servers import MortalRedis
from tests.attacks.test_revocation import CALLS, WORKERS, Watched
from tests.factories import make_staff

FULL = ("maxmemory", "1mb", "0")
NO_WRITES = ("min-replicas-to-write", "1", "0")


@pytest.mark.parametrize(("setting", "refusing", "taking"), [FULL, NO_WRITES], ids=["full", "no writes"])
def test_tills_log_in_and_go_on_and_revocations_count(
    gunicorn: Any, make_till: Any, tmp_path: Any, setting: str, refusing: str, taking: str
) -> None:
    with MortalRedis(tmp_path) as server, redis.Redis.from_url(server.url) as state:
        origin = gunicorn(WORKERS, REDIS_URL=server.url)
        manager = make_till(make_staff("manager"), origin=origin).log_in()
        watched, other = Watched(make_till, origin), Watched(make_till, origin)

        state.config_set(setting, refusing)
        assert requests.get(f"{origin}/readyz", timeout=10).json()["degraded"] == ["redis"]
        assert [other.accepted()[0] for _ in range(3)] == [CALLS] * 3
        again = make_till(other.staff, origin=origin, key=other.till.key, machine_code=other.till.machine_code).log_in()
        assert again.get("/api/v2/session").status_code == 200

        assert manager.post(f"/api/v2/sessions/{watched.session}/revoke").status_code == 204
        watched.over_within_a_second()

        state.config_set(setting, taking)
        time.sleep(ours.LOST_SECONDS)
        assert watched.accepted() == (0, 0)
        assert again.get("/api/v2/session").status_code == 200
        assert requests.get(f"{origin}/readyz", timeout=10).json()["degraded"] == []


def test_a_proof_is_spent_once_whoever_keeps_it(gunicorn: Any, make_till: Any, transactional_db: None) -> None:
    """A nonce of an outage is good for five minutes, also where Redis never went: MongoDB keeps its proofs."""
    till = make_till(make_staff(), origin=gunicorn(WORKERS)).log_in()
    till.nonce = issue_nonce(IN_MONGODB)
    proof = till.proof("GET", "/api/v2/session")
    headers = {"Authorization": f"DPoP {till.access_token}", "DPoP": proof}

    statuses = [till.send("GET", "/api/v2/session", None, dict(headers)).status_code for _ in range(2 * WORKERS)]

    assert statuses == [200] + [401] * (2 * WORKERS - 1)


def test_nobody_waits_for_a_redis_that_was_lost_a_moment_ago(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    now = [1000.0]

    def takes_writes(_server: Any) -> bool:
        asked.append(now[0])
        return len(asked) > 1

    monkeypatch.setattr(ours, "_takes_writes", takes_writes)
    monkeypatch.setattr(ours.time, "monotonic", lambda: now[0])
    assert ours.reachable() is not None

    ours.lost()
    assert [ours.reachable() for _ in range(3)] == [None] * 3
    assert asked == []

    now[0] += ours.LOST_SECONDS
    assert ours.reachable() is None, "asked, and it takes no writes"
    assert ours.reachable() is not None
    assert len(asked) == 2
    ours.found()


def test_no_manager_signs_in_while_it_keeps_nothing(db: None, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    manager = make_staff("manager", password="quite-a-long-password-1")
    form = {"username": manager.phone, "password": "quite-a-long-password-1"}
    monkeypatch.setattr(ours, "_takes_writes", lambda _server: False)

    assert client.post("/admin/login/", form).status_code == 200  # the form again

    monkeypatch.undo()
    assert client.post("/admin/login/", form).status_code == 302
