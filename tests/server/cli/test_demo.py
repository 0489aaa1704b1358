"""The demo: its users, conversations, bot and banner."""

import asyncio
import re
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from typer.testing import CliRunner

from models.event import Position
from models.message import MessageKind
from server import banner
from server.__main__ import cli
from server.cli.demo import Demo
from server.process import Running, listening
from server.setting.settings import Settings, load_settings
from services.live.stream import Delivery
from services.message.draft import Draft
from services.message.inbox import ConversationFilter
from services.page import PageRequest
from services.person.user import Reference, ReferenceKind
from services.viewer import Viewer

PEOPLE = ("alice", "bob", "carol")


@asynccontextmanager
async def demo(data: Path) -> AsyncIterator[tuple[Running, Demo, str]]:
    """A demo on a free port, with the token of alice from its banner."""
    async with listening(load_settings(port=0, data=data)) as running:
        demo = Demo(running.services)
        token = await demo.start()
        try:
            yield running, demo, token
        finally:
            await demo.stop()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working directory without settings."""
    monkeypatch.chdir(tmp_path)


async def sign_in(running: Running, username: str, password: str = "demo") -> Viewer:
    """A new session."""
    return (await running.services.account.sign_in(username, password, None, username)).viewer


async def send(running: Running, viewer: Viewer, text: str, *usernames: str) -> int:
    """Sends a message by username; returns its conversation."""
    users = [Reference(ReferenceKind.USERNAME, username) for username in usernames]
    draft = Draft(text=text, users=users, expected_kind=MessageKind.TEXT)
    sent = await running.services.send.send(viewer, draft)
    return sent.message_id >> 27


async def texts_of(running: Running, viewer: Viewer, conversation_id: int) -> list[tuple[str, str | None]]:
    """Senders and texts of a conversation, oldest first."""
    page = await running.services.message.page_of(viewer, conversation_id, PageRequest())
    return [(each.sender.row.username if each.sender else "", each.row.body) for each in page.items]


async def inbox_of(running: Running, viewer: Viewer) -> dict[tuple[str, ...], list[tuple[str, int]]]:
    """All messages that a user sees: by members, each message's sender and number of files."""
    found = {}
    page = await running.services.conversation.page_of(viewer, ConversationFilter(), PageRequest())
    for conversation in page.items:
        messages = await running.services.message.page_of(viewer, conversation.row.id, PageRequest())
        names = [each.sender.row.username for each in messages.items if each.sender]
        files = [each.row.attachments for each in messages.items]
        found[tuple(sorted(set(names)))] = list(zip(names, files, strict=True))
    return found


@pytest.mark.parametrize("is_type_required", ["false", "true"])
async def test_three_people_have_a_first_conversation_with_a_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_type_required: str
) -> None:
    """Issue 2, item 7: alice and bob write to each other, carol to bob, and bob to both."""
    monkeypatch.setenv("SOTTO_REQUIRE_TYPE", is_type_required)
    async with demo(tmp_path / "data") as (running, _, _):
        alice, bob, carol = [await sign_in(running, name) for name in PEOPLE]
        inboxes = [await inbox_of(running, each) for each in (alice, bob, carol)]

    group, pair, lunch = [("bob", 0)], [("alice", 0), ("bob", 0), ("alice", 1)], [("carol", 0)]
    assert inboxes[0] == {("bob",): group, ("alice", "bob"): pair}
    assert inboxes[1] == {("bob",): group, ("alice", "bob"): pair, ("carol",): lunch}
    assert inboxes[2] == {("bob",): group, ("carol",): lunch}


async def test_a_restart_adds_nothing(tmp_path: Path) -> None:
    """Every message of the demo has its `clientMessageId`; two sign-ins add to the log, the demo's and ours."""
    seen: list[tuple[Any, Position]] = []
    for _ in range(2):
        async with demo(tmp_path / "data") as (running, _, _):
            bob = await sign_in(running, "bob")
            seen.append((await inbox_of(running, bob), await running.services.stream.position(bob)))

    (first, position), (again, later) = seen
    assert first == again
    assert later.n == position.n + 2


