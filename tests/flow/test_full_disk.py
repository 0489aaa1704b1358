"""A full disk, on a small file system of its own: files are refused, all else goes on, and then they come back."""

import asyncio
import io
import json
from pathlib import Path

import aiohttp

from tests.flow.client import Person, running
from tests.server.test_tus import CREATE, PATCH

SIGN_UP = "mutation ($input: SignUpInput!) { signUp(input: $input) { ... on SignUpSuccess { token } } }"
SEND = """mutation ($input: SendPrivateMessageInput!) { sendPrivateMessage(input: $input) { __typename
  ... on SendPrivateMessageSuccess { message { id text attachments { byteSize } } }
  ... on AttachmentsRejectedError { attachmentRejections { reason isRetryable } } } }"""
DELETE = """mutation ($input: DeleteMessageInput!) { deleteMessage(input: $input) { __typename } }"""
INBOX = "{ viewer { eventCursor } conversations { nodes { lastMessage { text } messages { nodes { id } } } } }"
MIB = 1024**2


async def attach(person: Person, number: int, byte_size: int) -> dict[str, object]:
    """A message with a file of its own content; its result."""
    content = (f"{number:08d} sand " * (byte_size // 14 + 1)).encode()[:byte_size]
    draft = {"to": {"users": [{"username": "bob"}]}, "attachments": [{"file": None}]}
    form = aiohttp.FormData()
    form.add_field("operations", json.dumps({"query": SEND, "variables": {"input": draft}}))
    form.add_field("map", '{"0": ["variables.input.attachments.0.file"]}')
    form.add_field("0", io.BytesIO(content), filename=f"{number}.txt")
    async with person.http.post(person.server.graphql, data=form, headers=person.headers) as response:
        found: dict[str, object] = (await response.json())["data"]["sendPrivateMessage"]
        return found


async def test_a_full_disk_refuses_files_and_nothing_else(disk: Path) -> None:
    """Reading, texts, live messages and deletions go on; what was deleted makes room at once, without a restart."""
    async with running("serve", data=disk / "data") as server, aiohttp.ClientSession() as http:
        people = []
        for name in ("alice", "bob"):
            query = {"query": SIGN_UP, "variables": {"input": {"username": name, "password": "correct horse"}}}
            async with http.post(server.graphql, json=query) as response:
                people.append(Person(server, http, (await response.json())["data"]["signUp"]["token"]))
        alice, bob = people
        sent = []
        for number in range(30):
            result = await attach(alice, number, 4 * MIB)
            if result["__typename"] != "SendPrivateMessageSuccess":
                break
            sent.append(result)
        form = {"filename": "sand.txt", "byteSize": 8 * MIB}
        created = (await alice.query(CREATE, input=form))["createUpload"]
        url, headers = created["upload"]["uploadUrl"], {**PATCH, **alice.headers, "Upload-Offset": "0"}
        async with http.patch(url, data=io.BytesIO(b"sand " * MIB), headers=headers) as response:
            part = response.status, (await response.json())["errors"][0]["extensions"]["code"]
        cursor = (await bob.query(INBOX))["viewer"]["eventCursor"]
        async with bob.hearing(after=cursor) as deliveries:
            texts = [await alice.send(f"text {n}", to={"users": [{"username": "bob"}]}) for n in range(200)]
            heard = [(await asyncio.wait_for(anext(deliveries), 10))["message"]["text"] for _ in range(200)]
        inbox = await bob.query(INBOX)
        for each in sent[:4]:
            await alice.query(DELETE, input={"messageId": each["message"]["id"], "scope": "FOR_EVERYONE"})  # type: ignore[index]
        after = await attach(alice, 99, 4 * MIB)

    assert 5 < len(sent) < 16
    assert result["attachmentRejections"] == [{"reason": "STORAGE_FAILED", "isRetryable": True}]
    assert part == (503, "UNAVAILABLE")
    assert {each["__typename"] for each in texts} == {"SendPrivateMessageSuccess"}
    assert heard == [f"text {n}" for n in range(200)]
    assert inbox["conversations"]["nodes"][0]["lastMessage"]["text"] == "text 199"
    assert after["__typename"] == "SendPrivateMessageSuccess"
