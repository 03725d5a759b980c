"""The pictures of the documentation: which are made for which names, and that each is there and shown."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pictures import scenes
from tests.pictures.__main__ import wanted_names
from tests.pictures.scenes import NAMES, scenes_for

ROOT = Path(__file__).resolve().parents[2]


def test_help_helps_and_runs_nothing() -> None:
    command = [sys.executable, "-m", "tests.pictures", "--help"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)

    assert answer.returncode == 0
    assert "names: login-window, board," in answer.stdout


def test_some_pictures_are_asked_for_by_name_and_unknown_ones_are_refused() -> None:
    assert wanted_names(["sell", "pay"]) == {"sell", "pay"}
    assert wanted_names([]) == set(NAMES)
    with pytest.raises(SystemExit):
        wanted_names(["sel"])


def test_only_the_scenes_that_a_picture_needs_are_played_in_their_order() -> None:
    assert scenes_for(frozenset({"done"})) == (scenes.BEFORE_WORK, scenes.SALE)
    assert scenes_for(frozenset({"offline"})) == (scenes.TROUBLES,)
    assert scenes_for(frozenset(NAMES)) == scenes.SCENES


def test_each_picture_is_there_and_none_is_left_over() -> None:
    assert {path.stem for path in (ROOT / "docs" / "images").glob("*.png")} == set(NAMES)


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_the_readme_shows_or_links_each_picture(readme: str) -> None:
    text = (ROOT / readme).read_text(encoding="utf-8")
    assert set(re.findall(r"docs/images/([\w-]+)\.png", text)) == set(NAMES)