async def test_echo_answers_every_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same text, once; not in groups and not to itself; also if the server requires a type."""
    monkeypatch.setenv("SOTTO_REQUIRE_TYPE", "true")
    async with demo(tmp_path / "data") as (running, _, _):
        alice = await sign_in(running, "alice")
        group = await send(running, alice, "All of you?", "echo", "bob")
        direct = await send(running, alice, "Hello?", "echo")
        async with asyncio.timeout(5):
            while len(await texts_of(running, alice, direct)) < 2:
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.2)

        assert await texts_of(running, alice, direct) == [("alice", "Hello?"), ("echo", "Hello?")]
        assert await texts_of(running, alice, group) == [("alice", "All of you?")]


async def test_echo_goes_on_after_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that cannot be answered is skipped; later ones are answered."""
    async with demo(tmp_path / "data") as (running, bot, _):
        alice = await sign_in(running, "alice")
        answer = bot._answer

        async def stumble(viewer: Viewer, delivery: Delivery) -> None:
            if delivery.message.row.body == "Fall!":
                raise RuntimeError("a bug of the bot")
            await answer(viewer, delivery)

        monkeypatch.setattr(bot, "_answer", stumble)
        await send(running, alice, "Fall!", "echo")
        direct = await send(running, alice, "Still there?", "echo")
        async with asyncio.timeout(5):
            while len(await texts_of(running, alice, direct)) < 3:
                await asyncio.sleep(0.02)

        assert await texts_of(running, alice, direct) == [
            ("alice", "Fall!"),
            ("alice", "Still there?"),
            ("echo", "Still there?"),
        ]


async def test_nobody_signs_in_as_the_bot(tmp_path: Path) -> None:
    """Its password is new at each start and never stored."""
    query = 'mutation { signIn(input: {username: "echo", password: "demo"}) { __typename } }'
    async with (
        demo(tmp_path / "data") as (running, _, _),
        aiohttp.ClientSession(running.url) as http,
        http.post("/graphql", json={"query": query}) as response,
    ):
        assert await response.json() == {"data": {"signIn": {"__typename": "InvalidCredentialsError"}}}


async def test_the_request_of_the_banner_works_without_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The curl command of the banner; its arguments are sent by another client here.

    It also works after a restart with trusted devices required; and users of the demo can still trust a first device.
    """
    monkeypatch.setenv("SOTTO_DEVICE_TRUST", "require")
    async with demo(tmp_path / "data") as (running, _, _):
        assert not (await sign_in(running, "alice")).is_restricted
    async with demo(tmp_path / "data") as (running, _, token), aiohttp.ClientSession() as http:
        text = banner.demo(running.url, token)
        match = re.search(r"curl .*?'\n", text, re.DOTALL)
        assert match is not None
        arguments = shlex.split(match[0].replace("\\\n", " "))
        [url] = [each for each in arguments if each.startswith("http")]
        headers = dict(arguments[at + 1].split(": ", 1) for at, each in enumerate(arguments) if each == "-H")
        body = arguments[arguments.index("-d") + 1]
        async with http.post(url, data=body, headers=headers) as response:
            answer = await response.json()

    assert answer == {"data": {"sendPrivateMessage": {"__typename": "SendPrivateMessageSuccess"}}}


@pytest.mark.parametrize("served", [True, False])
def test_the_addresses_of_the_banner_are_those_that_are_served(served: bool) -> None:
    """Disabled addresses are not listed; plain text of at most 100 columns."""
    settings = load_settings(explorer=served, introspection=served, chat_page=served)

    text = banner.addresses("http://127.0.0.1:8000", settings)

    assert ("the chat page" in text) is served
    assert ("GraphiQL" in text) is served
    assert ("/schema.graphql" in text) is served
    assert "ws://127.0.0.1:8000/graphql" in text
    assert all(len(line) <= 100 for line in text.splitlines())


def test_the_demo_allows_pages_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A front end under development has another port; origins of the settings stay allowed."""
    seen: list[Settings] = []

    async def serve(settings: Settings, _announced: object) -> None:
        seen.append(settings)

    monkeypatch.setattr("server.process.serve", serve)
    monkeypatch.setattr("server.log.set_up_log", lambda _settings: None)
    assert CliRunner().invoke(cli, ["demo"]).exit_code == 0
    monkeypatch.setenv("SOTTO_ALLOWED_ORIGINS", "https://a.example")
    assert CliRunner().invoke(cli, ["demo"]).exit_code == 0
    assert CliRunner().invoke(cli, ["serve"]).exit_code == 0

    assert [each.allowed_origins for each in seen] == [
        ("loopback",),
        ("https://a.example", "loopback"),
        ("https://a.example",),
    ]
