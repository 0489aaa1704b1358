"""Reports over GraphQL: a message deleted for everyone can be reported by its id, and stays deleted."""

from typing import Any

from tests.gql.conftest import Site
from tests.gql.test_life import Person

DOORS = """
query ($id: ID!, $place: ID!) {
  message(id: $id) { text }
  node(id: $id) { id }
  nodes(ids: [$id]) { id }
  searchMessages(query: "harbour", first: 5) { edges { node { text } } }
  conversation(id: $place) {
    lastMessage { text }
    messages(first: 10) { nodes { text replyTo { text } edits(first: 5) { edges { node { text } } } } }
    attachments(first: 5) { nodes { filename } }
  }
}
"""


async def views_of(person: Person, id_: str, place: str) -> Any:
    """All that a person can see of a message."""
    _, answer = await person.site.post({"query": DOORS, "variables": {"id": id_, "place": place}}, person.token)
    for error in answer.get("errors", ()):
        error.get("extensions", {}).pop("requestId", None)
    return answer


async def test_a_message_that_left_no_trace_can_be_reported_and_stays_without_one(site: Site) -> None:
    """By its recipient; the answer is only a number, and every query answers as before the report."""
    alice, bob, carol = [Person(site, await site.token_of(name)) for name in ("alice", "bob", "carol")]
    first = await bob.send("alice", text="Hello")
    id_ = await alice.send("bob", text="harbour")
    place = await alice.place_of(first)
    answer = await bob.send("alice", text="What?", replyToId=id_)
    await site.services.sweeper.index()
    await alice.do("deleteMessage", messageId=id_, scope="FOR_EVERYONE")
    before = {person: await views_of(person, id_, place) for person in (alice, bob, carol)}
    stranger = await carol.do("reportMessage", messageId=id_, reason="THREAT")
    known = await bob.do("reportMessage", "reportId", messageId=id_, reason="THREAT")
    limits = (await bob.ask("{ serverInfo { limits { reportWindowSeconds } } }"))["serverInfo"]["limits"]

    assert (stranger["__typename"], known["__typename"]) == ("NotFoundError", "ReportMessageSuccess")
    assert {person: await views_of(person, id_, place) for person in (alice, bob, carol)} == before
    assert before[bob]["data"]["message"] is None
    assert before[bob]["data"]["searchMessages"]["edges"] == []
    texts = [(node["text"], node["replyTo"]) for node in before[bob]["data"]["conversation"]["messages"]["nodes"]]
    assert texts == [("Hello", None), ("What?", None)]
    assert answer
    assert limits == {"reportWindowSeconds": 7 * 86_400}


async def test_a_message_that_never_existed_cannot_be_reported(site: Site) -> None:
    """The same answer as for a message that the viewer never had."""
    alice, bob, carol = [Person(site, await site.token_of(name)) for name in ("alice", "bob", "carol")]
    id_ = await alice.send("bob")
    await alice.do("deleteMessage", messageId=id_, scope="FOR_EVERYONE")
    answers = [await carol.do("reportMessage", messageId=each, reason="SPAM") for each in (id_, "nonsense")]
    answers.append(await bob.do("reportMessage", messageId=f"{id_[:-1]}_", reason="SPAM"))

    assert [each["code"] for each in answers] == ["NOT_FOUND"] * 3
    assert len({each["detail"] for each in answers}) == 1
