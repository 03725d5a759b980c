"""Fixtures that tests of every part share: tills, workers, command counts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.support import commands as command_log
from tests.support.till import Answer, Till
from tests.support.workers import gunicorn as run_gunicorn

if TYPE_CHECKING:
    from django.test import Client

MakeTill = Callable[..., Till]


def over_test_client(client: Client) -> Callable[..., Answer]:
    """Return how a till reaches the server in this process."""

    def send(method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        kind = "application/json" if body is not None else ""
        answer: Any = client.generic(method, path, body or b"", content_type=kind, headers=headers)
        return answer  # alike in all that a till looks at

    return send


def over_network(origin: str, *, ca_file: Path | None = None) -> Callable[..., Answer]:
    """Return how a till reaches a server process at `origin`, on one connection of its own.

    `ca_file` is the authority of its certificate, PEM, where that is not one of the public ones.
    """
    session = requests.Session()
    session.trust_env = False
    session.verify = str(ca_file) if ca_file else True

    def send(method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        if body is not None:
            headers = {"Content-Type": "application/json", **headers}
        return session.request(  # type: ignore[return-value]  # alike in all that a till looks at
            method, origin + path, data=body, headers=headers, timeout=30, allow_redirects=False
        )

    return send


@pytest.fixture
def make_till(db: None) -> MakeTill:
    """Make a till that is not logged in: `make_till("13800000002")`, `make_till(account, origin=workers)`.

    Takes a phone or an account, and what `Till` takes; `origin` of a server process reaches that one.
    """
    from django.test import Client  # noqa: PLC0415 - Django is not set up when this file is read

    def make(account: Any, *, origin: str | None = None, **kwargs: Any) -> Till:
        phone = account if isinstance(account, str) else account.phone
        send = over_network(origin) if origin else over_test_client(Client())
        return Till(send, origin=origin or "http://testserver", phone=phone, **kwargs)

    return make


@pytest.fixture
def gunicorn(transactional_db: None) -> Iterator[Callable[..., str]]:
    """Give a function that starts real workers over the test database and returns their origin."""
    from django.db import connection  # noqa: PLC0415 - Django is not set up when this file is read

    from tests.support import flush  # noqa: PLC0415 - the same

    with ExitStack() as running:

        def start(workers: int = 2, **environment: str) -> str:
            flush.written.any = True
            ours = {
                "DJANGO_SETTINGS_MODULE": "backend.settings.test",
                "MONGO_URI": os.environ["MONGO_URI"],
                "REDIS_URL": os.environ["REDIS_URL"],
                "MONGO_DB": str(connection.settings_dict["NAME"]),
            }
            return running.enter_context(run_gunicorn(workers=workers, environment={**ours, **environment}))

        yield start


@pytest.fixture
def commands(db: None, monkeypatch: pytest.MonkeyPatch) -> Callable[[], AbstractContextManager[list[str]]]:
    """Give a context manager whose list fills with what is sent inside it, like `["find users"]`.

    The release, and which database serves, are read once before: every so often somebody asks for them, and no count
    may depend on who.
    """
    from backend.core import serving  # noqa: PLC0415 - Django is set up by now
    from backend.releases import selectors as releases  # noqa: PLC0415 - Django is set up by now

    monkeypatch.setattr(serving, "ASK_EVERY_SECONDS", 3600)
    serving.current()
    monkeypatch.setattr(releases, "KEEP_SECONDS", 3600)
    releases.current_release()
    return command_log.log.watch
