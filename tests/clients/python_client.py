# mypy: ignore-errors
# ruff: noqa: I001 -- the client `gql` is foreign here, where the checker finds our own package of that name
"""The client `gql` from PyPI, in an environment of its own: its import name is that of our own package.

Run with `-P`, so that the folder of this file is not looked into. It tells the same story as story.js.
"""

import asyncio
import hashlib
import json
import secrets
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

from gql import Client, FileVar, gql
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.websockets import WebsocketsTransport

URL = sys.argv[1]
VIEWER = "{ viewer { eventCursor user { username } } }"
SEND = """
mutation Send($input: SendPrivateMessageInput!) {
  sendPrivateMessage(input: $input) {
    __typename
    ... on SendPrivateMessageSuccess { message { attachments { filename mimeType byteSize sha256 } } }
    ... on RecipientsRejectedError { recipientRejections { index reason } }
    ... on UserError { detail code }
  }
}
"""
HEAR = "subscription Hear($after: EventCursor) { privateMessageReceived(after: $after) { message { text } } }"
SIGN_UP = """
mutation ($input: SignUpInput!) { signUp(input: $input) { __typename ... on SignUpSuccess { token } } }
"""
FILES = [
    ("notes.txt", "text/plain", b"One line, for the ears of those addressed only.\n"),
    ("large.txt", "text/plain", b"0123456789abcdef" * 65_536),
]


def sign_up() -> tuple[str, str]:
    """Somebody new: username and token."""
    username = f"python-{secrets.token_hex(5)}"
    variables = {"input": {"username": username, "password": "between clients"}}
    body = json.dumps({"query": SIGN_UP, "variables": variables}).encode()
    request = urllib.request.Request(URL, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as response:
        return username, json.load(response)["data"]["signUp"]["token"]


def client_of(token: str) -> Client:
    """Over HTTP; `httpx` and `requests` transports send the same requests."""
    return Client(transport=AIOHTTPTransport(url=URL, headers={"Authorization": f"Bearer {token}"}))


async def send_files(token: str, to: dict[str, Any], *, is_streaming: bool) -> None:
    """Two files in one request; a stream comes without a name and is named by the server."""
    folder = Path(tempfile.mkdtemp())
    files = []
    for name, type_, content in FILES:
        path = folder / name
        path.write_bytes(content)
        files.append(FileVar(str(path), filename=name, content_type=type_, streaming=is_streaming))
    draft = {"to": to, "text": "Two files", "attachments": [{"file": file} for file in files]}
    document = gql(SEND)
    document.variable_values = {"input": draft}
    async with client_of(token) as session:
        answer = (await session.execute(document, upload_files=True))["sendPrivateMessage"]
    assert answer["__typename"] == "SendPrivateMessageSuccess", answer
    for (name, type_, content), kept in zip(FILES, answer["message"]["attachments"], strict=True):
        assert kept["mimeType"] == type_, kept
        assert kept["byteSize"] == len(content), kept
        assert kept["sha256"] == hashlib.sha256(content).hexdigest(), kept
        assert is_streaming or kept["filename"] == name, kept


async def main() -> None:
    """A query, two files in two ways, a refusal, a message heard live."""
    (_, alice), (bob, bobs) = sign_up(), sign_up()
    to = {"users": [{"username": bob}]}
    async with client_of(bobs) as session:
        viewer = (await session.execute(gql(VIEWER)))["viewer"]
    assert viewer["user"]["username"] == bob

    for is_streaming in (False, True):
        await send_files(alice, to, is_streaming=is_streaming)

    refused = gql(SEND)
    refused.variable_values = {"input": {"to": {"users": [{"username": "nobody-by-this-name"}]}, "text": "Hello?"}}
    async with client_of(alice) as session:
        answer = (await session.execute(refused))["sendPrivateMessage"]
    assert answer["recipientRejections"] == [{"index": 0, "reason": "NOT_FOUND"}], answer

    socket = WebsocketsTransport(
        url=URL.replace("http", "ws", 1),
        init_payload={"authorization": f"Bearer {bobs}"},
        subprotocols=[WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL],
    )
    heard = gql(HEAR)
    heard.variable_values = {"after": viewer["eventCursor"]}
    async with Client(transport=socket) as session:
        texts = []
        async for result in session.subscribe(heard):
            texts.append(result["privateMessageReceived"]["message"]["text"])
            if len(texts) == 2:
                break
    assert texts == ["Two files", "Two files"], texts
    print("told")


asyncio.run(main())
