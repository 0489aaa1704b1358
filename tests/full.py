"""How much the tests do: `.ci/run` sets FULL=1 and runs those with the marker `full` again."""

import os
from typing import TypeVar

import pytest

T = TypeVar("T")

FULL = bool(os.environ.get("FULL"))
full = pytest.mark.full
rare = pytest.mark.skipif(not FULL, reason="too slow for `./sotto test`; .ci/run sets FULL=1")  # beside `full`


def amount(usual: T, most: T) -> T:
    """A number of runs or examples, a size or a selection: the first in `./sotto test`, the second with FULL=1."""
    return most if FULL else usual
