"""docs/guides/restore.md: what it says to type is there, and alike in both languages."""

import re
import shlex
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

ROOT = Path(__file__).resolve().parents[3]
PAGES = [ROOT / "docs" / "guides" / f"restore{language}.md" for language in (".en", "")]
# What stands for something of the reader's own.
EXAMPLES = {"FILE": "backup.tar.gz", "PHONE": "13900000001", "手机号": "13900000001", "SECONDS": "60", "秒数": "60"}


def blocks(page: Path) -> list[str]:
    """Return what stands between fences, in order, its lines that go on joined."""
    fenced = re.findall(r"^ *```\n(.*?)^ *```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [re.sub(r"\\\n\s*", "", block) for block in fenced]


def commands(page: Path) -> list[str]:
    """Return each `manage.py` command of a page, of its blocks and of its sentences, without the program's name."""
    said = [line for block in blocks(page) for line in block.splitlines()]
    said += re.findall(r"`([^`\n]*manage\.py [^`]*)`", page.read_text(encoding="utf-8"))
    return [line.partition("manage.py ")[2].rstrip("'") for line in said if "manage.py " in line]


def test_both_languages_give_the_same_commands() -> None:
    def plain(page: Path) -> list[str]:
        return [re.sub(r'--reason "[^"]*"', "--reason", block) for block in blocks(page)]

    assert plain(PAGES[0]) == plain(PAGES[1])
    assert len(commands(PAGES[0])) > 8


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_has_the_options_that_the_page_gives_it(page: Path) -> None:
    for command in commands(page):
        name, *words = shlex.split(command)
        parser = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
        given = [EXAMPLES.get(word, word) for word in words]
        if given:  # else it is only named
            parser.parse_args(given)  # ends the test where a word is not known
