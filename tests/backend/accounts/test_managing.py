"""Managing over the API: who may create, change, bind and unbind whom, and what of it is found again."""

import base64
import itertools
from urllib.parse import urlsplit

import pytest
from bson import ObjectId, Regex, encode

from backend.core.mongo import collection
from tests.backend.accounts.state import redis
from tests.factories import make_cinema, make_staff

USERS = "/api/v2/users"
NEW = "13811112222"


def below(path: str) -> str:
    """The path and query of an absolute address."""
    parts = urlsplit(path)
    return f"{parts.path}?{parts.query}"


def new(cinema, **changes):
    return {"phone": NEW, "name": "王小琳", "role": "seller", "cinemas": [str(cinema["_id"])], **changes}


def test_a_manager_creates_a_seller_who_can_log_in_at_once(managing, cinema, make_till):
    answer = managing.post(USERS, new(cinema, phone="+86 138 1111 2222"))

    assert answer.status_code == 201, answer.content
    user = answer.json()
    assert (user["phone"], user["status"], user["device"], user["bindingPolicy"]) == (NEW, "active", None, "window")
    assert make_till(NEW).try_log_in().status_code == 200
    assert managing.get(f"{USERS}/{user['id']}").json()["device"]["machineCode"]
    assert {row["action"] for row in collection("changeLog").find({"byPhone": managing.phone})} == {"account_created"}


def test_a_phone_has_one_account(managing, cinema):
    assert [managing.post(USERS, new(cinema)).status_code for _ in range(2)] == [201, 409]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"role": "manager"}, 403),
        ({"role": "chain_manager"}, 403),
        ({"role": "auditor"}, 403),
        ({"cinemas": []}, 403),
        ({"role": "root"}, 400),
        ({"phone": "12"}, 400),
        ({"phone": {"$gt": ""}}, 400),
        ({"name": ""}, 400),
        ({"name": "a\nb"}, 400),
        ({"name": "x" * 61}, 400),
        ({"cinemas": ["x"]}, 400),
        ({"cinemas": [{"$ne": None}]}, 400),
        ({"isSuperuser": True}, 400),
        ({"bindingPolicy": "anything"}, 400),
    ],
    ids=str,
)
def test_a_manager_gives_no_more_than_he_has(managing, cinema, changes, status):
    answer = managing.post(USERS, new(cinema, **changes))

    assert answer.status_code == status, answer.content
    assert collection("users").count_documents({"phone": NEW}) == 0


def test_a_manager_gives_no_cinema_that_is_not_his(managing, cinema):
    elsewhere = make_cinema()

    assert managing.post(USERS, new(elsewhere)).status_code == 403
    both = {"cinemas": [str(cinema["_id"]), str(elsewhere["_id"])]}
    assert managing.post(USERS, new(cinema, **both)).status_code == 403


def test_a_cinema_that_is_named_twice_is_kept_once(managing, cinema):
    twice = [str(cinema["_id"])] * 2

    made = managing.post(USERS, new(cinema, cinemas=twice)).json()
    assert made["cinemas"] == twice[:1]
    assert managing.patch(f"{USERS}/{made['id']}", {"cinemas": twice}).json()["cinemas"] == twice[:1]


def test_a_chain_manager_names_no_cinema_that_does_not_exist(cinema, make_till):
    chain = make_till(make_staff("chain_manager")).log_in()

    assert chain.post(USERS, new(cinema, cinemas=[str(ObjectId())])).status_code == 422
    assert chain.post(USERS, new(cinema, role="manager")).status_code == 201


def actions(staff):
    user = f"{USERS}/{staff.id}"
    return [
        ("PATCH", user, {"name": "Another"}),
        ("PATCH", user, {"status": "disabled"}),
        ("POST", f"{user}/unbind-device", {"reason": "lost"}),
        ("POST", f"{user}/open-binding-window", None),
    ]


def test_nobody_manages_himself_or_his_like_or_those_above(managing, manager, cinema):
    beside, above = make_staff("manager", cinemas=[cinema]), make_staff("auditor", cinemas=[cinema])
    for staff in (manager, beside, above):
        for method, path, body in actions(staff):
            answer = managing.request(method, path, body)
            assert (answer.status_code, answer.json()["code"]) == (403, "not_yours_to_manage"), (staff.role, path)


def test_people_of_other_cinemas_are_absent(managing):
    elsewhere, everywhere = make_staff(cinemas=[make_cinema()]), make_staff()
    for staff in (elsewhere, everywhere):
        assert managing.get(f"{USERS}/{staff.id}").status_code == 404
        for method, path, body in actions(staff):
            assert managing.request(method, path, body).status_code == 404
    shown = {user["phone"] for user in managing.get(USERS).json()["results"]}
    assert not shown & {elsewhere.phone, everywhere.phone}


