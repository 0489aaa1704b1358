"""Parts: what a view holds only if it was asked for."""

from enum import Enum


class NotLoaded(RuntimeError):
    """A part of a view was read that was not loaded: a bug of whoever said which parts are needed."""


class Missing(Enum):
    """Stands in a view for a part that was not loaded, because None is an answer."""

    MISSING = "missing"


MISSING = Missing.MISSING
