"""Writes the generated tables into README.md and docs/."""

import re
from functools import cache
from pathlib import Path

from server.manual.error_table import error_tables
from server.manual.limit_table import limit_tables
from server.manual.range_text import range_text
from server.setting.description import describe_settings
from server.setting.settings import Settings

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/*.md")
COMMAND = "./sotto manual"

# A table stands between a comment with its name and an end comment.
_PLACE = re.compile(r"(<!-- table: ([a-z -]+); made by \./sotto manual -->\n).*?(<!-- end of table -->)", re.DOTALL)


def write(root: Path = ROOT) -> list[Path]:
    """Updates the tables of all pages; returns the pages that changed."""
    changed = []
    for page in pages(root):
        text = page.read_text(encoding="utf-8")
        if (filled := fill(text)) != text:
            page.write_text(filled, encoding="utf-8")
            changed.append(page)
    return changed


def pages(root: Path = ROOT) -> list[Path]:
    """The pages that can contain tables."""
    return [page for pattern in PAGES for page in sorted(root.glob(pattern))]


def fill(text: str) -> str:
    """The text of a page with current tables; raises KeyError for an unknown table."""
    tables = all_tables()
    return _PLACE.sub(lambda place: "\n".join([f"{place[1]}", *tables[place[2]], "", place[3]]), text)


@cache
def all_tables() -> dict[str, list[str]]:
    """The Markdown lines of every table, by name."""
    return {"settings": _settings(), **error_tables(), **limit_tables()}


def _settings() -> list[str]:
    lines = ["| setting | default | values | description |", "|---|---|---|---|"]
    for row in describe_settings():
        values = range_text(row.name, Settings.model_fields[row.name])
        lines.append(f"| `{row.environment}` | `{row.default}` | {values} | {row.description} |")
    return lines