@pytest.mark.parametrize("identifier", ["x", "null", "0" * 24, "0" * 23 + "G", "%00", "[$ne]"])
def test_who_does_not_exist_is_not_found(managing, identifier):
    assert managing.get(f"{USERS}/{identifier}").status_code == 404
    assert managing.patch(f"{USERS}/{identifier}", {"name": "x"}).status_code == 404
    assert managing.post(f"/api/v2/sessions/{identifier}/revoke").status_code == 404
    assert managing.post(f"/api/v2/device-bindings/{identifier}/revoke").status_code == 404


def test_a_change_keeps_what_it_does_not_name(managing, seller):
    answer = managing.patch(f"{USERS}/{seller.id}", {"name": "李思雨"}).json()

    assert (answer["name"], answer["role"], answer["status"]) == ("李思雨", "seller", "active")


@pytest.mark.parametrize(
    ("body", "reason"),
    [({"status": "disabled"}, "disabled"), ({"role": "checker"}, "changed"), ({"status": "pending"}, "disabled")],
)
def test_a_change_of_rights_ends_the_session(managing, seller, till, body, reason):
    assert managing.patch(f"{USERS}/{seller.id}", body).status_code == 200

    assert till.get("/api/v2/session").json()["reason"] == reason


def test_a_change_of_name_ends_no_session(managing, seller, till):
    managing.patch(f"{USERS}/{seller.id}", {"name": "Another"})

    assert till.get("/api/v2/session").status_code == 200


def test_unbinding_ends_the_session_and_opens_no_window(managing, seller, till, make_till):
    for _ in range(2):
        assert managing.post(f"{USERS}/{seller.id}/unbind-device", {"reason": "lost"}).status_code == 200

    assert till.get("/api/v2/session").json()["reason"] == "unbound"
    assert till.try_log_in().json()["code"] == "login_refused"
    opened = managing.post(f"{USERS}/{seller.id}/open-binding-window")
    assert opened.json()["bindingWindowUntil"]
    assert make_till(seller).try_log_in().status_code == 200
    rows = managing.get(f"/api/v2/device-bindings?phone={seller.phone}").json()["results"]
    assert [row["state"] for row in rows] == ["active", "revoked"]


def test_a_window_replaces_no_device(managing, seller, till):
    answer = managing.post(f"{USERS}/{seller.id}/open-binding-window")

    assert (answer.status_code, answer.json()["code"]) == (409, "device_bound")


def test_a_binding_and_a_session_are_ended_by_their_own_addresses(managing, seller, till, make_till):
    (session,) = managing.get(f"/api/v2/sessions?phone={seller.phone}").json()["results"]
    assert managing.post(f"/api/v2/sessions/{session['id']}/revoke").status_code == 204
    assert till.get("/api/v2/session").json()["reason"] == "revoked"
    till.log_in()
    (binding,) = managing.get(f"/api/v2/device-bindings?phone={seller.phone}").json()["results"]
    assert managing.post(f"/api/v2/device-bindings/{binding['id']}/revoke").status_code == 204
    assert till.get("/api/v2/session").json()["reason"] == "unbound"


def test_lists_go_by_cursor_forth_and_back(managing, cinema):
    for _ in range(5):
        make_staff(cinemas=[cinema])
    pages: list[list[str]] = []
    path: str | None = f"{USERS}?limit=2"
    while path:
        answer = managing.get(path).json()
        pages.append([user["phone"] for user in answer["results"]])
        path, last = below(answer["next"]) if answer["next"] else None, answer

    assert [len(page) for page in pages] == [2, 2, 2]
    phones = list(itertools.chain(*pages))
    assert phones == sorted(phones)
    back = managing.get(below(last["previous"])).json()
    assert [user["phone"] for user in back["results"]] == pages[1]
    assert managing.get(below(back["previous"])).json()["previous"] is None


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x", "1e2", "٣", "9" * 5000])
def test_a_limit_is_between_one_and_two_hundred(managing, limit):
    assert managing.get(f"{USERS}?limit={limit}").status_code == 400


def cursor(**document):
    return base64.urlsafe_b64encode(encode(document)).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "é",
        "A" * 100,
        cursor(b=False),
        cursor(b=False, e="x"),
        cursor(b=False, e=[]),
        cursor(b=False, e=["1"]),
        cursor(b=False, e=["1", "2", "3"]),
        cursor(b=False, e=[{"$gt": ""}, "1"]),
        cursor(b=False, e=[Regex("."), ObjectId("0" * 24)]),
        cursor(b=False, e=["1", ["1"]]),
    ],
)
def test_a_made_up_cursor_is_refused(managing, text):
    answer = managing.get(f"{USERS}?cursor={text}")

    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["cursor"])


