"""`sendPrivateMessageToEach`: an outcome for each recipient, which is a message or a rejection."""

from typing import Any

from tests.gql.person import Person

EACH = """mutation ($input: SendPrivateMessageToEachInput!) { sendPrivateMessageToEach(input: $input) {
  __typename
  ... on SendPrivateMessageToEachSuccess {
    sentCount
    outcomes {
      __typename
      ... on SentOutcome { index message { id text recipients { username } } }
      ... on RejectedOutcome { index rejection { index reason user { username } } }
    }
  }
} }"""


async def send(alice: Person, *names: str, **draft: Any) -> dict[str, Any]:
    """The result of a send to each."""
    draft = {"recipients": [{"username": name} for name in names], "text": "Hello", **draft}
    answer = await alice.ask(EACH, input=draft)
    result: dict[str, Any] = answer["sendPrivateMessageToEach"]
    return result


async def test_an_outcome_is_a_message_or_a_rejection(people: list[Person]) -> None:
    """By the index of the recipient; a third person sees nothing of the message."""
    alice, _bob, carol = people

    result = await send(alice, "bob", "nobody", "alice", "bob")

    sent, unknown, oneself, again = result["outcomes"]
    id_ = sent["message"]["id"]
    message = {"id": id_, "text": "Hello", "recipients": [{"username": "bob"}]}
    assert result["sentCount"] == 1
    assert sent == {"__typename": "SentOutcome", "index": 0, "message": message}
    assert again == {"__typename": "SentOutcome", "index": 3, "message": message}
    assert [each["rejection"] for each in (unknown, oneself)] == [
        {"index": 1, "reason": "NOT_FOUND", "user": None},
        {"index": 2, "reason": "SELF", "user": {"username": "alice"}},
    ]
    assert await carol.ask("query ($id: ID!) { message(id: $id) { id } }", id=id_) == {"message": None}


async def test_a_repeated_call_leaves_out_what_the_viewer_can_no_longer_see(people: list[Person]) -> None:
    """The index tells which; the count is that of the first call, and nothing is sent again."""
    alice, bob, carol = people
    first = await send(alice, "bob", "carol", "nobody", clientMessageId="k1")
    await alice.do("deleteMessage", messageId=first["outcomes"][0]["message"]["id"], scope="FOR_ME")

    again = await send(alice, "bob", "carol", "nobody", clientMessageId="k1")

    assert [each["index"] for each in first["outcomes"]] == [0, 1, 2]
    assert again["outcomes"] == first["outcomes"][1:]
    assert (first["sentCount"], again["sentCount"]) == (2, 2)
    for person in (bob, carol):
        found = await person.ask("{ viewer { unreadMessageCount } }")
        assert found["viewer"]["unreadMessageCount"] == 1
