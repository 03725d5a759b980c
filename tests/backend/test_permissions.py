"""Who may do what, as one table over every address: an address without a row fails."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import get_resolver

from backend.accounts import sessions as live
from backend.accounts.roles import ROLES
from backend.accounts.services import managing
from backend.core import clock
from backend.core.mongo import collection
from backend.core.redis import redis
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
    ("POST", "users/<str:user>/activation-code"): MANAGERS,
    ("POST", "users/<str:user>/bind-attempt"): MANAGERS,
    ("GET", "device-bindings"): OFFICE,
    ("POST", "device-bindings/<str:binding>/approve"): MANAGERS,
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
# Screens by their view's declared permission.
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


@pytest.mark.parametrize("reason", ["revoked", "disabled", "idle", "expired"])
def test_the_api_and_the_screens_admit_no_session_that_is_over(reason, make_till):
    till = make_till(make_staff("supervisor", cinemas=[make_cinema()])).log_in()
    screens = opened(till)
    end(till, reason)
    wrong = {}
    for (method, path), roles in API.items():
        if roles != OPEN:
            answer = till.request(method, f"/api/v2/{filled(path)}", {} if method != "GET" else None)
            if (answer.status_code, answer.json().get("reason")) != (401, reason):
                wrong[method, path] = answer.status_code
    for path in SCREENS:
        for answer in (screens.get(f"/till/{filled(path)}"), press(screens, path)):
            if answer.status_code != 405 and (answer.status_code, answer.get("X-Till-Ended")) != (401, reason):
                wrong[path] = answer.status_code

    assert wrong == {}


def end(till: Any, reason: str) -> None:
    """End the session of `till` as `reason` says, by whoever does such things."""
    now, sessions = clock.now(), collection("staffSessions")
    session = sessions.find_one({"phone": till.phone})
    match reason:
        case "revoked":
            live.end(session["_id"], reason="revoked", now=now)
        case "disabled":
            managing.change_account(session["user"], changes={"status": "disabled"}, by=None, now=now)
        case _:
            field, ago = {"idle": ("activeAt", 1801), "expired": ("expiresAt", 1)}[reason]
            sessions.update_one({}, {"$set": {field: now - timedelta(seconds=ago)}})
            server = redis()
            assert server is not None
            server.flushdb()


def opened(till: Any) -> Client:
    """The screens of a till."""
    client = Client()
    client.get(till.post("/api/v2/web-session").json()["url"].removeprefix(till.origin))
    return client


def press(screens: Client, path: str) -> Any:
    """Press a button of the screens, as their pages do."""
    return screens.post(f"/till/{filled(path)}", headers={"Origin": "http://testserver"})


@pytest.mark.parametrize("role", sorted(ROLES))
def test_the_screens_admit_exactly_their_roles(role, make_till):
    """One method of each address is its own; the other is refused as such, or before that for its role."""
    screens = opened(make_till(make_staff(role, cinemas=[make_cinema()])).log_in())
    admitted = set()
    for path in SCREENS:
        statuses = {screens.get(f"/till/{filled(path)}").status_code, press(screens, path).status_code} - {405}
        if statuses != {403}:
            admitted.add(path)

    assert admitted == {path for path, needed in SCREENS.items() if needed in ROLES[role].permissions}


def test_the_screens_admit_nobody_without_a_session(db):
    statuses = {
        answer.status_code
        for path in SCREENS
        for answer in (Client().get(f"/till/{filled(path)}"), press(Client(), path))
    }

    assert statuses == {401, 405}


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

    for path in ("/api/schema/", "/api/docs/", "/api/docs/?script="):
        assert (client.get(path).status_code == 200) == ("accounts.read_api_docs" in ROLES[role].permissions)


@pytest.mark.parametrize(
    ("path", "policy"),
    [
        ("/till/", "default-src 'self';"),
        ("/till/nowhere/", "default-src 'self';"),
        ("/admin/", "default-src 'self';"),
        ("/admin/login/", "default-src 'self';"),
        ("/api/docs/", "default-src 'self';"),
        ("/api/v2/client/latest", "default-src 'none';"),
        ("/api/v2/orders", "default-src 'none';"),
        ("/", "default-src 'none';"),
        ("/nowhere", "default-src 'none';"),
    ],
)
def test_every_answer_says_what_the_browser_may_do_with_it(client, db, path, policy):
    said = client.get(path)["Content-Security-Policy"]

    assert said.startswith(policy)
    assert "frame-ancestors 'none'" in said
    assert ("unsafe" in said) == (path == "/api/docs/")  # Swagger UI's styles


def test_the_documentation_is_open_in_development_alone(client, db, settings):
    assert client.get("/api/schema/").status_code == 403
    settings.DEBUG = True
    assert client.get("/api/schema/").status_code == 200
