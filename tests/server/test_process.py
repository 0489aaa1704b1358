"""The process: startup, startup errors and shutdown."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from models.error import DatabaseMissing, LogForeign
from server.process import advice_for
from tests.flow.client import Person, Server, next_of, running
from tests.flow.program import Start, executed, finished, started

SIGN_UP = """
mutation ($input: SignUpInput!) { signUp(input: $input) { __typename ... on SignUpSuccess { token } } }
"""


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """An HTTP client."""
    async with aiohttp.ClientSession() as session:
        yield session


async def sign_up(server: Server, http: aiohttp.ClientSession, username: str) -> Person:
    """Signs up a new user."""
    body = {"query": SIGN_UP, "variables": {"input": {"username": username, "password": "pass of " + username}}}
    async with http.post(server.graphql, json=body) as response:
        return Person(server, http, (await response.json())["data"]["signUp"]["token"])


async def frozen_socket(server: Server) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A WebSocket whose client never responds, not even to a close frame."""
    host, port = server.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"GET /graphql HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
    )
    assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def test_a_fresh_folder_becomes_a_server(tmp_path: Path, http: aiohttp.ClientSession) -> None:
    """`serve` needs no preparation; it prints its URLs."""
    async with running("serve", data=tmp_path / "new" / "data", start=executed) as server:
        async with http.get(f"{server.url}/readyz") as response:
            assert response.status == 200
        await sign_up(server, http, "alice")

        assert await server.stop() == 0
    assert (tmp_path / "new" / "data" / "sotto.db").exists()


@pytest.mark.parametrize(("number", "start"), [(signal.SIGTERM, started), (signal.SIGINT, executed)])
async def test_a_signal_ends_a_server_with_live_subscriptions(
    tmp_path: Path, http: aiohttp.ClientSession, number: signal.Signals, start: Start
) -> None:
    """Within 5 s, exit status 0; every socket is closed with 1001."""
    async with running("serve", data=tmp_path, start=start) as server:
        bob = await sign_up(server, http, "bob")
        async with http.ws_connect(server.graphql, protocols=["graphql-transport-ws"]) as socket_:
            await socket_.send_json({"type": "connection_init", "payload": {"authorization": f"Bearer {bob.token}"}})
            assert (await socket_.receive_json())["type"] == "connection_ack"
            subscribe = {"query": "subscription { privateMessageReceived { message { text } } }"}
            await socket_.send_json({"id": "1", "type": "subscribe", "payload": subscribe})
            began = time.monotonic()
            server.process.send_signal(number)
            closing = await socket_.receive(timeout=5)
            status = await asyncio.wait_for(server.process.wait(), 5)

    assert status == 0
    assert time.monotonic() - began < 5
    assert (closing.type, closing.data) == (aiohttp.WSMsgType.CLOSE, 1001)


async def test_a_client_that_ignores_the_close_does_not_delay_the_shutdown(
    tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    """A frozen client never responds to the close; the process still exits within 5 s."""
    async with running("serve", data=tmp_path) as server:
        bob = await sign_up(server, http, "bob")
        async with bob.hearing():
            reader, writer = await frozen_socket(server)
            began = time.monotonic()

            assert await server.stop() == 0
            assert time.monotonic() - began < 5
            assert (await reader.read(1)) == b"\x88"  # it was told, by a close frame
            writer.close()


async def test_a_second_signal_kills_the_process(tmp_path: Path) -> None:
    """After a second Ctrl-C, the process does not wait for a stalled upload."""
    async with running("serve", data=tmp_path) as server:
        host, port = server.url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            b"POST /graphql HTTP/1.1\r\nHost: x\r\nGraphQL-Require-Preflight: 1\r\nContent-Length: 1000\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
        )
        await writer.drain()
        await asyncio.sleep(0.3)  # the server waits for the rest, and would for 3 s
        server.process.send_signal(signal.SIGTERM)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(server.process.wait(), 0.5)
        server.process.send_signal(signal.SIGINT)

        assert await asyncio.wait_for(server.process.wait(), 1) == -signal.SIGINT
        writer.close()


async def test_acknowledged_messages_survive_a_restart(tmp_path: Path, http: aiohttp.ClientSession) -> None:
    """An acknowledged message is delivered by the next process to a client with the previous cursor."""
    async with running("serve", data=tmp_path) as server:
        alice, bob = [await sign_up(server, http, name) for name in ("alice", "bob")]
        cursor = await bob.cursor()
        await alice.send("Before", to={"users": [{"username": "bob"}]})

    async with running("serve", data=tmp_path) as server, Person(server, http, bob.token).hearing(cursor) as deliveries:
        assert (await next_of(deliveries))["message"]["text"] == "Before"


