"""The alert "same machine code, new key": written once an account, key and day, whatever came of the log-in."""

from datetime import timedelta

from backend.accounts import surroundings
from backend.core import clock
from backend.core.mongo import collection
from tests.backend.accounts.first_log_ins import account
from tests.backend.accounts.state import redis
from tests.factories import make_staff


def alerts(**wanted):
    return list(collection("securityLogs").find({"event": "known_machine_new_key", **wanted}))


def test_a_copied_machine_code_is_noted_once_a_key(seller, till, make_till):
    copy, another = (make_till(seller, machine_code=till.machine_code) for _ in range(2))
    answers = [copy.try_log_in(), copy.try_log_in(), another.try_log_in()]

    assert {answer.status_code for answer in answers} == {401}
    rows = alerts(user=seller.id)
    assert {row["key"] for row in rows} == {copy.key.thumbprint, another.key.thumbprint}
    assert len(rows) == 2
    assert rows[0]["reference"] == answers[0].json()["reference"]
    assert (rows[0]["machineCode"], rows[0]["phone"]) == (till.machine_code, seller.phone)


def test_another_accounts_machine_code_and_an_unknown_phone_are_noted_too(till, cinema, make_till):
    other = make_staff(cinemas=[cinema])

    assert make_till(other, machine_code=till.machine_code).try_log_in().status_code == 200, "the window is open"
    make_till("13700000000", machine_code=till.machine_code).try_log_in()

    assert [row["phone"] for row in alerts()] == [other.phone, "13700000000"]


def test_a_log_in_that_waits_is_noted_too(till, cinema, make_till):
    waiting = account("13811112222", "approval", [cinema])

    assert make_till(waiting, machine_code=till.machine_code).try_log_in().status_code == 202
    assert [row["phone"] for row in alerts()] == ["13811112222"]


def test_the_next_day_it_is_noted_again(seller, till, make_till, monkeypatch, settings):
    copy = make_till(seller, machine_code=till.machine_code)
    copy.try_log_in()
    today = clock.business_day(clock.now(), settings.TIME_ZONE)
    monkeypatch.setattr(surroundings.clock, "business_day", lambda _now, _zone: today + timedelta(days=1))
    redis().flushdb()
    copy.nonce = None
    copy.try_log_in()

    assert len(alerts()) == 2


def test_a_machine_that_serves_two_persons_with_its_own_key_raises_nothing(till, seller, cinema, make_till):
    make_till(make_staff(cinemas=[cinema]), key=till.key, machine_code=till.machine_code).log_in()
    till.log_in()
    make_till(seller).try_log_in()

    assert alerts() == []
