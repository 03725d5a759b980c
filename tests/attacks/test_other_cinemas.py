"""What another cinema has is absent: for every address with an id in it, every list, every screen and admin page."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bson import ObjectId
from django.apps import apps
from django.contrib import admin
from django.test import Client

from backend.accounts.roles import ROLES
from backend.core import clock
from backend.core.mongo import collection
from backend.programme.services import schedule_showtime
from tests.backend.test_permissions import ADMIN, API, OPEN, PASSWORD, SCREENS, SOME_ID, opened
from tests.factories import make_staff
from tests.support.chain import PRICES, Chain, actor, build_chain, soon
from tests.support.till import Till

PARAMETER = re.compile(r"<str:(\w+)>")
ROLES_OF_A_CINEMA = sorted(role for role in ROLES if role not in {"chain_manager", "ops"})
# The whole chain's: a cinema sees them all.
SHARED = {"programme/film"}
Ids = dict[str, str]
SELLERS = ["13900000071", "13900000072"]
# What an operation asks for before it looks at whose it is.
BODIES: dict[str, Callable[[Ids], dict[str, Any]]] = {
    "pay": lambda _theirs: {"method": "cash"},
    "bind-attempt": lambda theirs: {"reference": theirs["reference"]},
}
FORM = {"size": 1, "method": "cash", "tendered": "999"}


class World:
    """Two cinemas in which the same things happened. `here` and `there` name what each has, by kind."""

    def __init__(self, make_till: Any) -> None:
        self.chain: Chain = build_chain()
        self.make_till = make_till
        self.here = self._lived_in(self.chain.cinema, self.chain.hall, SELLERS[0])
        self.there = self._lived_in(self.chain.elsewhere, self.chain.hall_elsewhere, SELLERS[1])

    def _lived_in(self, cinema: ObjectId, hall: ObjectId, phone: str) -> Ids:
        by = actor("chain_manager", phone="13900000099")
        showtime = schedule_showtime(
            film=self.chain.film, hall=hall, starts_at=soon(30), prices=PRICES, by=by, now=clock.now()
        )
        seller = make_staff(phone=phone, cinemas=[{"_id": cinema}])
        till = self.make_till(seller).log_in()
        order = till.hold(showtime, "5-5")
        bound = {"user": seller.id}
        return {
            "cinema": str(cinema),
            "hall": str(hall),
            "user": str(seller.id),
            "phone": seller.phone,
            "machineCode": till.machine_code,
            "reference": collection("loginLogs").find_one({"phone": phone})["reference"],
            "showtime": str(showtime),
            "order": order["id"],
            "number": order["number"],
            "binding": (row := str(collection("deviceBindings").find_one(bound)["_id"])),
            "row": row,  # the same, where it may be one that waits
            "session": str(collection("staffSessions").find_one(bound)["_id"]),
        }

    def till(self, role: str) -> Till:
        """Log somebody of the first cinema in."""
        logged_in: Till = self.make_till(make_staff(role, cinemas=[{"_id": self.chain.cinema}])).log_in()
        return logged_in


@pytest.fixture
def world(db: None, make_till: Any) -> World:
    return World(make_till)


def with_ids(path: str, ids: Ids) -> str:
    """Fill `path`; a parameter that no kind is known for fails here, so that a new one is thought of."""
    return PARAMETER.sub(lambda match: ids[match[1].removesuffix("_id")], path)


def about_one_thing() -> Iterator[tuple[str, str, set[str]]]:
    for (method, path), roles in API.items():
        if PARAMETER.search(path) and roles != OPEN:
            yield method, path, roles


def content(answer: Any) -> dict[str, Any]:
    return {name: value for name, value in answer.json().items() if name != "requestId"}


def test_an_id_of_another_cinema_answers_like_one_that_nothing_has(world: World) -> None:
    wrong = {}
    nothing = dict.fromkeys(world.there, SOME_ID)
    before = snapshot()
    for role in ROLES_OF_A_CINEMA:
        till = world.till(role)
        for method, path, roles in about_one_thing():
            if role not in roles:
                continue
            sent = None if method == "GET" else BODIES.get(path.rpartition("/")[2], lambda _: {})(world.there)
            theirs, absent = (
                till.request(method, f"/api/v2/{with_ids(path, ids)}", sent) for ids in (world.there, nothing)
            )
            if (theirs.status_code, content(theirs)) != (404, content(absent)):
                wrong[role, method, path] = theirs.status_code

    assert wrong == {}
    assert snapshot() == before


def snapshot() -> dict[str, Any]:
    """What another cinema's people and sales are: no call from here may change it."""
    kept = {name: list(collection(name).find().sort("_id")) for name in ("orders", "seatMaps", "halls", "showtimes")}
    devices = {each["_id"]: each["device"] for each in collection("users").find({"phone": {"$in": SELLERS}})}
    return {**kept, "devices": devices, "revoked": collection("deviceBindings").count_documents({"state": "revoked"})}


def test_the_same_addresses_are_there_for_ones_own_cinema(world: World) -> None:
    """The control: the ids are right, it is the cinema that hides them."""
    reached = {
        (path, role)
        for role in ("manager", "supervisor")
        for method, path, roles in about_one_thing()
        if role in roles and method == "GET"
        if world.till(role).get(f"/api/v2/{with_ids(path, world.here)}").status_code == 200
    }

    assert {path for path, _role in reached} == {path for method, path, _roles in about_one_thing() if method == "GET"}


