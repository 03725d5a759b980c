"""The manual that lies beside the program: the guides for a till's people, as pages that any browser shows."""

from __future__ import annotations

import html
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from shell_client.packaging.release import APP_NAME, Release

GUIDES = Path(__file__).resolve().parents[2] / "docs" / "guides"
PICTURES = "pictures"

_PAGE = """<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<title>{title}</title>
<style>
body {{ font: 16px/1.6 "Microsoft YaHei", "Noto Sans CJK SC", sans-serif; max-width: 60em; margin: 2em auto;
  padding: 0 1em; color: #16202c; }}
h1 {{ border-bottom: 2px solid #16202c; padding-bottom: .2em; margin-top: 2em; }}
table {{ border-collapse: collapse; margin: 1em 0; }}
th, td {{ border: 1px solid #b9c2cc; padding: .35em .7em; text-align: left; vertical-align: top; }}
code {{ background: #eef1f4; padding: .1em .3em; border-radius: 3px; }}
pre code {{ display: block; padding: .7em; overflow-x: auto; }}
img {{ max-width: 100%; }}
header, footer {{ color: #55606c; }}
</style>
</head>
<body>
<header>{release}</header>
{body}
</body>
</html>
"""


@dataclass(frozen=True)
class Edition:
    """The manual in one language: its file, its title, the guides it is made of, and the line above them."""

    file: str
    language: str
    title: str
    guides: tuple[str, ...]
    release: str


EDITIONS = (
    Edition(
        "用户手册.html", "zh-Hans", f"{APP_NAME} 用户手册", ("client.md", "staff.md"), "版本 {version}，{built_at}"
    ),
    Edition(
        "manual.html",
        "en",
        "Cinema till: manual",
        ("client.en.md", "staff.en.md"),
        "Version {version}, {built_at}",
    ),
)


def write_manual(release: Release, folder: Path) -> list[Path]:
    """Write the manual in each language into `folder`, with the pictures it shows; return its pages."""
    pages = []
    for edition in EDITIONS:
        bodies, pictures = [], set[Path]()
        for name in edition.guides:
            body, shown = page_of(GUIDES / name, inside=edition.guides)
            bodies.append(body)
            pictures |= shown
        (folder / PICTURES).mkdir(exist_ok=True)
        for picture in pictures:
            shutil.copyfile(picture, folder / PICTURES / picture.name)
        page = _PAGE.format(
            language=edition.language,
            title=html.escape(edition.title),
            release=html.escape(edition.release.format(version=release.version, built_at=release.build.built_at)),
            body="\n".join(bodies),
        )
        (folder / edition.file).write_text(page, "utf-8", newline="\n")
        pages.append(folder / edition.file)
    return pages


def page_of(guide: Path, *, inside: tuple[str, ...]) -> tuple[str, set[Path]]:
    """Return a guide as HTML and the pictures it shows.

    A link to a guide `inside` the manual leads to its place there; one that leads out of the manual is words alone,
    and a first line of nothing but such links is left out.
    """
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    text = re.sub(r"\A(# .+\n\n)\[[^\n]*\n", r"\1", guide.read_text("utf-8"))
    tokens = markdown.parse(text)
    pictures = set[Path]()
    for token in tokens:
        if token.type == "inline" and token.children:
            token.children = [part for part in token.children if _settle(part, guide, inside, pictures)]
            _drop_ends(token.children)
    body = markdown.renderer.render(tokens, markdown.options, {})
    return f'<section id="{guide.name.partition(".")[0]}">\n{body}</section>', pictures


def _settle(part: Token, guide: Path, inside: tuple[str, ...], pictures: set[Path]) -> bool:
    """Point one picture or link into the manual; return False where the link must go."""
    if part.type == "image":
        picture = (guide.parent / str(part.attrs["src"])).resolve()
        pictures.add(picture)
        part.attrs["src"] = f"{PICTURES}/{picture.name}"
    if part.type != "link_open":
        return True
    address = str(part.attrs["href"])
    name = address.partition("#")[0].rpartition("/")[2]
    if name in inside:
        part.attrs["href"] = f"#{name.partition('.')[0]}"
        return True
    return bool(re.match(r"https?:", address))


def _drop_ends(parts: list[Token]) -> None:
    """Remove the ends of links whose beginnings are gone."""
    kept: list[Token] = []
    depth = 0
    for part in parts:
        if part.type == "link_open":
            depth += 1
        elif part.type == "link_close":
            if not depth:
                continue
            depth -= 1
        kept.append(part)
    parts[:] = kept
