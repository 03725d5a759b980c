"""What the box office's tests sell in, and who sells."""

import os
from collections.abc import Callable
from typing import Any

import pytest
from bson import ObjectId
from django.db import connection

from tests.support import flush
from tests.support.chain import Chain, account, build_chain, soon
from tests.support.till import Till
from tests.support.workers import ROOT

SELLER, OTHER, SUPERVISOR = "13900000001", "13900000002", "13900000003"


@pytest.fixture
def chain(db: None) -> Chain:
    """Two cinemas, a hall, a film."""
    return build_chain()


@pytest.fixture
def showtime(chain: Chain) -> ObjectId:
    """A showtime in two hours."""
    return chain.show(soon())


@pytest.fixture
def till(chain: Chain, make_till: Callable[..., Till]) -> Till:
    """A seller of the cinema, logged in."""
    account(SELLER, "seller", chain.cinema)
    return make_till(SELLER).log_in()


@pytest.fixture
def other_till(chain: Chain, make_till: Callable[..., Till]) -> Till:
    """Another seller of the cinema, on another machine."""
    account(OTHER, "seller", chain.cinema, name="李思雨")
    return make_till(OTHER).log_in()


@pytest.fixture
def supervisor(chain: Chain, make_till: Callable[..., Till]) -> Till:
    """A shift supervisor of the cinema."""
    account(SUPERVISOR, "supervisor", chain.cinema, name="陈建国")
    return make_till(SUPERVISOR).log_in()


@pytest.fixture
def short_hold(settings: Any) -> float:
    """Make holds lapse after this many seconds."""
    settings.HOLD_SECONDS = 0.3
    return 0.35


@pytest.fixture
def test_environment(transactional_db: None) -> dict[str, str]:
    """Return the environment in which another process works on this test's database."""
    flush.written.any = True
    ours = {"DJANGO_SETTINGS_MODULE": "backend.settings.test", "PYTHONPATH": str(ROOT)}
    return {**os.environ, **ours, "MONGO_DB": str(connection.settings_dict["NAME"])}
