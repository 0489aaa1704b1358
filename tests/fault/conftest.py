"""A disk that fails when it is told to, by the library that tests/fault/run loads; without it the tests are skipped."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

_ALWAYS = 1 << 30


class Disk:
    """What it does to the calls of this process; see shim.c."""

    def __init__(self, faults: Path) -> None:
        self._faults = faults
        self._number = 0
        self.heal()

    def heal(self) -> None:
        """From here on every call is as it should be."""
        self._lines: list[str] = []
        self._put()

    def fail(self, call: str, end: str, *, code: int = errno.EIO, first: int = 1, last: int = _ALWAYS) -> None:
        """Lets `fsync`, `read` or `write` of files whose path ends so fail, from the first to the last of them."""
        self._add(f"{call} {code} 0 {first} {last} {end}")

    def slow(self, call: str, end: str, seconds: float) -> None:
        """Lets them take so much longer."""
        self._add(f"{call} 0 {int(seconds * 1e6)} 1 {_ALWAYS} {end}")

    def _add(self, fault: str) -> None:
        self._number += 1
        self._lines.append(f"{self._number} {fault}\n")
        self._put()

    def _put(self) -> None:
        new = self._faults.with_suffix(".new")
        new.write_text("".join(self._lines))
        new.replace(self._faults)


_numbers = iter(range(1 << 30))


@pytest.fixture
def disk() -> Iterator[Disk]:
    """One that works until it is told otherwise."""
    if "FAULTS" not in os.environ:
        pytest.skip("tests/fault/run runs these")
    disk = Disk(Path(os.environ["FAULTS"]))
    disk._number = next(_numbers) * 16  # no count of another test's fault goes on
    yield disk
    disk.heal()
