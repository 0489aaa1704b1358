"""The generated tables of the documentation, and the texts of allowed values."""

import shutil
from pathlib import Path

import pytest
from pydantic.fields import FieldInfo

from server.__main__ import cli
from server.manual.manual import ROOT, fill, pages, write
from server.manual.range_text import range_text
from server.setting.settings import Settings


def test_only_outdated_pages_are_rewritten(tmp_path: Path) -> None:
    """A second run changes nothing."""
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / "README.md", tmp_path)
    drifted = tmp_path / "docs" / "limits.md"
    drifted.write_text(drifted.read_text(encoding="utf-8").replace("| 25MiB |", "| 26MiB |"), encoding="utf-8")

    assert write(tmp_path) == [drifted]
    assert drifted.read_text(encoding="utf-8") == (ROOT / "docs/limits.md").read_text(encoding="utf-8")
    assert write(tmp_path) == []


def test_a_mark_with_an_unknown_name_is_an_error() -> None:
    """Otherwise the table would never be updated."""
    with pytest.raises(KeyError, match="no such table"):
        fill("<!-- table: no such table; made by ./sotto manual -->\nold\n<!-- end of table -->")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("port", "0 to 65,535"),
        ("max_recipients", "1 or more"),
        ("quota_bytes", "0 or more"),
        ("url_life_seconds", "1 to 3,153,600,000"),
        ("sign_up", "`true` or `false`"),
        ("log_format", "`auto`, `json` or `text`"),
        ("data", "a path"),
    ],
)
def test_the_range_text_is_what_the_setting_accepts(name: str, words: str) -> None:
    """It is derived from the type."""
    assert range_text(name, Settings.model_fields[name]) == words


def test_a_type_of_setting_without_a_text_is_an_error() -> None:
    """Whoever adds a type adds its text."""
    with pytest.raises(KeyError):
        range_text("a_new_one", FieldInfo(annotation=dict))


def test_every_command_is_documented() -> None:
    """In the README, docs/ or CONTRIBUTING.md."""
    text = "".join(page.read_text(encoding="utf-8") for page in [*pages(), ROOT / "CONTRIBUTING.md"])
    names = [str(each.name or each.callback.__name__) for each in cli.registered_commands if each.callback]
    for group in cli.registered_groups:
        assert group.typer_instance is not None
        names += [f"{group.name} {each.name}" for each in group.typer_instance.registered_commands]

    assert [name for name in names if f"`{name}" not in text and f"./sotto {name}" not in text] == []
    assert len(names) >= 20
