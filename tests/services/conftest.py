"""Services on a real database file and a real folder, and people who are signed in without the cost of a password."""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
import pytest_asyncio

from models import session as sessions
from models import user as users
from models.base import now_ms
from models.event import Position
from models.transaction import Transaction
from pubsub.memory import MemoryPubSub
from services.account.credentials import Credentials
from services.error import SottoError
from services.file.file import ReceivedFile
from services.guard import GuardedDatabase
from services.limit import Limits
from services.message.draft import Draft
from services.message.inbox import ConversationFilter
from services.page import PageRequest
from services.person.user import Reference, ReferenceKind
from services.service import Services
from services.viewer import Viewer
from storage.local import LocalStorage
from tests.stored import files_in, rows_of
from tests.template import put_tables

Stored = tuple[dict[str, int], int]
Item = TypeVar("Item")
Refused = TypeVar("Refused", bound=SottoError)


class World:
    """Services with people in them; what is kept can be counted."""

    def __init__(self, services: Services, folder: Path) -> None:
        self.services = services
        self.folder = folder
        self.viewers: dict[str, Viewer] = {}

    async def person(self, name: str, **columns: Any) -> Viewer:
        """Somebody new, signed in."""

        def put(tx: Transaction) -> Viewer:
            user_id = users.put(tx, name, display_name=name.title(), password_hash=None, **columns)
            assert user_id is not None
            session, expires_at = hashlib.sha256(secrets.token_bytes()).digest(), now_ms() + 86_400_000 * 30
            return Viewer(user_id, session, expires_at, device_id=sessions.put(tx, user_id, session, expires_at))

        self.viewers[name] = await self.services.database.write(put)
        return self.viewers[name]

    async def again(self, name: str) -> Viewer:
        """Another session of somebody."""
        user_id, session = self.viewers[name].user_id, hashlib.sha256(secrets.token_bytes()).digest()
        expires_at = now_ms() + 86_400_000 * 30
        device_id = await self.services.database.write(sessions.put, user_id, session, expires_at)
        return Viewer(user_id, session, expires_at, device_id=device_id)

    async def authenticate(self, token: str | None, **way: Any) -> Viewer | None:
        """Whose a token is."""
        return await self.services.authenticator.authenticate(None if token is None else Credentials(token, **way))

    async def people(self, *names: str) -> list[Viewer]:
        """Several."""
        return [await self.person(name) for name in names]

    async def known(self, *names: str) -> list[Viewer]:
        """Several, made by the first test of a module that asks for them."""
        return [self.viewers.get(name) or await self.person(name) for name in names]

    async def file(self, content: bytes, name: str = "notes.txt") -> ReceivedFile:
        """A part of a request, as the transport hands it over."""

        async def chunks() -> AsyncIterator[bytes]:
            yield content

        return await self.services.attachment.receive(chunks(), name)

    async def send(self, viewer: Viewer, *to: str, text: str | None = "Hello", **draft: Any) -> int:
        """A message; returns its id."""
        if to:
            draft["users"] = named(*to)
        sent = await self.services.send.send(viewer, Draft(text=text, **draft))
        return sent.message_id

    async def stored(self) -> Stored:
        """How many rows each table has (see `rows_of`), and how many files are kept, or have come in part."""
        files = files_in(self.folder / "files" / "files", self.folder / "files" / "partial")
        return await self.services.database.read(rows_of), files

    async def count(self, table: str, where: str = "1") -> int:
        """How many rows a table has, at a fraction of the price of `stored`."""

        def read(tx: Transaction) -> int:
            query = f"SELECT count(*) FROM {table} WHERE {where}"
            return int(tx.database.connection().execute(query).fetchone()[0])

        return await self.services.database.read(read)

    def temp_files(self) -> list[Path]:
        """Files on their way in."""
        return list((self.folder / "files" / "staging").iterdir())


def named(*usernames: str) -> list[Reference]:
    """People by their usernames."""
    return [Reference(ReferenceKind.USERNAME, username) for username in usernames]


async def first_of(stream: AsyncGenerator[Item, None]) -> Item:
    """What a stream says first, within five seconds."""
    async with asyncio.timeout(5):
        return await anext(stream)


async def kinds_after(world: World, viewer: Viewer, after: Position) -> list[str]:
    """What the viewer was told since."""
    stream = world.services.stream
    page = await stream.page_after(viewer, stream.cursor_of(viewer, after), 200)
    return [each.kind.name for each in page.items]


async def listed(world: World, viewer: Viewer, wanted: ConversationFilter = ConversationFilter()) -> list[int]:  # noqa: B008
    """The ids of a list."""
    page = await world.services.conversation.page_of(viewer, wanted, PageRequest())
    return [view.row.id for view in page.items]


async def total_of(world: World, viewer: Viewer, wanted: ConversationFilter) -> int | None:
    """How many conversations a list has, on all of its pages."""
    page = await world.services.conversation.page_of(viewer, wanted, PageRequest(first=1), with_total=True)
    return page.total


async def refused(world: World, call: Awaitable[object], kind: type[Refused], *, match: str | None = None) -> Refused:
    """The refusal of a call; no row, no file and no event came of it, and nothing that was there has changed."""
    before = await world.stored()
    with pytest.raises(kind, match=match) as caught:
        await call
    assert await world.stored() == before
    return caught.value


MakeWorld = Callable[..., Awaitable[World]]


async def opened(folder: Path, **limits: Any) -> World:
    """A world in this folder, with these limits and no rate of sends."""
    numbers = Limits(**{"send_rate_per_minute": 0, **limits})
    database = GuardedDatabase(put_tables(folder / "sotto.db"), MemoryPubSub())
    return World(await Services.open(database, LocalStorage(folder / "files"), numbers), folder)


@pytest.fixture
async def make_world(tmp_path: Path) -> AsyncIterator[MakeWorld]:
    """Opens services with the limits that a test asks for."""
    worlds: list[World] = []

    async def make(**limits: Any) -> World:
        worlds.append(await opened(tmp_path / str(len(worlds)), **limits))
        return worlds[-1]

    yield make
    for world in worlds:
        await world.services.close()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def module_world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """One for all tests of a module, on whose loop they run: for long tables of what only reads or is refused."""
    world = await opened(
        tmp_path_factory.mktemp("world"), search_rate_per_minute=0, sign_up_rate_per_minute=0, sign_in_rate_per_minute=0
    )
    yield world
    await world.services.close()


@pytest.fixture
async def world(make_world: MakeWorld) -> World:
    """Services with the default limits, but for the rate."""
    return await make_world()
