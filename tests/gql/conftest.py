"""The whole application on a real socket, and people signed in without the cost of hashing a password."""

import hashlib
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from gql.wire.view import View
from models import session as sessions
from models import user as users
from models.base import now_ms
from models.transaction import Transaction
from pubsub.memory import MemoryPubSub
from server.app import build_app
from server.connection import Runner
from server.setting.settings import Settings, load_settings
from services.guard import GuardedDatabase
from services.limit import Limits
from services.person.user import get_id
from services.service import Services
from storage.local import LocalStorage
from tests.gql.person import SEND, Person
from tests.stored import files_in, rows_of
from tests.template import put_tables

__all__ = ["SEND"]


class Site:
    """A running server, with counts of what it has stored."""

    def __init__(self, url: str, services: Services, view: View, folder: Path, http: aiohttp.ClientSession) -> None:
        self.url = url
        self.services = services
        self.view = view
        self.folder = folder
        self.http = http

    @property
    def graphql(self) -> str:
        """The API."""
        return f"{self.url}/graphql"

    async def token_of(self, username: str) -> str:
        """The token of a signed-in person, who is created if they do not exist."""

        def put(tx: Transaction) -> str:
            user_id = users.put(tx, username, display_name=username.title(), password_hash=None)
            user_id = user_id or get_id(tx, username)
            token = f"sot_{secrets.token_urlsafe(32)}"
            sessions.put(tx, user_id, hashlib.sha256(token.encode()).digest(), now_ms() + 86_400_000 * 30)
            return token

        return await self.services.database.write(put)

    async def post(self, body: Any = None, token: str | None = None, **options: Any) -> tuple[int, Any]:
        """Status and decoded answer of a POST; `body` as JSON unless `data` is given."""
        headers = options.pop("headers", {})
        if token is not None:
            headers = {"Authorization": f"Bearer {token}", **headers}
        if body is not None:
            options["json"] = body
        async with self.http.post(self.graphql, headers=headers, **options) as response:
            return response.status, json.loads(await response.read())

    async def stored(self) -> dict[str, int]:
        """How many rows each table has (see `rows_of`), and how many files there are."""
        rows = await self.services.database.read(rows_of)
        return {**rows, "files": files_in(*(each for each in self.folder.iterdir() if each.is_dir()))}


def settings_in(folder: Path) -> Settings:
    """The defaults except for the folder and the origins; ignores settings in the working directory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return load_settings(
            data=folder / "data", allowed_origins=("https://app.example.org",), body_timeout_seconds=2, max_sockets=0
        )


@asynccontextmanager
async def site_in(
    folder: Path, settings: Settings, limits: Limits, pubsub: MemoryPubSub | None = None
) -> AsyncIterator[Site]:
    """A server on a free port, with its files in a folder, which may be that of a site that has ended."""
    files, path = folder / "files", folder / "sotto.db"
    database = GuardedDatabase(path if path.exists() else put_tables(path), pubsub or MemoryPubSub())
    services = await Services.open(database, LocalStorage(files), limits)
    app = build_app(settings, services)
    runner = Runner(app.web, app.direct, auto_decompress=False, handler_cancellation=True, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession() as http:
        yield Site(f"http://127.0.0.1:{runner.addresses[0][1]}", services, app.view, files, http)
        await app.view.drain(1)
    await runner.cleanup()
    await services.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The settings of a site."""
    return settings_in(tmp_path)


@pytest.fixture
async def site(settings: Settings, tmp_path: Path) -> AsyncIterator[Site]:
    """Running on a free port."""
    limits = Limits(
        send_rate_per_minute=0, subscription_rate_per_minute=0, search_rate_per_minute=0, max_subscriptions=0
    )
    async with site_in(tmp_path, settings, limits) as found:
        yield found


@pytest.fixture
async def people(site: Site) -> list[Person]:
    """Alice, bob and carol."""
    return [Person(site, await site.token_of(name)) for name in ("alice", "bob", "carol")]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def module_site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """One for all tests of a module, on whose loop they run: for long tables of what is refused and leaves nothing."""
    folder = tmp_path_factory.mktemp("site")
    limits = Limits(
        send_rate_per_minute=0,
        cost_rate_per_minute=0,
        anonymous_cost_rate_per_minute=0,
        subscription_rate_per_minute=0,
        max_request_messages=1_000,
    )
    async with site_in(folder, settings_in(folder), limits) as found:
        yield found
