"""The version is the same everywhere, and the changelog has the right format."""

import re
import tomllib
from datetime import date
from pathlib import Path

import pytest

from services.version import VERSION

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
HEADINGS = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
KINDS = re.findall(r"^### (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)


def parts_of(version: str) -> tuple[int, ...]:
    """The numbers of a version without a pre-release."""
    return tuple(int(part) for part in version.split("."))


def test_the_project_the_program_and_the_changelog_name_one_version() -> None:
    """`serverInfo.version` matches the newest section of CHANGELOG.md."""
    newest = HEADINGS[1].split(" - ")[0]

    assert PROJECT["version"] == VERSION == newest


def test_the_changelog_begins_with_what_is_unreleased_and_goes_back_in_time() -> None:
    """Keep a Changelog: `## Unreleased`, then `## 1.2.3 - 2026-11-21`, the newest first."""
    releases = [re.fullmatch(r"(\d+\.\d+\.\d+) - (\d{4}-\d\d-\d\d)", heading) for heading in HEADINGS[1:]]
    found = [(parts_of(each[1]), date.fromisoformat(each[2])) for each in releases if each is not None]

    assert HEADINGS[0] == "Unreleased"
    assert len(found) == len(releases)
    assert found == sorted(found, reverse=True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_is_of_a_known_kind(kind: str) -> None:
    """Only the headings of Keep a Changelog are used."""
    assert kind in {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_the_licence_is_in_the_archive() -> None:
    """As pyproject.toml says."""
    assert PROJECT["license"] == "MIT"
    assert all((ROOT / name).read_text(encoding="utf-8").startswith("MIT License") for name in PROJECT["license-files"])
