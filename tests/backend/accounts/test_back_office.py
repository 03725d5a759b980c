"""The back office: who signs in, and what a manager does there to accounts, bindings and sessions."""

import io
import re

import pytest
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.test import Client

from backend.accounts.models import User
from backend.accounts.services.managing import set_password
from backend.core import clock
from backend.core.mongo import collection
from tests.backend.accounts.state import redis
from tests.factories import make_cinema, make_staff

PASSWORD = "quite-a-long-password-1"
USERS = "/admin/accounts/user/"


def sign_in(phone, password=PASSWORD, client=None):
    return (client or Client()).post("/admin/login/?next=/admin/", {"username": phone, "password": password})


def act(office, model, action, *ids):
    answer = office.post(
        f"/admin/accounts/{model}/", {"action": action, "_selected_action": [str(each) for each in ids]}, follow=True
    )
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize("role", ["seller", "checker", "supervisor"])
def test_who_works_at_a_till_alone_does_not_get_in(db, role):
    staff = make_staff(role, password=PASSWORD)

    assert sign_in(staff.phone).status_code == 200
    assert collection("securityLogs").count_documents({"event": "sign_in_refused"}) == 1


def test_a_phone_may_be_written_in_any_form_and_the_password_in_one(manager):
    assert sign_in(f"+86 {manager.phone}").status_code == 302
    assert sign_in(manager.phone, PASSWORD + "x").status_code == 200
    assert sign_in(manager.phone, "").status_code == 200


def test_guessing_stops_after_five_tries_even_with_the_right_password(manager):
    for _ in range(5):
        sign_in(manager.phone, "wrong")

    assert sign_in(manager.phone).status_code == 200
    redis().flushdb()
    assert sign_in(manager.phone).status_code == 302


def test_a_disabled_manager_is_out_at_his_next_click(office, manager):
    assert office.get("/admin/").status_code == 200
    collection("users").update_one({"_id": manager.id}, {"$set": {"account.status.code": "disabled"}})

    assert office.get("/admin/").status_code == 302
    assert sign_in(manager.phone).status_code == 200


def test_what_is_at_no_address_of_the_back_office_is_not_found(office):
    assert [office.get(f"/admin/{path}").status_code for path in ("r/1/2/", "r/x/", "nothing/")] == [404, 404, 404]


def test_a_new_password_ends_the_old_ones_sessions(office, manager):
    set_password(manager.id, password="another-long-password", by=None, now=clock.now())

    assert office.get("/admin/").status_code == 302


def test_a_seller_is_created_and_logs_in(office, cinema, make_till):
    form = {"phone": "+86 138 1111 2222", "name": "王小琳", "role": "seller", "cinemas": [str(cinema["_id"])]}

    answer = office.post(f"{USERS}add/", form)

    assert answer.status_code == 302, answer.content.decode()
    assert make_till("13811112222").try_log_in().status_code == 200


@pytest.mark.parametrize(
    "changes",
    [{"role": "manager"}, {"cinemas": []}, {"phone": "12"}, {"phone": ""}, {"name": ""}, {"new_password": PASSWORD}],
    ids=str,
)
def test_what_a_manager_may_not_give_is_refused_in_the_form(office, cinema, changes):
    form = {"phone": "13811112222", "name": "x", "role": "seller", "cinemas": [str(cinema["_id"])], **changes}

    assert office.post(f"{USERS}add/", form).status_code == 200
    assert collection("users").count_documents({"phone": "13811112222"}) == 0


def test_another_cinema_is_no_choice(office):
    form = {"phone": "13811112222", "name": "x", "role": "seller", "cinemas": [str(make_cinema()["_id"])]}

    assert office.post(f"{USERS}add/", form).status_code == 200
    assert collection("users").count_documents({"phone": "13811112222"}) == 0


def test_a_change_in_the_form_ends_the_session_of_the_old_rights(office, seller, till, cinema):
    form = {"name": "x", "role": "checker", "cinemas": [str(cinema["_id"])], "status": "active"}

    assert office.post(f"{USERS}{seller.id}/change/", form).status_code == 302
    assert till.get("/api/v2/session").json()["reason"] == "changed"


def test_disable_enable_unbind_and_open_are_actions_that_count_at_once(office, seller, till, make_till):
    act(office, "user", "disable", seller.id)
    assert till.get("/api/v2/session").json()["reason"] == "disabled"
    act(office, "user", "enable", seller.id)
    till.log_in()
    assert seller.phone in act(office, "user", "open_window", seller.id), "says that a device is bound"
    act(office, "user", "unbind", seller.id)
    assert till.get("/api/v2/session").json()["reason"] == "unbound"
    act(office, "user", "open_window", seller.id)
    assert make_till(seller).try_log_in().status_code == 200


def test_nobody_acts_on_himself_or_his_like(office, manager, cinema):
    beside = make_staff("manager", cinemas=[cinema])
    act(office, "user", "disable", manager.id, beside.id)

    assert collection("users").count_documents({"account.status.code": "disabled"}) == 0
    form = {"name": "x", "role": "seller", "cinemas": [str(cinema["_id"])], "status": "disabled"}
    for staff in (manager, beside):
        assert office.post(f"{USERS}{staff.id}/change/", form).status_code in {302, 403}
        assert collection("users").find_one({"_id": staff.id})["role"] == "manager"


def test_people_of_other_cinemas_are_neither_shown_nor_changed(office):
    other = make_staff(cinemas=[make_cinema()])

    assert other.phone not in office.get(USERS).content.decode()
    assert office.get(f"{USERS}{other.id}/change/").status_code == 302
    act(office, "user", "disable", other.id)
    assert collection("users").count_documents({"account.status.code": "disabled"}) == 0


