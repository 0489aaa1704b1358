"""Signals over the API: what a stream says about itself, and for how many conversations it can be opened."""

import asyncio
from typing import Any

import pytest

from models import event as events
from models.base import now_ms
from tests.gql.conftest import Site
from tests.gql.gate import PROTOCOL
from tests.gql.person import Person

EVENTS = """
subscription ($after: EventCursor, $ids: [ID!]) {
  events(after: $after, conversationIds: $ids, includeEphemeral: false) {
    cursor event { __typename ... on StreamReset { resetReason cursor } ... on StreamCaughtUp { replayed }
      ... on MessageCreated { message { text } } }
  }
}
"""


async def frames(site: Site, person: Person, count: int, **variables: Any) -> list[Any]:
    """The first messages of a subscription."""
    async with site.http.ws_connect(site.graphql, protocols=PROTOCOL) as socket, asyncio.timeout(5):
        await socket.send_json({"type": "connection_init", "payload": {"authorization": f"Bearer {person.token}"}})
        await socket.send_json({"id": "1", "type": "subscribe", "payload": {"query": EVENTS, "variables": variables}})
        found = [await socket.receive_json() for _ in range(count + 1)]
    return found[1:]


@pytest.mark.parametrize("reason", ["CURSOR_EXPIRED", "CURSOR_INVALID"])
async def test_a_reset_says_why_and_from_where_it_goes_on(site: Site, reason: str) -> None:
    """Its cursor is valid: it replays what came after, and no more."""
    alice, bob = [Person(site, await site.token_of(name)) for name in ("alice", "bob")]
    other = bob if reason == "CURSOR_EXPIRED" else alice
    cursor = (await other.ask("{ viewer { eventCursor } }"))["viewer"]["eventCursor"]
    for _ in range(3):
        await alice.send("bob", text="missed")
    if reason == "CURSOR_EXPIRED":
        await site.services.database.write(events.trim, 0, now_ms() + 1000)
    [reset] = [each["payload"]["data"]["events"] for each in await frames(site, bob, 1, after=cursor)]
    await alice.send("bob", text="later")
    after = reset["event"]["cursor"]
    replayed = [each["payload"]["data"]["events"]["event"] for each in await frames(site, bob, 2, after=after)]

    assert (reset["event"]["__typename"], reset["event"]["resetReason"]) == ("StreamReset", reason)
    assert reset["cursor"] == after
    assert replayed == [
        {"__typename": "MessageCreated", "message": {"text": "later"}},
        {"__typename": "StreamCaughtUp", "replayed": 1},
    ]


async def test_a_stream_is_of_200_conversations_at_most(site: Site) -> None:
    """BAD_REQUEST names the argument; conversations of others are not found."""
    alice, bob = [Person(site, await site.token_of(name)) for name in ("alice", "bob")]
    place = await alice.place_of(await alice.send("bob"))
    [many] = await frames(site, bob, 1, ids=[place] * 201)
    [foreign] = await frames(site, bob, 1, ids=["YwAAAAAAAAAB"])
    [good] = await frames(site, bob, 1, ids=[place] * 200)

    assert many["payload"]["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert "conversationIds" in many["payload"]["errors"][0]["message"]
    assert foreign["payload"]["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    assert good["payload"]["data"]["events"]["event"] == {"__typename": "StreamReady"}
