"""The threat model names only tests that exist, and no attack of this package is missing from it."""

import ast
import re
from pathlib import Path

import pytest

from backend.core.ids import ALPHABET

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "docs" / "threat-model.md", ROOT / "docs" / "threat-model.zh-CN.md"]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
every_language = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)


def named(document: Path) -> set[tuple[str, str]]:
    """Return file and name of every test that `document` names."""
    return set(NAMED.findall(document.read_text(encoding="utf-8")))


def names_in(path: str) -> set[str]:
    """Return the names of the tests in a file, of none where it is not there."""
    if not (ROOT / path).is_file():
        return set()
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


@every_language
def test_every_test_that_it_names_exists(document: Path) -> None:
    missing = [
        (path, name) for path, name in named(document) if not (ROOT / path).is_file() or name not in names_in(path)
    ]

    assert missing == []


@every_language
def test_every_family_of_attacks_stands_in_it(document: Path) -> None:
    families = {f"tests/attacks/{path.name}" for path in Path(__file__).parent.glob("test_*.py")}

    assert families - {path for path, _name in named(document)} == {f"tests/attacks/{Path(__file__).name}"}


def test_both_languages_say_the_same() -> None:
    one, other = DOCUMENTS

    assert named(one) == named(other)
    headings = [re.findall(r"^#+", document.read_text(encoding="utf-8"), re.MULTILINE) for document in DOCUMENTS]
    assert headings[0] == headings[1]


@every_language
def test_the_time_to_guess_is_computed_from_the_alphabet_in_use(document: Path) -> None:
    text, letters = document.read_text(encoding="utf-8"), len(ALPHABET)

    assert f"{letters}^8 = {letters**8:,}" in text
    assert f"{round(letters**8 / 5):,}" in text
    assert f"{letters}^6 = {letters**6:,}" in text
