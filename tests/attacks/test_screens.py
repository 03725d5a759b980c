"""The screens' address and cookie: worth nothing twice, elsewhere, from a foreign page or without the shell."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import get_resolver

from backend.accounts import web
from backend.core import clock
from backend.core.mongo import collection
from backend.core.redis import redis
from tests.backend.test_permissions import SOME_ID, addresses
from tests.factories import make_cinema, make_staff
from tests.support.till import Till

ORIGIN = "http://testserver"
EVIL = "https://evil.example"
FOREIGN_ORIGINS = [
    None, "null", "", EVIL, "https://testserver", "http://testserver:8080", "http://testserver.evil.example",
    "http://evil.example/http://testserver", "http://TESTSERVER.", "http://testserver, http://evil.example",
]  # fmt: skip
REDIRECTS = [
    EVIL, "//evil.example", "/\\evil.example", "/till/../../evil", "javascript:alert(1)", "/till/\r\nX-Evil: 1",
    "https:evil.example",
]  # fmt: skip
HOSTS = ["evil.example", "testserver.evil.example", "testserver@evil.example", "evil.example:80"]


@pytest.fixture
def till(db: None, make_till: Any) -> Till:
    """A supervisor's till, whose screens may do everything that screens do."""
    logged_in: Till = make_till(make_staff("supervisor", cinemas=[make_cinema()])).log_in()
    return logged_in


def address(till: Till) -> str:
    """Ask for a one-time address and return its path."""
    path: str = till.post("/api/v2/web-session").json()["url"].removeprefix(till.origin)
    return path


def enter(till: Till, client: Client | None = None) -> Client:
    """Open the screens."""
    client = client or Client(enforce_csrf_checks=True)
    assert client.get(address(till)).status_code == 303
    return client


def outcome(client: Client, path: str = "/till/") -> str:
    """Return `ok`, or why the screens are over."""
    answer = client.get(path)
    return "ok" if answer.status_code == 200 else answer["X-Till-Ended"]


# --- the one-time address ---------------------------------------------------------------------------
def test_an_address_that_was_seen_is_worth_nothing_to_who_comes_second(till: Till) -> None:
    seen, thief = address(till), Client()
    assert Client().get(seen).status_code == 303

    answer = thief.get(seen)

    assert (answer.status_code, answer.cookies) == (401, {})
    assert outcome(thief) == "unknown"


def test_opened_twice_at_once_it_sets_one_cookie(gunicorn: Any, make_till: Any) -> None:
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - here alone

    origin = gunicorn(3)
    till = make_till(make_staff(cinemas=[make_cinema()]), origin=origin).log_in()
    for _ in range(3):
        once = address(till)
        browsers = [make_till("13700000000", origin=origin) for _ in range(6)]
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda each, path=once: each.send("GET", path, None, {}), browsers))
        assert sorted(answer.status_code for answer in answers) == [303] + [401] * 5
        assert sum("Set-Cookie" in answer.headers for answer in answers) == 1


@pytest.mark.parametrize("site", ["cross-site", "same-site", "same-origin", "", "none, none", "NONE"])
def test_no_page_leads_to_it(till: Till, site: str) -> None:
    answer = Client().get(address(till), headers={"Sec-Fetch-Site": site})

    assert (answer.status_code, answer.cookies) == (401, {})


