"""Who may do what, as one table over every address: an address without a row fails."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import get_resolver

from backend.accounts.roles import ROLES
from backend.core.mongo import collection
from tests.factories import make_cinema, make_staff

SOME_ID = "0123456789abcdef01234567"
PASSWORD = "quite-a-long-password-1"
EVERYONE = set(ROLES)
TILLS = {"seller", "checker", "supervisor"}
MANAGERS = {"manager", "chain_manager"}
SELLERS = {"seller", "supervisor"}
LOOKERS = MANAGERS | {"auditor"}
OFFICE = LOOKERS | {"ops"}
OPEN = "open"

# Method and address to the roles that it admits: they get anything but 401 and 403, which all others get.
API: dict[tuple[str, str], Any] = {
    ("POST", "login"): OPEN,
    ("POST", "token/refresh"): OPEN,
    ("GET", "client/latest"): OPEN,
    ("GET", "session"): EVERYONE,
    ("POST", "web-session"): EVERYONE,
    ("POST", "logout"): EVERYONE,
    ("GET", "users"): LOOKERS,
    ("POST", "users"): MANAGERS,
    ("GET", "users/<str:user>"): LOOKERS,
    ("PATCH", "users/<str:user>"): MANAGERS,
    ("POST", "users/<str:user>/unbind-device"): MANAGERS,
    ("POST", "users/<str:user>/open-binding-window"): MANAGERS,
    ("GET", "device-bindings"): OFFICE,
    ("POST", "device-bindings/<str:binding>/revoke"): MANAGERS,
    ("GET", "sessions"): OFFICE,
    ("POST", "sessions/<str:session>/revoke"): MANAGERS,
    ("GET", "login-logs"): OFFICE,
    ("GET", "security-logs"): OFFICE,
    ("GET", "showtimes"): TILLS | LOOKERS,
    ("GET", "showtimes/<str:showtime>/seat-map"): TILLS | LOOKERS,
    ("GET", "orders"): TILLS | LOOKERS,
    ("POST", "orders"): SELLERS,
    ("GET", "orders/<str:order>"): TILLS | LOOKERS,
    ("POST", "orders/<str:order>/pay"): SELLERS,
    ("POST", "orders/<str:order>/cancel"): SELLERS,
}
# The back office: the roles that may open each list, and each form for something new.
ADMIN = {
    "audit/loginlog": (OFFICE, set()),
    "audit/securitylog": (OFFICE, set()),
    "audit/change": (OFFICE, set()),
    "accounts/user": (LOOKERS, MANAGERS),
    "accounts/devicebinding": (OFFICE, set()),
    "accounts/staffsession": (OFFICE, set()),
    "venues/cinema": (LOOKERS, {"chain_manager"}),
    "venues/hall": (LOOKERS, {"chain_manager"}),
    "programme/film": (LOOKERS, MANAGERS),
    "programme/showtime": (LOOKERS, MANAGERS),
    "boxoffice/order": (LOOKERS, set()),
}
# Screens by their view's declared permission; tests/screens shows that nobody enters without a session.
SCREENS = {
    "": "boxoffice.view_showtimes",
    "language": "boxoffice.view_showtimes",
    "display": "boxoffice.view_showtimes",
    "showtimes/<str:showtime_id>/": "boxoffice.sell",
    "showtimes/<str:showtime_id>/seat-map": "boxoffice.sell",
    "showtimes/<str:showtime_id>/panel": "boxoffice.sell",
    "showtimes/<str:showtime_id>/hold": "boxoffice.sell",
    "orders/": "boxoffice.view_orders",
    "orders/<str:order_id>/": "boxoffice.view_orders",
    "orders/<str:order_id>/sell": "boxoffice.sell",
    "orders/<str:order_id>/panel": "boxoffice.sell",
    "orders/<str:order_id>/pay": "boxoffice.sell",
    "orders/<str:order_id>/pay-step": "boxoffice.sell",
    "orders/<str:order_id>/cancel": "boxoffice.sell",
    "orders/<str:order_id>/release": "boxoffice.sell",
    "orders/<str:order_id>/tickets": "boxoffice.sell",
}
# Judged elsewhere: the one-time address, and what Django's admin brings for those inside.
OTHERS = {
    "",
    "api/schema/",
    "api/docs/",
    "till/enter/<str:code>/",
    *(f"admin/{name}/" for name in ("login", "logout", "password_change", "password_change/done", "autocomplete")),
    "admin/",
    "admin/jsi18n/",
    "admin/r/<path:content_type_id>/<path:object_id>/",
}
PAGES_OF_A_MODEL = ("", "add/", *(f"<path:object_id>/{page}" for page in ("", "history/", "delete/", "change/")))


def addresses(patterns: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Every address of the server with its view."""
    for pattern in patterns:
        here = before + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            yield from addresses(pattern.url_patterns, here)
        else:
            yield here, pattern.callback