def test_no_list_shows_anything_of_another_cinema(world: World) -> None:
    wrong = []
    for role in ROLES_OF_A_CINEMA:
        till = world.till(role)
        for (method, path), roles in API.items():
            if method != "GET" or PARAMETER.search(path) or roles == OPEN or role not in roles:
                continue
            queries = ["", *(f"?{name}={world.there[name]}" for name in ("cinema", "phone", "machineCode", "number"))]
            for query in queries:
                answer = till.get(f"/api/v2/{path}{query}")
                shown = json.dumps(answer.json().get("results", answer.json()), ensure_ascii=False)
                wrong += [(role, path, query, kind) for kind, value in world.there.items() if value in shown]

    assert wrong == []


def test_an_id_of_another_cinema_in_a_body_reaches_nothing(world: World) -> None:
    seller, manager = world.till("seller"), world.till("manager")
    before = snapshot()
    order = {"showtime": world.there["showtime"], "seats": [{"seat": "6-6", "ticketType": "adult"}]}
    assert seller.post("/api/v2/orders", order).status_code == 404
    person = {"phone": "13811110000", "name": "王小琳", "role": "seller"}
    for cinemas in ([world.there["cinema"]], [world.here["cinema"], world.there["cinema"]], []):
        assert manager.post("/api/v2/users", {**person, "cinemas": cinemas}).status_code == 403
        assert manager.patch(f"/api/v2/users/{world.here['user']}", {"cinemas": cinemas}).status_code == 403

    assert snapshot() == before
    assert collection("users").count_documents({"phone": "13811110000"}) == 0


def test_screens_of_another_cinemas_things_are_screens_of_nothing(world: World) -> None:
    wrong = {}
    before = snapshot()
    for role in ("seller", "checker", "supervisor", "manager", "auditor"):
        screens = opened(world.till(role))
        for path in SCREENS:
            if not PARAMETER.search(path) or SCREENS[path] not in ROLES[role].permissions:
                continue
            statuses = set()
            for ids in (world.there, dict.fromkeys(world.there, SOME_ID)):
                address, origin = f"/till/{with_ids(path, ids)}", {"Origin": "http://testserver"}
                for answer in (
                    screens.get(address),
                    screens.post(address, FORM, headers=origin),
                ):
                    statuses.add(answer.status_code)
                    assert not any(
                        value in answer.content.decode() for value in (world.there["phone"], world.there["number"])
                    )
            if statuses != {404, 405}:
                wrong[role, path] = statuses

    assert wrong == {}
    assert snapshot() == before


def rows(model: str, cinema: ObjectId) -> list[str]:
    """The ids of what `cinema` alone has in the list of `model`."""
    label, name = model.split("/")
    found = collection(apps.get_model(label, name)._meta.db_table)
    if name == "cinema":
        return [str(cinema)]
    return [str(each["_id"]) for each in found.find({"$or": [{"cinemas": [cinema]}, {"cinema": cinema}]})]


@pytest.mark.parametrize("role", [role for role in ROLES_OF_A_CINEMA if ROLES[role].back_office])
def test_the_back_office_shows_nothing_of_another_cinema(world: World, role: str) -> None:
    client = Client()
    staff = make_staff(role, cinemas=[{"_id": world.chain.cinema}], password=PASSWORD)
    client.post("/admin/login/", {"username": staff.phone, "password": PASSWORD})
    wrong = {}
    for model, (viewers, _adders) in ADMIN.items():
        if role not in viewers or model in SHARED:
            continue
        ours, theirs = rows(model, world.chain.cinema), rows(model, world.chain.elsewhere)
        assert ours, model
        assert theirs, model
        listed = client.get(f"/admin/{model}/").content.decode()
        pages = {
            page: client.get(f"/admin/{model}/{theirs[0]}/{page}").status_code
            for page in ("change/", "history/", "delete/")
        }
        own = client.get(f"/admin/{model}/{ours[0]}/change/").status_code
        leaks = [identifier for identifier in theirs if identifier in listed]
        if leaks or own != 200 or not set(pages.values()) <= {302, 403, 404}:
            wrong[model] = (leaks, own, pages)

    assert wrong == {}


def test_every_admin_page_is_in_the_table() -> None:
    """The registry, not the table, says what there is."""
    registered = {f"{model._meta.app_label}/{model._meta.model_name}" for model in admin.site._registry}

    assert registered == set(ADMIN)


def test_no_form_or_action_of_the_back_office_changes_another_cinema(world: World) -> None:
    client = Client()
    staff = make_staff("manager", cinemas=[{"_id": world.chain.cinema}], password=PASSWORD)
    client.post("/admin/login/", {"username": staff.phone, "password": PASSWORD})
    before, changes = snapshot(), collection("changeLog").count_documents({})
    for model in ADMIN.keys() - SHARED:
        label, name = model.split("/")
        theirs = rows(model, world.chain.elsewhere)
        for action in admin.site._registry[apps.get_model(label, name)].actions or ():
            called = action if isinstance(action, str) else action.__name__
            client.post(f"/admin/{model}/", {"action": called, "_selected_action": theirs, "index": "0"})
        for page in ("change/", "delete/"):
            form = {"name": "Ours now", "role": "checker", "status": "disabled", "post": "yes"}
            client.post(f"/admin/{model}/{theirs[0]}/{page}", {**form, "cinemas": [str(world.chain.cinema)]})

    assert snapshot() == before
    assert collection("changeLog").count_documents({}) == changes
