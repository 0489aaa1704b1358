"""The spending of an operation while it is executed: what it may still cost, and the size of its answer."""

from collections.abc import Sequence
from typing import Any

from graphql import GraphQLError
from graphql.pyutils import Path

from gql.document.survey import LimitExceeded, QueryLimits

SCALAR_BYTES = 5  # about, of a number, a boolean or null
LOCATION_BYTES = 24  # bytes of one location in the response: {"line":1,"column":100},


class Spending:
    """What an operation may still cost, in the unit of its estimate; plain numbers, because it counts every object."""

    __slots__ = ("ended_at", "left", "limits", "response_bytes")

    def __init__(self, limits: QueryLimits) -> None:
        self.limits = limits
        self.left = limits.executed_cost
        self.response_bytes = 0
        self.ended_at: Path | None = None  # the path at which the budget was exceeded

    @property
    def cost(self) -> int:
        """The cost so far."""
        return self.limits.executed_cost - self.left

    @property
    def is_over(self) -> bool:
        """Whether to resolve nothing more."""
        return self.left < 0

    def stop(self) -> None:
        """Resolve nothing more, because nobody waits for the answer."""
        self.left = -1

    def add(self, cost: int, path: Path | None) -> bool:
        """Count the fields about to be resolved at this path; returns whether they exceed the budget."""
        self.left -= cost
        if self.left >= 0:
            return False
        self.ended_at = self.ended_at or path
        return True

    def weigh_answer(self, data: object, errors: Sequence[GraphQLError] = ()) -> bool:
        """Count the bytes of a response approximately, before it is encoded; returns whether they are too many."""
        found = sum(len(error.message) + LOCATION_BYTES * len(error.nodes or ()) for error in errors)
        most = self.limits.response_bytes
        stack: list[Any] = [data]
        while stack and found <= most:
            value = stack.pop()
            kind = type(value)
            if kind is str:
                found += len(value) if value.isascii() else len(value.encode(errors="replace"))
            elif kind is dict:
                found += sum(map(len, value)) + 6 * len(value)
                stack += value.values()
            elif kind is list:
                found += len(value)
                stack += value
            else:
                found += SCALAR_BYTES
        self.response_bytes = found
        return found > most

    def refusal(self) -> LimitExceeded:
        """The error that replaces the data."""
        path = self.ended_at.as_list() if self.ended_at else []
        if self.left < 0:
            return LimitExceeded("Cost of the operation as executed", self.cost, self.limits.executed_cost, path=path)
        return LimitExceeded("Bytes of the answer", self.response_bytes, self.limits.response_bytes, path=path)
