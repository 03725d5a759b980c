"""The logs: what a manager looks for is found, and nothing of it is changed."""

import re
from datetime import timedelta
from urllib.parse import quote

import pytest

from backend.core import clock
from backend.core.mongo import collection
from tests.factories import make_cinema, make_staff

LOGINS, SECURITY = "/api/v2/login-logs", "/api/v2/security-logs"


def rows(managing, path):
    answer = managing.get(path)
    assert answer.status_code == 200, answer.content
    return answer.json()["results"]


def test_the_shells_reference_finds_the_true_reason(managing, seller, till, make_till, office):
    reference = make_till(seller).try_log_in().json()["reference"]

    (row,) = rows(managing, f"{LOGINS}?reference={reference}")
    page = office.get(f"/admin/audit/loginlog/?q={reference.lower()}").content.decode()

    assert (row["result"], row["reason"], row["phone"]) == ("refused", "other_device", seller.phone)
    assert re.search(rf"{reference}.*", page)
    assert "other_device" in page


def test_a_reference_is_short_and_read_aloud_without_doubt(seller, till, make_till):
    assert re.fullmatch(r"[ACDEFGHJKMNPQRTWXY34679]{3}-[ACDEFGHJKMNPQRTWXY34679]{3}", _reference(make_till(seller)))


def _reference(till):
    return till.try_log_in().json()["reference"]


def test_log_ins_are_filtered_by_phone_machine_result_and_time(managing, seller, till, make_till):
    stranger = make_till(seller)
    stranger.try_log_in()
    now = clock.now()

    assert len(rows(managing, f"{LOGINS}?phone={seller.phone}")) == 2
    assert len(rows(managing, f"{LOGINS}?phone=%2B86%20{seller.phone}")) == 2
    assert [row["result"] for row in rows(managing, f"{LOGINS}?machineCode={stranger.machine_code}")] == ["refused"]
    assert {row["result"] for row in rows(managing, f"{LOGINS}?result=success")} == {"success"}
    later, earlier = (quote(clock.iso(now + timedelta(hours=hours))) for hours in (1, -1))
    assert rows(managing, f"{LOGINS}?from={later}") == []
    assert rows(managing, f"{LOGINS}?to={earlier}") == []
    assert len(rows(managing, f"{LOGINS}?phone={seller.phone}&from={earlier}&to={later}")) == 2


def test_from_is_inclusive_and_to_exclusive(managing, seller, till):
    at = quote(rows(managing, f"{LOGINS}?phone={seller.phone}")[0]["loginTime"])

    assert len(rows(managing, f"{LOGINS}?phone={seller.phone}&from={at}")) == 1
    assert rows(managing, f"{LOGINS}?phone={seller.phone}&to={at}") == []


@pytest.mark.parametrize("query", ["from=yesterday", "to=x", "from=2026-01-02&to=2026-01-01", "limit=0", "cursor=x"])
def test_a_wrong_filter_is_refused(managing, query):
    assert managing.get(f"{LOGINS}?{query}").status_code == 400


def test_what_managers_do_stands_in_the_security_log(managing, seller, till):
    managing.post(f"/api/v2/users/{seller.id}/unbind-device", {"reason": "lost\nforged: row"})

    (row,) = rows(managing, f"{SECURITY}?phone={seller.phone}&event=device_unbound")
    assert (row["byPhone"], row["reason"]) == (managing.phone, "lost forged: row")
    assert row["machineCode"] == till.machine_code


def test_people_of_other_cinemas_are_not_in_my_logs_but_strangers_are(managing, make_till):
    other = make_staff(cinemas=[make_cinema()])
    make_till(other).log_in()
    make_till("13700000000").try_log_in()

    assert rows(managing, f"{LOGINS}?phone={other.phone}") == []
    assert rows(managing, f"{SECURITY}?phone={other.phone}") == []
    assert len(rows(managing, f"{LOGINS}?phone=13700000000")) == 1


@pytest.mark.parametrize("model", ["loginlog", "securitylog", "change"])
def test_a_log_is_read_only_in_the_back_office(office, seller, till, model):
    kept = {"loginlog": "loginLogs", "securitylog": "securityLogs", "change": "changeLog"}[model]
    row = collection(kept).find_one({})
    for path in (f"/admin/audit/{model}/add/", f"/admin/audit/{model}/{row['_id']}/delete/"):
        assert office.get(path).status_code == 403
    assert office.post(f"/admin/audit/{model}/{row['_id']}/change/", {"phone": "1"}).status_code in {403, 302}
    assert collection(kept).find_one({"_id": row["_id"]}) == row
    assert office.get(f"/admin/audit/{model}/").status_code == 200


def test_a_log_answers_no_writes(managing):
    for path in (LOGINS, SECURITY):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert managing.request(method, path, {}).status_code in {403, 405}


def test_lists_show_a_machine_code_as_the_log_in_window_does(office, till):
    code = till.machine_code
    short = f"{code[:4]} {code[4:8]} … {code[-8:-4]} {code[-4:]}"

    for page in ("audit/loginlog", "audit/securitylog", "accounts/devicebinding"):
        assert f'<span title="{code}">{short}</span>' in office.get(f"/admin/{page}/").content.decode()
