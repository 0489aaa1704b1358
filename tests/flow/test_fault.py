"""A disk that fails, for which calls of the system have to: in a process of its own, with a library loaded first."""

import asyncio
import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(shutil.which(os.environ.get("CC", "cc")) is None, reason="the library needs a C compiler")
async def test_what_is_answered_while_the_disk_fails_is_true_after_a_crash() -> None:
    """The tests of tests/fault but for the slow one, which .ci/run has."""
    process = await asyncio.create_subprocess_exec(
        *(ROOT / "tests/fault/run", "-x", "-p", "no:xdist", "--deselect", "tests/fault/test_stop.py"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()

    assert process.returncode == 0, said.decode()
    assert b" passed" in said
    assert b"skipped" not in said
