"""Reports over GraphQL: a message deleted for everyone can be reported by its id, and stays deleted."""

from typing import Any

from tests.gql.conftest import Site
from tests.gql.person import Person

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
    """By its recipient, who gets it back without its content; every query answers as before the report."""
    alice, bob, carol = [Person(site, await site.token_of(name)) for name in ("alice", "bob", "carol")]
    first = await bob.send("alice", text="Hello")
    id_ = await alice.send("bob", text="harbour")
    place = await alice.place_of(first)
    answer = await bob.send("alice", text="What?", replyToId=id_)
    await site.services.sweeper.index()
    await alice.do("deleteMessage", messageId=id_, scope="FOR_EVERYONE")
    before = {person: await views_of(person, id_, place) for person in (alice, bob, carol)}
    stranger = await carol.do("reportMessage", messageId=id_, reason="THREAT")
    selected = "message { id state text preview attachments { id } deletedAt sender { username } conversation { id } }"
    known = await bob.do("reportMessage", f"reportId {selected}", messageId=id_, reason="THREAT")
    limits = (await bob.ask("{ serverInfo { limits { reportWindowSeconds } } }"))["serverInfo"]["limits"]

    assert (stranger["__typename"], known["__typename"]) == ("NotFoundError", "ReportMessageSuccess")
    assert {person: await views_of(person, id_, place) for person in (alice, bob, carol)} == before
    assert before[bob]["data"]["message"] is None
    assert known["message"].pop("deletedAt")
    assert known["message"] == {
        "id": id_, "state": "DELETED", "text": None, "preview": "", "attachments": [],
        "sender": {"username": "alice"}, "conversation": {"id": place},
    }  # fmt: skip
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


async def test_who_left_can_repeat_a_report_whose_answer_failed(site: Site) -> None:
    """The report is stored although its message leads nowhere: the repeat has its id, and there is still one."""
    alice, bob, carol = [Person(site, await site.token_of(name)) for name in ("alice", "bob", "carol")]
    id_ = await alice.send("bob", "carol", text="harbour")
    place = await alice.place_of(id_)
    await alice.do("deleteMessage", messageId=id_, scope="FOR_EVERYONE")
    await bob.do("leaveConversation", "conversationId", conversationId=place)
    query = (
        "mutation ($id: ID!) { reportMessage(input: { messageId: $id, reason: THREAT }) { "
        "... on ReportMessageSuccess { reportId message { %s } } } }"
    )
    counts = []
    for selected in ("conversation { id unreadCount }", "edits { nodes { text } }"):
        _, failed = await site.post({"query": query % selected, "variables": {"id": id_}}, bob.token)
        assert (failed["data"], failed["errors"][0]["extensions"]["code"]) == (None, "NOT_FOUND")
        counts.append((await site.stored())["report"])
    whole = (
        "id state sequence revision text preview sender { username } recipients { username } replyTo { id } "
        "attachments { id } reactions { emoji } deliveryStatus seenBy { totalCount } deliveredTo { totalCount } "
        "viewerCanEdit conversation { id __typename }"
    )
    again = (await bob.ask(query % whole, id=id_))["reportMessage"]
    once_more = (await bob.ask(query % "id", id=id_))["reportMessage"]

    assert again["message"]["conversation"] == {"id": place, "__typename": "Conversation"}
    assert (again["message"]["state"], again["message"]["text"]) == ("DELETED", None)
    assert once_more == {"reportId": again["reportId"], "message": {"id": id_}}
    assert [*counts, (await site.stored())["report"]] == [1, 1, 1]
    assert (await carol.ask("query ($id: ID!) { message(id: $id) { id } }", id=id_))["message"] is None
