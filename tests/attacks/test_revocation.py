"""A session that was ended is over within a second in every worker, whatever becomes of Redis meanwhile."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest

from backend.accounts import replay, sessions
from backend.core import clock
from backend.core.mongo import collection
from backend.core.redis import redis
from tests.attacks.servers import MortalRedis
from tests.attacks.wire import SESSION
from tests.factories import Staff, make_cinema, make_staff
from tests.support.till import Till

WORKERS = 3
CALLS = 9
A_SECOND = 1.0


class Watched:
    """A person's session and screens, and what the workers say to them."""

    def __init__(self, make_till: Callable[..., Till], origin: str) -> None:
        self.staff: Staff = make_staff(cinemas=[make_cinema()])
        self.till = make_till(self.staff, origin=origin).log_in()
        self.callers = [
            make_till(self.staff, origin=origin, key=self.till.key, machine_code=self.till.machine_code)
            for _ in range(CALLS)
        ]
        url = self.till.post("/api/v2/web-session").json()["url"]
        self.cookie = self.till.send("GET", urlsplit(url).path, None, {}).headers["Set-Cookie"].partition(";")[0]
        self.session = str(collection("staffSessions").find_one({"user": self.staff.id})["_id"])
        assert self.accepted() == (CALLS, CALLS)

    def accepted(self) -> tuple[int, int]:
        """Return how many of several calls, over all workers, were admitted: of the shell, of its screens."""
        for caller in self.callers:
            caller.access_token, caller.nonce = self.till.access_token, self.till.nonce
        with ThreadPoolExecutor(CALLS) as pool:
            calls = list(pool.map(lambda caller: caller.get(SESSION).status_code, self.callers))
            pages = list(pool.map(self._page, self.callers))
        assert {*calls, *pages} <= {200, 401}
        self.till.nonce = self.callers[0].nonce
        return calls.count(200), pages.count(200)

    def _page(self, caller: Till) -> int:
        return caller.send("GET", "/till/", None, {"Cookie": self.cookie}).status_code

    def over_within_a_second(self) -> None:
        """Fail where a worker admits it a second from now."""
        until = time.monotonic() + A_SECOND
        while self.accepted() != (0, 0):
            assert time.monotonic() < until


@pytest.mark.parametrize("durable", [False, True], ids=["in memory", "append-only file"])
def test_a_revocation_outlives_every_fate_of_redis(gunicorn: Any, make_till: Any, tmp_path: Any, durable: bool) -> None:
    with MortalRedis(tmp_path, durable=durable) as server:
        origin = gunicorn(WORKERS, REDIS_URL=server.url)
        manager = make_till(make_staff("manager"), origin=origin).log_in()
        before, gone, stays = (Watched(make_till, origin) for _ in range(3))

        def revoke(watched: Watched) -> None:
            assert manager.post(f"/api/v2/sessions/{watched.session}/revoke").status_code == 204

        revoke(before)
        before.over_within_a_second()

        server.kill()
        revoke(gone)
        for over in (before, gone):
            over.over_within_a_second()
        assert stays.accepted()[0] == CALLS

        server.start()
        for over in (before, gone):
            over.over_within_a_second()
        assert stays.accepted() == (CALLS, CALLS)


# --- a worker that read the session, lagged, and writes its copy when it was long revoked ------------
def put_down_unconditionally(session: Any, copy: dict[str, Any]) -> None:
    server = redis()
    assert server is not None
    key = f"live:{replay.RUN.current()}:{session}"
    server.set(key, replay.msgspec.json.encode(copy), ex=60)


@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "control"])
def test_a_worker_that_lags_brings_no_revoked_session_back(
    db: None, make_till: Any, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    till = make_till(make_staff()).log_in()
    till.get(SESSION)
    server, remember = redis(), replay.remember
    assert server is not None
    server.flushdb()
    sid = collection("staffSessions").find_one({})["_id"]
    if not guarded:
        remember = put_down_unconditionally
        monkeypatch.setattr(replay, "bury", lambda _sessions: None)

    def lagging(session: Any, copy: dict[str, Any]) -> None:
        monkeypatch.setattr(replay, "remember", remember)
        sessions.end(sid, reason="revoked", now=clock.now())
        remember(session, copy)

    monkeypatch.setattr(replay, "remember", lagging)
    assert till.get(SESSION).status_code == 200, "read before it was revoked"

    assert (till.get(SESSION).status_code == 200) != guarded
