"""The scripts of README.md and docs/ work in Node without changes except for the port."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.document import PAGES, Block, blocks_of
from tests.examples.demo import HERE, NODE, Watched, demo, require_installed, token_of, watched, write

SCRIPTS = [block for page in PAGES for block in blocks_of(page) if block.language == "js"]
CALL = "Somebody writes while it listens."


@pytest.fixture(autouse=True)
def _installed() -> None:
    require_installed()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A demo for all scripts."""
    require_installed()
    with demo(tmp_path_factory.mktemp("scripts")) as found:
        yield found


def heard_by(program: Watched, url: str) -> bool:
    """Whether the script prints the expected text within 30 seconds, while messages are sent every second."""
    for _ in range(30):
        if any(CALL in line or "SendPrivateMessageSuccess" in line for line in program.lines):
            return True
        write(url, "alice", CALL)
        time.sleep(1)
    return False


@pytest.mark.parametrize("block", SCRIPTS, ids=str)
def test_a_script_works(url: str, block: Block, tmp_path: Path) -> None:
    """A listening script prints messages; a sending script prints its result."""
    (tmp_path / "node_modules").symlink_to(HERE / "node_modules")
    address = url.removeprefix("http://")
    (tmp_path / "script.mjs").write_text(block.text.replace("127.0.0.1:8000", address))
    command: list[str | Path] = [NODE, "--import", HERE / "preamble.mjs", "script.mjs"]
    with watched(command, cwd=tmp_path, TOKEN=token_of(url, "alice")) as program:
        is_heard = heard_by(program, url)

    assert is_heard, program.lines


def test_there_are_scripts() -> None:
    """The regular expression finds the scripts."""
    assert len(SCRIPTS) >= 3