def test_a_filter_is_text_and_never_an_operator(managing, seller):
    everyone = len(managing.get(USERS).json()["results"])

    assert len(managing.get(f"{USERS}?phone[$ne]=").json()["results"]) == everyone
    assert managing.get(USERS + '?phone={"$gt":""}').json()["results"] == []
    assert managing.get(f"{USERS}?phone=.*").json()["results"] == []
    assert managing.get(f"{USERS}?role[$in]=seller&role=$ne").json()["results"] == []
    assert [user["phone"] for user in managing.get(f"{USERS}?phone=%2B86{seller.phone}").json()["results"]] == [
        seller.phone
    ]


def test_a_browser_needs_the_csrf_token_for_what_changes(office, seller, settings):
    office.handler.enforce_csrf_checks = True

    assert office.get(USERS).status_code == 200
    answer = office.patch(f"{USERS}/{seller.id}", {"name": "x"}, content_type="application/json")
    assert answer.status_code == 403


def test_the_back_offices_session_manages_too(office, seller):
    answer = office.patch(f"{USERS}/{seller.id}", {"name": "李思雨"}, content_type="application/json")

    assert (answer.status_code, answer.json()["name"]) == (200, "李思雨")


def test_a_browser_that_claims_to_be_a_till_is_nobody(office, seller):
    office.handler.enforce_csrf_checks = True

    answers = [
        office.get(USERS, headers={"DPoP": "x"}),
        office.patch(f"{USERS}/{seller.id}", {"name": "x"}, content_type="application/json", headers={"DPoP": "x"}),
    ]

    assert [answer.status_code for answer in answers] == [401, 401]


# What a manager's action left behind who was stopped after his first write.
HALF_DONE = {
    "disabled": {"account.status.code": "disabled"},
    "unbound": {"device": None},
    "changed": {"role": "checker"},
    "logged_in_elsewhere": {"session": ObjectId()},
}


@pytest.mark.parametrize("reason", HALF_DONE)
def test_a_session_whose_account_withdrew_is_over_once_it_is_read(seller, till, reason):
    till.get("/api/v2/session")
    collection("users").update_one({"_id": seller.id}, {"$set": HALF_DONE[reason]})
    redis().delete(*redis().keys("live:*"))  # within a minute they lapse

    answer = till.get("/api/v2/session")

    assert (answer.status_code, answer.json()["code"]) == (401, "session_revoked")
    assert collection("staffSessions").find_one({"user": seller.id})["endReason"] == reason


@pytest.mark.parametrize("reason", HALF_DONE)
def test_a_session_whose_account_withdrew_cannot_be_renewed(seller, till, reason):
    collection("users").update_one({"_id": seller.id}, {"$set": HALF_DONE[reason]})

    assert till.refresh().json()["code"] == "session_revoked"


def test_doing_it_again_finishes_what_was_stopped_half_way(managing, seller, till):
    collection("users").update_one({"_id": seller.id}, {"$set": {"account.status.code": "disabled"}})

    assert managing.patch(f"{USERS}/{seller.id}", {"status": "disabled"}).status_code == 200
    assert till.get("/api/v2/session").json()["code"] == "session_revoked"


def test_unbinding_again_finishes_what_was_stopped_half_way(managing, seller, till):
    collection("users").update_one({"_id": seller.id}, {"$set": {"device": None}})

    assert managing.post(f"{USERS}/{seller.id}/unbind-device", {}).status_code == 200
    assert till.get("/api/v2/session").json()["code"] == "session_revoked"
    assert [row["state"] for row in collection("deviceBindings").find({"user": seller.id})] == ["revoked"]


def test_whoever_works_elsewhere_too_is_seen_here_and_changed_by_neither(managing, cinema):
    both = make_staff(cinemas=[cinema, make_cinema()])

    assert managing.get(f"{USERS}/{both.id}").status_code == 200
    assert managing.patch(f"{USERS}/{both.id}", {"name": "x"}).json()["code"] == "not_yours_to_manage"


def test_a_reference_is_found_however_it_is_typed(managing, seller, make_till, till):
    reference = make_till(seller).try_log_in().json()["reference"]

    for typed in (reference, reference.lower(), reference.replace("-", ""), f" {reference.replace('-', ' ')} "):
        rows = managing.get(f"/api/v2/login-logs?reference={typed}").json()["results"]
        assert [row["reference"] for row in rows] == [reference]
