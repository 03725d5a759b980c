"""When a proxy hides its clients, all log-ins come from one private address: that is found out."""

from datetime import timedelta
from typing import Any

import pytest

from backend.audit.selectors import ENOUGH, share_of_one_private_address
from backend.audit.services import login_log
from backend.core import clock
from backend.core.mongo import collection

NOW = clock.now()


def log_in(address: str, *, times: int, ago: timedelta = timedelta(minutes=5)) -> None:
    about: dict[str, Any] = {
        "phone": "13800138000",
        "machine_code": "M",
        "key": "k",
        "client_version": "",
        "device_name": "",
    }
    rows = [
        login_log(**about, result="success", reason="known", reference=str(n), address=address, now=NOW - ago)
        for n in range(times)
    ]
    collection("loginLogs").insert_many(rows)


@pytest.mark.django_db
def test_the_share_of_a_private_address_is_that_of_the_last_hour():
    log_in("172.18.0.1", times=30)
    log_in("9.9.9.9", times=10)
    log_in("9.9.9.9", times=100, ago=timedelta(minutes=61))
    assert share_of_one_private_address(NOW) == 0.75


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("commonest", "times"), [("9.9.9.9", 40), ("", 40), ("10.0.0.1", ENOUGH - 6)], ids=["public", "none", "few"]
)
def test_a_public_one_and_too_few_say_nothing(commonest, times):
    log_in(commonest, times=times)
    log_in("10.0.0.2", times=5)
    assert share_of_one_private_address(NOW) == 0


@pytest.mark.django_db
def test_one_ipv6_network_is_one_address():
    for host in range(4):
        log_in(f"fd00:1:2:3::{host}", times=10)
    assert share_of_one_private_address(NOW) == 1
