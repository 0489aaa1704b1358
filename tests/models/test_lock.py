"""The lock file: who does not get it leaves nothing behind."""

import os
from pathlib import Path

import pytest

from models.error import DatabaseInUse
from models.lock import Lock


def open_descriptors(path: Path) -> int:
    """How many of this process's lead to this file."""
    links = (os.path.realpath(link) for link in Path("/proc/self/fd").iterdir())
    return list(links).count(str(path.resolve()))


def test_a_refused_start_leaves_no_descriptor_open(tmp_path: Path) -> None:
    """However often it is tried, and the lock is its holder's until it is released."""
    path = tmp_path / "sotto.db.lock"
    lock = Lock.take(path)
    for _ in range(3):
        with pytest.raises(DatabaseInUse):
            Lock.take(path)
    while_held = open_descriptors(path)
    lock.release(is_clean=True)

    assert while_held == 1
    assert open_descriptors(path) == 0
    Lock.take(path).release(is_clean=True)
