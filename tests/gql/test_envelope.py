"""Envelopes: each event brings the viewer and the conversation as they are after it, so that caches stay true."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from tests.gql.gate import PROTOCOL
from tests.gql.person import Person
from tests.gql.test_statements import cost_of, statements

__all__ = ["statements"]

ENVELOPE = """
fragment Envelope on EventEnvelope {
  cursor
  viewer { unreadMessageCount unreadConversationCount messageRequestCount eventCursor user { username } }
  conversation { id unreadCount lastMessage { text } }
  event {
    __typename
    ... on MessageCreated { messageEdge { cursor node { id text } } }
    ... on ReceiptUpdated { user { username } participant { user { username } lastReadMessage { text } } }
  }
}
"""
PAGE = f"{ENVELOPE} query ($after: EventCursor!) {{ events(after: $after, first: 200) {{ nodes {{ ...Envelope }} }} }}"
LIVE = f"{ENVELOPE} subscription ($after: EventCursor) {{ events(after: $after) {{ ...Envelope }} }}"
CURSOR = "{ viewer { eventCursor } }"


async def cursor_of(person: Person) -> str:
    """The end of a person's log."""
    return str((await person.ask(CURSOR))["viewer"]["eventCursor"])


async def page_of(person: Person, after: str, query: str = PAGE) -> list[Any]:
    """The envelopes after a cursor."""
    nodes = (await person.ask(query, after=after))["events"]["nodes"]
    assert isinstance(nodes, list)
    return nodes


