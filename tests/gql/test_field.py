"""The fields of a message, a file, a conversation, a person and the viewer, each with its exact value."""

import hashlib
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from PIL import Image

from models.base import now_ms
from services.account.credentials import Credentials
from services.message.draft import Draft
from services.person.user import Reference, ReferenceKind
from tests.gql.conftest import SEND, Site
from tests.gql.person import Person


@pytest.fixture
async def people(site: Site) -> list[Person]:
    """Alice, bob and carol."""
    return [Person(site, await site.token_of(name)) for name in ("alice", "bob", "carol")]


async def send_files(site: Site, person: Person, to: str, *files: tuple[str, bytes]) -> int:
    """A message with files and no text; returns its number."""

    async def pieces(content: bytes) -> AsyncIterator[bytes]:
        yield content

    services = site.services
    viewer = await services.authenticator.authenticate(Credentials(person.token))
    assert viewer is not None
    received = [await services.attachment.receive(pieces(content), name) for name, content in files]
    users = [Reference(ReferenceKind.USERNAME, to)]
    return (await services.send.send(viewer, Draft(text=None, users=users, files=received))).message_id


FILES = """
{
  conversations { nodes { lastMessage {
    type text preview
    attachments {
      kind filename mimeType byteSize sha256 width height isAnimated state durationSeconds
      thumbnail { width height url }
      url saved: url(disposition: ATTACHMENT) brief: url(expiresInSeconds: 1) long: url(expiresInSeconds: 999999)
    }
  } } }
}
"""


