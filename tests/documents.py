"""The project's documents as values: their blocks of code, their links and what these may lead to.

Markdown as GitHub takes it, as far as the documents use it. All but pages() is pure.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = ("*.md", "docs/**/*.md", "examples/**/*.md", "bench/results/*.md")

RUN = "sh"
"""The language of blocks that are run, from top to bottom, one page after a fresh start."""

DATA = frozenset({"ini", "json", "python", "text", "toml", "yaml"})
SHOWN = "console"
"""The language of commands that can't be run by a test."""

_FENCE = re.compile(r"( *)(`{3,}|~{3,})([^`]*)$")
_FILE = re.compile(r"`([^`\s]*[./][^`\s]*)`:$")
_HEADING = re.compile(r"#{1,6} +(.*?)(?: +#+)? *$")
_CODE_SPAN = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
_LINK = re.compile(r"\]\(<?([^\s()<>]+)>?(?:\s+\"[^\"]*\")?\)")
_REFERENCE = re.compile(r"^ {0,3}\[[^\]]+\]:\s*<?([^\s<>]+)", re.MULTILINE)
_HTML_LINK = re.compile(r"<[a-z]+\b[^>]*\b(?:href|src|srcset)=\"([^\"]+)\"")
_HTML_ANCHOR = re.compile(r"<[a-z]+\b[^>]*\b(?:id|name)=\"([^\"]+)\"")


class DocumentError(Exception):
    """Raised when a page isn't Markdown as it is used here; says where."""


@dataclass(frozen=True)
class Block:
    """A block of code between fences.

    Attributes:
        page: the page, as messages should show it.
        line: where its text begins; lines count from 1.
        language: all that stands after the fence; may be "".
        text: its lines, less the fence's indentation.
        file: the file that it is the content of, told by the line before it, or "".
    """

    page: str
    line: int
    language: str
    text: str
    file: str = ""

    def __str__(self) -> str:
        """Return the block's place."""
        return f"{self.page}:{self.line}"


def pages(root: Path = ROOT) -> dict[str, str]:
    """Return the text of every page of a checkout, by its path from there."""
    found = sorted({path for pattern in PAGES for path in root.glob(pattern)})
    return {path.relative_to(root).as_posix(): path.read_text() for path in found}


def blocks(page: str, text: str) -> list[Block]:
    """Return a page's blocks of code, from top to bottom.

    Raises:
        DocumentError: a fence isn't closed.
    """
    return [part for part in _parts(page, text) if isinstance(part, Block)]


def anchors(page: str, text: str) -> set[str]:
    """Return what may follow the page's name and a # in a link: its headings', and HTML's."""
    prose = "\n".join(_prose(page, text))
    seen: Counter[str] = Counter()
    found = set(_HTML_ANCHOR.findall(_without_code(prose)))
    for line in prose.splitlines():
        if heading := _HEADING.match(line):
            slug = _slug(heading[1])
            found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
            seen[slug] += 1
    return found


def links(page: str, text: str) -> list[tuple[int, str]]:
    """Return the targets of the page's links and pictures, each with its line."""
    prose = _without_code("\n".join(_prose(page, text)))
    return sorted(
        (prose.count("\n", 0, match.start(1)) + 1, match[1])
        for pattern in (_LINK, _REFERENCE, _HTML_LINK)
        for match in pattern.finditer(prose)
    )


def _parts(page: str, text: str) -> Iterator[str | Block]:
    """Return each line of prose, and each block, which is followed by a line "" for its own."""
    lines = iter(enumerate(text.splitlines(), 1))
    before = ""
    for number, line in lines:
        fence = _FENCE.match(line)
        if not fence:
            before = line.rstrip() or before
            yield line
            continue
        indentation, marks, language = len(fence[1]), fence[2], fence[3].strip()
        content = []
        for _, inner in lines:
            if re.fullmatch(rf" *{marks[0]}{{{len(marks)},}} *", inner):
                break
            content.append(inner[min(indentation, len(inner) - len(inner.lstrip(" "))) :])
        else:
            raise DocumentError(f"{page}:{number}: the block of code has no end")
        named = _FILE.search(before) if language in DATA else None
        whole = "".join(f"{each}\n" for each in content)
        yield Block(page, number + 1, language, whole, named[1] if named else "")
        yield from [""] * (len(content) + 2)
        before = ""


def _prose(page: str, text: str) -> list[str]:
    return [part for part in _parts(page, text) if isinstance(part, str)]


def _without_code(text: str) -> str:
    """Return a text with its code spans emptied; its lines stay."""
    return _CODE_SPAN.sub(lambda span: "`" + "\n" * span[0].count("\n") + "`", text)


def _slug(heading: str) -> str:
    """Return the anchor that GitHub makes of a heading."""
    shown = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
