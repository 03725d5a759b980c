"""Nobody enters the screens without a live session, and no foreign page presses their buttons."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import URLPattern

from backend.accounts import sessions
from backend.core import clock
from backend.core.mongo import collection
from backend.core.redis import redis
from backend.screens.urls import urlpatterns

SOME_ID = "0123456789abcdef01234567"
INLINE = re.compile(
    r"<script(?![^>]*(?:\bsrc=|application/json))|<style|\sstyle=|\son[a-z]+=|hx-on|javascript:", re.IGNORECASE
)


def path_of(pattern: URLPattern) -> str:
    return "/till/" + re.sub(r"<str:\w+>", SOME_ID, str(pattern.pattern))


@pytest.mark.parametrize("pattern", urlpatterns, ids=lambda pattern: pattern.name)
def test_every_address_names_its_permission_and_refuses_strangers(db, pattern):
    client = Client()

    answers = [client.get(path_of(pattern)), client.post(path_of(pattern))]

    assert pattern.callback.permission_required
    assert {answer.status_code for answer in answers} <= {401, 405}
    over = next(answer for answer in answers if answer.status_code == 401)
    assert '<meta name="till-ended" content="session_revoked"' in over.content.decode()
    assert over["X-Till-Ended"]


def test_a_session_that_a_manager_ended_is_over_for_the_screens_at_once(screen, showtime):
    assert screen.get("/till/").status_code == 200
    screen.till.log_out()

    answer = screen.get("/till/")

    assert answer.status_code == 401
    assert "till-ended" in answer.content.decode()


def test_a_press_from_a_foreign_page_is_refused(screen, showtime):
    path = f"/till/showtimes/{showtime['_id']}/hold"

    foreign = screen.client.post(path, {"size": 1}, headers={"Origin": "https://elsewhere.example"})
    without = screen.client.post(path, {"size": 1})

    assert (foreign.status_code, without.status_code) == (403, 403)
    assert collection("orders").count_documents({}) == 0


def test_a_press_without_the_csrf_token_is_refused(screen, showtime):
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = screen.client.cookies

    answer = strict.post(
        f"/till/showtimes/{showtime['_id']}/hold", {"size": 1}, headers={"Origin": "http://testserver"}
    )

    assert answer.status_code == 403
    assert collection("orders").count_documents({}) == 0


def test_every_page_has_the_strict_policy_and_nothing_inline(screen, showtime):
    order = screen.order(screen.hold(showtime, seats="2-2,2-3"))
    paid = screen.till.sell(showtime, "1-1")
    pages = [
        "/till/",
        "/till/?view=time",
        f"/till/showtimes/{showtime['_id']}/",
        f"/till/orders/{order}/panel",
        f"/till/orders/{order}/pay-step",
        f"/till/orders/{order}/pay-step?method=card",
        f"/till/orders/{paid['id']}/panel",
        "/till/orders/",
        f"/till/orders/{paid['id']}/",
        f"/till/orders/{paid['id']}/tickets",
        f"/till/showtimes/{SOME_ID}/",
    ]
    for page in pages:
        answer = screen.get(page)
        policy = answer["Content-Security-Policy"]
        assert "default-src 'self'" in policy, page
        assert "frame-ancestors 'none'" in policy, page
        assert "unsafe" not in policy, page
        assert not (found := INLINE.search(answer.content.decode())), (page, found)


def test_a_poll_is_no_sign_of_life_and_a_page_is(screen, showtime):
    kept, connection = collection("staffSessions"), redis()
    assert connection is not None
    long_ago = clock.now() - timedelta(minutes=10)
    kept.update_one({}, {"$set": {"activeAt": long_ago}})
    connection.flushdb()

    assert screen.get(f"/till/showtimes/{showtime['_id']}/seat-map").status_code == 200
    assert kept.count_documents({"activeAt": long_ago}) == 1

    screen.get("/till/")
    assert kept.count_documents({"activeAt": {"$gt": long_ago}}) == 1


@pytest.mark.parametrize(
    ("reason", "who"),
    [
        ("unbound", "Whoever logs in next on this machine, or a supervisor"),
        ("disabled", "Whoever logs in next on this machine, or a supervisor"),
        ("idle", "Log in again to go on with them."),
    ],
)
def test_the_page_of_an_ended_session_says_who_can_go_on_with_the_holds(screen, reason, who):
    [session] = collection("staffSessions").find({})
    sessions.end(session["_id"], reason=reason, now=clock.now())

    page = screen.get("/till/").content.decode()

    assert f'data-reason="{reason}"' in page
    assert who in page
    assert page.count("go on with them") == 1