async def test_a_second_process_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    """A lock file prevents it; the error is one line that says what to do."""
    async with running("serve", data=tmp_path / "data"):
        status, out, err = await finished("serve", "--port", "0", "--data", str(tmp_path / "data"), folder=tmp_path)

    assert (status, out) == (2, "")
    [line] = err.splitlines()
    assert line.startswith("sotto: ")
    assert "in use by process" in line
    assert "--data" in line


async def test_a_busy_port_is_one_line(tmp_path: Path) -> None:
    """Exit status 2, with the port and the flag for another one."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        status, out, err = await finished("serve", "--port", port, "--data", str(tmp_path / "data"), folder=tmp_path)

    assert (status, out) == (2, "")
    [line] = err.splitlines()
    assert port in line
    assert "--port" in line


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        (("serve",), {"SOTTO_PROT": "1"}, "did you mean SOTTO_PORT?"),
        (("serve", "--port", "99999"), {}, "--port"),
        (("config",), {"SOTTO_MAX_RECIPIENTS": "none"}, "SOTTO_MAX_RECIPIENTS"),
        (("demo", "--host", "0.0.0.0"), {}, "127.0.0.1"),
    ],
)
async def test_an_error_is_one_line_without_a_traceback(
    tmp_path: Path, arguments: tuple[str, ...], environment: dict[str, str], expected: str
) -> None:
    """Operational errors are one line that says what to do, with exit status 2; nothing is created."""
    status, out, err = await finished(*arguments, folder=tmp_path, environment=environment)

    assert (status, out) == (2, "")
    [line] = err.splitlines()
    assert line.startswith("sotto: ")
    assert expected in line
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - a blocking look is fine here


async def test_a_folder_that_cannot_be_created_is_one_line(tmp_path: Path) -> None:
    """The path is that of a file."""
    (tmp_path / "file").touch()
    path = str(tmp_path / "file")
    for arguments in (("serve", "--port", "0"), ("user", "list")):
        status, _, err = await finished(*arguments, "--data", path, folder=tmp_path)

        assert status == 2
        [line] = err.splitlines()
        assert str(tmp_path / "file") in line


@pytest.mark.parametrize(
    "arguments",
    [
        ("user", "list"),
        ("user", "add", "dora", "--bot"),
        ("user", "trust", "dora"),
        ("key", "create", "dora", "--scope", "admin"),
        ("key", "list", "dora"),
        ("report", "list"),
        ("report", "resolve", "x"),
        ("send", "--as", "alice", "bob", "hi"),
        ("listen", "--as", "alice", "--download", "saved"),
    ],
    ids=" ".join,
)
async def test_a_mistyped_folder_is_not_created(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Only `serve` and `demo` create it; other commands report the missing database and what to do."""
    status, out, err = await finished(*arguments, "--data", "dtaa", folder=tmp_path)

    assert (status, out) == (2, "")
    [line] = err.splitlines()
    assert line.startswith("sotto: ")
    assert "dtaa" in line
    assert "--data" in line
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - a blocking look is fine here


async def test_the_schema_is_printed_as_it_is_committed(tmp_path: Path) -> None:
    """`./sotto schema > schema.graphql` updates the committed schema."""
    from gql.wire.schema import schema_text  # noqa: PLC0415 - only one test pays for the schema

    assert await finished("schema", start=executed, folder=tmp_path) == (0, schema_text(), "")


async def test_the_configuration_shows_no_secret(tmp_path: Path) -> None:
    """A URL can contain a password, so only "(set)" is shown."""
    status, out, _ = await finished(
        "config",
        folder=tmp_path,
        environment={"SOTTO_PUBLIC_URL": "https://chat.example.org/hidden"},
    )

    assert status == 0
    assert "hidden" not in out
    assert "SOTTO_PUBLIC_URL=(set)" in out


async def test_malformed_http_is_refused_without_a_traceback(tmp_path: Path) -> None:
    """400, and the connection is closed; at most one log entry, without the bytes."""
    async with running("serve", data=tmp_path) as server:
        host, port = server.url.removeprefix("http://").split(":")
        for request in (b"NO-HTTP secret\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: secret\r\n\r\n"):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(request)
            answer = await asyncio.wait_for(reader.read(), 5)
            writer.close()

            assert answer.split(b" ", 2)[1] == b"400"
            assert b"Traceback" not in answer


def test_an_error_from_opening_a_database_says_what_to_do() -> None:
    """The advice fits the error."""
    missing, foreign = (
        advice_for(DatabaseMissing("sotto.db is missing")),
        advice_for(LogForeign("sotto.db-wal is foreign")),
    )

    assert "Put the database back" in missing
    assert "the right one" not in missing
    assert "if the database is the right one, remove the files" in foreign