@asynccontextmanager
async def live(person: Person, query: str = LIVE, **variables: Any) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A live stream of this person."""
    async with person.site.http.ws_connect(person.site.graphql, protocols=PROTOCOL) as socket:
        await socket.send_json({"type": "connection_init", "payload": {"authorization": f"Bearer {person.token}"}})
        assert (await socket.receive_json(timeout=5))["type"] == "connection_ack"
        payload = {"query": query, "variables": variables}
        await socket.send_json({"id": "1", "type": "subscribe", "payload": payload})
        yield socket


async def take(socket: aiohttp.ClientWebSocketResponse) -> Any:
    """The next envelope; it came without errors."""
    async with asyncio.timeout(5):
        frame = await socket.receive_json()
    assert frame["type"] == "next", frame
    assert "errors" not in frame["payload"], frame
    return frame["payload"]["data"]["events"]


async def test_a_page_of_events_brings_the_viewer_and_each_conversation(people: list[Person]) -> None:
    """As they are now, for each of two conversations; a third person has no events."""
    alice, bob, carol = people
    after, of_carol = await cursor_of(bob), await cursor_of(carol)
    place = await alice.place_of(await alice.send("bob", text="one"))
    await alice.send("bob", text="two")
    found = await page_of(bob, after)

    assert [each["event"]["__typename"] for each in found] == ["ConversationCreated", *["MessageCreated"] * 2]
    assert [each["conversation"] for each in found] == [
        {"id": place, "unreadCount": 2, "lastMessage": {"text": "two"}}
    ] * 3
    assert [(each["viewer"]["unreadMessageCount"], each["viewer"]["user"]["username"]) for each in found] == [
        (2, "bob")
    ] * 3
    assert await page_of(carol, of_carol) == []


async def test_the_edge_of_a_new_message_is_the_one_of_its_conversation(people: list[Person]) -> None:
    """With the same cursor: a client appends it to its list and pages on from it."""
    alice, bob, _ = people
    after = await cursor_of(bob)
    id_ = await alice.send("bob", text="new")
    *_, created = await page_of(bob, after)
    edge = created["event"]["messageEdge"]
    listed = await bob.ask(
        "query ($id: ID!) { conversation(id: $id) { messages { edges { cursor node { id text } } } } }",
        id=await alice.place_of(id_),
    )

    assert listed["conversation"]["messages"]["edges"] == [edge]
    assert edge["node"] == {"id": id_, "text": "new"}


async def test_a_receipt_brings_its_participant(people: list[Person]) -> None:
    """With the positions that the viewer may see now: none once the reader keeps them private."""
    alice, bob, _ = people
    place = await alice.place_of(await alice.send("bob", text="read me"))
    after = await cursor_of(alice)
    await bob.do("markConversationRead", "conversation { id }", conversationId=place)
    [receipt] = await page_of(alice, after)
    await bob.do("updateMessagingSettings", "settings { sendReadReceipts }", sendReadReceipts=False)

    assert receipt["event"] == {
        "__typename": "ReceiptUpdated",
        "user": {"username": "bob"},
        "participant": {"user": {"username": "bob"}, "lastReadMessage": {"text": "read me"}},
    }
    assert await page_of(alice, after) == []


async def test_an_event_about_no_conversation_has_none(people: list[Person]) -> None:
    """Nor has one about a conversation that the viewer left; one that was only cleared is still theirs."""
    alice, bob, _ = people
    left = await alice.place_of(await alice.send("bob", "carol", text="group"))
    cleared = await alice.place_of(await alice.send("bob", text="direct"))
    after = await cursor_of(bob)
    await bob.do("leaveConversation", "conversationId", conversationId=left)
    await bob.do("clearConversation", "conversation { id }", conversationId=cleared)
    await bob.ask(
        'mutation { blockUser(input: { user: { username: "carol" } }) { ... on BlockUserSuccess { user { id } } } }'
    )
    found = await page_of(bob, after)

    assert [(each["event"]["__typename"], (each["conversation"] or {}).get("id")) for each in found] == [
        ("ConversationRemoved", None),
        ("MessageRemoved", cleared),
        ("ConversationRemoved", cleared),
        ("BlocksChanged", None),
    ]
    assert [each["viewer"]["unreadMessageCount"] for each in found] == [0] * 4


async def test_a_live_stream_reads_the_viewer_again_for_each_event(people: list[Person]) -> None:
    """The counters after each change, and a cursor from which nothing is missed."""
    alice, bob, _ = people
    async with live(bob) as socket:
        ready = await take(socket)
        await alice.send("bob", text="one")
        created, first = await take(socket), await take(socket)
        await alice.send("bob", text="two")
        second = await take(socket)
        await bob.do("markConversationRead", "conversation { id }", conversationId=second["conversation"]["id"])
        read = await take(socket)
        await alice.do("setTyping", "conversation { id }", conversationId=second["conversation"]["id"], isTyping=True)
        typing = await take(socket)
    seen = [ready, created, first, second, read, typing]

    assert [each["event"]["__typename"] for each in seen] == [
        "StreamReady",
        "ConversationCreated",
        *["MessageCreated"] * 2,
        "ConversationUpdated",
        "TypingChanged",
    ]
    assert [each["viewer"]["unreadMessageCount"] for each in seen] == [0, 1, 1, 2, 0, 0]
    assert [(each["conversation"] or {}).get("unreadCount") for each in seen] == [None, 1, 1, 2, 0, 0]
    assert [each["viewer"]["eventCursor"] for each in seen[:-1]] == [each["cursor"] for each in seen[:-1]]
    assert (typing["cursor"], typing["viewer"]["eventCursor"]) == (None, read["cursor"])


async def test_the_sender_gets_their_own_message_on_every_device(people: list[Person]) -> None:
    """From both subscriptions, also on the device that sent it, which knows it by its `clientMessageId`."""
    alice, _, carol = people
    other = Person(alice.site, await alice.site.token_of("alice"))
    after, of_carol = await cursor_of(alice), await cursor_of(carol)
    query = (
        "subscription ($after: EventCursor) { privateMessageReceived(after: $after) "
        "{ message { clientMessageId text } } }"
    )
    everything = "subscription { events { event { __typename ... on MessageCreated { clientMessageId } } } }"
    async with (
        live(alice, query, after=after) as one,
        live(other, query, after=after) as two,
        live(alice, everything) as all_,
        live(carol, query, after=of_carol) as third,
    ):
        await take(all_)
        await alice.send("bob", text="mine", clientMessageId="k")
        frames = [await socket.receive_json(timeout=5) for socket in (one, two)]
        heard = [await take(all_) for _ in range(2)]
        await third.send_json({"type": "ping"})
        silence = await third.receive_json(timeout=5)

    received = [frame["payload"]["data"]["privateMessageReceived"] for frame in frames]
    assert received == [{"message": {"clientMessageId": "k", "text": "mine"}}] * 2
    assert heard[-1]["event"] == {"__typename": "MessageCreated", "clientMessageId": "k"}
    assert silence["type"] == "pong"


async def test_after_the_end_of_a_session_its_stream_reads_no_viewer(people: list[Person]) -> None:
    """The last event shows nothing more, and has no error."""
    _, bob, _ = people
    async with live(bob) as socket:
        await take(socket)
        await bob.ask("mutation { signOut(input: {}) { ... on SignOutSuccess { endedSessions } } }")
        last = await take(socket)

    assert (last["event"]["__typename"], last["viewer"], last["conversation"]) == ("SessionRevoked", None, None)


async def test_a_viewer_that_cannot_be_read_leaves_the_event(
    people: list[Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Null with an error beside a good event and its cursor; the same of the conversation."""
    alice, bob, _ = people
    after = await cursor_of(bob)
    await alice.send("bob", text="one")

    async def fail(*_arguments: object) -> None:
        raise LookupError("a bug")

    monkeypatch.setattr(bob.site.services.conversation, "get_viewer", fail)
    monkeypatch.setattr(bob.site.services.conversation, "find_many", fail)
    _, answer = await bob.site.post({"query": PAGE, "variables": {"after": after}}, bob.token)
    [_, message] = answer["data"]["events"]["nodes"]

    assert (message["viewer"], message["conversation"]) == (None, None)
    assert message["event"]["messageEdge"]["node"]["text"] == "one"
    assert message["cursor"]
    assert [each["path"] for each in answer["errors"]] == [
        ["events", "nodes", 0, "viewer"],
        ["events", "nodes", 1, "viewer"],
        ["events", "nodes", 1, "conversation"],
    ]


