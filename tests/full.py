"""How much the tests do: `.ci/run` sets FULL=1 and runs those with the marker `full` again."""

import os
from typing import TypeVar

import pytest

T = TypeVar("T")

full = pytest.mark.full


def amount(usual: T, most: T) -> T:
    """A number of runs or examples, a size or a selection: the first in `./sotto test`, the second with FULL=1."""
    return most if os.environ.get("FULL") else usual
