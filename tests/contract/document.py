"""Pages of Markdown as their tests read them: blocks of code with what stands before them, links, and anchors."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
DECISIONS = sorted((ROOT / "docs/decisions").glob("*.md"))
NOT_RUN = "Not run by the tests"

_FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the words behind that, its text, its line, and the paragraph before it."""

    page: Path
    language: str
    words: tuple[str, ...]
    text: str
    line: int
    before: str

    @property
    def is_run(self) -> bool:
        """Whether no sentence before it, in the text or in a comment, says that it is not run, and why."""
        return NOT_RUN not in self.before

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks_of(page: Path) -> list[Block]:
    """All of a page, in order."""
    return list(_blocks(page, page.read_text(encoding="utf-8")))


def _blocks(page: Path, text: str) -> Iterator[Block]:
    for match in _FENCE.finditer(text):
        language, *words = match["info"].split() or [""]
        before = " ".join(text[: match.start()].rstrip().rpartition("\n\n")[2].split())
        yield Block(page, language, tuple(words), match["text"], text[: match.start()].count("\n") + 1, before)


def without_blocks(page: Path) -> str:
    """The page's prose."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def links_of(page: Path) -> list[str]:
    """What it links to, within the repository."""
    targets = [match["target"] for match in _LINK.finditer(without_blocks(page))]
    return [each for each in targets if not each.startswith(("http://", "https://"))]


def anchors_of(page: Path) -> set[str]:
    """The anchors that GitHub makes of its headings."""
    found = set()
    for heading in _HEADING.findall(without_blocks(page)):
        words = re.sub(r"[^\w\- ]", "", heading.lower())
        found.add(words.replace(" ", "-"))
    return found
