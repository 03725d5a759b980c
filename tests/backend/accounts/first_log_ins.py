"""What the tests of first log-ins share: tills at other addresses, accounts of each policy, true reasons."""

from typing import Any

from backend.accounts.services.managing import create_account
from backend.core import clock
from backend.core.mongo import collection
from tests.factories import Document, Staff
from tests.support.till import Till

HOME, OUTSIDE = "10.1.0.0/16", "203.0.113.9"
AT_HOME = "10.1.2.3"


def seen_from(till: Till, address: str) -> Till:
    """Return `till` as the server sees it behind a trusted proxy, at `address`."""
    send = till.send

    def forwarded(method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Any:
        return send(method, path, body, {**headers, "X-Forwarded-For": address})

    till.send = forwarded
    return till


def account(phone: str, policy: str, cinemas: list[Document], *, role: str = "seller") -> Staff:
    """Return a new account of `policy`."""
    ids = [cinema["_id"] for cinema in cinemas]
    identifier = create_account(
        phone=phone, name="王小琳", role=role, cinemas=ids, by=None, now=clock.now(), binding_policy=policy
    )
    return Staff(identifier, phone, role)


def log_row(answer: Any) -> Document:
    """Return the login log that the reference of `answer` leads to."""
    row = collection("loginLogs").find_one({"reference": answer.json()["reference"]})
    assert row is not None
    return row


def device_of(staff: Staff) -> Document | None:
    """Return the machine that the account is bound to."""
    device: Document | None = collection("users").find_one({"_id": staff.id})["device"]
    return device


def rows_of(staff: Staff) -> list[str]:
    """Return the states of the account's bindings, the newest first."""
    return [row["state"] for row in collection("deviceBindings").find({"user": staff.id}).sort("_id", -1)]
