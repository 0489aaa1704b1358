"""Fields that are not selected are not read."""

import pytest

from tests.gql.conftest import Site

SEND = """
mutation {
  sendPrivateMessage(input: {to: {users: [{username: "bob"}]}, text: "Hello"}) {
    ... on SendPrivateMessageSuccess { conversation { %s } message { conversation { id ...More } } }
  }
}
fragment More on Conversation { __typename %s }
"""


async def test_a_conversations_id_costs_no_read_and_is_its_id(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A send returns its conversation's id, which is contained in the message's own id."""
    alice = await site.token_of("alice")
    await site.token_of("bob")
    _, read = await site.post({"query": SEND % ("id unreadCount", "isUnread")}, alice)
    reads = 0
    find_many = site.services.conversation.find_many

    async def counted(*args: object) -> object:
        nonlocal reads
        reads += 1
        return await find_many(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(type(site.services.conversation), "find_many", staticmethod(counted))
    plain = SEND.replace(" ...More", " __typename").split("fragment")[0]
    _, named = await site.post({"query": plain % "id __typename"}, alice)

    first, second = (each["data"]["sendPrivateMessage"] for each in (read, named))
    assert first["conversation"] == {"id": second["conversation"]["id"], "unreadCount": 0}
    assert second["conversation"] == second["message"]["conversation"]
    assert second["conversation"]["__typename"] == "Conversation"
    assert first["message"]["conversation"]["isUnread"] is False
    assert reads == 0
