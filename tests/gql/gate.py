"""A small site whose resolvers wait at a gate, so that a test decides when each of them ends."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import strawberry
from aiohttp import web
from strawberry.schema.config import StrawberryConfig

from gql.context import Context
from gql.scalar import SCALAR_MAP, Upload
from gql.wire.option import ViewOptions
from gql.wire.schema import SottoSchema
from gql.wire.view import View
from services.account.credentials import Credentials
from services.cost import CostService
from services.file.file import ReceivedFile
from services.limit import Limits
from services.viewer import Viewer

PROTOCOL = ["graphql-transport-ws"]
Info = strawberry.Info[Context, None]


class World:
    """What the resolvers wait for and record; also fakes the two services that the transport calls."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.log: list[str] = []
        self.refusal: Exception | None = None
        self.contexts: list[Context] = []

        self.on_invalidate: list[object] = []

    async def authenticate(self, credentials: Credentials | None) -> Viewer | None:
        """Accepts any token, until `refusal` is set."""
        if self.refusal is not None:
            raise self.refusal
        return Viewer(1, b"s", 2**53) if credentials else None

    async def check_live(self, viewer: Viewer) -> int:
        """The session is always valid."""
        return viewer.expires_at

    def admit(self, viewer: Viewer) -> None:
        """Accepts any file."""

    async def receive(self, chunks: AsyncIterator[bytes], filename: str | None) -> ReceivedFile:
        """Reads every byte."""
        received = ReceivedFile(filename or "file", byte_size=sum([len(chunk) async for chunk in chunks]))
        self.log.append(f"received {received.filename} {received.byte_size}")
        return received

    async def discard(self, received: ReceivedFile) -> None:
        """Records the call."""
        self.log.append(f"discarded {received.filename}")

    async def work(self, name: str) -> str:
        """Waits at the gate."""
        self.log.append(f"{name} began")
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.log.append(f"{name} cancelled")
            raise
        self.log.append(f"{name} done")
        return name

    async def has(self, *lines: str) -> None:
        """Waits until these are in the log."""
        async with asyncio.timeout(5):
            while not set(lines) <= set(self.log):
                await asyncio.sleep(0.005)


def world_of(info: Info) -> World:
    """The fake that the context holds; remembers the context as well."""
    world = cast("World", info.context.services.authenticator)
    world.contexts.append(info.context)
    return world


@strawberry.type
class Query:
    """Waits."""

    @strawberry.field
    async def look(self, info: Info) -> str:
        return await world_of(info).work("look")


@strawberry.type
class Mutation:
    """Waits, with or without a file."""

    @strawberry.mutation
    async def send(self, info: Info, file: Upload | None = None) -> str:
        name = await world_of(info).work("send")
        return f"{name} {file}"


@strawberry.type
class Subscription:
    """Waits after the first; or never stops."""

    @strawberry.subscription
    async def hear(self, info: Info) -> AsyncGenerator[str, None]:
        yield "first"
        yield await world_of(info).work("hear")

    @strawberry.subscription
    async def flood(self, info: Info) -> AsyncGenerator[str, None]:
        world = world_of(info)
        try:
            while True:
                yield "x" * 100_000
        finally:
            world.log.append("flood ended")


SCHEMA = SottoSchema(
    query=Query, mutation=Mutation, subscription=Subscription, config=StrawberryConfig(scalar_map=SCALAR_MAP)
)


class GatedSite:
    """A view on a real socket, with the fakes as its services."""

    def __init__(self, url: str, view: View, world: World, http: aiohttp.ClientSession) -> None:
        self.url = url
        self.view = view
        self.world = world
        self.http = http
        self.writers: list[asyncio.StreamWriter] = []

    @property
    def port(self) -> int:
        """Its port, on the loopback."""
        return int(self.url.rsplit(":", 1)[1].split("/")[0])

    async def raw(self, body: str, content_type: str = "application/json") -> asyncio.StreamWriter:
        """A POST whose answer is never read."""
        _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writers.append(writer)
        head = (
            f"POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer alice\r\nContent-Type: {content_type}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        writer.write((head + body).encode())
        await writer.drain()
        return writer

    @asynccontextmanager
    async def socket(self, payload: dict[str, object] | None = None) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """A socket, acknowledged."""
        async with self.http.ws_connect(self.url, protocols=PROTOCOL) as socket:
            await socket.send_json({"type": "connection_init", "payload": payload or {"authorization": "Bearer alice"}})
            assert (await socket.receive_json(timeout=5))["type"] == "connection_ack"
            yield socket


@asynccontextmanager
async def gated_site(**options: Any) -> AsyncIterator[GatedSite]:
    """Handlers are cancelled when their client leaves; in aiohttp an application has to enable this."""
    world = World()
    services = cast("Any", SimpleNamespace(authenticator=world, attachment=world, cost=CostService(Limits())))
    options = {"connection_init_seconds": 0.2, "send_timeout_seconds": 0.5, **options}
    view = View(SCHEMA, services, ViewOptions(**options))
    app = web.Application()
    app.router.add_route("*", "/graphql", view.__call__)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession() as http:
        site = GatedSite(f"http://127.0.0.1:{runner.addresses[0][1]}/graphql", view, world, http)
        yield site
    for writer in site.writers:
        writer.close()
    world.gate.set()
    await view.drain(1)
    await runner.cleanup()


def subscribe(query: str, operation_id: str = "1") -> dict[str, object]:
    """The message that starts an operation."""
    return {"id": operation_id, "type": "subscribe", "payload": {"query": query}}
