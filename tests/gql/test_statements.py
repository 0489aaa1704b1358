"""Statements: their number depends on the selection, not on the amount of data."""

from typing import Any

import pytest

from models.transaction import Transaction
from tests.gql.conftest import Site
from tests.gql.person import Person

INBOX = """
{
  viewer { unreadMessageCount messageRequestCount }
  conversations(first: 50) {
    totalCount
    nodes {
      unreadCount isUnread isMuted viewerCanSend requestedBy { username } viewerCanAnswerRequest
      viewerParticipant { lastReadAt } firstUnreadMessage { preview sender { username } attachments { filename } }
      deliveredToAllSequence readByAllSequence
      lastMessage { preview deliveryStatus sender { username presence { status } } attachments { filename } }
      participants { nodes { user { username presence { status } } lastReadMessage { id } } }
      typingUsers { username }
    }
  }
}
"""
PAGE = """
query ($id: ID!, $count: Int!) {
  conversation(id: $id) {
    messages(last: $count) {
      nodes {
        text sender { username viewerCanMessage } recipients { username } attachments { filename }
        reactions { emoji users { nodes { username } } } deliveryStatus seenBy { edges { node { username } } }
        deliveredTo { totalCount } replyTo { preview sender { username } } viewerCanEdit
      }
    }
  }
}
"""


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement executed from now on; batches are loaded at once, however slow the machine is."""
    monkeypatch.setattr("gql.pace.SLICE_SECONDS", 60.0)
    seen: list[str] = []
    execute = Transaction._execute

    def counting(self: Transaction, prepared: Any, params: dict[str, Any]) -> Any:
        seen.append(prepared.compiled_for(self.database).sql)
        return execute(self, prepared, params)

    monkeypatch.setattr(Transaction, "_execute", counting)
    return seen


async def cost_of(person: Person, statements: list[str], query: str, **variables: Any) -> tuple[Any, int]:
    """The answer and the number of its statements."""
    await person.ask(query, **variables)  # caches the session and the document
    statements.clear()
    data = await person.ask(query, **variables)
    return data, len(statements)


async def test_an_inbox_costs_the_same_for_two_conversations_and_for_twenty(site: Site, statements: list[str]) -> None:
    """With last messages, participants, receipts, presence and unread counts."""
    costs = []
    alice = Person(site, await site.token_of("alice"))
    for number in range(20):
        other = Person(site, await site.token_of(f"other{number}"))
        await other.send("alice", text=f"from {number}")
        if number in {1, 19}:
            data, cost = await cost_of(alice, statements, INBOX)
            costs.append((len(data["conversations"]["nodes"]), cost))

    assert [count for count, _cost in costs] == [2, 20]
    assert costs[0][1] == costs[1][1] <= 25


async def test_a_page_of_messages_costs_the_same_for_five_and_for_fifty(site: Site, statements: list[str]) -> None:
    """With senders, reactions, receipts and replied-to messages."""
    alice = Person(site, await site.token_of("alice"))
    others = [Person(site, await site.token_of(name)) for name in ("bob", "carol")]
    first = await alice.send("bob", "carol", text="0")
    for number in range(49):
        sender = (alice, *others)[number % 3]
        names = {"alice", "bob", "carol"} - {("alice", "bob", "carol")[number % 3]}
        id_ = await sender.send(*sorted(names), text=str(number), replyToId=first)
        await others[0].do("setReaction", messageId=id_, emoji="👍", reacted=True)
    place = await alice.place_of(first)
    few, cost_of_few = await cost_of(alice, statements, PAGE, id=place, count=5)
    many, cost_of_many = await cost_of(alice, statements, PAGE, id=place, count=50)

    assert [len(each["conversation"]["messages"]["nodes"]) for each in (few, many)] == [5, 50]
    assert cost_of_few == cost_of_many <= 25


@pytest.mark.parametrize("viewer", ["alice", "bob"])
async def test_requests_cost_the_same_for_two_groups_and_for_twenty(
    site: Site, statements: list[str], viewer: str
) -> None:
    """Requesters, for the requested person; acceptances, for the requester of groups that nobody has accepted."""
    folder = "REQUESTS" if viewer == "bob" else "INBOX"
    query = INBOX.replace("first: 50", f"first: 50, filter: {{ folder: {folder} }}")
    costs = []
    people = {name: Person(site, await site.token_of(name)) for name in ("alice", "bob")}
    await people["bob"].do("updateMessagingSettings", acceptMessagesFrom="NOBODY")
    for number in range(20):
        third = Person(site, await site.token_of(f"third{number}"))
        await third.do("updateMessagingSettings", acceptMessagesFrom="NOBODY")
        maker = people["alice"] if viewer == "alice" else Person(site, await site.token_of(f"maker{number}"))
        names = (f"third{number}", f"other{number}") if viewer == "alice" else ("bob", f"third{number}")
        if viewer == "alice":
            other = Person(site, await site.token_of(f"other{number}"))
            await other.do("updateMessagingSettings", acceptMessagesFrom="NOBODY")
        await maker.send(*names, text=str(number))
        if number in {1, 19}:
            data, cost = await cost_of(people[viewer], statements, query)
            costs.append((len(data["conversations"]["nodes"]), cost))
            asked = {(each["requestedBy"] or {}).get("username") for each in data["conversations"]["nodes"]}
            assert asked == ({None} if viewer == "alice" else {f"maker{each}" for each in range(number + 1)})

    assert [count for count, _cost in costs] == [2, 20]
    assert costs[0][1] == costs[1][1] <= 26
