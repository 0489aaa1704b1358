"""The Markdown of the results: what a reader compares, the goals, and the machine."""

import re
import statistics
from collections.abc import Sequence
from pathlib import Path

from bench.peers.goal import GOALS
from bench.peers.result import Row, number, spread
from bench.peers.server import Kind

BEGIN = "<!-- figures; written by python -m bench.peers --write -->"
END = "<!-- end of figures -->"


def render(rows: Sequence[Row], kinds: Sequence[Kind], head: str) -> str:
    """All tables; `head` says where and how they were measured."""
    parts = [head]
    for section in dict.fromkeys(row.section for row in rows):
        within = [row for row in rows if row.section == section]
        having = [kind for kind in kinds if any(kind.name in row.samples for row in within)]
        parts += [f"**{section}**", cpu_table(within, having), rate_table(within, having)]
    if memories := memory_lines(rows, kinds):
        parts.append(memories)
    parts += ["**Goals**", goal_table(rows)]
    return "\n\n".join(parts) + "\n"


def cpu_table(rows: Sequence[Row], kinds: Sequence[Kind]) -> str:
    lines = _head("CPU, µs", [kind.title for kind in kinds])
    for row in rows:
        lines.append(_line(row.title, [spread(row.cpu(kind.name)) for kind in kinds]))
    return "\n".join(lines)


def rate_table(rows: Sequence[Row], kinds: Sequence[Kind]) -> str:
    """The ratio of each round is of measurements that followed each other, so its median is steadier than the rates."""
    peers = [kind for kind in kinds if not kind.is_sotto]
    lines = _head("rate", ["Sotto, per second", "p50, p99 ms", *(f"Sotto ÷ {kind.title}" for kind in peers)])
    for row in rows:
        ours = row.samples["sotto"]
        rate = number(statistics.median(sample.rate for sample in ours))
        times = [number(statistics.median(each)) for each in zip(*((one.p50, one.p99) for one in ours), strict=True)]
        lines.append(_line(row.title, [rate, ", ".join(times), *(spread(row.ratios(kind.name)) for kind in peers)]))
    return "\n".join(lines)


def memory_lines(rows: Sequence[Row], kinds: Sequence[Kind]) -> str:
    """KiB of an open stream, where there were enough of them to tell."""
    found = [row for row in rows if row.name == "group-many"]
    titles = {kind.name: kind.title for kind in kinds}
    parts = [f"{titles[name]} {number(of[0].memory)}" for row in found for name, of in row.samples.items()]
    return f"KiB of memory for each open stream, of 1,000: {', '.join(parts)}." if parts else ""


def goal_table(rows: Sequence[Row]) -> str:
    by_name = {row.name: row for row in rows}
    lines = _head("goal", ["needed", "aim", "measured", "reached"])
    return "\n".join([*lines, *(goal.line(by_name) for goal in GOALS)])


def write(page: Path, text: str) -> None:
    """Replaces what stands between the two marks of a page; raises ValueError if it has none."""
    whole = page.read_text(encoding="utf-8")
    found = re.search(f"{re.escape(BEGIN)}.*{re.escape(END)}", whole, re.DOTALL)
    if found is None:
        raise ValueError(f"{page} has no place for the figures: {BEGIN} … {END}")
    page.write_text(f"{whole[: found.start()]}{BEGIN}\n\n{text}\n{END}{whole[found.end() :]}", encoding="utf-8")


def _head(corner: str, titles: Sequence[str]) -> list[str]:
    return [_line(corner, titles), f"|{'---|' * (len(titles) + 1)}"]


def _line(first: str, cells: Sequence[str]) -> str:
    return f"| {first} | {' | '.join(cells)} |"
