"""`./sotto send` and `./sotto listen` with a running demo."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp import web

from server import process as processes
from server.cli.client import Client, ClientError
from server.cli.demo import Demo
from server.cli.shell import send_as
from server.control import Control
from server.output import StartError
from server.setting.settings import load_settings
from tests.flow.client import Person, running
from tests.flow.program import Process, finished, started
from tests.template import put_tables


@asynccontextmanager
async def listening(*arguments: str) -> AsyncIterator[tuple[Process, asyncio.StreamReader, BinaryIO]]:
    """Runs `./sotto listen …`; its output and errors."""
    with tempfile.TemporaryFile() as complaints:
        async with started("listen", *arguments, stderr=complaints.fileno()) as process:
            assert process.stdout is not None
            yield process, process.stdout, complaints


async def knock(person: Person, heard: asyncio.StreamReader) -> None:
    """Sends to bob until he receives a message: a listener gets only new ones."""
    async with asyncio.timeout(20):
        while True:
            await person.send("Knock", to={"users": [{"username": "bob"}]})
            with suppress(TimeoutError):
                assert await asyncio.wait_for(heard.readline(), 0.3) == b"carol: Knock\n"
                return


async def test_a_message_with_files_goes_from_shell_to_shell(tmp_path: Path) -> None:
    """Alice sends to bob, who saves the files: the bytes are correct, and no file is overwritten."""
    data, folder = tmp_path / "data", tmp_path / "in"
    folder.mkdir()
    (tmp_path / "tide.txt").write_bytes(b"The tide is out. " * 50_000)
    (folder / "tide.txt").write_bytes(b"mine")
    async with running("demo", data=data) as server, aiohttp.ClientSession() as http:
        at = ("--url", server.url, "--data", str(data))
        carol = await Person.sign_in(server, http, "carol", "demo")
        async with listening("--as", "bob", "--download", str(folder), *at) as (_, heard, _):
            await knock(carol, heard)
            sent = await finished("send", "--as", "alice", "bob", "hi", "--attach", str(tmp_path / "tide.txt"), *at)
            piped = await finished("send", "--as", "alice", "bob", *at, text="from a pipe\n")
            async with asyncio.timeout(20):
                said = (await heard.readuntil(b"from a pipe\n")).decode()

    assert (sent[0], piped[0]) == (0, 0), sent
    lines = [line for line in said.splitlines() if line != "carol: Knock"]
    assert lines == ["alice: hi [tide (2).txt]", "alice: from a pipe"]
    assert (folder / "tide (2).txt").read_bytes() == b"The tide is out. " * 50_000
    assert (folder / "tide.txt").read_bytes() == b"mine"
    assert len(list(folder.iterdir())) == 2


async def test_a_listener_reconnects_after_a_restart_and_misses_nothing(tmp_path: Path) -> None:
    """Messages sent during the restart arrive too, once."""
    data = tmp_path / "data"
    async with aiohttp.ClientSession() as http, AsyncExitStack() as stack:
        async with running("demo", data=data) as server:
            at, port = ("--url", server.url, "--data", str(data)), urlsplit(server.url).port or 0
            process, heard, complaints = await stack.enter_async_context(listening("--as", "bob", *at))
            await knock(await Person.sign_in(server, http, "carol", "demo"), heard)
        async with running("demo", data=data, port=port) as server:
            carol = await Person.sign_in(server, http, "carol", "demo")
            for i in range(3):
                await carol.send(f"After {i}", to={"users": [{"username": "bob"}]})
            async with asyncio.timeout(30):
                said = (await heard.readuntil(b"After 2\n")).decode()
            bob = await Person.sign_in(server, http, "bob", "demo")
            await bob.query("mutation { signOut(input: {everywhere: true}) { __typename } }")
            async with asyncio.timeout(20):
                rest, status = await heard.read(), await process.wait()
        complaints.seek(0)
        complaint = complaints.read()

    lines = [line for line in said.splitlines() if line != "carol: Knock"]
    assert lines == ["carol: After 0", "carol: After 1", "carol: After 2"]
    assert (status, rest) == (2, b"")
    assert complaint.decode().splitlines()[-1] == "sotto: The session has ended: sign in again."


REFUSED = {
    ("send", "--as", "nobody", "bob", "hi"): "Nobody has the username",
    ("send", "--as", "alice", "bob", ""): "text or at least one attachment",
    ("send", "--as", "alice", "bob", "hi", "--attach", "missing.txt"): "cannot be read",
}


async def test_an_error_is_one_line(tmp_path: Path) -> None:
    """Exit status 2, and no traceback."""
    data = tmp_path / "data"
    async with running("demo", data=data) as server:
        at = ("--url", server.url, "--data", str(data))
        results = [await finished(*arguments, *at) for arguments in REFUSED]

    for (status, said, complaint), expected in zip(results, REFUSED.values(), strict=True):
        assert (status, said) == (2, "")
        assert expected in complaint
        assert complaint.startswith("sotto: ")
        assert len(complaint.splitlines()) == 1


async def test_without_a_server_it_says_so(tmp_path: Path) -> None:
    """And what to do."""
    status, said, complaint = await finished("send", "--as", "alice", "bob", "hi", "--data", str(tmp_path))

    assert (status, said) == (2, "")
    assert "no server is running on" in complaint


@asynccontextmanager
async def another_program(answer: str = "<html>Hello</html>") -> AsyncIterator[tuple[int, list[str]]]:
    """Another program that listens on a port; and what it received."""
    received: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        received.append(f"{dict(request.headers)} {await request.text()}")
        return web.Response(text=answer)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1], received
    finally:
        await runner.cleanup()


async def test_a_program_on_the_port_of_the_settings_gets_no_token(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server tells its address. `--url` overrides it; a response that is not GraphQL is a one-line error."""
    monkeypatch.chdir(tmp_path)
    async with another_program() as (port, received):
        settings = load_settings(port=port, data=tmp_path / "data")
        async with processes.listening(load_settings(port=0, data=tmp_path / "data")) as running:
            await Demo(running.services)._ensure("alice", "Alice", "correct horse", is_bot=False)
            await Demo(running.services)._ensure("bob", "Bob", "correct horse", is_bot=False)
            await send_as(settings, None, "alice", ["bob"], "hi", [])
            kept = list(received)
            with pytest.raises(StartError, match=r"/graphql did not return a GraphQL response; .* --url\."):
                await send_as(settings, f"http://127.0.0.1:{port}", "alice", ["bob"], "hi", [])

    assert kept == []
    assert len(received) == 2  # the message, and the end of its session
    assert len([line for line in capsys.readouterr().out.splitlines() if line[0] != "{"]) == 1  # the rest is logged


