"""Global ids as the schema's scalar; services/id.py defines their format, because logs contain them too."""

from typing import Protocol, cast

import strawberry

from services import id as ids
from services.id import Kind, decode, number_of

__all__ = ["Kind", "decode", "encode", "number_of"]


class _Encode(Protocol):
    def __call__(self, kind: Kind, number: int, part: int | None = None) -> strawberry.ID: ...


encode = cast("_Encode", ids.encode)  # see services.id
