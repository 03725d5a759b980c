"""Demo data: complete, once, and never into a database that has data of its own."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from backend.boxoffice.ledger import breaches
from backend.core import clock
from backend.core.clock import business_day
from backend.core.mongo import collection
from backend.ops.demo.load import is_marked, load


def counts() -> dict[str, int]:
    """Return how many documents there are of each kind."""
    names = ("cinemas", "halls", "hallLayouts", "films", "showtimes", "orders", "users", "appState")
    return {name: collection(name).count_documents({}) for name in names}


def test_the_demo_chain_is_whole_on_sale_for_three_days_and_agrees_with_its_ledger(db):
    load(now=clock.now())

    found = counts()
    assert (found["cinemas"], found["halls"], found["films"], found["users"]) == (2, 6, 12, 8)
    assert found["orders"] > 50
    today = business_day(clock.now(), "Asia/Shanghai")
    days = [(today + timedelta(days=each)).isoformat() for each in range(3)]
    assert sorted(collection("showtimes").distinct("businessDay")) == days
    for cinema in collection("cinemas").find():
        for day in days:
            shows = list(collection("showtimes").find({"cinema": cinema["_id"], "businessDay": day}))
            in_order = [show["code"] for show in sorted(shows, key=lambda show: show["startsAt"])]
            assert in_order == sorted(in_order) != []
    assert {user["role"] for user in collection("users").find()} == {
        *("seller", "checker", "supervisor", "manager", "chain_manager", "auditor", "ops")
    }
    assert is_marked()
    assert breaches(clock=clock.now, pause=0) == []


def test_a_second_run_adds_nothing_and_reopens_the_windows(db):
    load(now=clock.now())
    before = counts()
    collection("users").update_one({"phone": "13800000002"}, {"$set": {"account.bindingWindowUntil": None}})

    again = load(now=clock.now())

    assert counts() == before
    assert (again.accounts, again.films, again.showtimes, again.orders) == (0, 0, 0, 0)
    seller = collection("users").find_one({"phone": "13800000002"})
    assert seller["account"]["bindingWindowUntil"] > clock.now() + timedelta(hours=23)


def test_the_demos_first_log_ins_bind_from_this_machine_alone(db):
    load(now=clock.now())

    assert [cinema["networks"] for cinema in collection("cinemas").find()] == [["127.0.0.0/8", "::1/128"]] * 2


def test_whatever_the_default_policy_the_demos_accounts_bind_by_window_until_somebody_chose_otherwise(db, settings):
    settings.BINDING_POLICY = "approval"
    load(now=clock.now())
    assert set(collection("users").distinct("account.bindingPolicy")) == {"window"}
    chosen = {"account.bindingPolicy": "code", "account.bindingWindowUntil": None}
    collection("users").update_one({"phone": "13800000002"}, {"$set": chosen})

    load(now=clock.now())

    assert collection("users").find_one({"phone": "13800000002"})["account"]["bindingWindowUntil"] is None


def test_a_run_on_the_next_day_plans_one_more_day(db):
    load(now=clock.now())
    before = counts()["showtimes"]

    load(now=clock.now() + timedelta(days=1))

    assert len(collection("showtimes").distinct("businessDay")) == 4
    assert counts()["showtimes"] > before


def test_a_database_with_data_of_its_own_is_refused_untouched(db):
    collection("cinemas").insert_one({"name": "真影城", "code": "REAL"})

    with pytest.raises(CommandError, match="data of its own"):
        call_command("load_demo_data")
    assert not is_marked()
    assert counts()["users"] == 0


def test_production_settings_are_refused(db, settings):
    settings.ENVIRONMENT = "prod"

    with pytest.raises(CommandError, match="production"):
        call_command("load_demo_data")
    assert not is_marked()