async def test_without_an_address_nothing_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server of an older version does not report it: the error says what to do, and no session is opened."""
    monkeypatch.chdir(tmp_path)
    control = Control(tmp_path / "data" / "sotto.db", {}, None)
    async with another_program() as (port, received):
        settings = load_settings(port=port, data=tmp_path / "data")
        put_tables(settings.database_path)
        await control.start()
        try:
            with pytest.raises(StartError, match="does not report its URL; pass it with --url"):
                await send_as(settings, None, "alice", ["bob"], "hi", [])
        finally:
            await control.stop()

    assert received == []


@pytest.mark.parametrize("answer", ["<html>", "[]", "{}", '{"data": null}', '{"errors": [1]}', '{"errors": "no"}'])
async def test_a_response_that_is_not_graphql_is_an_error(answer: str) -> None:
    """Whatever the response is."""
    async with another_program(answer) as (port, _), Client(f"http://127.0.0.1:{port}", "token") as client:
        with pytest.raises(ClientError, match="did not return a GraphQL response"):
            await client.ask("{ __typename }")


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:1"), ("0.0.0.0", "http://127.0.0.1:1"), ("::", "http://[::1]:1"), ("::1", "http://[::1]:1")],
)  # fmt: skip
def test_an_address_can_be_connected_to(host: str, url: str) -> None:
    """Wildcard addresses are replaced by loopback; IPv6 is in brackets."""
    assert processes._url_of(host, 1) == url


async def test_a_send_without_a_name_says_how_to_call_it() -> None:
    """A single argument is a name, so `send "hi there"` has no text; no request is sent."""
    status, out, complaint = await finished("send", "--as", "alice", "hi there", text="")

    assert (status, out) == (2, "")
    assert './sotto send --as alice bob "hi"' in complaint
