"""The policy `code`: eight characters bind one machine once; nobody guesses them and nowhere do they stand."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from backend.accounts import activation
from backend.accounts.services import entering
from backend.audit.words import Reason
from backend.core import clock
from backend.core.ids import ALPHABET
from backend.core.mongo import client, collection
from tests.backend.accounts.first_log_ins import account, device_of, log_row, rows_of
from tests.backend.accounts.state import redis
from tests.factories import make_cinema, make_staff

PHONE = "13811112222"
USERS = "/api/v2/users"
WRONG = "AAAA-AAAA"


@pytest.fixture
def coded(cinema):
    """A seller whose first log-in needs a code."""
    return account(PHONE, "code", [cinema])


def code_for(managing, staff):
    answer = managing.post(f"{USERS}/{staff.id}/activation-code")
    assert answer.status_code == 200, answer.content
    return answer.json()["code"]


def reason_of(till, **changes):
    redis().flushdb()  # throttles are judged elsewhere
    till.nonce = None
    answer = till.try_log_in(**changes)
    assert (answer.status_code, answer.json()["code"]) == (401, "login_refused")
    return log_row(answer)["reason"]


@pytest.mark.parametrize("spelling", ["as it is", "small", "without", "spaced", "wide"])
def test_the_code_binds_once_however_it_is_typed(managing, coded, make_till, spelling):
    code = code_for(managing, coded)
    assert re.fullmatch(rf"[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}", code)
    typed = {
        "small": code.lower(),
        "without": code.replace("-", ""),
        "spaced": f" {' '.join(code.replace('-', ''))} ",
        "wide": "".join(chr(ord(each) + 0xFEE0) for each in code),
    }.get(spelling, code)
    till = make_till(coded)

    assert till.try_log_in(activationCode=typed).status_code == 200
    assert device_of(coded)["keyThumbprint"] == till.key.thumbprint
    assert rows_of(coded) == ["active"]
    assert till.try_log_in().status_code == 200, "the bound machine needs none"
    managing.post(f"{USERS}/{coded.id}/unbind-device")
    assert reason_of(make_till(coded), activationCode=code) == "code_expired"


def test_a_first_log_in_with_a_code_is_three_round_trips(managing, coded, make_till, commands):
    till, code = make_till(coded), code_for(managing, coded)

    with commands() as seen:
        till.log_in(activationCode=code)

    assert seen == [
        "findAndModify users",
        "aggregate users",
        "bulkWrite staffSessions,users,loginLogs,deviceBindings,securityLogs",
    ]


def test_the_true_reason_is_for_the_log_alone(managing, coded, make_till):
    till = make_till(coded)
    assert reason_of(till) == "code_missing"
    assert reason_of(till, activationCode=" ") == "code_missing"
    assert reason_of(till, activationCode=WRONG) == "code_expired", "none was made"
    code_for(managing, coded)
    assert [reason_of(till, activationCode=WRONG) for _ in range(6)] == ["code_wrong"] * 5 + ["code_dead"]
    assert device_of(coded) is None


def test_after_five_wrong_tries_the_right_one_is_dead_too(managing, coded, make_till):
    code = code_for(managing, coded)
    for _ in range(5):
        reason_of(make_till(coded), activationCode=WRONG)

    assert reason_of(make_till(coded), activationCode=code) == "code_dead"
    assert make_till(coded).try_log_in(activationCode=code_for(managing, coded)).status_code == 200


def test_after_four_wrong_tries_the_right_one_binds(managing, coded, make_till):
    code = code_for(managing, coded)
    for _ in range(4):
        reason_of(make_till(coded), activationCode=WRONG)
    redis().flushdb()

    assert make_till(coded).try_log_in(activationCode=code).status_code == 200


def test_of_many_guesses_at_once_five_are_judged(managing, coded):
    code_for(managing, coded)
    user = collection("users").find_one({"_id": coded.id})

    with ThreadPoolExecutor(8) as pool:
        reasons = list(pool.map(lambda _: activation.reason_against(user, WRONG, now=clock.now()), range(24)))

    assert (reasons.count(Reason.CODE_WRONG), reasons.count(Reason.CODE_DEAD)) == (5, 19)


def test_the_right_code_comes_too_late_where_five_wrong_ones_were_faster(managing, coded, make_till, monkeypatch):
    """All were sent at once: the right one was read as right, and five wrong ones were counted before it bound."""
    code, real = code_for(managing, coded), entering.new_session

    def meanwhile(**about):
        monkeypatch.setattr(entering, "new_session", real)
        user = collection("users").find_one({"_id": coded.id})
        for _ in range(5):
            activation.reason_against(user, WRONG, now=clock.now())
        return real(**about)

    monkeypatch.setattr(entering, "new_session", meanwhile)

    assert reason_of(make_till(coded), activationCode=code) == "code_dead"
    assert device_of(coded) is None


def test_a_code_lives_a_day(managing, coded, make_till):
    code = code_for(managing, coded)
    kept = collection("users").find_one({"_id": coded.id})["account"]["activationCode"]
    assert timedelta(hours=23, minutes=59) < kept["expiresAt"] - clock.now() <= timedelta(hours=24)
    collection("users").update_one(
        {"_id": coded.id}, {"$set": {"account.activationCode.expiresAt": clock.now() - timedelta(seconds=1)}}
    )

    assert reason_of(make_till(coded), activationCode=code) == "code_expired"


def test_a_new_code_voids_the_former(managing, coded, make_till):
    former, code = code_for(managing, coded), code_for(managing, coded)

    assert reason_of(make_till(coded), activationCode=former) == "code_wrong"
    assert make_till(coded).try_log_in(activationCode=code).status_code == 200


def test_another_accounts_code_is_wrong(managing, coded, cinema, make_till):
    other = account("13811113333", "code", [cinema])
    code_for(managing, coded)

    assert reason_of(make_till(coded), activationCode=code_for(managing, other)) == "code_wrong"


def test_two_machines_with_the_code_at_once_bind_one(managing, coded, make_till, monkeypatch):
    code, other, real = code_for(managing, coded), make_till(coded), entering.new_session

    def meanwhile(**about):
        monkeypatch.setattr(entering, "new_session", real)
        assert other.try_log_in(activationCode=code).status_code == 200
        return real(**about)

    monkeypatch.setattr(entering, "new_session", meanwhile)

    assert reason_of(make_till(coded), activationCode=code) == "other_device"
    assert device_of(coded)["keyThumbprint"] == other.key.thumbprint


def test_the_code_stands_nowhere_in_clear(managing, office, coded, make_till, caplog):
    code = code_for(managing, coded)
    page = office.post("/admin/accounts/user/", {"action": "make_code", "_selected_action": [str(coded.id)]})
    shown = re.search(rf"[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}", page.content.decode())[0]
    assert "no-store" in page["Cache-Control"]
    reason_of(make_till(coded), activationCode=code)
    redis().flushdb()
    assert make_till(coded).try_log_in(activationCode=shown).status_code == 200

    database = client()[collection("users").database.name]
    everything = " ".join(str(list(database[name].find())) for name in database.list_collection_names())
    for secret in (code, shown):
        for text in (secret, secret.replace("-", "")):
            assert text not in everything
            assert text not in caplog.text
            assert text not in str(office.cookies)


def test_a_secret_that_is_being_changed_still_knows_the_codes_of_before(managing, coded, make_till, settings):
    code = code_for(managing, coded)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = (
        [settings.SECRET_KEY],
        "another secret, as long as it should be",
    )

    assert make_till(coded).try_log_in(activationCode=code).status_code == 200


def test_codes_are_for_unbound_accounts_that_bind_by_code(managing, seller, coded, make_till):
    assert managing.post(f"{USERS}/{seller.id}/activation-code").json()["code"] == "other_binding_policy"
    make_till(coded).log_in(activationCode=code_for(managing, coded))
    assert managing.post(f"{USERS}/{coded.id}/activation-code").json()["code"] == "device_bound"


def test_another_policy_voids_the_code(managing, coded, make_till):
    code = code_for(managing, coded)
    for policy in ("window", "code"):
        managing.patch(f"{USERS}/{coded.id}", {"bindingPolicy": policy})

    assert reason_of(make_till(coded), activationCode=code) == "code_expired"


def test_nobody_makes_codes_above_or_beside_himself_or_elsewhere(managing, office, cinema):
    beside = account("13811110001", "code", [cinema], role="manager")
    elsewhere = account("13811110003", "code", [make_cinema()])

    tries = [managing.post(f"{USERS}/{staff.id}/activation-code").status_code for staff in (beside, elsewhere)]
    chosen = [str(staff.id) for staff in (beside, elsewhere)]
    page = office.post("/admin/accounts/user/", {"action": "make_code", "_selected_action": chosen}, follow=True)

    assert tries == [403, 404]
    assert not re.search(rf"[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}", page.content.decode())
    assert collection("users").count_documents({"account.activationCode": {"$ne": None}}) == 0


def test_an_unknown_phone_costs_the_same_commands_where_code_is_the_default(
    managing, coded, make_till, settings, commands
):
    settings.BINDING_POLICY = "code"
    code_for(managing, coded)
    known, unknown = make_till(coded), make_till("13700000000")
    for till in (known, unknown):
        till.try_log_in(activationCode=WRONG)

    seen = {}
    for till in (known, unknown):
        with commands() as sent:
            till.try_log_in(activationCode=WRONG)
        seen[till.phone] = list(sent)

    assert seen[PHONE] == seen["13700000000"]


def test_a_refused_code_costs_the_same_commands_whatever_it_rests_on(coded, make_till, commands, managing):
    code_for(managing, coded)
    closed, bound, disabled = make_staff(), make_staff(), make_staff()
    collection("users").update_one({"_id": closed.id}, {"$set": {"account.bindingWindowUntil": None}})
    make_till(bound).log_in()
    collection("users").update_one({"_id": disabled.id}, {"$set": {"account.status.code": "disabled"}})
    seen = []
    for phone in (coded.phone, closed.phone, bound.phone, disabled.phone, "13700000000"):
        with commands() as each:
            assert make_till(phone).try_log_in(activationCode=WRONG).status_code == 401
        seen.append(each)

    assert seen == [seen[0]] * 5
