"""A dishonest manager: by no door does he rise, reach past his cinemas, or act as somebody else."""

import itertools
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from backend.accounts.services import managing
from backend.core import clock
from backend.core.mongo import collection
from tests.backend.test_permissions import ADMIN, PASSWORD
from tests.factories import Staff, make_cinema, make_staff
from tests.support.till import Till

USERS = "/api/v2/users"
FORMS = "/admin/accounts/user/"
LOOKUPS = ("", "__startswith", "__regex", "__gt", "__in")
SECRETS = ("password", "account__activation_code__digest", "web__cookie", "web__code", "rotation_key")


class Manager:
    """A cinema's manager at both doors, and those above, beside and below him."""

    def __init__(self, make_till: Any) -> None:
        self.cinema, self.elsewhere = make_cinema(), make_cinema()
        self.him = make_staff("manager", cinemas=[self.cinema], password=PASSWORD)
        self.beside = make_staff("manager", cinemas=[self.cinema], password=PASSWORD)
        self.above = make_staff("chain_manager", password=PASSWORD)
        self.below = make_staff(cinemas=[self.cinema])
        self.till: Till = make_till(self.him).log_in()
        self.office = Client()
        self.office.post("/admin/login/", {"username": self.him.phone, "password": PASSWORD})
        assert self.office.get("/admin/").status_code == 200

    def form(self, **changes: Any) -> dict[str, Any]:
        """Return what the form of an account sends."""
        fields = {"name": "x", "role": "seller", "cinemas": [str(self.cinema["_id"])], "status": "active"}
        return {**fields, "binding_policy": "window", **changes}


@pytest.fixture
def manager(db: None, make_till: Any) -> Manager:
    return Manager(make_till)


def accounts(*wanted: Staff) -> list[Any]:
    """What nobody but those above may change of these accounts."""
    names = ("role", "cinemas", "device", "account", "password", "name")
    found = (collection("users").find_one({"_id": each.id}, list(names)) for each in wanted)
    return list(found)


def test_he_changes_neither_himself_nor_his_like_nor_those_above(manager: Manager) -> None:
    untouchable = (manager.him, manager.beside, manager.above)
    before, people = accounts(*untouchable), collection("users").count_documents({})
    bodies: list[dict[str, Any]] = [
        {"role": "chain_manager"},
        {"role": "seller"},
        {"cinemas": []},
        {"status": "disabled"},
        {"name": "x"},
    ]
    bodies += [{"cinemas": [str(manager.elsewhere["_id"])]}]
    calls = ("unbind-device", "open-binding-window", "activation-code")

    statuses = set()
    for someone in untouchable:
        statuses |= {manager.till.patch(f"{USERS}/{someone.id}", body).status_code for body in bodies}
        statuses |= {manager.till.post(f"{USERS}/{someone.id}/{call}").status_code for call in calls}
        for changes in ({"role": "chain_manager"}, {"cinemas": ()}, {"new_password": "a-password-of-his-own-1"}):
            manager.office.post(f"{FORMS}{someone.id}/change/", manager.form(**changes))
        for action in ("disable", "enable", "unbind", "open_window"):
            manager.office.post(FORMS, {"action": action, "_selected_action": [str(someone.id)], "index": "0"})

    assert statuses <= {403, 404}
    assert accounts(*untouchable) == before
    assert collection("users").count_documents({}) == people


@pytest.mark.parametrize("role", ["manager", "chain_manager", "auditor", "ops"])
def test_he_makes_nobody_his_like_or_above_himself(manager: Manager, role: str) -> None:
    before, here = accounts(manager.below), [str(manager.cinema["_id"])]
    person = {"phone": "13811112222", "name": "x", "role": role, "cinemas": here}

    assert manager.till.post(USERS, person).status_code == 403
    assert manager.till.patch(f"{USERS}/{manager.below.id}", {"role": role}).status_code == 403
    manager.office.post(f"{FORMS}add/", manager.form(phone="13811112222", role=role, new_password=PASSWORD))
    manager.office.post(f"{FORMS}{manager.below.id}/change/", manager.form(role=role))

    assert accounts(manager.below) == before
    assert collection("users").count_documents({"phone": "13811112222"}) == 0


def test_somebody_raised_while_he_writes_is_not_changed_by_him(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Judged as a seller, a manager by the time that the change arrives."""
    real = managing._check_reach

    def meanwhile(*args: Any, **kwargs: Any) -> None:
        real(*args, **kwargs)
        collection("users").update_one({"_id": manager.below.id}, {"$set": {"role": "manager"}})

    monkeypatch.setattr(managing, "_check_reach", meanwhile)

    assert manager.till.patch(f"{USERS}/{manager.below.id}", {"status": "disabled"}).status_code == 403
    assert collection("users").find_one({"_id": manager.below.id})["account"]["status"]["code"] == "active"


def test_without_the_rule_of_ranks_he_would_rise(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control."""
    monkeypatch.setattr(managing, "manageable", lambda user, **_: collection("users").find_one({"_id": user}))
    monkeypatch.setattr(managing, "_check_reach", lambda *_, **__: None)

    manager.till.patch(f"{USERS}/{manager.him.id}", {"role": "chain_manager"})

    assert collection("users").find_one({"_id": manager.him.id})["role"] == "chain_manager"


def test_what_he_was_he_is_no_longer_at_his_next_click(manager: Manager) -> None:
    managing.change_account(manager.him.id, changes={"role": "seller"}, by=None, now=clock.now())

    assert manager.office.get("/admin/").status_code == 302
    assert manager.office.get(USERS).status_code in {401, 403}
    assert manager.till.get(USERS).json()["reason"] == "changed"


def test_a_back_offices_session_is_no_till(manager: Manager) -> None:
    order = {"showtime": "0" * 24, "seats": [{"seat": "1-1", "ticketType": "adult"}]}
    for method, path, body in (
        ("get", "session", None),
        ("post", "orders", order),
        ("get", "orders", None),
        ("post", "web-session", None),
        ("post", "logout", None),
    ):
        answer = getattr(manager.office, method)(f"/api/v2/{path}", body, content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token"), path
    assert manager.office.get("/till/").status_code == 401


def test_a_page_elsewhere_makes_a_managers_browser_do_nothing(manager: Manager) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.cookies = manager.office.cookies
    before, evil = accounts(manager.below), {"Origin": "https://evil.example"}
    for headers in ({}, evil):
        person = {"phone": "13811112222", "name": "x", "role": "seller", "cinemas": [str(manager.cinema["_id"])]}
        made = browser.post(USERS, person, content_type="application/json", headers=headers)
        assert made.status_code == 403
        assert browser.post(f"{FORMS}add/", manager.form(phone="13811112222"), headers=headers).status_code == 403
        action = {"action": "disable", "_selected_action": [str(manager.below.id)]}
        assert browser.post(FORMS, action, headers=headers).status_code == 403

    assert accounts(manager.below) == before
    assert collection("users").count_documents({"phone": "13811112222"}) == 0


@pytest.mark.parametrize("model", sorted(ADMIN))
def test_no_lookup_in_an_address_tells_what_a_list_does_not_show(manager: Manager, model: str) -> None:
    """A filter by `password__startswith` would give a hash away letter by letter."""
    for field, lookup in itertools.product(SECRETS, LOOKUPS):
        answers = [
            manager.office.get(f"/admin/{model}/?{urlencode({field + lookup: value})}") for value in ("md5", "zzz")
        ]
        assert {answer.status_code for answer in answers} <= {302, 400, 403}, (field, lookup)
        assert len({answer.get("Location") for answer in answers}) == 1, (field, lookup)
