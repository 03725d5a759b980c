"""The documentation names only what exists: links, make targets, commands with their options, variables, paths."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

ROOT = Path(__file__).resolve().parents[2]
READMES = (ROOT / "README.md", ROOT / "README.zh-CN.md")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
SOURCES = [ROOT / "manage.py", *(path for top in ("backend", "shell_client") for path in (ROOT / top).rglob("*.py"))]

LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
TARGET = re.compile(r"\bmake ([a-z][a-z-]*)")
COMMAND = re.compile(r"\bmanage\.py ([a-z][a-z_]*)([^`\n]*)")
OPTION = re.compile(r"--[a-z][a-z-]*")
READ = re.compile(r"\benv\.[a-z_]+\(\"([A-Z_]+)\"")
ROW = re.compile(r"^\| `([A-Z][A-Z_]+)` \|", re.MULTILINE)
OURS = re.compile(r"^(?:backend|docker|docs|nginx|requirements|shell_client|tests)/[\w./*-]+$")


def text_of(document: Path) -> str:
    return document.read_text(encoding="utf-8")


def code_of(document: Path) -> Iterator[str]:
    """Yield what stands between backticks, inline and fenced."""
    for match in CODE.finditer(text_of(document)):
        yield match[0].strip("`").strip()


def anchors_of(document: Path) -> set[str]:
    """Return the names by which a document's headings are linked, as code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", text_of(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def names(documents: list[Path]) -> list[str]:
    return [str(document.relative_to(ROOT)) for document in documents]


every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=names(DOCUMENTS))


@every_document
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    broken = []
    for link in LINK.findall(text_of(document)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _hash, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        if not target.exists() or (anchor and anchor not in anchors_of(target)):
            broken.append(link)
    assert broken == []


@every_document
def test_every_make_target_exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    named = {target for code in code_of(document) for target in TARGET.findall(code)}
    assert named - targets == set()


@every_document
def test_every_manage_command_exists_with_the_options_that_are_named(document: Path) -> None:
    known = get_commands()
    unknown = []
    for code in code_of(document):
        for name, rest in COMMAND.findall(code):
            if name not in known:
                unknown.append(name)
                continue
            options = load_command_class(str(known[name]), name).create_parser("manage.py", name).format_help()
            unknown += [f"{name} {option}" for option in OPTION.findall(rest) if option not in options]
    assert unknown == []


@every_document
def test_every_path_of_the_project_exists(document: Path) -> None:
    paths = [code for code in code_of(document) if OURS.match(code)]
    assert [path for path in paths if not list(ROOT.glob(path.rstrip("/")))] == []


@pytest.mark.parametrize("readme", READMES, ids=lambda readme: readme.name)
def test_every_variable_of_the_readme_is_read_somewhere(readme: Path) -> None:
    source = "\n".join(text_of(path) for path in SOURCES)
    assert [name for name in ROW.findall(text_of(readme)) if f'"{name}"' not in source] == []


@pytest.mark.parametrize("readme", READMES, ids=lambda readme: readme.name)
def test_every_variable_that_the_settings_read_is_in_the_readme(readme: Path) -> None:
    read = {name for path in (ROOT / "backend" / "settings").glob("*.py") for name in READ.findall(text_of(path))}
    assert read - set(ROW.findall(text_of(readme))) == set()


@pytest.mark.parametrize("readme", READMES, ids=lambda readme: readme.name)
def test_the_first_two_commands_of_the_readme_are_the_whole_set_up(readme: Path) -> None:
    first = re.search(r"```\n(.*?)```", text_of(readme), re.DOTALL)
    assert first is not None
    assert first[1].split("\n")[:2] == ["make run", "make test"]


def test_both_languages_have_the_same_pages_and_sections() -> None:
    guides = ROOT / "docs" / "guides"
    twins = {path: path.with_name(f"{path.stem}.en.md") for path in guides.glob("*.md") if ".en." not in path.name}
    twins[ROOT / "README.zh-CN.md"] = ROOT / "README.md"
    assert len(twins) == len(list(guides.glob("*.en.md"))) + 1

    def sections(document: Path) -> list[str]:
        without_code = re.sub(r"```.*?```", "", text_of(document), flags=re.DOTALL)
        return re.findall(r"^#+", without_code, re.MULTILINE)

    assert [chinese.name for chinese, english in twins.items() if sections(chinese) != sections(english)] == []


def test_the_examples_of_the_environment_are_described() -> None:
    lines = text_of(ROOT / ".env.example").splitlines()
    names = [line.partition("=")[0] for line in lines if re.match(r"[A-Z0-9_]+=", line)]
    files = [ROOT / "docker-compose.prod.yml", *(ROOT / "docker").glob("*.yml")]
    of_the_stack = {name for file in files for name in re.findall(r"\$\{([A-Z0-9_]+)", text_of(file))}

    of_the_stack.add("COMPOSE_FILE")  # which of those files: compose itself reads it
    assert set(names) - set(ROW.findall(text_of(READMES[0]))) - of_the_stack == set()
    assert of_the_stack - set(names) == set()
    for number, line in enumerate(lines):
        if line.partition("=")[0] in names:
            above = next(other for other in reversed(lines[:number]) if other.partition("=")[0] not in names)
            assert re.match(r"# +(?!-)", above), f"{line} is not explained"
