"""The main job, end to end: a process as a person starts it, clients as they are, real sockets."""

import asyncio
import hashlib
import io
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from PIL import Image

from tests.flow.client import Person, Server, next_of, running


@pytest.fixture
async def demo(tmp_path: Path) -> AsyncIterator[Server]:
    """`./sotto demo` on a folder that does not exist yet."""
    async with running("demo", data=tmp_path / "data") as server:
        yield server


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """A client's connections."""
    async with aiohttp.ClientSession() as session:
        yield session


def picture() -> bytes:
    """A real PNG of 40 × 30 pixels."""
    out = io.BytesIO()
    Image.new("RGB", (40, 30), (200, 30, 60)).save(out, "PNG")
    return out.getvalue()


CURSOR = "{ viewer { eventCursor unreadMessageCount } }"
INBOX = "{ conversations { totalCount nodes { id unreadCount lastMessage { id text } } } }"
DOORS = """
query ($ids: [ID!]!, $conversation: ID!, $message: ID!, $after: EventCursor!) {
  nodes(ids: $ids) { id }
  conversation(id: $conversation) { id }
  message(id: $message) { id }
  searchMessages(query: "lighthouse") { nodes { id } }
  events(after: $after) { nodes { at } }
}
"""


async def test_alice_sends_bob_two_files_and_nobody_else_sees_anything(
    demo: Server, http: aiohttp.ClientSession
) -> None:
    """The story of the first issue: a send with two files, heard live, downloaded whole, hidden from a third person."""
    alice, bob, carol = [await Person.sign_in(demo, http, name, "demo") for name in ("alice", "bob", "carol")]
    before = {person: (await person.query(CURSOR))["viewer"] for person in (bob, carol)}
    carols_inbox = await carol.query(INBOX)
    image, notes = picture(), b"Meet me at the harbour.\n" * 100

    async with bob.hearing(await bob.cursor()) as bobs, carol.hearing(await carol.cursor()) as carols:
        await alice.send("Are you there?", to={"users": [{"username": "bob"}]})
        assert (await next_of(bobs))["message"]["text"] == "Are you there?"  # from here on bob's subscription is live
        sent = await alice.send(
            "To the lighthouse?",
            ("map.png", image, "image/png"),
            ("notes.txt", notes, "text/plain"),
            to={"users": [{"username": "bob"}]},
        )
        heard = await next_of(bobs)
        with pytest.raises(TimeoutError):
            await next_of(carols, 0.5)

    assert sent["__typename"] == "SendPrivateMessageSuccess"
    assert heard["message"]["id"] == sent["message"]["id"]
    assert heard["message"]["text"] == "To the lighthouse?"
    assert heard["message"]["sender"]["username"] == "alice"
    assert heard["isReplay"] is False
    files = heard["message"]["attachments"]
    assert [(each["filename"], each["mimeType"], each["kind"]) for each in files] == [
        ("map.png", "image/png", "IMAGE"),
        ("notes.txt", "text/plain", "FILE"),
    ]
    assert (files[0]["width"], files[0]["height"]) == (40, 30)
    for each, content in zip(files, (image, notes), strict=True):
        assert each["byteSize"] == len(content)
        assert each["sha256"] == hashlib.sha256(content).hexdigest()
        async with http.get(each["url"]) as response:
            assert response.status == 200
            assert await response.read() == content
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
            assert re.fullmatch(r"private, max-age=\d{3}", response.headers["Cache-Control"])
        async with http.get(each["url"], headers={"Range": "bytes=2-5"}) as response:
            assert response.status == 206
            assert await response.read() == content[2:6]

    assert (await bob.query(CURSOR))["viewer"]["unreadMessageCount"] == before[bob]["unreadMessageCount"] + 2
    assert await carol.query(INBOX) == carols_inbox
    seen = await carol.query(
        DOORS,
        ids=[sent["message"]["id"], sent["conversation"]["id"], files[0]["id"]],
        conversation=sent["conversation"]["id"],
        message=sent["message"]["id"],
        after=before[carol]["eventCursor"],
    )
    assert seen == {
        "nodes": [None, None, None],
        "conversation": None,
        "message": None,
        "searchMessages": {"nodes": []},
        "events": {"nodes": []},
    }


async def test_a_file_url_is_good_for_nobody_who_changes_it(demo: Server, http: aiohttp.ClientSession) -> None:
    """404, never 403, for a signature that does not fit."""
    alice, bob = [await Person.sign_in(demo, http, name, "demo") for name in ("alice", "bob")]
    async with bob.hearing(await bob.cursor()) as heard:
        await alice.send(None, ("a.txt", b"secret", "text/plain"), to={"users": [{"username": "bob"}]})
        url = (await next_of(heard))["message"]["attachments"][0]["url"]
    changed = url[:-4] + ("A" if url[-4] != "A" else "B") + url[-3:]

    async with http.get(changed) as response:
        assert response.status == 404


