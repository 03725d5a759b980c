"""How a file is called that the screens offer."""

from __future__ import annotations

import pytest

from shell_client.browser.downloads import LONGEST_NAME, file_name


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("日报 2026-11-24.csv", "日报 2026-11-24.csv"),
        ("../../etc/passwd", "passwd.csv"),
        ("..\\..\\start.bat", "start.csv"),
        ("day.csv.exe", "day_csv.csv"),
        (".bashrc", "file.csv"),
        ("", "file.csv"),
        ("CON", "file CON.csv"),
        ("a:b|c\x00d", "a_b_c_d.csv"),
        ("x" * 500, "x" * LONGEST_NAME + ".csv"),
    ],
)
def test_a_name_has_no_path_no_odd_sign_and_the_ending_of_its_type(wanted: str, name: str) -> None:
    assert file_name(wanted, ending=".csv", taken=lambda _: False) == name


def test_a_file_that_is_there_is_never_written_over() -> None:
    there = {"day.csv", "day (2).csv"}

    assert file_name("day.csv", ending=".csv", taken=there.__contains__) == "day (3).csv"
