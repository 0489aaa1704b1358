"""Times of receipts over GraphQL: each message has its own, and one statement loads all of a page."""

from typing import Any

import pytest

from tests.gql.conftest import Site
from tests.gql.person import Person
from tests.gql.test_statements import cost_of, statements

__all__ = ["statements"]  # the fixture

PAGE = """
query ($id: ID!, $count: Int!, $times: Boolean!) {
  conversation(id: $id) {
    messages(last: $count) {
      nodes {
        text
        seenBy { edges { node { username } at @include(if: $times) } }
        deliveredTo { edges { node { username } ...Time @include(if: $times) } }
      }
    }
  }
}
fragment Time on ReceiptEdge { at }
"""


def times_in(data: Any, field: str) -> list[list[tuple[str, str]]]:
    """Of each message: who, and when."""
    nodes = data["conversation"]["messages"]["nodes"]
    return [[(edge["node"]["username"], edge["at"]) for edge in node[field]["edges"]] for node in nodes]


async def test_what_is_read_later_leaves_the_times_of_what_was_read_before(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In `seenBy` and `deliveredTo`, for the reader alone; a participant's `lastReadAt` moves on."""
    alice, bob = [Person(site, await site.token_of(name)) for name in ("alice", "bob")]
    ids = [await alice.send("bob", text=str(number)) for number in range(3)]
    place = await alice.place_of(ids[0])

    async def at(second: int, mutation: str, **given: Any) -> Any:
        monkeypatch.setattr("services.transaction.now_ms", lambda: 1_800_000_000_000 + second * 1000)
        await bob.do(mutation, conversationId=place, **given)
        return await alice.ask(PAGE, id=place, count=3, times=True)

    await at(1, "acknowledgeDelivery", upToMessageId=ids[1])
    first = await at(2, "markConversationRead", upToMessageId=ids[0])
    last = await at(3, "markConversationRead")

    moments = [f"2027-01-15T08:00:0{second}.000Z" for second in (1, 2, 3)]
    assert times_in(first, "seenBy") == [[("bob", moments[1])], [], []]
    assert times_in(last, "seenBy") == [[("bob", moments[1])], [("bob", moments[2])], [("bob", moments[2])]]
    assert times_in(last, "deliveredTo") == [[("bob", moments[0])], [("bob", moments[0])], [("bob", moments[2])]]


async def test_without_receipts_of_delivery_only_the_time_of_reading_is_shown(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message that was read has been delivered; its reader does not share when."""
    alice, bob = [Person(site, await site.token_of(name)) for name in ("alice", "bob")]
    id_ = await alice.send("bob")
    place = await alice.place_of(id_)
    await bob.do("updateMessagingSettings", sendDeliveryReceipts=False)
    for second, mutation in enumerate(("acknowledgeDelivery", "markConversationRead")):
        monkeypatch.setattr("services.transaction.now_ms", lambda second=second: 1_800_000_000_000 + second * 1000)
        await bob.do(mutation, conversationId=place, upToMessageId=id_)
    data = await alice.ask(PAGE, id=place, count=1, times=True)

    assert times_in(data, "deliveredTo") == times_in(data, "seenBy") == [[("bob", "2027-01-15T08:00:01.000Z")]]


async def test_the_times_of_a_page_cost_one_statement(site: Site, statements: list[str]) -> None:
    """For five messages and for fifty; none if not selected."""
    alice, bob, carol = [Person(site, await site.token_of(name)) for name in ("alice", "bob", "carol")]
    for number in range(50):
        id_ = await alice.send("bob", "carol", text=str(number))
    place = await alice.place_of(id_)
    for reader in (bob, carol):
        await reader.do("markConversationRead", conversationId=place)
    costs = {}
    for count in (5, 50):
        for times in (False, True):
            data, costs[count, times] = await cost_of(alice, statements, PAGE, id=place, count=count, times=times)
            edges = [edge for node in data["conversation"]["messages"]["nodes"] for edge in node["seenBy"]["edges"]]
            assert [len(edges), "at" in edges[0]] == [count * 2, times]

    assert costs[5, False] == costs[50, False]
    assert costs[5, True] == costs[50, True] == costs[5, False] + 1
