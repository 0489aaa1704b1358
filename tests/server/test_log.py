"""The log: its entries and fields, and that they contain no client data."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
import structlog
from structlog.testing import capture_logs

from gql.id import decode
from server.log import as_json
from server.process import Running, listening
from server.setting.settings import load_settings
from tests.flow.client import Person, Server, running
from tests.leak import CANARY, Recorder, leaks_in

ROOT = Path(__file__).parents[2]
ALWAYS = {"timestamp", "level", "event"}
OPERATION = {"request_id", "user", "operation", "kind"}
KEYS = {
    "request": OPERATION | {"method", "path", "status", "ms"},
    "malformed_request": {"kind", "status", "request_id"},
    "socket_opened": {"request_id"},
    "socket_closed": {"request_id", "user", "code", "operations", "ms"},
    "operation_started": OPERATION,
    "operation_ended": OPERATION | {"outcome", "ms"},
    "refused": {"request_id", "code", "field"},
    "origin refused": {"origin", "setting"},
    "storage swept": {"looked_at", "quarantined", "restored", "deleted", "failed"},
    "stopping": set(),
}
SIGN_UP = "mutation Join($input: SignUpInput!) { signUp(input: $input) { ... on SignUpSuccess { token } } }"
HEAR = "subscription Hear { privateMessageReceived { cursor } }"
PROTOCOL = ["graphql-transport-ws"]
FOREIGN = "https://foreign.example"
BAD_TOKEN = f"Bearer sot_{CANARY}"


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """A client with canaries in all headers; a malformed origin is not logged."""
    headers = {
        "Origin": f"https://elsewhere.example/{CANARY}",
        "User-Agent": CANARY,
        "X-Request-Id": CANARY,
        "Referer": CANARY,
    }
    async with aiohttp.ClientSession(headers=headers) as session:
        yield session


@pytest.fixture
async def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    """A server in this process."""
    monkeypatch.chdir(tmp_path)
    async with listening(load_settings(port=0, data=tmp_path / "data")) as running_:
        yield running_


def requests_in(recorder: Recorder) -> bytes:
    """The entries of requests and streams, without those of the storage sweep."""
    return b"\n".join(line for line in recorder.lines if json.loads(line)["event"] != "storage swept")


def lines_of(log: bytes) -> list[dict[str, Any]]:
    """The parsed log; fails for lines that are not JSON objects with the documented keys."""
    lines = [json.loads(line) for line in log.splitlines()]
    for line in lines:
        assert set(line) == ALWAYS | KEYS[line["event"]]
    return lines


async def sign_up(server: Server, http: aiohttp.ClientSession, name: str) -> Person:
    """Signs up a user with a canary as password."""
    body = {"query": SIGN_UP, "variables": {"input": {"username": name, "password": f"{CANARY} {name}"}}}
    async with http.post(server.graphql, json=body) as response:
        return Person(server, http, (await response.json())["data"]["signUp"]["token"])


async def ask_in_every_way(person: Person) -> None:
    """Sends requests that are refused, each with canaries."""
    http, url = person.http, person.server.graphql
    bodies: list[Any] = [
        {"query": f'{{ {CANARY}(x: "{CANARY}") }}'},
        {"query": f'{{ "{CANARY}'},
        {"query": f"query ($n: Int!) {{ {CANARY}: viewer {{ id }} }}", "variables": {"n": CANARY}},
        {"query": "query A { __typename }", "operationName": CANARY},
        {"query": "query A { __typename }", "operationName": f"{CANARY}\n{{}}"},
        {"query": "{ __typename }", "variables": CANARY, "extensions": {CANARY: CANARY}},
        [CANARY],
    ]
    for body in bodies:
        async with http.post(url, json=body, headers=person.headers) as response:
            await response.read()
    for data, mime_type in ((b'{"query": "' + CANARY.encode(), "application/json"), (CANARY.encode(), CANARY)):
        async with http.post(url, data=data, headers={"Content-Type": mime_type}) as response:
            assert response.status in {400, 415}
    async with http.post(url, json={"query": "{ __typename }"}, headers={"Authorization": BAD_TOKEN}) as response:
        assert response.status == 401
    for path in (f"/{CANARY}", f"/files/{CANARY}", f"/files/{CANARY}/{CANARY}.png", f"/graphql?query={CANARY}"):
        async with http.get(person.server.url + path) as response:
            assert response.status in {200, 404}
    async with http.post(url, json={"query": "{ __typename }"}, headers={"Origin": FOREIGN}) as response:
        assert response.status == 200


async def speak_no_http(server: Server) -> None:
    """Sends a malformed method, header and length."""
    host, port = server.url.removeprefix("http://").split(":")
    for head in (f"{CANARY.upper()} / HTTP/1.1", f"GET /{CANARY}", f"GET / HTTP/1.1\r\nContent-Length: {CANARY}"):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"{head}\r\nHost: {CANARY}\r\n\r\n".encode())
        await asyncio.wait_for(reader.read(), 5)
        writer.close()


async def use_sockets(person: Person) -> None:
    """Opens sockets: with a valid and an invalid operation, with a bad token, and with a protocol violation."""
    payload = {"authorization": f"Bearer {person.token}", CANARY: CANARY}
    init: list[dict[str, Any]] = [{"type": "connection_init", "payload": payload}]
    good = [{"id": CANARY, "type": "subscribe", "payload": {"query": HEAR}}]
    wrong = [{"id": "2", "type": "subscribe", "payload": {"query": f"{{ {CANARY} }}", "operationName": CANARY}}]
    bad = [{"type": "connection_init", "payload": {"authorization": BAD_TOKEN}}]
    for messages, answers in ((init + good + wrong, 2), (bad, 1), ([{"type": CANARY}], 1)):
        async with (
            aiohttp.ClientSession() as http,
            http.ws_connect(person.server.graphql, protocols=PROTOCOL) as socket,
        ):
            for message in messages:
                await socket.send_json(message)
            for _ in range(answers):
                await socket.receive(timeout=5)


async def test_a_server_logs_json_without_client_data(tmp_path: Path, http: aiohttp.ClientSession) -> None:
    """Issue 2: one JSON object per line, without queries, variables, bodies and tokens, which all contain canaries."""
    async with running("serve", data=tmp_path) as server:
        alice, bob = [await sign_up(server, http, name) for name in ("alice", "bob")]
        draft = {"to": {"users": [{"username": "bob"}, {"username": CANARY}]}, "clientMessageId": CANARY}
        await alice.send(CANARY, **draft)
        await alice.send(CANARY, (f"{CANARY}.txt", CANARY.encode(), "text/plain"), to={"users": [{"username": "bob"}]})
        await ask_in_every_way(bob)
        await speak_no_http(server)
        await use_sockets(alice)
        await server.stop()
        log = server.log

    lines = lines_of(log)
    assert leaks_in(log) == []
    assert [line["origin"] for line in lines if line["event"] == "origin refused"] == [FOREIGN]
    assert {line["event"] for line in lines} == set(KEYS) - {"refused"}  # a detail for `SOTTO_LOG_LEVEL=debug`
    assert {line["status"] for line in lines if line["event"] == "request"} >= {101, 200, 400, 401, 404, 415}
    assert {line["path"] for line in lines if line["event"] == "request"} == {
        "/graphql",
        "/files/{token}",
        "/files/{token}/{filename}",
        None,
    }


async def test_a_request_is_logged_with_user_and_operation(site: Running, http: aiohttp.ClientSession) -> None:
    """Method, path, status, time, request ID, user, name and kind of the operation; null without a user or a name."""
    server = Server(None, site.url, 0)  # type: ignore[arg-type]
    alice = await sign_up(server, http, "alice")
    with capture_logs() as captured:
        my_id = (await alice.query("query Me { viewer { user { id } } }"))["viewer"]["user"]["id"]
        await alice.query("{ viewer { user { id } } }")
        await alice.query(f"query {'N' * 500} {{ viewer {{ user {{ id }} }} }}")
        async with http.post(server.graphql, json={"query": "{ __typename }"}) as response:
            request_id = response.headers["X-Request-Id"]
        async with http.post(server.graphql, json={"query": "query Me { nothing }"}) as response:
            assert "errors" in await response.json()

    logs = [each for each in captured if each["event"] == "request"]
    assert decode(my_id) is not None
    assert [(each["user"], each["operation"], each["kind"], each["status"]) for each in logs] == [
        (my_id, "Me", "query", 200),
        (my_id, None, "query", 200),
        (my_id, "N" * 64, "query", 200),
        (None, None, "query", 200),
        (None, None, None, 200),
    ]
    assert logs[3]["request_id"] == request_id
    assert len({each["request_id"] for each in logs}) == 5
    assert all(each["method"] == "POST" and each["path"] == "/graphql" and each["ms"] >= 0 for each in logs)


async def test_a_socket_is_logged_with_its_operations(
    site: Running, http: aiohttp.ClientSession, recorder: Recorder
) -> None:
    """Operations have the socket's request ID and a number; subscriptions are also logged at the start."""
    server = Server(None, site.url, 0)  # type: ignore[arg-type]
    alice = await sign_up(server, http, "alice")
    my_id = (await alice.query("{ viewer { user { id } } }"))["viewer"]["user"]["id"]
    recorder.lines.clear()
    async with aiohttp.ClientSession() as plain:
        alice.http = plain
        async with alice.http.ws_connect(server.graphql, protocols=PROTOCOL) as socket:
            await socket.send_json({"type": "connection_init", "payload": {"authorization": f"Bearer {alice.token}"}})
            for id_, query in (("a", HEAR), ("b", "query Quick { __typename }"), ("c", "query Wrong { nothing }")):
                await socket.send_json({"id": id_, "type": "subscribe", "payload": {"query": query}})
            for _ in range(4):
                await socket.receive(timeout=5)
    async with asyncio.timeout(5):
        while len(requests_in(recorder).splitlines()) < 8:
            await asyncio.sleep(0.01)

    lines = lines_of(requests_in(recorder))
    opened, closed = [line for line in lines if line["event"].startswith("socket")]
    socket_id = opened["request_id"]
    operations = {
        (
            line["event"],
            line["request_id"].removeprefix(socket_id),
            line["operation"],
            line["kind"],
            line.get("outcome"),
        )
        for line in lines
        if line["event"].startswith("operation")
    }
    assert operations == {
        ("operation_started", ".1", "Hear", "subscription", None),
        ("operation_ended", ".1", "Hear", "subscription", "stopped"),
        ("operation_ended", ".2", "Quick", "query", "completed"),
        ("operation_ended", ".3", None, None, "refused"),
    }
    assert (closed["request_id"], closed["user"], closed["code"], closed["operations"]) == (socket_id, my_id, 1000, 3)
    assert [(line["status"], line["request_id"]) for line in lines if line["event"] == "request"] == [(101, socket_id)]


