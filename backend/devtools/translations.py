"""Check that every text has its Chinese words and that the compiled catalogue is current.

`--write` compiles the catalogue. Needs no gettext: Django's own parser finds the texts of templates.
"""

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import polib
from django.utils.translation.template import templatize
from django.utils.translation.trans_real import translation

from backend.devtools.servers import ROOT

LANGUAGE = "zh-hans"
CATALOGUE = ROOT / "backend" / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
SOURCES = ROOT / "backend"
CALLS = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy"}
CONTEXT_CALLS = {"pgettext", "pgettext_lazy"}
CONTEXT_GLUE = "\x04"
LITERAL = r"""u?('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
TEMPLATE_CALL = re.compile(rf"\b(p?gettext|ngettext|_)\({LITERAL}(?:,\s*{LITERAL})?")


def texts_of_code(file: Path) -> Iterator[str]:
    """Yield the keys of the texts that a Python file marks."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        words = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
        if name in CALLS and words:
            yield words[0]
        elif name in CONTEXT_CALLS and len(words) > 1:
            yield CONTEXT_GLUE.join(words[:2])


def texts_of_template(file: Path) -> Iterator[str]:
    """Yield the keys of the texts that a template marks."""
    for name, first, second in TEMPLATE_CALL.findall(templatize(file.read_text(encoding="utf-8"))):
        words = [ast.literal_eval(word) for word in (first, second) if word]
        yield CONTEXT_GLUE.join(words) if name == "pgettext" else words[0]


def used_texts() -> dict[str, Path]:
    """Return every text that is marked anywhere, with a file that marks it."""
    found: dict[str, Path] = {}
    for file in sorted(SOURCES.rglob("*.py")):
        if "devtools" not in file.parts:
            found.update(dict.fromkeys(texts_of_code(file), file))
    for file in sorted([*SOURCES.rglob("*.html"), *SOURCES.rglob("*.txt")]):
        found.update(dict.fromkeys(texts_of_template(file), file))
    return found


def untranslated() -> list[str]:
    """Return a line for each text that has no Chinese words, neither ours nor Django's."""
    catalogue = translation(LANGUAGE)._catalog  # type: ignore[attr-defined]  # noqa: SLF001 - no public way to ask
    return [
        f"{file.relative_to(ROOT)}: {text!r} has no Chinese words"
        for text, file in used_texts().items()
        if text.strip() and text not in catalogue and (text, 0) not in catalogue and (text, 1) not in catalogue
    ]


def contents(entries: Iterable[Any]) -> dict[tuple[str | None, str], object]:
    """Return what a catalogue says, for comparison."""
    return {
        (entry.msgctxt or None, entry.msgid): entry.msgstr_plural or entry.msgstr
        for entry in entries
        if (entry.msgstr or any(entry.msgstr_plural.values())) and "fuzzy" not in entry.flags
    }


def problems() -> list[str]:
    """Return everything that is wrong, one line each."""
    source = polib.pofile(str(CATALOGUE))
    compiled = CATALOGUE.with_suffix(".mo")
    if not compiled.is_file() or contents(source) != contents(polib.mofile(str(compiled))):
        return [f"{compiled.relative_to(ROOT)} is not current: python -m backend.devtools.translations --write"]
    fuzzy = [f"{CATALOGUE.relative_to(ROOT)}: {entry.msgid!r} is marked fuzzy" for entry in source.fuzzy_entries()]
    return fuzzy + untranslated()


def main(arguments: list[str]) -> int:
    """Compile with `--write`, then check; 1 where something is wrong."""
    if "--write" in arguments:
        polib.pofile(str(CATALOGUE)).save_as_mofile(str(CATALOGUE.with_suffix(".mo")))
    import django  # noqa: PLC0415 - reads the catalogues

    django.setup()
    found = problems()
    print("\n".join(found))
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
