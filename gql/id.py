"""Global ids as the schema's scalar; services/id.py defines their format, because logs contain them too."""

import strawberry

from services import id as ids
from services.id import Kind, decode, number_of

__all__ = ["Kind", "decode", "encode", "number_of"]


def encode(kind: Kind, number: int, part: int | None = None) -> strawberry.ID:
    """See services.id."""
    return strawberry.ID(ids.encode(kind, number, part))
