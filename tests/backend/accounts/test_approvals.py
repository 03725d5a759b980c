"""The policy `approval`: a first log-in waits for a manager, three at most, and no flood keeps a cashier out."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from bson import ObjectId
from pymongo import InsertOne

from backend.accounts.services import approvals, binding
from backend.audit.words import Reason
from backend.core import clock
from backend.core.mongo import collection, namespace
from tests.backend.accounts.first_log_ins import (
    AT_HOME,
    HOME,
    OUTSIDE,
    account,
    device_of,
    log_row,
    rows_of,
    seen_from,
)
from tests.backend.accounts.state import redis
from tests.factories import make_cinema

PHONE, UNKNOWN = "13811112222", "13700000000"
BINDINGS = "/api/v2/device-bindings"


@pytest.fixture
def waiting(cinema):
    """A seller whose first log-in must be approved."""
    return account(PHONE, "approval", [cinema])


def wait(till):
    """Ask once, and return the reference."""
    redis().flushdb()  # throttles are judged elsewhere
    till.nonce = None
    answer = till.try_log_in()
    assert answer.status_code == 202, answer.content
    assert answer.json() == {"status": "pending", "reference": answer.json()["reference"], "retryAfter": 15}
    return answer.json()["reference"]


def refusal(till):
    redis().flushdb()
    till.nonce = None
    answer = till.try_log_in()
    assert answer.status_code == 401, answer.content
    return log_row(answer)["reason"]


def row_behind(reference):
    return collection("deviceBindings").find_one({"reference": reference})


def approve(managing, reference):
    redis().flushdb()
    managing.nonce = None
    return managing.post(f"{BINDINGS}/{row_behind(reference)['_id']}/approve")


def passes(minutes):
    """Let time pass for what waits."""
    by = timedelta(minutes=minutes)
    for each in collection("bindingQueues").find():
        slots = [{**slot, "expiresAt": slot["expiresAt"] - by} for slot in each["slots"]]
        collection("bindingQueues").update_one({"_id": each["_id"]}, {"$set": {"slots": slots}})
    for row in collection("deviceBindings").find({"state": "pending"}):
        collection("deviceBindings").update_one({"_id": row["_id"]}, {"$set": {"expiresAt": row["expiresAt"] - by}})


def test_a_first_log_in_waits_and_the_approved_key_is_in(managing, waiting, make_till):
    till = make_till(waiting)
    reference = wait(till)
    assert device_of(waiting) is None
    assert rows_of(waiting) == ["pending"]

    answer = approve(managing, reference)

    assert answer.status_code == 200, answer.content
    assert (answer.json()["state"], answer.json()["reference"]) == ("active", reference)
    assert till.log_in().get("/api/v2/session").json()["device"]["machineCode"] == till.machine_code
    assert rows_of(waiting) == ["active"]
    event = collection("securityLogs").find_one({"event": "device_bound", "user": waiting.id})
    assert (event["byPhone"], event["key"]) == (managing.phone, till.key.thumbprint)


def test_the_same_key_asking_again_is_no_failure_and_no_new_row(waiting, make_till):
    till = make_till(waiting)
    answers = [till.try_log_in() for _ in range(5)]

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["reference"] for answer in answers}) == 1
    assert collection("loginLogs").count_documents({"phone": PHONE}) == 1
    assert rows_of(waiting) == ["pending"]
    assert [make_till(waiting).try_log_in().status_code for _ in range(3)] == [202, 202, 401], "one strike was counted"


def test_asking_again_writes_nothing(waiting, make_till, commands):
    till = make_till(waiting)
    till.try_log_in()

    with commands() as seen:
        till.try_log_in()

    assert seen == ["findAndModify users", "aggregate users", "find bindingQueues"]


def test_an_approved_log_in_is_two_round_trips(managing, waiting, make_till, commands):
    till = make_till(waiting)
    approve(managing, wait(till))

    with commands() as seen:
        till.log_in()

    assert seen == ["findAndModify users", "bulkWrite staffSessions,loginLogs"]


def test_three_wait_and_a_fourth_is_refused(waiting, make_till):
    references = {wait(make_till(waiting)) for _ in range(3)}

    assert len(references) == 3
    assert refusal(make_till(waiting)) == "approvals_full"
    assert rows_of(waiting) == ["pending"] * 3


def test_one_approved_supersedes_the_others(managing, waiting, make_till):
    tills = [make_till(waiting) for _ in range(3)]
    references = [wait(till) for till in tills]

    assert approve(managing, references[1]).status_code == 200

    assert [row_behind(each)["state"] for each in references] == ["superseded", "active", "superseded"]
    assert approve(managing, references[0]).json()["code"] == "binding_over"
    assert [till.try_log_in().status_code for till in tills] == [401, 200, 401]


@pytest.fixture
def networked(cinema, settings):
    """The cinema keeps a list of its networks."""
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    collection("cinemas").update_one({"_id": cinema["_id"]}, {"$set": {"networks": [HOME]}})


def test_a_strangers_flood_keeps_no_cashier_out(managing, networked, waiting, make_till):
    flood = [wait(seen_from(make_till(waiting), OUTSIDE)) for _ in range(3)]
    assert refusal(seen_from(make_till(waiting), OUTSIDE)) == "approvals_full"
    cashier = seen_from(make_till(waiting), AT_HOME)

    reference = wait(cashier)

    assert [row_behind(each)["state"] for each in flood] == ["superseded", "pending", "pending"]
    assert row_behind(reference)["inside"] is True
    assert approve(managing, reference).status_code == 200
    assert cashier.try_log_in().status_code == 200


def test_a_flood_from_inside_leaves_the_log(managing, networked, waiting, make_till):
    for _ in range(3):
        wait(seen_from(make_till(waiting), AT_HOME))
    cashier = seen_from(make_till(waiting), AT_HOME)
    assert refusal(cashier) == "approvals_full"
    reference = collection("loginLogs").find_one({"reason": "approvals_full"})["reference"]

    answer = managing.post(f"/api/v2/users/{waiting.id}/bind-attempt", {"reference": reference})

    assert answer.status_code == 200
    assert cashier.log_in()
    assert rows_of(waiting).count("superseded") == 3


def test_many_at_once_get_three_places(waiting):
    user = collection("users").find_one({"_id": waiting.id})

    def ask(number):
        reason = Reason.CONTESTED
        while reason is Reason.CONTESTED:
            reason = one_asks(user, approvals.queue_of(PHONE, user, now=clock.now()), f"key-{number}")
        return reason

    with ThreadPoolExecutor(8) as pool:
        reasons = list(pool.map(ask, range(8)))

    assert (reasons.count(None), reasons.count(Reason.APPROVALS_FULL)) == (3, 5)
    assert rows_of(waiting) == ["pending"] * 3
    assert len(collection("bindingQueues").find_one({"_id": PHONE})["slots"]) == 3


def one_asks(user, queue, key):
    device = {"keyThumbprint": key, "machineCode": "M" * 32, "name": "", "os": "", "clientVersion": "1.0"}
    return approvals.ask(
        queue,
        phone=PHONE,
        user=user,
        device=device,
        address="",
        inside=True,
        reference="AAA-AAA",
        log=InsertOne({"reason": "approval"}, namespace=namespace("loginLogs")),
        alerts=[],
        now=clock.now(),
    )


def test_a_place_is_taken_only_where_the_queue_is_what_was_read(waiting):
    """The control of the race: whoever read before another took a place gets none, and leaves no row."""
    user = collection("users").find_one({"_id": waiting.id})
    read_by_both = approvals.queue_of(PHONE, user, now=clock.now())

    assert one_asks(user, read_by_both, "first") is None
    assert one_asks(user, read_by_both, "second") is Reason.CONTESTED
    assert rows_of(waiting) == ["pending"]


def test_who_waits_in_vain_lapses_after_half_an_hour(managing, waiting, make_till):
    till = make_till(waiting)
    reference = wait(till)
    passes(31)

    (row,) = managing.get(f"{BINDINGS}?state=lapsed").json()["results"]
    assert (row["state"], row["reference"]) == ("lapsed", reference)
    assert managing.get(f"{BINDINGS}?state=pending").json()["results"] == []
    assert approve(managing, reference).json()["code"] == "binding_over"
    assert wait(till) != reference


def test_a_refused_machine_is_told_so_and_makes_way(managing, waiting, make_till):
    tills = [make_till(waiting) for _ in range(3)]
    references = [wait(till) for till in tills]

    answer = managing.post(f"{BINDINGS}/{row_behind(references[2])['_id']}/revoke", {"reason": "nobody we know"})

    assert answer.status_code == 204
    row = row_behind(references[2])
    assert (row["state"], row["reason"]) == ("refused", "nobody we know")
    assert refusal(tills[2]) == "approval_refused"
    assert approve(managing, references[2]).json()["code"] == "binding_over"
    assert collection("securityLogs").count_documents({"event": "binding_refused"}) == 1
    assert wait(make_till(waiting)), "its place is free for another"


def test_approving_twice_is_once_and_finishes_what_was_stopped(managing, waiting, make_till):
    reference, other = wait(make_till(waiting)), wait(make_till(waiting))
    users = collection("users")
    device = {
        "machineCode": row_behind(reference)["machineCode"],
        "keyThumbprint": row_behind(reference)["keyThumbprint"],
    }
    # The account has its device, and whoever approved was stopped there.
    users.update_one({"_id": waiting.id}, {"$set": {"device": {**device, "name": "", "boundAt": clock.now()}}})

    assert [approve(managing, reference).status_code for _ in range(2)] == [200, 200]
    assert (row_behind(reference)["state"], row_behind(other)["state"]) == ("active", "superseded")
    assert collection("securityLogs").count_documents({"event": "device_bound", "user": waiting.id}) == 1
    assert collection("changeLog").count_documents({"action": "device_bound"}) == 1


def test_two_managers_approving_different_machines_at_once_bind_one(managing, waiting, make_till, monkeypatch):
    first, second = wait(make_till(waiting)), wait(make_till(waiting))
    real = binding.device_document

    def meanwhile(**about):
        monkeypatch.setattr(binding, "device_document", real)
        assert approve(managing, second).status_code == 200
        return real(**about)

    monkeypatch.setattr(binding, "device_document", meanwhile)

    assert approve(managing, first).json()["code"] == "device_bound"
    assert device_of(waiting)["keyThumbprint"] == row_behind(second)["keyThumbprint"]


def test_an_unbound_machine_is_not_approved_back(managing, waiting, make_till):
    reference = wait(make_till(waiting))
    approve(managing, reference)
    managing.post(f"/api/v2/users/{waiting.id}/unbind-device")

    assert approve(managing, reference).json()["code"] == "binding_over"
    assert device_of(waiting) is None


def test_a_disabled_account_is_not_approved(managing, waiting, make_till):
    reference = wait(make_till(waiting))
    managing.patch(f"/api/v2/users/{waiting.id}", {"status": "disabled"})

    assert approve(managing, reference).json()["code"] == "account_not_active"
    assert device_of(waiting) is None


def test_nobody_approves_above_or_beside_himself_or_elsewhere(managing, cinema, make_till):
    beside = account("13811110001", "approval", [cinema], role="manager")
    elsewhere = account("13811110003", "approval", [make_cinema()])
    references = [wait(make_till(staff)) for staff in (beside, elsewhere)]

    for action in ("approve", "revoke"):
        tries = [f"{BINDINGS}/{row_behind(each)['_id']}/{action}" for each in references]
        assert [managing.post(path).status_code for path in tries] == [403, 404]
    assert managing.post(f"{BINDINGS}/{ObjectId()}/approve").status_code == 404
    assert (device_of(beside), device_of(elsewhere)) == (None, None)
    assert (rows_of(beside), rows_of(elsewhere)) == (["pending"], ["pending"])


def test_an_unknown_phone_waits_like_a_known_one_and_never_becomes_anything(waiting, make_till, settings):
    settings.BINDING_POLICY = "approval"
    tills = {phone: [make_till(phone) for _ in range(4)] for phone in (PHONE, UNKNOWN)}

    answers = {}
    for phone, theirs in tills.items():
        redis().flushdb()
        answers[phone] = [till.try_log_in() for till in (theirs[0], theirs[0], *theirs[1:])]

    for seen in answers.values():
        assert [each.status_code for each in seen] == [202, 202, 202, 202, 401]
        assert seen[0].json() == seen[1].json(), "the same reference for half an hour"
        assert len({each.json()["reference"] for each in seen}) == 4
    assert {frozenset(each.headers) for each in answers[PHONE]} == {
        frozenset(each.headers) for each in answers[UNKNOWN]
    }
    assert collection("loginLogs").count_documents({"phone": UNKNOWN, "result": "pending"}) == 3
    assert {row["reason"] for row in collection("loginLogs").find({"phone": UNKNOWN})} == {"unknown_phone"}
    assert collection("deviceBindings").count_documents({"phone": UNKNOWN}) == 0


def test_who_asked_before_his_account_was_made_waits_anew_and_can_be_approved(managing, cinema, make_till, settings):
    settings.BINDING_POLICY = "approval"
    tills = [make_till(PHONE) for _ in range(3)]
    before = [wait(till) for till in tills]
    staff = account(PHONE, "approval", [cinema])

    reference = wait(tills[0])

    assert reference not in before
    assert approve(managing, reference).status_code == 200
    assert device_of(staff)["keyThumbprint"] == tills[0].key.thumbprint


def test_a_place_that_is_taken_while_another_is_approved_does_not_bring_the_old_ones_back(managing, waiting, make_till):
    user = collection("users").find_one({"_id": waiting.id})
    reference = wait(make_till(waiting))
    read_before = approvals.queue_of(PHONE, user, now=clock.now())
    approve(managing, reference)

    assert one_asks(user, read_before, "late") is Reason.CONTESTED
    assert approvals.queue_of(PHONE, user, now=clock.now()).slots == []
    assert rows_of(waiting) == ["active"]


def test_an_unknown_phone_is_refused_where_approval_is_not_the_default(make_till, db):
    assert make_till(UNKNOWN).try_log_in().status_code == 401
    assert collection("bindingQueues").count_documents({}) == 0


def test_the_back_office_shows_who_waits_and_approves(office, waiting, make_till):
    till, other = make_till(waiting), make_till(waiting)
    reference = wait(till)
    wait(other)
    page = office.get("/admin/accounts/devicebinding/?state=pending").content.decode()
    assert reference in page
    assert "等待批准" in page

    row = str(row_behind(reference)["_id"])
    office.post("/admin/accounts/devicebinding/", {"action": "approve", "_selected_action": [row]})

    assert device_of(waiting)["keyThumbprint"] == till.key.thumbprint
    assert reference not in office.get("/admin/accounts/devicebinding/?state=pending").content.decode()
    for state in ("active", "superseded", "lapsed", "refused", "revoked"):
        assert office.get(f"/admin/accounts/devicebinding/?state={state}").status_code == 200


def test_the_policy_is_chosen_for_each_account_and_voids_an_open_window(managing, seller, make_till):
    answer = managing.patch(f"/api/v2/users/{seller.id}", {"bindingPolicy": "approval"})

    assert (answer.json()["bindingPolicy"], answer.json()["bindingWindowUntil"]) == ("approval", None)
    assert wait(make_till(seller))
    assert managing.post(f"/api/v2/users/{seller.id}/open-binding-window").json()["code"] == "other_binding_policy"
    managing.patch(f"/api/v2/users/{seller.id}", {"bindingPolicy": "window"})
    assert refusal(make_till(seller)) == "window_closed"


def test_the_policy_of_new_accounts_is_a_setting(managing, cinema, settings):
    settings.BINDING_POLICY = "approval"
    new = {"name": "x", "role": "seller", "cinemas": [str(cinema["_id"])]}

    by_default = managing.post("/api/v2/users", {**new, "phone": "13811110001"}).json()
    by_wish = managing.post("/api/v2/users", {**new, "phone": "13811110002", "bindingPolicy": "window"}).json()

    assert (by_default["bindingPolicy"], by_default["bindingWindowUntil"]) == ("approval", None)
    assert by_wish["bindingPolicy"] == "window"
    assert by_wish["bindingWindowUntil"]


def test_the_form_chooses_the_policy_too(office, cinema, seller):
    form = {"name": "x", "role": "seller", "cinemas": [str(cinema["_id"])]}
    office.post("/admin/accounts/user/add/", {**form, "phone": PHONE, "binding_policy": "code"})
    office.post(f"/admin/accounts/user/{seller.id}/change/", {**form, "status": "active", "binding_policy": "approval"})

    assert collection("users").find_one({"phone": PHONE})["account"]["bindingPolicy"] == "code"
    assert collection("users").find_one({"_id": seller.id})["account"]["bindingPolicy"] == "approval"
