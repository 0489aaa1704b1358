"""A front end in a few lines: what any client does, over real sockets."""

import asyncio
import json
import os
import re
import signal
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.flow.program import Process, Start, started

SEND = """
mutation ($input: SendPrivateMessageInput!) {
  sendPrivateMessage(input: $input) {
    __typename
    ... on SendPrivateMessageSuccess {
      wasDuplicate
      conversation { id }
      message { id sequence text type attachments { id filename mimeType byteSize sha256 } }
    }
    ... on UserError { detail code }
    ... on RecipientsRejectedError { recipientRejections { index reason } }
  }
}
"""
HEAR = """
subscription ($after: EventCursor) {
  privateMessageReceived(after: $after) {
    cursor
    isReplay
    message {
      id sequence text sender { username }
      attachments { id kind filename mimeType byteSize sha256 width height url }
    }
  }
}
"""
SIGN_IN = """
mutation ($input: SignInInput!) {
  signIn(input: $input) { __typename ... on SignInSuccess { token } ... on UserError { detail code } }
}
"""


LOGS: list[bytes] = []  # of the servers that have ended; tests/plugin.py looks into them


class Server:
    """A server in a process of its own, started as a person starts it."""

    def __init__(self, process: Process, url: str, log: int) -> None:
        self.process = process
        self.url = url
        self._log = log

    @property
    def log(self) -> bytes:
        """What it has written to stderr; read without moving the place where it goes on."""
        return os.pread(self._log, os.fstat(self._log).st_size, 0)

    @property
    def graphql(self) -> str:
        """The one address of the API."""
        return f"{self.url}/graphql"

    async def stop(self) -> int:
        """Asks it to end, as a service manager does, and returns its exit status."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), 15)


@asynccontextmanager
async def running(*arguments: str, data: Path, port: int = 0, start: Start = started) -> AsyncIterator[Server]:
    """`./sotto …` on a free port, or one given, with a folder of its own, ready for requests."""
    flags = ("--port", str(port), "--data", str(data))
    with tempfile.TemporaryFile() as log:
        async with start(*arguments, *flags, stderr=log.fileno()) as process:
            assert process.stdout is not None
            server = Server(process, "", log.fileno())
            said = ""
            async with asyncio.timeout(120):  # seconds where nothing else runs; tests share a machine
                while not (found := re.search(r"http://127\.0\.0\.1:\d+(?=/graphql)", said)):
                    line = await process.stdout.readline()
                    assert line, said + server.log.decode()
                    said += line.decode()
            server.url = found[0]
            drain = asyncio.create_task(process.stdout.read())
            try:
                yield server
            finally:
                await server.stop()
                await drain
                LOGS.append(server.log)


class Person:
    """Somebody signed in."""

    def __init__(self, server: Server, http: aiohttp.ClientSession, token: str) -> None:
        self.server = server
        self.http = http
        self.headers = {"Authorization": f"Bearer {token}"}
        self.token = token

    @classmethod
    async def sign_in(cls, server: Server, http: aiohttp.ClientSession, username: str, password: str) -> "Person":
        """By username and password."""
        body = {"query": SIGN_IN, "variables": {"input": {"username": username, "password": password}}}
        async with http.post(server.graphql, json=body) as response:
            return cls(server, http, (await response.json())["data"]["signIn"]["token"])

    async def query(self, document: str, **variables: object) -> dict[str, Any]:
        """The answer's `data`; fails on top-level errors."""
        body = {"query": document, "variables": variables}
        async with self.http.post(self.server.graphql, json=body, headers=self.headers) as response:
            answer = await response.json()
        assert "errors" not in answer, answer
        data: dict[str, Any] = answer["data"]
        return data

    async def send(self, text: str | None, *files: tuple[str, bytes, str], **draft: object) -> dict[str, Any]:
        """`sendPrivateMessage`, as a multipart request when there are files: (name, bytes, type)."""
        draft = {"text": text, "attachments": [{"file": None} for _ in files], **draft}
        if not files:
            return dict((await self.query(SEND, input=draft))["sendPrivateMessage"])
        form = aiohttp.FormData()
        form.add_field("operations", json.dumps({"query": SEND, "variables": {"input": draft}}))
        paths = {str(index): [f"variables.input.attachments.{index}.file"] for index in range(len(files))}
        form.add_field("map", json.dumps(paths))
        for index, (name, content, mime_type) in enumerate(files):
            form.add_field(str(index), content, filename=name, content_type=mime_type)
        async with self.http.post(self.server.graphql, data=form, headers=self.headers) as response:
            answer = await response.json()
        assert response.status == 200, answer
        return dict(answer["data"]["sendPrivateMessage"])

    async def cursor(self) -> str:
        """Where this person's stream of events ends now."""
        return str((await self.query("{ viewer { eventCursor } }"))["viewer"]["eventCursor"])

    @asynccontextmanager
    async def hearing(self, after: str | None = None) -> AsyncIterator[AsyncGenerator[dict[str, Any], None]]:
        """New messages over graphql-transport-ws, once the server has acknowledged the socket."""
        async with self.http.ws_connect(self.server.graphql, protocols=["graphql-transport-ws"]) as socket:
            await socket.send_json({"type": "connection_init", "payload": {"authorization": f"Bearer {self.token}"}})
            assert (await socket.receive_json())["type"] == "connection_ack"
            subscribe = {"query": HEAR, "variables": {"after": after}}
            await socket.send_json({"id": "1", "type": "subscribe", "payload": subscribe})
            deliveries = _deliveries(socket)
            try:
                yield deliveries
            finally:
                await deliveries.aclose()


async def _deliveries(socket: aiohttp.ClientWebSocketResponse) -> AsyncGenerator[dict[str, Any], None]:
    while True:
        frame = await socket.receive_json()
        assert frame["type"] == "next", frame
        yield frame["payload"]["data"]["privateMessageReceived"]


async def next_of(deliveries: AsyncGenerator[dict[str, Any], None], seconds: float = 5.0) -> dict[str, Any]:
    """The next delivery; fails when none comes."""
    return await asyncio.wait_for(anext(deliveries), seconds)
