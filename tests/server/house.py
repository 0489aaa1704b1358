"""A running server for the tests of downloads, with two people and the files that one sends the other."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from models.attachment import AttachmentRow
from server.process import Running, listening
from server.setting.settings import Settings
from services.account.sign_up import SignUp
from services.message.draft import Draft
from services.person.user import Reference, ReferenceKind
from services.viewer import Viewer
from tests.template import put_tables


@dataclass
class House:
    """A running server with alice and bob in it."""

    running: Running
    http: aiohttp.ClientSession
    alice: Viewer
    bob: Viewer
    files: Path

    async def send(self, content: bytes, filename: str) -> AttachmentRow:
        """Alice sends bob a file; returns the row that he sees."""
        services = self.running.services

        async def once() -> AsyncIterator[bytes]:
            yield content

        received = await services.attachment.receive(once(), filename)
        draft = Draft(files=[received], users=[Reference(ReferenceKind.USERNAME, "bob")])
        sent = await services.send.send(self.alice, draft)
        message = await services.message.find(self.bob, sent.message_id)
        assert message is not None
        return message.attachments[0]

    def path(self, row: AttachmentRow, *, inline: bool = True, seconds: int = 300) -> str:
        """The path of Bob's URL of the file."""
        return self.running.services.download.url_path(self.bob, row, seconds, inline=inline)

    def stored_path(self, row: AttachmentRow) -> Path:
        """The path of its bytes on the disk."""
        return self.files / "files" / row.storage_key[:2] / row.storage_key


@asynccontextmanager
async def house_of(settings: Settings) -> AsyncIterator[House]:
    """A server with these settings."""
    put_tables(settings.database_path)
    async with listening(settings) as running, aiohttp.ClientSession(running.url) as http:
        sign_up = running.services.account.sign_up
        alice, bob = [(await sign_up(SignUp(name, "pass of " + name))).viewer for name in ("alice", "bob")]
        yield House(running, http, alice, bob, settings.data / "files")
