"""The shell's client against real workers: a first log-in that waits, one with a code, one bound from the log."""

from collections.abc import Callable

import pytest

from backend.accounts.roles import ROLES
from backend.accounts.services.binding import approve_binding, bind_attempt, make_activation_code
from backend.core import clock
from backend.core.actor import Actor
from backend.core.mongo import collection
from shell_client.api.client import Pending, StaffClient, StaffSession
from shell_client.api.errors import Refused
from shell_client.device.key import DeviceKey
from tests.backend.accounts.first_log_ins import account
from tests.factories import make_cinema, make_staff

MACHINE = {"machine_code": "3F9A71C4AB12CD34EF5608D208D25BE1", "device_name": "TILL-1"}
PHONE = "13811112222"


@pytest.fixture
def origin(gunicorn: Callable[..., str]) -> str:
    return gunicorn(workers=2)


@pytest.fixture
def shell(origin: str) -> StaffClient:
    return StaffClient(base_url=origin, key=DeviceKey.make(), language="zh-hans")


@pytest.fixture
def manager(transactional_db: None) -> Actor:
    staff = make_staff("chain_manager")
    role = ROLES["chain_manager"]
    return Actor(
        id=staff.id,
        phone=staff.phone,
        name="陈建国",
        role=role.code,
        rank=role.rank,
        permissions=role.permissions,
        cinemas=(),
    )


def test_a_shell_waits_with_one_reference_and_is_in_once_it_is_approved(shell: StaffClient, manager: Actor) -> None:
    account(PHONE, "approval", [make_cinema()])
    answers = [shell.log_in(phone=PHONE, **MACHINE) for _ in range(3)]
    assert isinstance(answers[0], Pending)
    assert answers == [answers[0]] * 3
    row = collection("deviceBindings").find_one({"reference": answers[0].reference})

    approve_binding(row["_id"], by=manager, now=clock.now())

    session = shell.log_in(phone=PHONE, **MACHINE)
    assert isinstance(session, StaffSession)
    assert session.phone == PHONE
    shell.check()


def test_a_shell_logs_in_with_the_code_that_a_manager_reads_out(shell: StaffClient, manager: Actor) -> None:
    staff = account(PHONE, "code", [make_cinema()])
    code, _until = make_activation_code(staff.id, by=manager, now=clock.now())
    with pytest.raises(Refused) as refused:
        shell.log_in(phone=PHONE, **MACHINE)

    session = shell.log_in(phone=PHONE, activation_code=code.lower().replace("-", " "), **MACHINE)

    assert refused.value.code == "login_refused"
    assert isinstance(session, StaffSession)
    shell.check()


def test_a_refused_shell_is_bound_by_the_reference_that_it_shows(shell: StaffClient, manager: Actor) -> None:
    staff = account(PHONE, "code", [make_cinema()])
    with pytest.raises(Refused) as refused:
        shell.log_in(phone=PHONE, **MACHINE)

    bind_attempt(staff.id, reference=str(refused.value.reference), by=manager, now=clock.now())

    assert isinstance(shell.log_in(phone=PHONE, **MACHINE), StaffSession)
    shell.check()
