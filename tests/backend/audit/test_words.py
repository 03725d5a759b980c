"""Every code that the program writes into a log has words in both languages."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils.translation import override

import backend
from backend.audit.words import BINDABLE, CHANGES, EVENTS, WORDS, Reason
from backend.core.mongo import collection
from tests.factories import make_staff

SOURCES = Path(backend.__file__).parent
WRITERS = {"record_security", "security_log", "record_change", "note_account", "_note", "_note_address"}


def codes_written() -> Iterator[tuple[str, str]]:
    """Yield every code that a call of a log's writer names, with its file."""
    for file in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
                if name in WRITERS:
                    yield str(node.args[0].value), file.name


def reasons_used() -> set[str]:
    """Every reason that the code names as a member: there is no other way to give one to the log-in's answers."""
    return {
        node.attr
        for file in SOURCES.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Reason"
    }


def test_every_event_and_change_has_words_and_all_words_have_an_event():
    written = dict(codes_written())

    assert set(written) == set(EVENTS) | set(CHANGES)
    assert len(written) > 20, "the writers' names changed: nothing was found"


def test_every_reason_is_used():
    of_account_states = {"DISABLED", "PENDING"}  # made from `account.status.code`

    assert reasons_used() - {"choices", "values"} | of_account_states == {reason.name for reason in Reason}


@pytest.mark.parametrize("code", sorted(WORDS))
def test_each_code_reads_as_words_in_both_languages(code):
    with override("en"):
        english = str(WORDS[code])
    with override("zh-hans"):
        chinese = str(WORDS[code])

    assert english.isascii()
    assert not chinese.isascii()


def test_what_may_be_bound_from_the_log_was_refused_about_binding():
    assert {reason.value for reason in BINDABLE} == {
        "window_closed",
        "foreign_network",
        "approvals_full",
        "code_missing",
        "code_wrong",
        "code_expired",
        "code_dead",
        "throttled",
    }


@pytest.mark.parametrize(
    ("page", "query", "there", "absent"),
    [
        ("loginlog", "q=other_device", "账号已绑定另一台机器", "没有此手机号的账号"),
        ("loginlog", "reason=unknown_phone", "没有此手机号的账号", "账号已绑定另一台机器"),
        ("securitylog", "q=device_bound", "绑定机器", "新建账号"),
        ("securitylog", "event=account_created", "新建账号", "绑定机器"),
        ("change", "q=account_changed", "更改账号", "新建账号"),
    ],
)
def test_codes_are_shown_in_words_and_found_by_code(
    office, managing, seller, till, make_till, page, query, there, absent
):
    managing.patch(f"/api/v2/users/{seller.id}", {"name": "x"})
    make_till(seller).try_log_in()
    make_till("13700000000").try_log_in()

    content = office.get(f"/admin/audit/{page}/?{query}").content.decode()
    rows = content.partition('id="result_list"')[2].partition("</table>")[0]

    assert there in rows
    assert absent not in rows
    assert collection("securityLogs").count_documents({}) > 0


def test_a_code_without_words_is_shown_as_it_is(office, cinema):
    staff = make_staff(cinemas=[cinema])
    row = {"event": "<odd>", "phone": staff.phone, "user": staff.id, "cinemas": [cinema["_id"]]}
    collection("securityLogs").insert_one(
        {**row, "timestamp": collection("users").find_one({"_id": staff.id})["metadata"]["createdAt"]}
    )

    assert "&lt;odd&gt;" in office.get("/admin/audit/securitylog/").content.decode()
