"""Binding a refused first log-in from the log, by the reference that its person reads out."""

from datetime import timedelta

import pytest
from bson import ObjectId

from backend.accounts.services import binding
from backend.core.mongo import collection
from tests.backend.accounts.first_log_ins import account, device_of, log_row, rows_of
from tests.factories import make_cinema, make_staff

USERS = "/api/v2/users"
PHONE = "13811112222"


@pytest.fixture
def closed(cinema):
    """A seller whose window is closed."""
    staff = make_staff(cinemas=[cinema])
    collection("users").update_one({"_id": staff.id}, {"$set": {"account.bindingWindowUntil": None}})
    return staff


def bind(managing, staff, reference):
    return managing.post(f"{USERS}/{staff.id}/bind-attempt", {"reference": reference})


def reference_of(till, **changes):
    answer = till.try_log_in(**changes)
    assert answer.status_code == 401, answer.content
    return answer.json()["reference"]


@pytest.mark.parametrize("spelling", ["{}", " {} ", "lower", "plain"])
def test_the_very_machine_of_a_refused_log_in_is_bound(managing, closed, make_till, spelling):
    till, other = make_till(closed), make_till(closed)
    reference = reference_of(till)
    reference_of(other)
    typed = {"lower": reference.lower(), "plain": reference.replace("-", "")}.get(spelling, spelling.format(reference))

    answer = bind(managing, closed, typed)

    assert answer.status_code == 200, answer.content
    assert device_of(closed)["keyThumbprint"] == till.key.thumbprint
    assert answer.json()["device"]["machineCode"] == till.machine_code
    assert till.try_log_in().status_code == 200
    assert other.try_log_in().status_code == 401
    row = collection("deviceBindings").find_one({"user": closed.id})
    assert (row["state"], row["reference"], bool(row["boundBy"])) == ("active", reference, True)
    event = collection("securityLogs").find_one({"event": "device_bound", "user": closed.id})
    assert (event["byPhone"], event["reference"]) == (managing.phone, reference)
    assert collection("changeLog").count_documents({"action": "device_bound", "target": str(closed.id)}) == 1


def test_twice_is_once(managing, closed, make_till):
    reference = reference_of(make_till(closed))

    assert [bind(managing, closed, reference).status_code for _ in range(2)] == [200, 200]
    assert rows_of(closed) == ["active"]
    assert collection("securityLogs").count_documents({"event": "device_bound", "user": closed.id}) == 1


def test_what_was_stopped_half_way_is_finished_by_the_next(managing, closed, make_till, monkeypatch):
    reference = reference_of(make_till(closed))

    def dies(*_arguments, **_more):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(binding, "_write_down", dies)
        with pytest.raises(KeyboardInterrupt):
            bind(managing, closed, reference)
    collection("deviceBindings").delete_many({})  # stopped even earlier

    assert bind(managing, closed, reference).status_code == 200
    assert rows_of(closed) == ["active"]
    assert collection("securityLogs").count_documents({"event": "device_bound", "user": closed.id}) == 1


def test_an_attempt_is_bound_for_half_an_hour_only(managing, closed, make_till):
    reference = reference_of(make_till(closed))
    row = collection("loginLogs").find_one({"reference": reference}) or {}
    collection("loginLogs").delete_one({"_id": row["_id"]})
    collection("loginLogs").insert_one({**row, "loginTime": row["loginTime"] - timedelta(minutes=30)})

    answer = bind(managing, closed, reference)

    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_bind")
    assert device_of(closed) is None


def test_an_attempt_that_was_bound_and_unbound_binds_no_more(managing, closed, make_till):
    reference = reference_of(make_till(closed))
    bind(managing, closed, reference)
    managing.post(f"{USERS}/{closed.id}/unbind-device")

    assert bind(managing, closed, reference).json()["code"] == "binding_over"
    assert device_of(closed) is None


def test_a_bound_account_keeps_its_machine(managing, closed, make_till):
    first, second = reference_of(make_till(closed)), reference_of(make_till(closed))
    bind(managing, closed, first)
    bound = device_of(closed)

    assert bind(managing, closed, second).json()["code"] == "device_bound"
    assert device_of(closed) == bound


