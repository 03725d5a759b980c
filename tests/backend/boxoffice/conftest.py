"""What the box office's tests sell in, and who sells."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection

from tests.support import flush
from tests.support.till import Till
from tests.support.workers import ROOT

if TYPE_CHECKING:
    from bson import ObjectId

    from tests.support.chain import Chain

SELLER, OTHER, SUPERVISOR = "13900000001", "13900000002", "13900000003"


def world() -> Any:
    """Return the module that builds what is sold in."""
    from tests.support import chain  # noqa: PLC0415 - Django is not set up when this file is read

    return chain


@pytest.fixture
def chain(db: None) -> Chain:
    """Two cinemas, a hall, a film."""
    return world().build_chain()


@pytest.fixture
def showtime(chain: Chain) -> ObjectId:
    """A showtime in two hours."""
    return chain.show(world().soon())


@pytest.fixture
def till(chain: Chain, make_till: Callable[..., Till]) -> Till:
    """A seller of the cinema, logged in."""
    world().account(SELLER, "seller", chain.cinema)
    return make_till(SELLER).log_in()


@pytest.fixture
def other_till(chain: Chain, make_till: Callable[..., Till]) -> Till:
    """Another seller of the cinema, on another machine."""
    world().account(OTHER, "seller", chain.cinema, name="李思雨")
    return make_till(OTHER).log_in()


@pytest.fixture
def supervisor(chain: Chain, make_till: Callable[..., Till]) -> Till:
    """A shift supervisor of the cinema."""
    world().account(SUPERVISOR, "supervisor", chain.cinema, name="陈建国")
    return make_till(SUPERVISOR).log_in()


@pytest.fixture
def short_hold(settings: Any) -> float:
    """Make holds lapse, and return after how many seconds they have."""
    settings.HOLD_SECONDS = 0.3
    return 0.35


@pytest.fixture
def test_environment(transactional_db: None) -> dict[str, str]:
    """Return the environment in which another process works on this test's database."""
    flush.written.any = True
    ours = {"DJANGO_SETTINGS_MODULE": "backend.settings.test", "PYTHONPATH": str(ROOT)}
    return {**os.environ, **ours, "MONGO_DB": str(connection.settings_dict["NAME"])}
