"""A restore while workers serve: all of them stop within a second, and then go on with the restored database."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from backend.accounts.services.forgetting import forget_sessions
from backend.core import serving
from backend.core.mongo import client
from backend.ops.restore import services
from tests.factories import make_showtime, make_staff


def test_workers_stop_and_go_on_with_the_restored_database(
    live: str,
    make_till: Any,
    gunicorn: Callable[..., str],
    backed_up: Callable[[], Path],
    restore: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    origin = gunicorn(3)
    till = make_till(make_staff(), origin=origin).log_in()
    showtime = make_showtime()
    till.sell(showtime, "1-1")
    file = backed_up()
    till.sell(showtime, "1-2")
    may_write, first_write = threading.Event(), threading.Event()
    go_on, last_step = threading.Event(), threading.Event()
    fill = serving.fill

    def waiting_to_write(database: str) -> None:
        first_write.set()
        may_write.wait(60)
        fill(database)

    def waiting() -> int:
        last_step.set()
        go_on.wait(60)
        return forget_sessions()

    monkeypatch.setattr(serving, "fill", waiting_to_write)
    monkeypatch.setattr(services, "forget_sessions", waiting)
    with ThreadPoolExecutor(1) as pool:
        restoring = pool.submit(restore, file)
        try:
            assert first_write.wait(60)
            until_all_answer(origin, 503)  # all know before the restore writes anything
            assert f"{live}_b" not in client().list_database_names()
            may_write.set()
            assert till.get("/api/v2/session").json()["code"] == "maintenance"
            assert requests.get(f"{origin}/healthz", timeout=5).status_code == 200
            assert requests.get(f"{origin}/readyz", timeout=5).json()["status"] == "maintenance"
            assert last_step.wait(60)
            until_all_answer(origin, 503)
        finally:
            may_write.set()
            go_on.set()
        restoring.result()

    until_all_answer(origin, 200)
    assert serving.read(client()).database == f"{live}_b"
    assert till.get("/api/v2/session").json()["code"] == "session_revoked"
    assert till.log_in().try_hold(showtime, "1-2").json()["code"] == "seats_taken"
    till.sell(showtime, "1-3")
    with serving.using(f"{live}_b"):
        assert client()[f"{live}_b"]["orders"].count_documents({}) == 3
    assert client()[live]["orders"].count_documents({}) == 2  # kept as it was


def until_all_answer(origin: str, status: int) -> None:
    """Return once all answers are `status` for longer than any worker goes without asking which it is."""
    since = time.monotonic()
    while time.monotonic() - since <= serving.ASK_EVERY_SECONDS:
        answer = requests.get(f"{origin}/api/v2/client/latest", timeout=10, headers={"Connection": "close"})
        if answer.status_code != status:
            since = time.monotonic()
