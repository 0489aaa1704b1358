"""The manual: the tables of README.md and docs/ that are made from the code, so that none of them can be wrong."""

import re
from pathlib import Path

from server.manual.error_table import error_tables
from server.manual.limit_table import limit_tables
from server.manual.range_text import bounds_of
from server.setting.description import describe_settings
from server.setting.settings import Settings

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/*.md")
COMMAND = "./sotto manual"

# Where a table stands: between a mark with its name and the mark of its end.
_PLACE = re.compile(r"(<!-- table: ([a-z -]+); made by \./sotto manual -->\n).*?(<!-- end of table -->)", re.DOTALL)


def write(root: Path = ROOT) -> list[Path]:
    """Puts today's tables into the pages; returns those that changed."""
    changed = []
    for page in pages(root):
        text = page.read_text(encoding="utf-8")
        if (filled := fill(text)) != text:
            page.write_text(filled, encoding="utf-8")
            changed.append(page)
    return changed


def pages(root: Path = ROOT) -> list[Path]:
    """The README and what it links to."""
    return [page for pattern in PAGES for page in sorted(root.glob(pattern))]


def fill(text: str) -> str:
    """The text of a page with its tables as they should be; raises KeyError for a table that there is not."""
    tables = all_tables()
    return _PLACE.sub(lambda place: "\n".join([f"{place[1]}", *tables[place[2]], "", place[3]]), text)


def all_tables() -> dict[str, list[str]]:
    """The lines of every table by its name."""
    return {"settings": _settings(), **error_tables(), **limit_tables()}


def _settings() -> list[str]:
    lines = ["| setting | default | bounds | meaning |", "|---|---|---|---|"]
    for row in describe_settings():
        bounds = bounds_of(row.name, Settings.model_fields[row.name])
        lines.append(f"| `{row.environment}` | `{row.default}` | {bounds} | {row.description} |")
    return lines
