"""The registry of groups: which group a stream joins, by what its members have in common."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from services.live.group import Member, Render, StreamGroup

P = TypeVar("P")


class StreamGroups(Generic[P]):
    """The groups that have members, by what their members have in common."""

    def __init__(self) -> None:
        self._groups: dict[Hashable, StreamGroup[P]] = {}

    def __len__(self) -> int:
        return len(self._groups)

    def join(self, key: Hashable, member: Member[P], make_render: Callable[[], Render[P]]) -> StreamGroup[P] | None:
        """The group of this key that has admitted the member; a new one, with its own `render`, if there is none.

        None if the member must read the log again first: do it when `idle` returns.
        """
        group = self._groups.get(key)
        if group is None:
            stream = member.stream
            group = StreamGroup(stream.parts, stream, make_render(), lambda: self._forget(key))
        if not group.admit(member):
            return None
        self._groups[key] = group
        return group

    async def idle(self, key: Hashable) -> None:
        """Waits until nothing is under way in the group of this key, if there is one."""
        if (group := self._groups.get(key)) is not None:
            await group.idle()

    def _forget(self, key: Hashable) -> None:
        del self._groups[key]