ALL = dict(addresses(get_resolver().url_patterns))


def test_every_address_has_its_row():
    known = OTHERS | {f"api/v2/{path}" for _method, path in API} | {f"till/{path}" for path in SCREENS}
    known |= {f"admin/{model}/{page}" for model in ADMIN for page in PAGES_OF_A_MODEL}

    assert {path for path in ALL if not path.startswith("admin/^") and path != "admin/(?P<url>.*)$"} == known


def test_every_method_of_the_api_has_its_row():
    methods = {
        (method.upper(), path.removeprefix("api/v2/"))
        for path, view in ALL.items()
        if path.startswith("api/v2/")
        for method in ("get", "post", "put", "patch", "delete")
        if hasattr(view.cls, method)
    }

    assert methods == set(API)


def filled(path: str) -> str:
    return re.sub(r"<\w+:\w+>", SOME_ID, path)


@pytest.mark.parametrize("role", sorted(ROLES))
def test_the_api_admits_exactly_its_roles(role, make_till):
    till = make_till(make_staff(role, cinemas=[make_cinema()])).log_in()
    wrong = {}
    for (method, path), roles in API.items():
        if roles == OPEN or path == "logout":
            continue
        answer = till.request(method, f"/api/v2/{filled(path)}", {} if method != "GET" else None)
        if (answer.status_code not in {401, 403}) != (role in roles):
            wrong[method, path] = answer.status_code

    assert wrong == {}


def test_the_api_admits_nobody_without_a_session(client, db):
    for (method, path), roles in API.items():
        answer = client.generic(method, f"/api/v2/{filled(path)}", b"{}", content_type="application/json")
        assert answer["Content-Type"] == ("application/json" if path == "client/latest" else "application/problem+json")
        if roles != OPEN:
            assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token"), path


def signed_in(role: str) -> Client:
    """A browser in the back office, as far as the role gets in."""
    client, staff = Client(), make_staff(role, cinemas=[make_cinema()], password=PASSWORD)
    client.post("/admin/login/", {"username": staff.phone, "password": PASSWORD})
    return client


@pytest.mark.parametrize("role", sorted(ROLES))
def test_the_back_office_admits_exactly_its_roles(role, db):
    client = signed_in(role)
    assert (client.get("/admin/").status_code == 200) == ROLES[role].back_office
    wrong = {}
    for model, (viewers, adders) in ADMIN.items():
        for page, roles in (("", viewers), ("add/", adders)):
            answer = client.get(f"/admin/{model}/{page}")
            if (answer.status_code == 200) != (role in roles):
                wrong[model, page] = answer.status_code

    assert wrong == {}


def test_the_back_office_sends_nobody_anything_but_its_log_in(client, db):
    for model in ADMIN:
        for page in PAGES_OF_A_MODEL:
            path = f"/admin/{model}/{filled(page)}"
            for answer in (client.get(path), client.post(path, {"x": 1})):
                assert answer.status_code == 302
                assert answer["Location"].startswith("/admin/")
    assert collection("changeLog").count_documents({}) == 0


def test_the_screens_ask_for_their_permissions():
    declared = {path: ALL[f"till/{path}"].permission_required for path in SCREENS}

    assert declared == SCREENS


@pytest.mark.parametrize("role", sorted(ROLES))
def test_the_documentation_is_for_those_who_may_read_it(role, db):
    client = signed_in(role)

    for path in ("/api/schema/", "/api/docs/"):
        assert (client.get(path).status_code == 200) == ("accounts.read_api_docs" in ROLES[role].permissions)


def test_the_documentation_is_open_in_development_alone(client, db, settings):
    assert client.get("/api/schema/").status_code == 403
    settings.DEBUG = True
    assert client.get("/api/schema/").status_code == 200
