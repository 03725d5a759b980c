"""The capacity page: its figures are the model's, and the model is played through call by call."""

import math
import re
from pathlib import Path

import pytest
from django.apps import apps

from backend.core.indexes import MongoIndex
from backend.devtools.capacity import (
    COSTS,
    LOOK_SECONDS,
    SHARD_KEYS,
    calls_each_second,
    cost_row,
    need,
    percentile,
    row,
    seconds_until_served,
    simulate,
    staff_of_one_address,
)

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "docs" / "guides" / name for name in ("capacity.md", "capacity.en.md")]
STAFF = (100, 1000, 10000)

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


@every_page
@pytest.mark.parametrize("staff", STAFF)
def test_the_table_says_what_the_model_says(page: Path, staff: int) -> None:
    assert row(staff) in text_of(page)


@every_page
@pytest.mark.parametrize("kind", COSTS)
def test_the_costs_are_those_that_the_model_reckons_with(page: Path, kind: str) -> None:
    assert f"| {cost_row(kind)}" in text_of(page)


@every_page
def test_what_it_says_of_one_address_and_of_sharding_is_so(page: Path) -> None:
    text = text_of(page)
    limits = (ROOT / "nginx" / "conf" / "limits.conf").read_text(encoding="utf-8")
    rate = re.search(r"zone=api_address:\S+ rate=(\d+)r/s", limits)
    assert rate is not None
    assert f"{staff_of_one_address(int(rate[1]))} " in text
    for collection in SHARD_KEYS:
        assert f'sh.shardCollection("userdb.{collection}", {{_id: "hashed"}})' in text


@pytest.mark.parametrize("staff", STAFF)
def test_with_the_workers_that_are_asked_for_hardly_anybody_waits(staff: int) -> None:
    for seed in (1, 2, 3):
        assert percentile(simulate(staff, need(staff).workers, seed=seed), 0.99) < 0.02


def test_with_half_of_them_a_queue_grows_without_end() -> None:
    waits = simulate(10000, need(10000).workers // 2)

    assert percentile(waits, 0.5) > 1


def test_the_simulation_agrees_with_erlang_where_that_has_an_answer() -> None:
    staff, workers = 3000, 10
    waits = simulate(staff, workers, seconds=200.0)
    rate = need(staff).calls
    # Erlangs: a worker is taken for that many seconds in a second.
    load = sum(
        calls * (COSTS[kind].application + COSTS[kind].database + COSTS[kind].redis) / 1000
        for kind, calls in calls_each_second(staff).items()
    )
    top = load**workers / math.factorial(workers) * workers / (workers - load)
    waiting = top / (sum(load**number / math.factorial(number) for number in range(workers)) + top)
    expected = waiting * (load / rate) / (workers - load)

    mean = sum(waits) / len(waits)
    assert 0.5 < load / workers < 0.95
    assert mean == pytest.approx(expected, rel=0.35)  # its calls are of six kinds, Erlang's of one


def test_twice_the_staff_is_twice_the_load() -> None:
    one, two = need(1000), need(2000)

    assert two.application == pytest.approx(2 * one.application)
    assert two.database == pytest.approx(2 * one.database)
    assert two.redis == pytest.approx(2 * one.redis)
    assert seconds_until_served(2000, 8) == pytest.approx(2 * seconds_until_served(1000, 8))


def test_the_screens_look_as_often_as_the_model_thinks() -> None:
    script = (ROOT / "backend" / "screens" / "static" / "screens" / "sell.js").read_text(encoding="utf-8")
    poll = re.search(r"^const POLL = (\d+);", script, re.MULTILINE)
    assert poll is not None
    assert int(poll[1]) == 1000 * LOOK_SECONDS


def test_only_a_collection_without_unique_indexes_is_sharded_by_its_id() -> None:
    unique = {
        model._meta.db_table
        for model in apps.get_models()
        for index in model._meta.indexes
        if isinstance(index, MongoIndex) and index.unique
    }
    tables = {model._meta.db_table for model in apps.get_models()}

    assert set(SHARD_KEYS) <= tables - unique
    assert "orders" in unique  # which is why the page leaves them where they are