async def test_a_client_that_disconnects_is_logged_without_a_status(
    site: Running, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is logged too."""
    begun = asyncio.Event()

    async def wait(token: object) -> None:
        begun.set()
        await asyncio.sleep(60)

    monkeypatch.setattr(site.services.authenticator, "authenticate", wait)
    host, port = site.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /graphql?query={__typename} HTTP/1.1\r\nHost: x\r\n\r\n")
    await asyncio.wait_for(begun.wait(), 5)
    writer.close()
    async with asyncio.timeout(5):
        while not requests_in(recorder):
            await asyncio.sleep(0.01)

    (line,) = lines_of(requests_in(recorder))
    assert (line["path"], line["status"]) == ("/graphql", None)


async def test_an_unexpected_error_is_in_the_log_once_with_its_stack(
    site: Running, http: aiohttp.ClientSession, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Masked in the response, and found by the ID in the response; without its message."""

    async def break_down(*_arguments: object) -> None:
        raise LookupError(f"SELECT {CANARY} FROM user") from OSError(28, CANARY, CANARY)

    server = Server(None, site.url, 0)  # type: ignore[arg-type]
    alice = await sign_up(server, http, "alice")
    monkeypatch.setattr(site.services.send, "send", break_down)
    recorder.lines.clear()
    draft = f'{{to: {{users: [{{username: "{CANARY}"}}]}}, text: "{CANARY}"}}'
    send = f"mutation {{ {CANARY}: sendPrivateMessage(input: {draft}) {{ __typename }} }}"
    async with http.post(server.graphql, json={"query": send}, headers=alice.headers) as response:
        text = await response.text()

    error_id = json.loads(text)["errors"][0]["extensions"]["errorId"]
    (line,) = [json.loads(each) for each in recorder.lines if error_id.encode() in each]
    assert (line["event"], line["level"], line["field"]) == ("unexpected_error", "error", "sendPrivateMessage")
    assert line["request_id"] == response.headers["X-Request-Id"]
    first, second = line["causes"]
    assert (first["exception"], first["words"]) == ("builtins.LookupError", None)
    assert first["stack"][-1].endswith(f"{break_down.__qualname__}")
    assert any("gql/send.py:" in step for step in first["stack"])
    assert (second["exception"], second["words"]) == ("builtins.OSError", "No space left on device")
    assert "LookupError" not in text


async def test_entries_of_requests_are_those_that_structlog_would_write(
    site: Running, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server writes them itself, because structlog takes as long as all the rest of the entry."""
    written: list[bytes] = []
    target = SimpleNamespace(msg=written.append, info=written.append)
    logger = structlog.wrap_logger(
        target, processors=[as_json], wrapper_class=structlog.make_filtering_bound_logger(logging.INFO)
    )
    monkeypatch.setattr("server.log.requests", logger)

    for lines in (target, None):
        monkeypatch.setattr("server.log._lines", lines)
        for path in ("/graphql", "/nowhere"):
            async with http.post(site.url + path, json={"query": "query A { __typename }"}) as response:
                await response.read()

    entries = [json.loads(line) for line in written]
    for entry in entries:
        assert entry.pop("timestamp").endswith("Z")
        assert entry.pop("ms") >= 0
        assert len(entry.pop("request_id") or " " * 16) == 16
    ours, theirs = entries[:2], entries[2:]
    assert [list(entry.items()) for entry in ours] == [list(entry.items()) for entry in theirs]
    assert [(entry["event"], entry["path"], entry["status"]) for entry in ours] == [
        ("request", "/graphql", 200),
        ("request", None, 404),
    ]