def test_an_auditor_looks_and_changes_nothing(cinema, seller, till):
    client, auditor = Client(), make_staff("auditor", cinemas=[cinema], password=PASSWORD)
    sign_in(auditor.phone, client=client)

    assert seller.phone in client.get(USERS).content.decode()
    assert client.get(f"{USERS}{seller.id}/change/").status_code == 200
    client.post(USERS, {"action": "disable", "_selected_action": [str(seller.id)]})
    client.post(f"{USERS}{seller.id}/change/", {"name": "x"})
    assert till.get("/api/v2/session").status_code == 200
    assert collection("users").find_one({"_id": seller.id})["name"] != "x"


def test_sessions_and_bindings_are_ended_from_their_lists(office, seller, till):
    session = collection("staffSessions").find_one({"phone": seller.phone})
    act(office, "staffsession", "revoke", session["_id"])
    assert till.get("/api/v2/session").json()["reason"] == "revoked"
    till.log_in()
    act(office, "devicebinding", "revoke", collection("deviceBindings").find_one({"phone": seller.phone})["_id"])
    assert till.get("/api/v2/session").json()["reason"] == "unbound"


@pytest.mark.parametrize("term", ["$ne", ".*", '{"$gt":""}', "'", "\\", "%00", "[", "x" * 3000])
def test_a_search_is_text(office, seller, till, term):
    for model in ("user", "devicebinding", "staffsession"):
        answer = office.get(f"/admin/accounts/{model}/", {"q": term})
        assert answer.status_code == 200
        assert seller.phone not in answer.content.decode()


def created(monkeypatch, *arguments, password=PASSWORD):
    monkeypatch.setattr("sys.stdin", io.StringIO(password + "\n"))
    call_command("create_manager", *arguments)


def test_the_first_manager_is_created_on_the_server(db, monkeypatch):
    created(monkeypatch, "+86 13900001111", "陈建国")

    account = collection("users").find_one({"phone": "13900001111"})
    assert (account["role"], account["cinemas"]) == ("chain_manager", [])
    assert PASSWORD not in str(account)
    assert sign_in("13900001111").status_code == 302


@pytest.mark.parametrize(
    ("arguments", "password"),
    [(("12", "x"), PASSWORD), (("13900001111", "x"), "short"), (("13900001111", "x"), "1" * 20), (("1390", ""), "")],
)
def test_what_is_no_manager_is_refused_in_one_line(db, monkeypatch, arguments, password):
    with pytest.raises(CommandError) as refused:
        created(monkeypatch, *arguments, password=password)

    assert "\n" not in str(refused.value)
    assert collection("users").count_documents({}) == 0


def test_a_phone_has_one_manager(db, monkeypatch):
    created(monkeypatch, "13900001111", "陈建国")
    with pytest.raises(CommandError):
        created(monkeypatch, "13900001111", "陈建国")


def test_changing_ones_own_password_writes_the_password_alone_and_is_logged(office, manager, monkeypatch):
    def while_it_hashes(password):
        """Somebody disables and unbinds the manager between the reading of his account and its writing."""
        change = {"account.status.code": "disabled", "device": None}
        collection("users").update_one({"_id": manager.id}, {"$set": change})
        return make_password(password)

    monkeypatch.setattr("backend.accounts.services.managing.make_password", while_it_hashes)
    words = {"old_password": PASSWORD, "new_password1": "another-long-password-2"}

    answer = office.post("/admin/password_change/", {**words, "new_password2": words["new_password1"]})

    assert answer.status_code == 302
    kept = collection("users").find_one({"_id": manager.id})
    assert (kept["account"]["status"]["code"], kept["device"]) == ("disabled", None)
    assert collection("securityLogs").count_documents({"event": "password_set", "byPhone": manager.phone}) == 1
    collection("users").update_one({"_id": manager.id}, {"$set": {"account.status.code": "active"}})
    assert office.get("/admin/").status_code == 200, "the browser that changed it stays signed in"
    assert [sign_in(manager.phone, each).status_code for each in (PASSWORD, words["new_password1"])] == [200, 302]


def test_djangos_own_ways_to_write_an_account_are_closed(manager):
    user = User.objects.get(pk=manager.id)

    with pytest.raises(ImproperlyConfigured, match="services"):
        user.save()
    with pytest.raises(ImproperlyConfigured, match="create_manager"):
        call_command("createsuperuser", interactive=False, phone="13899990000", name="x")


def hidden_fields(page):
    """What a browser sends back of the page besides what the person typed."""
    fields = re.findall(r'<input type="hidden" name="(initial-[^"]+)" value="([^"]*)"', page.content.decode())
    return {name: [value for key, value in fields if key == name] for name, _value in fields}


@pytest.mark.parametrize(
    "meanwhile", [{"account.status.code": "disabled"}, {"role": "checker"}, {"name": "李思雨"}], ids=str
)
def test_a_page_that_stood_open_writes_back_only_what_the_person_changed(office, cinema, meanwhile):
    staff = make_staff("supervisor", cinemas=[cinema])
    address = f"{USERS}{staff.id}/change/"
    before = collection("users").find_one({"_id": staff.id})
    shown = hidden_fields(office.get(address))
    collection("users").update_one({"_id": staff.id}, {"$set": meanwhile})
    typed = {"name": before["name"], "role": "supervisor", "cinemas": [str(cinema["_id"])], "status": "active"}

    answer = office.post(address, {**shown, **typed, "binding_policy": "approval"})

    assert answer.status_code == 302
    after = collection("users").find_one({"_id": staff.id})
    (path, value), *_ = meanwhile.items()
    found = after["account"]["status"]["code"] if "." in path else after[path]
    assert found == value
    assert after["account"]["bindingPolicy"] == "approval", "what he did change is written"
