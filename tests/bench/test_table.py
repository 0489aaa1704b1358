"""The tables of the comparison, from fixed figures."""

from pathlib import Path

import pytest

from bench.peers import table
from bench.peers.goal import GOALS
from bench.peers.result import Row, Sample, number, percentile, spread
from bench.peers.server import BY_HAND, MERCURIUS, SOTTO

ROWS = [
    Row(
        "send-64",
        "send, 64 at a time",
        "Requests",
        {
            "sotto": [Sample(900, 350, 60, 90), Sample(1_200, 390, 50, 80), Sample(1_000, 410, 55, 100)],
            "mercurius": [Sample(600, 565, 1, 2), Sample(600, 560, 1, 2), Sample(500, 570.4, 1, 2)],
            "by-hand": [Sample(4_500, 180, 1, 2), Sample(4_800, 181, 1, 2), Sample(4_000, 190, 1, 2)],
        },
    ),
    Row("page", "page", "Requests", {"sotto": [Sample(2_600, 374, 6, 9)], "mercurius": [Sample(1_300, 791, 12, 20)]}),
    Row(
        "group-many",
        "many streams",
        "Live",
        {"sotto": [Sample(9_000, 55.55, 3, 4, 25.04)], "mercurius": [Sample(18_000, 9.994, 3, 4, 90)]},
    ),
]
TEXT = """The machine.

**Requests**

| CPU, µs | Sotto | Mercurius | aiohttp by hand |
|---|---|---|---|
| send, 64 at a time | 390 (350 to 410) | 565 (560 to 570) | 181 (180 to 190) |
| page | 374 (374 to 374) | 791 (791 to 791) | – |

| rate | Sotto, per second | p50, p99 ms | Sotto ÷ Mercurius | Sotto ÷ aiohttp by hand |
|---|---|---|---|---|
| send, 64 at a time | 1,000 | 55.0, 90.0 | 2.00 (1.50 to 2.00) | 0.25 (0.20 to 0.25) |
| page | 2,600 | 6.00, 9.00 | 2.00 (2.00 to 2.00) | – |

**Live**

| CPU, µs | Sotto | Mercurius |
|---|---|---|
| many streams | 55.5 (55.5 to 55.5) | 9.99 (9.99 to 9.99) |

| rate | Sotto, per second | p50, p99 ms | Sotto ÷ Mercurius |
|---|---|---|---|
| many streams | 9,000 | 3.00, 4.00 | 0.50 (0.50 to 0.50) |

KiB of memory for each open stream, of 1,000: Sotto 25.0, Mercurius 90.0.

**Goals**
"""


def test_the_tables_show_medians_and_paired_ratios() -> None:
    """A ratio is of the same round. A table has the servers that have any of its rows."""
    text = table.render(ROWS, [SOTTO, MERCURIUS, BY_HAND], "The machine.")

    assert text.startswith(TEXT)


def test_the_goals_say_what_was_not_reached() -> None:
    """One line for each goal; what is at least as good as the aim, what is enough, and what is not."""
    text = table.goal_table(ROWS)

    assert text.count("not measured") == len(GOALS) - 4
    assert "| sends a second, 64 at a time, ÷ Mercurius | at least 1.5 | 3 | 2.00 | yes |" in text
    assert "| send, 64 at a time, µs | at most 400 | 200 | 390 | yes |" in text
    slow = {"sotto": [Sample(900, 401, 60, 90)], "mercurius": [Sample(300, 565, 1, 2)]}
    text = table.goal_table([Row("send-64", "", "", slow)])
    assert "| send, 64 at a time, µs | at most 400 | 200 | 401 | **no** |" in text
    assert "| at least 1.5 | 3 | 3.00 | yes, and the aim |" in text


def test_a_read_must_be_faster_and_cheaper() -> None:
    """The lower ratio counts: on a busy machine the rates alone would say anything."""
    faster = {"sotto": [Sample(2_000, 800, 1, 1)], "mercurius": [Sample(1_000, 600, 1, 1)]}
    cheaper = {"sotto": [Sample(900, 300, 1, 1)], "mercurius": [Sample(1_000, 600, 1, 1)]}

    for samples, measured in ((faster, "0.75 | **no**"), (cheaper, "0.90 | **no**")):
        text = table.goal_table([Row("page", "", "", samples)])
        assert f"| pages a second ÷ Mercurius | at least 1 | 1.3 | {measured} |" in text


def test_a_page_gets_its_figures_between_the_marks(tmp_path: Path) -> None:
    """Nothing else changes, and writing again replaces them."""
    page = tmp_path / "page.md"
    page.write_text(f"before\n\n{table.BEGIN}\nold\n{table.END}\n\nafter\n")

    for text in ("one\n", "other \\1\n"):
        table.write(page, text)

        assert page.read_text() == f"before\n\n{table.BEGIN}\n\n{text}\n{table.END}\n\nafter\n"


def test_a_page_without_marks_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("text\n")

    with pytest.raises(ValueError, match="has no place for the figures"):
        table.write(page, "figures\n")

    assert page.read_text() == "text\n"


def test_figures_have_three_digits() -> None:
    """Thousands are whole."""
    assert [number(value) for value in (0.123, 9.87, 12.34, 123.4, 12_345.6)] == [
        "0.12", "9.87", "12.3", "123", "12,346",
    ]  # fmt: skip
    assert spread([]) == "–"
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([3.0, 1.0, 2.0], 0.99) == 3.0


def test_the_page_of_the_documentation_has_its_place() -> None:
    """`--write docs/performance.md` finds it."""
    text = (Path(__file__).parents[2] / "docs/performance.md").read_text(encoding="utf-8")

    assert text.index(table.BEGIN) < text.index(table.END)