def test_neither_a_foreign_method_nor_thirty_seconds_open_it(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    late = address(till)
    assert [getattr(Client(), method)(late).status_code for method in ("post", "put", "delete")] == [405] * 3
    after = clock.now() + timedelta(seconds=30)
    monkeypatch.setattr(clock, "now", lambda: after)

    assert Client().get(late).status_code == 401


def test_a_planted_cookie_is_not_taken_up(till: Till) -> None:
    """Fixation: what the thief put there before, his own live session too, is replaced by a fresh secret."""
    planted = enter(till).cookies["till"].value
    victim = Client()
    victim.cookies["till"] = planted
    enter(till, victim)

    assert victim.cookies["till"].value != planted
    thief = Client()
    thief.cookies["till"] = planted
    assert (outcome(victim), outcome(thief)) == ("ok", "unknown")


# --- the cookie elsewhere ---------------------------------------------------------------------------
def stolen(till: Till) -> Client:
    """The cookie in a browser of another machine."""
    thief = Client()
    thief.cookies["till"] = enter(till).cookies["till"].value
    return thief


def without_a_heartbeat(seconds: float) -> None:
    """Let the shell have been silent for so long."""
    collection("staffSessions").update_many({}, {"$set": {"provenAt": clock.now() - timedelta(seconds=seconds)}})
    server = redis()
    assert server is not None
    server.flushdb()


def test_a_cookie_on_another_machine_is_dead_without_the_shells_heartbeat(till: Till) -> None:
    thief = stolen(till)

    without_a_heartbeat(180)

    assert outcome(thief) == "unproven"


def test_the_control_without_the_three_minutes_it_would_live_on(till: Till, settings: Any) -> None:
    thief = stolen(till)
    settings.WEB_SESSION_PROOF_SECONDS = 24 * 3600

    without_a_heartbeat(180)

    assert outcome(thief) == "ok"


def test_a_stolen_cookie_keeps_itself_alive_by_nothing_that_it_does(till: Till) -> None:
    thief = stolen(till)
    without_a_heartbeat(100)
    proven = collection("staffSessions").find_one()["provenAt"]
    for path in ("/till/", "/till/orders/"):
        assert thief.get(path).status_code == 200
        thief.post("/till/language", {"language": "en"}, headers={"Origin": ORIGIN})

    assert collection("staffSessions").find_one()["provenAt"] == proven


def test_opening_the_screens_anew_throws_the_thief_out(till: Till) -> None:
    thief = stolen(till)

    enter(till)

    assert outcome(thief) == "unknown"


# --- forms ------------------------------------------------------------------------------------------
FORMS = [
    re.sub(r"<str:\w+>", SOME_ID, path)
    for path, view in addresses(get_resolver().url_patterns)
    if path.startswith("till/") and not path.startswith("till/enter/")
]


def token_of(client: Client) -> str:
    """Return the CSRF token that the screens' pages carry."""
    page = client.get("/till/").content.decode()
    found = re.search(
        r'csrfmiddlewaretoken" value="(\w+)"|X-CSRFToken&quot;: ?&quot;(\w+)|"X-CSRFToken": ?"(\w+)"', page
    )
    assert found, page[:2000]
    return next(group for group in found.groups() if group)


def press(client: Client, path: str, *, origin: str | None, token: str) -> HttpResponse:
    """Press a button, as a page of `origin` does."""
    headers = {"Origin": origin} if origin is not None else {}
    answer: Any = client.post(f"/{path}", {"csrfmiddlewaretoken": token} if token else {}, headers=headers)
    return answer


def test_every_form_refuses_a_foreign_page_and_a_missing_token(till: Till) -> None:
    client = enter(till)
    token = token_of(client)
    taken, tried = [], 0
    for path in FORMS:
        if press(client, path, origin=ORIGIN, token=token).status_code in {403, 405}:
            continue  # takes no POST
        tried += 1
        statuses = {press(client, path, origin=origin, token=token).status_code for origin in FOREIGN_ORIGINS}
        statuses |= {
            press(client, path, origin=ORIGIN, token=wrong).status_code for wrong in ("", "x" * 64, token[::-1])
        }
        if statuses != {403}:
            taken.append((path, statuses))

    assert taken == []
    assert tried >= 5


def test_without_the_origins_guard_a_page_that_has_a_token_would_be_believed(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control. Django lets a POST without `Origin` pass on plain HTTP; ours does not."""
    client = enter(till)
    token = token_of(client)
    assert press(client, "till/language", origin=None, token=token).status_code == 403
    monkeypatch.setattr(web, "_same_origin", lambda _request: True)

    assert press(client, "till/language", origin=None, token=token).status_code == 303


def test_no_unsafe_method_gets_round_the_forms(till: Till) -> None:
    client = enter(till)
    for path in FORMS:
        for method in ("put", "patch", "delete"):
            answer = getattr(client, method)(f"/{path}", headers={"Origin": ORIGIN})
            assert answer.status_code in {403, 405}, (method, path)
        for disguise in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
            assert client.get(f"/{path}", headers={disguise: "POST"}).status_code in {200, 303, 404, 405}, path


# --- redirects and hosts ----------------------------------------------------------------------------
def test_no_answer_leads_away(till: Till) -> None:
    client = enter(till)
    token = token_of(client)
    led = []
    for wanted in REDIRECTS:
        names = dict.fromkeys(("next", "url", "return", "redirect", "to"), wanted)
        answers = [client.get(address(till), names, headers={"Referer": EVIL})]
        answers += [client.get(f"/{path}", names, headers={"Referer": EVIL}) for path in ["", "admin/", *FORMS]]
        for path in ("till/language", "till/display"):
            form = {**names, "csrfmiddlewaretoken": token_of(client)}
            answers.append(client.post(f"/{path}", form, headers={"Origin": ORIGIN, "Referer": EVIL}))
        answers += [Client().get(path) for path in ("//evil.example/till/", "//evil.example/till", "/\\evil.example")]
        led += [
            (wanted, location)
            for answer in answers
            if (location := answer.get("Location", "/")) and not re.match(r"/(?![/\\])", location)
        ]
    assert token
    assert led == []


@pytest.mark.parametrize(
    "host", ["evil.example", "testserver.evil.example", "testserver@evil.example", "evil.example:80"]
)
def test_a_made_up_host_is_refused_everywhere(till: Till, host: str) -> None:
    for path in (
        "/",
        "/admin/login/",
        "/till/",
        "/api/v2/client/latest",
        "/api/docs/",
        *("/" + path for path in FORMS),
    ):
        assert Client().get(path, headers={"Host": host}).status_code == 400, path


def test_addresses_are_made_from_the_setting_and_never_from_the_request(till: Till, settings: Any) -> None:
    settings.PUBLIC_ORIGIN = till.origin = "https://tickets.example.com"
    lies = {
        "Host": "localhost",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "http",
        "Forwarded": "host=evil.example",
    }

    answer = till.post("/api/v2/web-session", headers=lies)

    assert answer.json()["url"].startswith("https://tickets.example.com/till/enter/")
    listed = till.get("/api/v2/orders?limit=1", headers=lies).content
    assert b"evil.example" not in listed
    assert b"localhost" not in listed