async def test_a_file_says_what_it_is_and_where_it_is(site: Site, people: list[Person]) -> None:
    """A picture has a thumbnail once it is made; anybody with the URLs can use them, and they set the disposition."""
    alice, bob, carol = people
    written = io.BytesIO()
    Image.new("RGB", (800, 600), "navy").save(written, "PNG")
    picture = written.getvalue()
    await send_files(site, alice, "bob", ("sea.png", picture), ("notes.txt", b"notes"))
    [before] = (await bob.ask(FILES))["conversations"]["nodes"]
    await site.services.sweeper.shrink()
    [after] = (await bob.ask(FILES))["conversations"]["nodes"]
    sea, notes = after["lastMessage"]["attachments"]
    thumbnail = sea.pop("thumbnail")
    answers = {}
    for name, file in (("sea", sea), ("notes", notes)):
        for url in ("url", "saved", "long"):
            async with site.http.get(file[url]) as response:
                answers[name, url] = response.status, response.headers["Content-Disposition"].split(";")[0]
    async with site.http.get(thumbnail["url"]) as response:
        small = response.status, response.headers["Content-Type"], response.headers["Content-Disposition"].split(";")[0]

    assert before["lastMessage"]["attachments"][0]["thumbnail"] is None
    assert before["lastMessage"]["attachments"][0]["state"] == "PROCESSING"
    assert (after["lastMessage"]["text"], after["lastMessage"]["type"]) == (None, "FILE")
    for file, content in ((notes, b"notes"),):
        assert {name: file[name] for name in ("kind", "filename", "mimeType", "byteSize", "sha256")} == {
            "kind": "FILE",
            "filename": "notes.txt",
            "mimeType": "text/plain",
            "byteSize": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
    assert [sea[name] for name in ("kind", "filename", "mimeType", "width", "height", "isAnimated", "state")] == [
        "IMAGE", "sea.png", "image/png", 800, 600, False, "READY"
    ]  # fmt: skip
    assert [notes[name] for name in ("width", "height", "isAnimated", "thumbnail", "durationSeconds")] == [None] * 5
    assert (thumbnail["width"], thumbnail["height"]) == (400, 300)
    assert small == (200, "image/webp", "inline")
    assert answers == {
        ("sea", "url"): (200, "inline"), ("sea", "saved"): (200, "attachment"), ("sea", "long"): (200, "inline"),
        **{("notes", url): (200, "attachment") for url in ("url", "saved", "long")},
    }  # fmt: skip
    assert (await carol.ask(FILES))["conversations"]["nodes"] == []


@pytest.mark.parametrize("seconds", [0, -1])
async def test_a_url_lives_for_a_second_at_least(site: Site, people: list[Person], seconds: int) -> None:
    """BAD_REQUEST names the argument."""
    alice, _bob, _carol = people
    await send_files(site, alice, "bob", ("notes.txt", b"notes"))
    query = "query ($n: Int!) { conversations { nodes { lastMessage { attachments { url(expiresInSeconds: $n) } } } } }"
    _status, answer = await site.post({"query": query, "variables": {"n": seconds}}, alice.token)

    [error] = answer["errors"]
    assert error["extensions"]["code"] == "BAD_REQUEST"
    assert "expiresInSeconds" in error["message"]


MESSAGE = """
  id sequence type text createdAt updatedAt editedAt deletedAt state revision clientMessageId metadata deliveryStatus
  sender { username } recipients { username } replyTo { id text } conversation { id }
"""


async def test_a_send_answers_with_all_that_it_was_given(people: list[Person]) -> None:
    """The message, its edge and its conversation; a second send with the same key is a duplicate."""
    alice, bob, _carol = people
    query = f"""
      mutation ($input: SendPrivateMessageInput!) {{ sendPrivateMessage(input: $input) {{
        ... on SendPrivateMessageSuccess {{
          wasDuplicate message {{ {MESSAGE} }} messageEdge {{ cursor node {{ id }} }} conversation {{ id type }}
        }}
      }} }}
    """
    first = await alice.send("bob", text="first")
    draft = {
        "to": {"users": [{"username": "bob"}]}, "text": "second", "replyToId": first, "clientMessageId": "k1",
        "metadata": {"a": [1, "b", None]},
    }  # fmt: skip
    began = now_ms()
    sent, again = [(await alice.ask(query, input=draft))["sendPrivateMessage"] for _ in range(2)]
    message = sent["message"]
    seen = (await bob.ask(f"query ($id: ID!) {{ message(id: $id) {{ {MESSAGE} }} }}", id=message["id"]))["message"]
    place = sent["conversation"]["id"]
    page = await bob.ask(
        "query ($id: ID!, $after: String) { conversation(id: $id) { messages(first: 5, after: $after) "
        "{ edges { cursor node { text } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }",
        id=place,
    )

    at = datetime.fromisoformat(message.pop("createdAt"))
    assert -1000 < at.timestamp() * 1000 - began < 10_000
    assert (at.tzinfo, datetime.fromisoformat(message.pop("updatedAt"))) == (UTC, at)
    assert message == {
        "id": message["id"], "sequence": 2, "type": "TEXT", "text": "second", "editedAt": None, "deletedAt": None,
        "state": "ACTIVE", "revision": 1, "clientMessageId": "k1", "metadata": {"a": [1, "b", None]},
        "deliveryStatus": "SENT", "sender": {"username": "alice"}, "recipients": [{"username": "bob"}],
        "replyTo": {"id": first, "text": "first"}, "conversation": {"id": place},
    }  # fmt: skip
    assert (sent["wasDuplicate"], again["wasDuplicate"]) == (False, True)
    assert again["message"]["id"] == sent["messageEdge"]["node"]["id"] == message["id"]
    assert again["messageEdge"]["cursor"] == sent["messageEdge"]["cursor"]
    assert sent["conversation"]["type"] == "DIRECT"
    assert (seen["clientMessageId"], seen["metadata"], seen["deliveryStatus"]) == (None, message["metadata"], "SENT")
    edges, info = (page["conversation"]["messages"][name] for name in ("edges", "pageInfo"))
    assert [edge["node"]["text"] for edge in edges] == ["first", "second"]
    assert info == {
        "hasNextPage": False, "hasPreviousPage": False,
        "startCursor": edges[0]["cursor"], "endCursor": edges[1]["cursor"],
    }  # fmt: skip
    assert len({edge["cursor"] for edge in edges}) == 2


async def test_the_same_key_with_another_text_shows_what_came_first(people: list[Person]) -> None:
    """IDEMPOTENCY_CONFLICT, with the message sent with the key; nothing new is stored."""
    alice, bob, _carol = people
    query = SEND.replace(
        "... on UserError", "... on IdempotencyConflictError { existingMessage { id text } } ... on UserError"
    )
    draft = {"to": {"users": [{"username": "bob"}]}, "clientMessageId": "k1"}
    first, second = [
        (await alice.ask(query, input={**draft, "text": text}))["sendPrivateMessage"] for text in ("one", "two")
    ]
    inbox = (await bob.ask("{ conversations { nodes { messages { nodes { text } } } } }"))["conversations"]["nodes"]

    assert second["__typename"] == "IdempotencyConflictError"
    assert second["code"] == "IDEMPOTENCY_CONFLICT"
    assert second["existingMessage"] == {"id": first["message"]["id"], "text": "one"}
    assert inbox == [{"messages": {"nodes": [{"text": "one"}]}}]


async def test_the_viewer_counts_what_waits(people: list[Person]) -> None:
    """Messages and conversations; default settings if unchanged; null without an email address."""
    alice, bob, carol = people
    for text in ("one", "two"):
        await alice.send("bob", text=text)
    await carol.send("bob")
    found = await bob.ask("""{ viewer {
        user { username displayName isBot isActive externalId avatarUrl } email
        unreadMessageCount unreadConversationCount messageRequestCount
        settings { acceptMessagesFrom fromOthers whoMayAddToGroups sendReadReceipts sendDeliveryReceipts
          sendTypingIndicators sharePresence }
    } conversations { nodes { unreadCount isUnread otherParticipants { user { username } } } } }""")

    assert found["viewer"] == {
        "user": {
            "username": "bob", "displayName": "Bob", "isBot": False, "isActive": True, "externalId": None,
            "avatarUrl": None,
        },
        "email": None, "unreadMessageCount": 3, "unreadConversationCount": 2, "messageRequestCount": 0,
        "settings": {
            "acceptMessagesFrom": "EVERYONE", "fromOthers": "REQUEST", "whoMayAddToGroups": "EVERYONE",
            "sendReadReceipts": True, "sendDeliveryReceipts": True, "sendTypingIndicators": True,
            "sharePresence": True,
        },
    }  # fmt: skip
    assert found["conversations"]["nodes"] == [
        {"unreadCount": 1, "isUnread": True, "otherParticipants": [{"user": {"username": "carol"}}]},
        {"unreadCount": 2, "isUnread": True, "otherParticipants": [{"user": {"username": "alice"}}]},
    ]


async def test_a_person_leads_to_the_conversation_with_them(people: list[Person]) -> None:
    """Null before the first message; a different one for each of several people."""
    alice, bob, carol = people
    place = await alice.place_of(await alice.send("bob"))
    found = await alice.ask("""{
        bob: user(by: {username: "BOB"}) { username conversation { id } }
        carol: user(by: {username: "carol"}) { username conversation { id } }
        nobody: user(by: {username: "nobody"}) { username }
    }""")

    assert found == {
        "bob": {"username": "bob", "conversation": {"id": place}},
        "carol": {"username": "carol", "conversation": None},
        "nobody": None,
    }
    assert (await bob.ask('{ user(by: {username: "alice"}) { conversation { id } } }'))["user"]["conversation"] == {
        "id": place
    }
    assert (await carol.ask('{ user(by: {username: "alice"}) { conversation { id } } }'))["user"] == {
        "conversation": None
    }


async def test_people_to_write_to_come_in_pages(site: Site, people: list[Person]) -> None:
    """By the beginning of the name; the cursors continue, and nobody is listed twice."""
    alice, _bob, _carol = people
    for name in ("dana", "dan", "dave"):
        await site.token_of(name)
    query = """query ($after: String) { messageableUsers(search: "da", first: 2, after: $after) {
        edges { cursor node { username } } nodes { username } pageInfo { hasNextPage endCursor } } }"""
    first = (await alice.ask(query))["messageableUsers"]
    second = (await alice.ask(query, after=first["pageInfo"]["endCursor"]))["messageableUsers"]

    names = [node["username"] for page in (first, second) for node in page["nodes"]]
    assert sorted(names) == ["dan", "dana", "dave"]
    assert [len(page["nodes"]) for page in (first, second)] == [2, 1]
    assert [page["pageInfo"]["hasNextPage"] for page in (first, second)] == [True, False]
    assert [edge["node"] for edge in first["edges"]] == first["nodes"]
    assert first["edges"][1]["cursor"] == first["pageInfo"]["endCursor"]