async def test_a_page_of_events_costs_the_same_for_two_events_and_for_forty(
    people: list[Person], statements: list[str]
) -> None:
    """With the viewer, the conversation and the edge of each; of many conversations."""
    _, bob, _ = people
    after, costs = await cursor_of(bob), []
    for number in range(20):
        other = Person(bob.site, await bob.site.token_of(f"other{number}"))
        await other.send("bob", text=f"from {number}")
        if number in {0, 19}:
            data, cost = await cost_of(bob, statements, PAGE, after=after)
            costs.append((len(data["events"]["nodes"]), cost))

    assert [count for count, _cost in costs] == [2, 40]
    assert costs[0][1] == costs[1][1] <= 30


async def test_each_field_of_the_viewer_is_read_once_for_a_page_of_events(
    people: list[Person], statements: list[str]
) -> None:
    """Counters, settings and lists; a list for each of its arguments."""
    alice, bob, _ = people
    for name in ("alice", "carol"):
        await bob.do("muteUser", user={"username": name})
    await alice.send("bob", text="one")
    after = await cursor_of(bob)
    await alice.send("bob", text="two")
    query = (
        "query ($after: EventCursor!, $first: Int!) { events(after: $after, first: $first) { nodes { viewer { "
        "unreadMessageCount unmutedUnreadMessageCount unreadConversationCount messageRequestCount "
        "settings { acceptMessagesFrom } devices { id } apiKeys { id } "
        "mutedUsers(first: 5) { nodes { username } } two: mutedUsers(first: 2) { nodes { username } } "
        "blockedUsers(first: 5) { totalCount nodes { username } } one: blockedUsers(first: 1) { totalCount } } } } }"
    )
    one, cost = await cost_of(bob, statements, query, after=after, first=1)
    for number in range(20):
        await alice.send("bob", text=str(number))
    many, cost_of_many = await cost_of(bob, statements, query, after=after, first=20)

    assert (len(one["events"]["nodes"]), len(many["events"]["nodes"])) == (1, 20)
    assert {user["username"] for user in many["events"]["nodes"][-1]["viewer"]["mutedUsers"]["nodes"]} == {
        "alice", "carol",
    }  # fmt: skip
    assert cost == cost_of_many


async def test_what_is_not_selected_is_not_read(people: list[Person], statements: list[str]) -> None:
    """Neither the viewer nor a conversation of which only the id is selected."""
    alice, bob, _ = people
    after = await cursor_of(bob)
    await alice.send("bob", text="one")
    await alice.send("bob", text="two")
    query = (
        "query ($after: EventCursor!) { events(after: $after) { nodes { %s event { ... on MessageCreated "
        "{ clientMessageId } } } } }"
    )
    bare = (await cost_of(bob, statements, query % "cursor", after=after))[1]
    data, named = await cost_of(bob, statements, query % "conversation { __typename id }", after=after)
    whole = (await cost_of(bob, statements, query % "conversation { unreadCount }", after=after))[1]

    assert len({each["conversation"]["id"] for each in data["events"]["nodes"]}) == 1
    assert bare == named < whole
