"""The screens' session: one address, once, in the shell's own view, and only while the shell proves itself."""

from datetime import timedelta
from urllib.parse import urlsplit

import msgspec
import pytest
from bson import ObjectId
from django.test import Client

from backend.accounts import replay
from backend.core import clock
from backend.core.logs import masked
from backend.core.mongo import collection
from tests.backend.accounts.state import redis
from tests.factories import make_staff


def address(till) -> str:
    answer = till.post("/api/v2/web-session")
    assert (answer.status_code, answer.json()["expiresIn"]) == (200, 30)
    return urlsplit(answer.json()["url"]).path


@pytest.fixture
def view(till) -> Client:
    """The shell's web view, in which the screens are open."""
    client = Client()
    assert client.get(address(till)).status_code == 303
    return client


def edit(till, **changes):
    collection("staffSessions").update_one({"phone": till.phone, "endedAt": None}, {"$set": changes})
    redis().flushdb()


def test_a_one_time_address_opens_the_screens_and_leaves_no_trace(till):
    client = Client()

    answer = client.get(address(till), headers={"Sec-Fetch-Site": "none"})

    assert (answer.status_code, answer["Location"]) == (303, "/till/")
    assert "no-store" in answer["Cache-Control"]
    assert answer["Referrer-Policy"] == "no-referrer"
    cookie = client.cookies["till"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", "/")
    assert client.get("/till/").status_code == 200


def test_over_tls_the_cookie_belongs_to_this_host_alone(till, settings):
    settings.PUBLIC_ORIGIN = till.origin = "https://tickets.example.com"
    client = Client()
    client.get(address(till))

    cookie = client.cookies["__Host-till"]
    assert (cookie["secure"], cookie["domain"], cookie["path"]) == (True, "", "/")


def test_an_address_opens_once(till):
    once = address(till)

    answers = [Client().get(once) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [303, 401]
    assert answers[1]["X-Till-Ended"]


@pytest.mark.parametrize("site", ["cross-site", "same-site", "same-origin"])
def test_a_page_cannot_lead_to_it_and_the_address_stays_good(till, site):
    once = address(till)

    assert Client().get(once, headers={"Sec-Fetch-Site": site}).status_code == 401
    assert Client().get(once).status_code == 303


def test_an_address_is_good_for_thirty_seconds(till):
    once = address(till)
    edit(till, **{"web.codeUntil": clock.now() - timedelta(milliseconds=1)})

    assert Client().get(once).status_code == 401


def test_an_address_dies_with_its_session_and_with_the_next_address(till):
    first, second = address(till), address(till)
    assert Client().get(first).status_code == 401
    till.log_out()
    assert Client().get(second).status_code == 401


@pytest.mark.parametrize("code", ["x", "null", "%00", "a" * 500, '{"$gt":""}', "[$ne]"])
def test_a_guessed_address_opens_nothing(db, code):
    assert Client().get(f"/till/enter/{code}/").status_code == 401


def test_nobody_can_read_the_address_from_database_or_logs(till):
    code = address(till).split("/")[-2]

    assert code not in str(collection("staffSessions").find_one())
    assert code not in masked(f'GET /till/enter/{code}/ HTTP/1.1" 303')
    assert len(code) >= 43, "256 bits"


def test_new_screens_end_the_former(till, view):
    newer = Client()
    newer.get(address(till))

    assert [each.get("/till/").status_code for each in (view, newer)] == [401, 200]


def test_screens_die_three_minutes_after_the_shells_last_proof(till, view):
    edit(till, provenAt=clock.now() - timedelta(seconds=181))

    answer = view.get("/till/")
    assert (answer.status_code, answer["X-Till-Ended"]) == (401, "unproven")

    till.get("/api/v2/session")
    assert view.get("/till/").status_code == 200


@pytest.mark.parametrize(("change", "reason"), [({"activeAt": 1801}, "idle"), ({"expiresAt": 0}, "expired")])
def test_screens_end_with_their_idle_or_old_session(till, view, change, reason):
    ((field, seconds),) = change.items()
    edit(till, **{field: clock.now() - timedelta(seconds=seconds)})

    assert view.get("/till/")["X-Till-Ended"] == reason
    assert till.get("/api/v2/session").json()["reason"] == reason


def test_a_page_load_is_a_sign_of_life_and_a_heartbeat_is_none(till, view):
    idle = clock.now() - timedelta(minutes=20)
    edit(till, activeAt=idle)
    till.get("/api/v2/session")
    assert collection("staffSessions").find_one()["activeAt"] == idle

    view.get("/till/")

    assert collection("staffSessions").find_one()["activeAt"] > idle


def test_log_out_ends_the_screens_at_once(till, view):
    till.log_out()

    assert view.get("/till/")["X-Till-Ended"] == "logged_out"


def test_a_session_that_ended_without_a_tombstone_dies_at_its_next_mark(till, view):
    """The tombstone was lost: the copy in Redis must not be renewed for as long as it is used."""
    ended = {"endedAt": clock.now(), "endReason": "revoked"}
    till.get("/api/v2/session")
    collection("staffSessions").update_one({"phone": till.phone}, {"$set": ended})
    (key,) = redis().keys("live:*")
    redis().set(key, redis().get(key).replace(b'"proven_at":"2', b'"proven_at":"1'))

    assert till.get("/api/v2/session").json()["reason"] == "revoked"


def test_the_cookie_opens_neither_the_api_nor_the_back_office(view):
    for path in ("/api/v2/session", "/api/v2/users", "/api/v2/orders", "/api/v2/showtimes"):
        assert view.get(path).status_code == 401
    assert view.get("/admin/").status_code == 302


@pytest.mark.parametrize("value", ["", "x", "a.b", "0" * 24, "0" * 24 + ".x", "0" * 24 + ".", ".x", "é.x", "$ne.x"])
def test_a_forged_cookie_opens_nothing(db, value):
    client = Client()
    client.cookies["till"] = value

    assert client.get("/till/").status_code == 401


def test_the_secret_of_one_session_opens_no_other(till, view, cinema, make_till):
    make_till(make_staff(cinemas=[cinema])).log_in()
    other = collection("staffSessions").find_one({"phone": {"$ne": till.phone}})["_id"]
    view.cookies["till"] = f"{other}.{view.cookies['till'].value.split('.')[1]}"

    assert view.get("/till/").status_code == 401


def test_screens_at_a_second_address_are_noted_once(till, view):
    for _ in range(2):
        assert view.get("/till/", REMOTE_ADDR="192.0.2.9").status_code == 200
    assert view.get("/till/").status_code == 200

    rows = list(collection("securityLogs").find({"event": "screens_at_second_address"}))
    assert [(row["phone"], row["address"]) for row in rows] == [(till.phone, "192.0.2.9")]


def test_a_replaced_cookie_stays_dead_although_a_lagging_worker_copies_it_afterwards(till, view):
    till.get("/api/v2/session")
    (key,) = redis().keys("live:*")
    copy, session = msgspec.json.decode(redis().get(key)), key.decode().rpartition(":")[2]
    newer = Client()
    newer.get(address(till))

    replay.remember(ObjectId(session), copy)

    assert [each.get("/till/").status_code for each in (view, newer)] == [401, 200]


def test_a_copy_that_an_earlier_run_of_redis_kept_opens_no_screen(view, monkeypatch):
    """The worker has not noticed that Redis restarted, and with it went the word that the session is over."""
    view.get("/till/")
    (copy,) = redis().keys("live:*")
    _live, _run, session = copy.decode().split(":")
    collection("staffSessions").update_one(
        {"_id": ObjectId(session)}, {"$set": {"endedAt": clock.now(), "endReason": "unbound"}}
    )
    assert view.get("/till/").status_code == 200, "while the run is the same, its copy counts"

    redis().rename(copy, f"live:former:{session}")
    monkeypatch.setattr(replay.RUN, "of_redis", "former")

    assert view.get("/till/").status_code == 401
