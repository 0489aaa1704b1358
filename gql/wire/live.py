"""Live operations: a subscription with a live source, from its first event to its last."""

from collections.abc import AsyncGenerator, Hashable
from contextlib import aclosing
from typing import Protocol

import orjson

from gql.charge import end_event, reserve_shared, reserved, settle_event
from gql.context import Context
from gql.device import SHOWS_DEVICE
from gql.wire.execution import LiveExecution
from services.live.group import StreamGroup
from services.live.live_stream import LiveStream
from services.live.resolved_event import ResolvedEvent
from services.live.signal import PresenceChange, Revoked, Signal, Typing


class Channel(Protocol):
    """Where the answers of one operation go."""

    async def send(self, payload: bytes) -> None:
        """Sends an answer once there is room for it; raises if the client has left, or reads nothing for too long."""
        ...

    def push(self, payload: bytes) -> bool:
        """Sends an answer if there is room for it now; returns whether it did."""
        ...

    def resume(self) -> None:
        """The operation has left its group: it has to `follow` again."""
        ...


class SharedAnswers:
    """Executes a subscription once for each event, for all streams of a group; a `services.live.group.Render`."""

    __slots__ = ("_context", "execution")

    def __init__(self, execution: LiveExecution, context: Context) -> None:
        self.execution = execution
        self._context = context.for_event()

    async def __call__(self, signal: Signal, count: int) -> bytes:
        """The answer; its cost is counted once, with a little for each delivery after the first."""
        self._context.spent = None
        try:
            await reserve_shared(self._context, count - 1)
            return await _answer_to(signal, self.execution, self._context)
        finally:
            end_event(self._context)
            settle_event(self._context, count - 1)


class LiveOperation:
    """Follows a live stream for one operation: alone at first, and in a group as soon as it has caught up.

    A group executes the operation once for all streams whose answers are equal, and pushes the encoded answer to their
    channels; so an operation in a group has no task.
    """

    __slots__ = ("_channel", "_context", "_execution", "_group", "_has_begun", "stream")

    stream: LiveStream  # see `services.live.group.Member`; found when the operation begins

    def __init__(self, execution: LiveExecution, context: Context, channel: Channel) -> None:
        self._execution = execution
        self._context = context
        self._channel = channel
        self._has_begun = False
        self._group: StreamGroup[bytes] | None = None

    @property
    def is_parked(self) -> bool:
        """Whether it is in a group."""
        return self._group is not None

    async def follow(self) -> None:
        """Deliver until the stream has ended or is in a group: then `is_parked`. Raises what `Channel.send` raises."""
        async with aclosing(self._payloads()) as payloads:
            async for payload in payloads:
                await self._channel.send(payload)

    def deliver(self, payload: bytes) -> bool:
        """See `services.live.group.Member`."""
        return self._channel.push(payload)

    def resume(self) -> None:
        """See `services.live.group.Member`."""
        self._group = None
        self._channel.resume()

    def unpark(self) -> None:
        """Leave the group, so that `follow` sees at once why the stream ends; does nothing if it is in none."""
        if self._group is not None:
            self._group.dismiss(self)

    async def close(self) -> None:
        """End the stream; a second call does nothing."""
        if self._group is not None:
            self._group.leave(self)
            self._group = None
        if self._has_begun:
            await self.stream.close()

    async def _payloads(self) -> AsyncGenerator[bytes, None]:
        """The encoded answers; an error of the source is the last one."""
        try:
            async with aclosing(reserved(self._signals(), self._context)) as signals:
                async for signal in signals:
                    is_replay = isinstance(signal, ResolvedEvent) and signal.n <= self.stream.began_at.n
                    self._context.spent = None
                    yield await _answer_to(signal, self._execution, self._context, is_replay=is_replay)
                    settle_event(self._context)
        except Exception as error:  # noqa: BLE001 -- masked
            yield self._execution.encode_failure(error, self._context)

    async def _signals(self) -> AsyncGenerator[Signal, None]:
        """What the stream brings, until it has ended or is in a group."""
        if not self._has_begun:
            self.stream = await self._execution.source.find_stream()
            self._has_begun = True
            for signal in await self.stream.open(self._execution.source.cursor):
                yield signal
        groups, key = self._context.services.stream.groups, self._key()
        while not self.stream.has_ended:
            for signal in await self.stream.read():
                yield signal
            self._group = groups.join(key, self, lambda: SharedAnswers(self._execution, self._context))
            if self._group is not None:
                self._share(self._group)
                return
            await groups.idle(key)

    def _share(self, group: StreamGroup[bytes]) -> None:
        """Keep the group's execution, which is equal, instead of its own: a stream may be idle for days."""
        assert isinstance(group.render, SharedAnswers)
        self._execution = group.render.execution

    def _key(self) -> Hashable:
        """Streams with equal keys get equal answers; only the session, which the group checks, may differ."""
        execution, context, viewer = self._execution, self._context, self._context.signed_in()
        dependence = execution.prepared.dependence
        assert dependence is not None
        return (
            execution.prepared,
            _variables_in(execution, dependence.cursor_variable),
            self.stream.feed,
            (viewer.user_id, viewer.kind, viewer.rights),
            viewer.device_id if dependence.field_names & SHOWS_DEVICE else 0,
            context.base_url,
            context.wants_cost,
        )


def _variables_in(execution: LiveExecution, but: str | None) -> Hashable:
    """The variables that answers depend on; what is not JSON is equal to nothing else."""
    variables = {name: value for name, value in (execution.operation.variables or {}).items() if name != but}
    try:
        return orjson.dumps(variables, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return object()


async def _answer_to(signal: Signal, execution: LiveExecution, context: Context, *, is_replay: bool = False) -> bytes:
    if not isinstance(signal, Typing | PresenceChange | Revoked):
        context.event_position = signal.position  # `viewer.eventCursor` is the envelope's cursor
    return await execution.encode(execution.source.object_of(signal, is_replay), context)
