"""Phone numbers, remembered people and the scanner's Enter."""

from __future__ import annotations

from pathlib import Path

import pytest

from shell_client.login.phone import normal_phone, spaced_phone
from shell_client.login.remembered import Person, Remembered, load_remembered, save_remembered
from shell_client.login.scan import ScanWatch


@pytest.mark.parametrize(
    ("typed", "phone"),
    [
        ("13800000002", "13800000002"),
        ("138 0000 0002", "13800000002"),
        ("138-0000-0002", "13800000002"),
        ("+8613800000002", "13800000002"),
        ("+86 138 0000 0002", "13800000002"),
        ("8613800000002", "13800000002"),
        ("008613800000002", "13800000002"),
        ("１３８０００００００２", "13800000002"),
        ("＋８６　１３８　００００　０００２", "13800000002"),
        ("+852 9123 4567", "+85291234567"),
        ("0085291234567", "+85291234567"),
        ("12345678901", None),
        ("1380000000", None),
        ("", None),
        ("王小琳", None),
    ],
)
def test_every_usual_form_of_a_number_is_taken(typed: str, phone: str | None) -> None:
    assert normal_phone(typed) == phone


@pytest.mark.parametrize(
    ("typed", "seen"),
    [
        ("1", "1"),
        ("1380", "138 0"),
        ("13800000", "138 0000 0"),
        ("13800000002", "138 0000 0002"),
        ("１３８０", "138 0"),
        ("+852 91", "+852 91"),
    ],
)
def test_a_number_is_shown_in_groups_while_it_is_typed(typed: str, seen: str) -> None:
    assert spaced_phone(typed) == seen


def test_the_last_five_people_are_remembered_the_newest_first(data_dir: Path) -> None:
    remembered = Remembered()
    for number in range(7):
        person = Person(f"1380000000{number}", f"员工{number}")
        remembered = remembered.with_person(person, till="2号台")
    remembered = remembered.with_person(Person("13800000004", "员工4"), till="2号台")
    save_remembered(data_dir, remembered)

    again = load_remembered(data_dir)

    assert [person.phone[-1] for person in again.people] == ["4", "6", "5", "3", "2"]
    assert (again.till, again.name_of("13800000006"), again.name_of("13800000000")) == (
        "2号台",
        "员工6",
        None,
    )


def test_a_damaged_memory_starts_anew(data_dir: Path) -> None:
    (data_dir / "remembered.json").write_text("[1]")

    assert load_remembered(data_dir) == Remembered()


@pytest.mark.parametrize(("gap", "count", "is_scan"), [(0.02, 12, True), (0.02, 5, False), (0.12, 11, False)])
def test_a_fast_run_of_six_and_more_is_a_scan(gap: float, count: int, is_scan: bool) -> None:
    watch = ScanWatch()
    for place in range(count):
        watch.typed(10 + place * gap, text_before="138" if place == 0 else "…")

    assert watch.entered(10 + count * gap) == ("138" if is_scan else None)
