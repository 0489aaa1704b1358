"""Every test that SECURITY.md names exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`((?:tests|bench)/[a-z_/]+\.py(?:::[a-z_0-9]+)?)`", TEXT)))


@pytest.mark.parametrize("name", NAMED)
def test_what_is_promised_is_tested(name: str) -> None:
    """The file exists, and the function if one is named."""
    path, _, function = name.partition("::")

    assert (ROOT / path).is_file()
    if function:
        assert re.search(rf"^(async )?def {function}\(", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)


def test_promises_are_many() -> None:
    """The regular expression finds the names."""
    assert len(NAMED) > 40
    assert sum("::" in name for name in NAMED) > 15