async def test_the_bot_echo_answers(demo: Server, http: aiohttp.ClientSession) -> None:
    """Who tries it alone has somebody to talk to."""
    alice = await Person.sign_in(demo, http, "alice", "demo")
    async with alice.hearing(await alice.cursor()) as heard:
        await alice.send("Anybody there?", to={"users": [{"username": "echo"}]})
        own, answer = await next_of(heard), await next_of(heard)

    assert own["message"]["sender"]["username"] == "alice"
    assert answer["message"]["sender"]["username"] == "echo"
    assert "Anybody there?" in answer["message"]["text"]


async def test_a_subscriber_who_reconnects_again_and_again_misses_nothing(
    demo: Server, http: aiohttp.ClientSession
) -> None:
    """200 messages, a new socket after every few: all of them, once, in order."""
    alice, bob = [await Person.sign_in(demo, http, name, "demo") for name in ("alice", "bob")]
    cursor = (await bob.query(CURSOR))["viewer"]["eventCursor"]

    async def send_all() -> None:
        for number in range(200):
            await alice.send(f"number {number}", to={"users": [{"username": "bob"}]})

    sending = asyncio.create_task(send_all())
    heard: list[str] = []
    sockets = 0
    while len(heard) < 200:
        sockets += 1
        async with bob.hearing(after=cursor) as deliveries:
            for _ in range(min(1 + sockets % 7, 200 - len(heard))):
                delivery = await next_of(deliveries)
                heard.append(delivery["message"]["text"])
                cursor = delivery["cursor"]
    await sending

    assert heard == [f"number {number}" for number in range(200)]
    assert sockets >= 40
    async with bob.hearing(after=cursor) as deliveries:
        with pytest.raises(TimeoutError):
            await next_of(deliveries, 0.3)


async def test_a_block_stands_in_the_way_of_both(demo: Server, http: aiohttp.ClientSession) -> None:
    """The blocked side sees an inbox that is closed, the blocker what they can undo; nothing is stored."""
    alice, bob = [await Person.sign_in(demo, http, name, "demo") for name in ("alice", "bob")]
    before = await bob.query(CURSOR)
    await bob.query('mutation { blockUser(input: {user: {username: "alice"}}) { __typename } }')

    from_alice = await alice.send("Hello?", to={"users": [{"username": "bob"}]})
    from_bob = await bob.send("Hello?", to={"users": [{"username": "alice"}]})

    assert from_alice["recipientRejections"] == [{"index": 0, "reason": "NOT_ACCEPTING"}]
    assert from_bob["recipientRejections"] == [{"index": 0, "reason": "BLOCKED_BY_VIEWER"}]
    after = await bob.query(CURSOR)
    assert after["viewer"]["unreadMessageCount"] == before["viewer"]["unreadMessageCount"]


async def test_a_stopped_server_lets_live_subscriptions_go_and_keeps_everything(
    tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    """SIGTERM: 1001 to subscribers, exit status 0 within 5 s; after a restart the cursor is good, the message there."""
    async with running("demo", data=tmp_path / "data") as server:
        alice, bob = [await Person.sign_in(server, http, name, "demo") for name in ("alice", "bob")]
        cursor = (await bob.query(CURSOR))["viewer"]["eventCursor"]
        async with http.ws_connect(server.graphql, protocols=["graphql-transport-ws"]) as socket:
            await socket.send_json({"type": "connection_init", "payload": {"authorization": f"Bearer {bob.token}"}})
            await socket.receive_json(timeout=10)
            # After the cursor: whether the subscription or the message is first, it is delivered.
            query = "subscription ($after: EventCursor) { privateMessageReceived(after: $after) { cursor } }"
            payload = {"query": query, "variables": {"after": cursor}}
            await socket.send_json({"id": "1", "type": "subscribe", "payload": payload})
            sent = await alice.send("Before the end", to={"users": [{"username": "bob"}]})
            await socket.receive_json(timeout=10)
            began = time.monotonic()
            stopping = asyncio.create_task(server.stop())
            closing = await socket.receive(timeout=10)
            status = await stopping
            took = time.monotonic() - began

    assert sent["__typename"] == "SendPrivateMessageSuccess"
    assert (closing.type, closing.data) == (aiohttp.WSMsgType.CLOSE, 1001)
    assert status == 0
    assert took < 5
    async with running("demo", data=tmp_path / "data") as server:
        bob = Person(server, http, bob.token)
        async with bob.hearing(after=cursor) as deliveries:
            replayed = await next_of(deliveries)
    assert (replayed["message"]["text"], replayed["isReplay"]) == ("Before the end", True)
