"""The style sheets: nothing that Chromium 83 lacks, and contrast that holds in both themes."""

import re
from pathlib import Path

import pytest

import backend.screens

FOLDER = Path(backend.screens.__file__).parent
SHEETS = sorted((FOLDER / "static" / "screens").glob("*.css"))
SCRIPTS = sorted((FOLDER / "static" / "screens").glob("*.js"))
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
# What Chromium 83, the shell's engine on Windows, does not have.
ABSENT_IN_CSS = {
    "flex gap": r"[;{\s](row-gap|column-gap|gap)\s*:",  # grids use the older grid-gap, which never reaches flex
    ":is": r":is\(",
    ":where": r":where\(",
    ":has": r":has\(",
    ":not(list)": r":not\([^)]*,",
    ":focus-visible": r":focus-visible",
    "inset": r"[;{\s]inset\s*:",
    "logical properties": r"(margin|padding|inset|border)-(inline|block)\b",
    "aspect-ratio": r"aspect-ratio\s*:",
    "nesting": r"&",
    "@layer": r"@layer",
    "container queries": r"@container",
    "range media queries": r"@media[^{]*[<>]",
    "color-mix": r"color-mix\(",
    "oklch": r"oklch\(",
    "dvh": r"\d(dvh|svh|lvh)\b",
    "accent-color": r"accent-color\s*:",
    "subgrid": r"subgrid",
    "content-visibility": r"content-visibility",
    "single transforms": r"[;{\s](translate|rotate|scale)\s*:",
    "unprefixed appearance": r"(?<!-)\bappearance\s*:",
    "unprefixed sticky": r"^(?!.*-webkit-sticky).*position:\s*sticky",
}
ABSENT_IN_SCRIPTS = {
    "replaceAll": r"\.replaceAll\(",
    "replaceChildren": r"\.replaceChildren\(",
    "at()": r"\.at\(",
    "findLast": r"\.findLast",
    "toSorted": r"\.toSorted\(",
    "??= and its like": r"(\?\?|\|\||&&)=",
    "structuredClone": r"structuredClone",
    "randomUUID": r"randomUUID",
    "hasOwn": r"Object\.hasOwn",
    "groupBy": r"groupBy\(",
    "AbortSignal.timeout": r"AbortSignal\.timeout",
    "Promise.any": r"Promise\.any",
    "WeakRef": r"WeakRef",
    "private methods": r"\s#\w+\(",
    "static blocks": r"static\s*\{",
    "top-level await": r"^await ",
    "inert": r"\binert\b",
    "popover": r"popover",
    "a style that the policy refuses": r"setAttribute\([\"']style|\.innerHTML\b|\beval\(|new Function",
}


def blanked(text: str) -> str:
    return COMMENT.sub("", text)


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda path: path.name)
def test_no_style_sheet_uses_what_the_shells_engine_lacks(sheet):
    text = blanked(sheet.read_text(encoding="utf-8"))
    # grid-gap, as Chromium knows it in grids since 57, is the one gap that is meant.
    text = re.sub(r"grid-(row-|column-)?gap", "grid_gap", text)

    found = {name for name, pattern in ABSENT_IN_CSS.items() if re.search(pattern, text, re.MULTILINE)}

    assert not found


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_no_script_uses_what_the_shells_engine_lacks(script):
    text = script.read_text(encoding="utf-8")

    assert not {name for name, pattern in ABSENT_IN_SCRIPTS.items() if re.search(pattern, text, re.MULTILINE)}


def test_the_lint_sees_what_it_forbids():
    assert re.search(ABSENT_IN_CSS["flex gap"], "a { display: flex; gap: 4px; }")
    assert re.search(ABSENT_IN_CSS[":focus-visible"], "a:focus-visible { }")
    assert re.search(ABSENT_IN_CSS["range media queries"], "@media (width >= 800px) { }")
    assert re.search(ABSENT_IN_SCRIPTS["??= and its like"], "a ??= b")


# --- Contrast ---------------------------------------------------------------------------------------
TEXT, UI = 4.5, 3.0  # WCAG 2.2, 1.4.3 and 1.4.11
GROUNDS = ("bg", "surface", "surface2", "map", "sunk")
TEXT_PAIRS = [
    *[(text, ground) for text in ("ink", "ink2") for ground in GROUNDS],
    *[("ink3", ground) for ground in ("bg", "surface", "surface2", "map")],
    *[(text, ground) for text in ("accent", "go", "warn", "stop", "gold") for ground in ("bg", "surface", "map")],
    ("on-accent", "accent"),
    ("on-accent", "accent-hover"),
    ("ink", "accent-soft"),
    ("ink2", "accent-soft"),
    ("on-go", "go"),
    ("ink", "go-soft"),
    ("ink2", "go-soft"),
    ("on-warn", "warn-fill"),
    ("ink", "warn-soft"),
    ("warn", "warn-soft"),
    ("on-stop", "stop"),
    ("ink", "stop-soft"),
    ("stop", "stop-soft"),
    ("on-bar", "bar"),
    ("on-bar2", "bar"),
    ("bg", "ink"),
    ("seat-free", "seat-fill"),
]
UI_PAIRS = [
    *[("edge", ground) for ground in GROUNDS],
    *[(seat, "map") for seat in ("seat-free", "seat-held", "seat-off", "accent", "gold")],
    ("seat-mark", "seat-sold"),
    ("warn-fill", "bar"),
    ("focus", "focus-ink"),
]


def themes() -> dict[str, dict[str, str]]:
    text = (FOLDER / "static" / "screens" / "tokens.css").read_text(encoding="utf-8")
    blocks = re.findall(r"\{([^{}]*--bg:[^{}]*)\}", text)
    found = [dict(re.findall(r"--([\w-]+):\s*(#[0-9A-F]{6})", block)) for block in blocks]
    assert len(found) == 3
    assert found[1] == found[2], "dark by choice and dark by the system are one theme"
    return {"light": found[0], "dark": found[1]}


def luminance(colour: str) -> float:
    """Return the relative luminance of `#RRGGBB` (WCAG 2.2)."""
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_and_every_control_stands_out_enough(theme):
    tokens = themes()[theme]
    wanted = [(*pair, TEXT) for pair in TEXT_PAIRS] + [(*pair, UI) for pair in UI_PAIRS]

    low = [
        (front, back, round(found, 2))
        for front, back, least in wanted
        if (found := contrast(tokens[front], tokens[back])) < least
    ]

    assert not low


def test_contrast_is_computed_as_the_standard_says():
    assert round(contrast("#000000", "#FFFFFF"), 2) == 21
    assert round(contrast("#777777", "#FFFFFF"), 2) == 4.48