def test_a_refusal_for_another_reason_binds_nothing(managing, seller, till, make_till, closed):
    other_device = reference_of(make_till(seller))
    managing.post(f"{USERS}/{seller.id}/unbind-device")
    managing.patch(f"{USERS}/{closed.id}", {"status": "disabled"})
    disabled = reference_of(make_till(closed))
    managing.patch(f"{USERS}/{closed.id}", {"status": "active"})
    unknown = reference_of(make_till("13700000000"))

    for staff, reference in ((seller, other_device), (closed, disabled), (closed, unknown), (closed, "AAA-AAA")):
        assert bind(managing, staff, reference).json()["code"] == "nothing_to_bind"
        assert device_of(staff) is None


def test_another_accounts_attempt_is_not_bound_to_this_one(managing, closed, cinema, make_till):
    other = account(PHONE, "code", [cinema])

    assert bind(managing, other, reference_of(make_till(closed))).json()["code"] == "nothing_to_bind"


def test_a_disabled_account_is_not_bound(managing, closed, make_till):
    reference = reference_of(make_till(closed))
    managing.patch(f"{USERS}/{closed.id}", {"status": "disabled"})

    assert bind(managing, closed, reference).json()["code"] == "account_not_active"
    assert device_of(closed) is None


@pytest.mark.parametrize("reference", [{"$gt": ""}, "", "x" * 21, None, ["AAA-AAA"]])
def test_a_reference_is_text(managing, closed, make_till, reference):
    reference_of(make_till(closed))

    assert bind(managing, closed, reference).status_code == 400
    assert device_of(closed) is None


def test_nobody_binds_above_or_beside_himself_or_elsewhere(managing, manager, cinema, make_till):
    beside = account("13811110001", "code", [cinema], role="manager")
    above = account("13811110002", "code", [], role="chain_manager")
    elsewhere = account("13811110003", "code", [make_cinema()])
    tries = {staff: reference_of(make_till(staff)) for staff in (beside, above, elsewhere)}

    assert [bind(managing, staff, reference).status_code for staff, reference in tries.items()] == [403, 404, 404]
    assert bind(managing, manager, tries[beside]).status_code == 403
    assert managing.post(f"{USERS}/{ObjectId()}/bind-attempt", {"reference": "AAA-AAA"}).status_code == 404
    assert [device_of(staff) for staff in tries] == [None] * 3


def test_a_raise_during_the_binding_wins(managing, closed, make_till, monkeypatch):
    reference = reference_of(make_till(closed))
    real = binding.history_row

    def meanwhile(*arguments, **more):
        collection("users").update_one({"_id": closed.id}, {"$set": {"role": "manager"}})
        return real(*arguments, **more)

    monkeypatch.setattr(binding, "history_row", meanwhile)

    assert bind(managing, closed, reference).status_code == 409
    assert device_of(closed) is None


def test_the_login_log_has_it_as_an_action(office, closed, make_till):
    till = make_till(closed)
    bindable = log_row(till.try_log_in())
    stranger = log_row(make_till("13700000000").try_log_in())

    chosen = [str(row["_id"]) for row in (bindable, stranger)]
    page = office.post("/admin/audit/loginlog/", {"action": "bind", "_selected_action": chosen}, follow=True)

    assert page.status_code == 200
    assert "没有可按此参考号绑定的登录" in page.content.decode()
    assert device_of(closed)["keyThumbprint"] == till.key.thumbprint


def test_an_auditor_may_not(closed, cinema, make_till):
    from django.test import Client  # noqa: PLC0415

    client, auditor = Client(), make_staff("auditor", cinemas=[cinema], password="quite-a-long-password-1")
    client.post("/admin/login/", {"username": auditor.phone, "password": "quite-a-long-password-1"})
    row = log_row(make_till(closed).try_log_in())

    assert 'value="bind"' not in client.get("/admin/audit/loginlog/").content.decode()
    client.post("/admin/audit/loginlog/", {"action": "bind", "_selected_action": [str(row["_id"])]})
    assert device_of(closed) is None
