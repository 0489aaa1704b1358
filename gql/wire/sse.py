"""Server-Sent Events: the results of one operation as a stream (graphql-sse protocol, distinct connections mode)."""

import asyncio
from typing import Any

from aiohttp import web

from gql.context import Context
from gql.error import mask_refusal, refusal_of
from gql.wire.answer import encoded, headers_of
from gql.wire.execution import Steps
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
        no_buffering = {"X-Accel-Buffering": "no"}  # nginx would buffer the frames
        self._response = web.StreamResponse(headers={**headers_of(EVENT_STREAM, context), **no_buffering})

    async def send(self, steps: Steps) -> web.StreamResponse:
        """Send the results as they come, then `complete`.

        Raises ConnectionError when the client has left or reads nothing for `send_seconds`. In both cases, and on
        cancellation, the client sees a broken connection, never `complete`.
        """
        try:
            await self._response.prepare(self._request)
            while (body := await self._next_body(steps)) is not None:
                await self._write(b"event: next\ndata: " + encoded(body, self._context)[0] + b"\n\n")
            await self._write(COMPLETE)
        except asyncio.CancelledError:
            cut(self._request)
            raise
        except ConnectionError:
            if self._context.is_mutation:  # a mutation is finished although nobody gets the answer
                await asyncio.wait([steps.upcoming])
            raise
        return self._response

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


def cut(request: web.Request) -> None:
    """End the connection without the last chunk, so that the client knows that the stream is incomplete."""
    transport: Any = request.transport
    if transport is not None:
        transport.abort()
