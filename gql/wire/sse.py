"""Server-Sent Events: the results of one operation as a stream (graphql-sse protocol, distinct connections mode)."""

import asyncio
from collections.abc import Awaitable
from typing import Any

from aiohttp import web

from gql.context import Context
from gql.error import mask_refusal, refusal_of
from gql.wire.answer import encoded, headers_of
from gql.wire.execution import LiveExecution, Steps
from gql.wire.live import LiveOperation
from gql.wire.negotiation import EVENT_STREAM
from services.error import SottoError

# A comment, so that proxies and clients see that the stream is alive (HTML, server-sent events, §9.2.7). Frames end in
# LF alone: clients split on it, and the standard allows it.
HEARTBEAT = b":\n\n"
# The empty data is intended: a browser's EventSource drops an event without data.
COMPLETE = b"event: complete\ndata:\n\n"


class EventStream:
    """One response that stays open until its operation ends or the client leaves."""

    def __init__(
        self, request: web.Request, context: Context, *, heartbeat_seconds: float, send_seconds: float
    ) -> None:
        self._request = request
        self._context = context
        self._heartbeat_seconds = heartbeat_seconds
        self._send_seconds = send_seconds
        self._resumed = asyncio.Event()
        no_buffering = {"X-Accel-Buffering": "no"}  # nginx would buffer the frames
        self._response = web.StreamResponse(headers={**headers_of(EVENT_STREAM, context), **no_buffering})

    async def answer(self, steps: Steps) -> web.StreamResponse:
        """Send the results as they come, then `complete`.

        Raises ConnectionError when the client has left or reads nothing for `send_seconds`. In both cases, and on
        cancellation, the client sees a broken connection, never `complete`.
        """
        try:
            await self._response.prepare(self._request)
            while (body := await self._next_body(steps)) is not None:
                await self.send(encoded(body, self._context)[0])
            await self._write(COMPLETE)
        except asyncio.CancelledError:
            cut(self._request)
            raise
        except ConnectionError:
            if self._context.is_mutation:  # a mutation is finished although nobody gets the answer
                await asyncio.wait([steps.upcoming])
            raise
        return self._response

    async def follow(self, execution: LiveExecution) -> web.StreamResponse:
        """Send the answers of a live operation as they come, then `complete`; raises as `answer`."""
        live = LiveOperation(execution, self._context, self)
        try:
            await self._response.prepare(self._request)
            while True:
                self._resumed.clear()
                await self._beat_during(live.follow())
                if not live.is_parked:
                    break
                while not self._resumed.is_set():
                    await self._beat_until_resumed()
            await self._write(COMPLETE)
        except asyncio.CancelledError:
            cut(self._request)
            raise
        finally:
            await live.close()
        return self._response

    async def send(self, payload: bytes) -> None:
        """Send an encoded answer; see `gql.wire.live.Channel`."""
        await self._write(_frame_of(payload))

    def push(self, payload: bytes) -> bool:
        """Send an encoded answer at once; see `gql.wire.live.Channel`."""
        protocol, transport = self._request.protocol, self._request.transport
        if transport is None or transport.is_closing() or protocol.writing_paused:
            return False
        writing = self._response.write(_frame_of(payload))
        try:
            writing.send(None)
        except StopIteration:
            return True
        writing.close()  # everything was written; it would wait until the client has read
        return True

    def resume(self) -> None:
        """Go on alone; see `gql.wire.live.Channel`."""
        self._resumed.set()

    async def _beat_during(self, following: Awaitable[None]) -> None:
        """Send a heartbeat whenever nothing was sent for so long."""
        task = asyncio.ensure_future(following)
        try:
            while not (await asyncio.wait([task], timeout=self._heartbeat_seconds))[0]:
                await self._write(HEARTBEAT)
            await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)  # also one that has failed as the client left

    async def _beat_until_resumed(self) -> None:
        """Wait without a task; a heartbeat if it takes too long."""
        try:
            async with asyncio.timeout(self._heartbeat_seconds):
                await self._resumed.wait()
        except TimeoutError:
            await self._write(HEARTBEAT)

    async def _next_body(self, steps: Steps) -> dict[str, object] | None:
        """The next frame, or None at the end; a heartbeat while there is no result."""
        while not (await asyncio.wait([steps.upcoming], timeout=self._heartbeat_seconds))[0]:
            await self._write(HEARTBEAT)
        try:
            answer = await steps.take()
        except SottoError as error:
            return refusal_of(error).body()
        except Exception as error:  # noqa: BLE001 -- masked, and whole in the log
            return mask_refusal(error, self._context.request_id).body()
        return answer.body() if answer is not None else None

    async def _write(self, frame: bytes) -> None:
        try:
            async with asyncio.timeout(self._send_seconds):
                await self._response.write(frame)
        except TimeoutError:
            cut(self._request)
            raise ConnectionResetError("The client does not read.") from None


def _frame_of(payload: bytes) -> bytes:
    return b"event: next\ndata: " + payload + b"\n\n"


def cut(request: web.Request) -> None:
    """End the connection without the last chunk, so that the client knows that the stream is incomplete."""
    transport: Any = request.transport
    if transport is not None:
        transport.abort()
