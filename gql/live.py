"""Live sources: what a field of Subscription returns, for the transports to follow."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from services.live.live_stream import LiveStream
from services.live.signal import Signal


@dataclass(frozen=True, slots=True)
class LiveSource:
    """A live stream that is not open yet, and how its signals become objects of the schema.

    `find_stream` checks what the subscription asks for, so its errors are those of the first event. `object_of` gets a
    signal, and whether it happened before the subscription began.
    """

    find_stream: Callable[[], Awaitable[LiveStream]]
    cursor: str | None
    object_of: Callable[[Signal, bool], object]

    def __aiter__(self) -> AsyncIterator[object]:
        """graphql-core takes nothing else for a source; `gql.wire.live` follows the stream itself."""
        raise TypeError("A live source is followed, not iterated.")
