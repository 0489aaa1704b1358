"""The demo: users, a first conversation, and a bot that answers."""

import asyncio
import io
import secrets
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager, suppress

import structlog
import typer
from PIL import Image, ImageDraw

from models.base import conversation_of
from models.conversation import ConversationKind
from models.message import MessageKind
from server import banner
from server.process import Running
from server.setting.settings import Settings
from services.account.sign_up import SignUp
from services.cause import causes_of
from services.error import AlreadyExists, SottoError
from services.file.file import ReceivedFile
from services.live.stream import Delivery
from services.message.draft import Draft
from services.person.user import Reference, ReferenceKind
from services.service import Services
from services.viewer import Viewer

log = structlog.get_logger("sotto.demo")

PASSWORD = "demo"  # noqa: S105 - public; the server listens on this machine only
PEOPLE = {"alice": "Alice", "bob": "Bob", "carol": "Carol"}
BOT = "echo"


class Demo:
    """The contents of a demo. A restart adds nothing, because every message has a fixed `clientMessageId`."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._bot: asyncio.Task[None] | None = None

    async def start(self) -> str:
        """Creates the users and their conversations and starts the bot; returns a token of alice."""
        for username, name in PEOPLE.items():
            await self._ensure(username, name, PASSWORD, is_bot=False)
        bot_password = secrets.token_hex()
        await self._ensure(BOT, "Echo", bot_password, is_bot=True)
        await self._services.account.set_password(BOT, bot_password)
        account = self._services.account
        alice, bob, carol = [await account.open_session(name, "Demo", is_vouched_for=True) for name in PEOPLE]
        await self._write_first_messages(alice.viewer, bob.viewer, carol.viewer)
        await self._services.sweeper.index()
        await self._services.sweeper.shrink()
        bot = (await account.open_session(BOT, "Demo", is_vouched_for=True)).viewer
        self._bot = asyncio.create_task(self._run_bot(bot))
        return alice.token

    @classmethod
    @asynccontextmanager
    async def running_in(cls, running: Running, settings: Settings) -> AsyncIterator[None]:
        """Runs the demo inside a server; prints its URLs and what to try."""
        demo = cls(running.services)
        token = await demo.start()
        running.app.page.demo = {"usernames": list(PEOPLE), "password": PASSWORD}
        tree = banner.addresses(running.url, settings)
        hint = banner.explorer() if settings.has_explorer else ""
        typer.echo(f"{tree}\n{hint}{banner.demo(running.url, token)}")
        sys.stdout.flush()
        try:
            yield
        finally:
            await demo.stop()

    async def stop(self) -> None:
        """Stops the bot."""
        if self._bot is not None:
            self._bot.cancel()
            with suppress(asyncio.CancelledError):
                await self._bot

    async def _ensure(self, username: str, name: str, password: str, *, is_bot: bool) -> None:
        with suppress(AlreadyExists):
            await self._services.account.create(SignUp(username, password, display_name=name), is_bot=is_bot)

    async def _write_first_messages(self, alice: Viewer, bob: Viewer, carol: Viewer) -> None:
        await self._send(alice, "demo-1", ["bob"], "Good morning, bob. Are you up already?")
        await self._send(bob, "demo-2", ["alice"], "Good morning! Where are you?")
        await self._send(alice, "demo-3", ["bob"], "Down at the harbour. Look:", picture=True)
        await self._send(carol, "demo-4", ["bob"], "Lunch on Thursday?")
        await self._send(bob, "demo-5", ["alice", "carol"], "Shall the three of us meet at the harbour?")

    async def _send(self, viewer: Viewer, key: str, to: Sequence[str], text: str, *, picture: bool = False) -> None:
        files: list[ReceivedFile] = []
        try:
            if picture:
                files.append(await self._services.attachment.receive(_once(_harbour()), "harbour.png"))
            users = [Reference(ReferenceKind.USERNAME, username) for username in to]
            kind = MessageKind.IMAGE if picture else MessageKind.TEXT
            draft = Draft(text=text, users=users, files=files, expected_kind=kind, client_message_id=key)
            await self._services.send.send(viewer, draft)
        except SottoError as error:  # for example, the user was deactivated since: the demo works without
            log.warning("demo message not sent", key=key, code=error.code)
        finally:
            for received in files:
                await self._services.attachment.discard(received)

    async def _run_bot(self, bot: Viewer) -> None:
        """Answers messages until it is cancelled; a message that fails is skipped."""
        stream = self._services.stream
        position = await stream.position(bot)
        while True:
            try:
                async with aclosing(stream.messages(bot, stream.cursor_of(bot, position))) as deliveries:
                    async for delivery in deliveries:
                        position = delivery.position
                        await self._answer(bot, delivery)
            except Exception as error:  # noqa: BLE001 - a stopped bot would look like a broken server
                log.warning("echo failed", causes=causes_of(error))
                await asyncio.sleep(1)

    async def _answer(self, bot: Viewer, delivery: Delivery) -> None:
        row = delivery.message.row
        conversation = await self._services.conversation.find(bot, conversation_of(row.id))
        if row.sender_id == bot.user_id or conversation is None or conversation.row.kind != ConversationKind.DIRECT:
            return
        text = row.body or f"I received {row.attachments} file(s)."
        key = f"echo:{row.id}"
        place, kind = conversation.row.id, MessageKind.TEXT
        draft = Draft(text=text, conversation_id=place, expected_kind=kind, client_message_id=key)
        await self._services.send.send(bot, draft)


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


def _harbour() -> bytes:
    """A small PNG: sky, sun, sea and a sailing boat."""
    image = Image.new("RGB", (480, 320), (168, 208, 230))
    draw = ImageDraw.Draw(image)
    draw.ellipse((350, 40, 410, 100), fill=(250, 210, 90))
    draw.rectangle((0, 220, 480, 320), fill=(40, 90, 130))
    draw.polygon([(200, 90), (200, 210), (280, 210)], fill=(250, 248, 240))
    draw.polygon([(160, 215), (300, 215), (270, 245), (185, 245)], fill=(120, 60, 40))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
