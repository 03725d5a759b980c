"""A binding is made once, by one machine, and nothing but a manager's unbinding makes room for another.

That of two machines at once exactly one wins, over several workers and with its control, is shown in
`tests/backend/accounts/test_workers.py`.
"""

from datetime import timedelta
from typing import Any

import pytest

from backend.accounts.services import login, managing
from backend.core import clock
from backend.core.mongo import collection
from tests.attacks.wire import SESSION
from tests.factories import Staff, make_staff
from tests.support.till import Till


@pytest.fixture
def staff(db: None) -> Staff:
    return make_staff()


@pytest.fixture
def owner(staff: Staff, make_till: Any) -> Till:
    logged_in: Till = make_till(staff).log_in()
    return logged_in


def key_of(staff: Staff) -> str | None:
    device = collection("users").find_one({"_id": staff.id})["device"]
    return device["keyThumbprint"] if device else None


def open_by_force(staff: Staff) -> None:
    """Open a window as no service would: on an account that has a device."""
    until = clock.now() + timedelta(hours=24)
    collection("users").update_one({"_id": staff.id}, {"$set": {"account.bindingWindowUntil": until}})


def test_a_window_on_a_bound_account_lets_nobody_in(staff: Staff, owner: Till, make_till: Any) -> None:
    open_by_force(staff)

    assert make_till(staff, machine_code=owner.machine_code).try_log_in().status_code == 401
    assert key_of(staff) == owner.key.thumbprint
    assert owner.get(SESSION).status_code == 200


def test_where_the_first_guard_fails_the_write_itself_refuses(
    staff: Staff, owner: Till, make_till: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_by_force(staff)
    monkeypatch.setattr(login, "_reason_against", lambda *_, **__: "")

    assert make_till(staff).try_log_in().status_code == 401
    assert key_of(staff) == owner.key.thumbprint


def test_unbinding_makes_room_for_nobody_by_itself(staff: Staff, owner: Till, make_till: Any) -> None:
    managing.unbind_device(staff.id, reason="", by=None, now=clock.now())

    for till in (owner, make_till(staff), make_till(staff, key=owner.key, machine_code=owner.machine_code)):
        assert till.try_log_in().status_code == 401
    assert key_of(staff) is None


def test_the_key_of_a_colleagues_machine_opens_no_account_but_his(staff: Staff, owner: Till, make_till: Any) -> None:
    colleague = make_till(make_staff()).log_in()
    for machine_code in (colleague.machine_code, owner.machine_code):
        thief = make_till(staff, key=colleague.key, machine_code=machine_code)
        assert thief.try_log_in().json()["code"] == "login_refused"

    assert key_of(staff) == owner.key.thumbprint
    assert {till.get(SESSION).status_code for till in (owner, colleague)} == {200}


def test_an_unbound_and_a_disabled_account_bind_nothing_however_often_one_asks(
    db: None, make_till: Any, settings: Any
) -> None:
    settings.LOGIN_THROTTLES = {**settings.LOGIN_THROTTLES, "free_failures": 10**6, "address_failures": 10**6}
    closed, disabled = make_staff(now=clock.now() - timedelta(days=2)), make_staff()
    managing.change_account(disabled.id, changes={"status": "disabled"}, by=None, now=clock.now())
    for victim in (closed, disabled):
        assert {make_till(victim).try_log_in().status_code for _ in range(40)} == {401}
        assert key_of(victim) is None
    assert collection("deviceBindings").count_documents({}) == 0
