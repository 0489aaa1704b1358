"""Lists of people and their bounds: reactions, recipients, other participants, receipts, blocks."""

from dataclasses import replace

import pytest

from tests.gql.conftest import Site
from tests.gql.person import Person

LISTS = """query ($id: ID!, $n: Int) { message(id: $id) {
  recipients(first: $n) { username }
  conversation { otherParticipants(first: $n) { user { username } } }
} }"""


async def block(person: Person, name: str) -> None:
    """A block."""
    await person.ask(
        "mutation ($input: BlockUserInput!) { blockUser(input: $input) { __typename } }",
        input={"user": {"username": name}},
    )


REACTORS = """query ($id: ID!, $n: Int, $after: String) { message(id: $id) { reactions { emoji count
  users(first: $n, after: $after) { nodes { username } edges { cursor } pageInfo { hasNextPage endCursor } } } } }"""


async def test_the_people_of_a_reaction_come_in_pages(site: Site, people: list[Person]) -> None:
    """In the order of their reactions, each emoji alone; whom the viewer has blocked is in no page and no count."""
    alice, bob, carol = people
    id_ = await alice.send("bob", "carol")
    for person, emoji in ((bob, "👍"), (alice, "🎉"), (carol, "👍"), (alice, "👍")):
        await person.do("setReaction", messageId=id_, emoji=emoji, reacted=True)
    seen, after = [], None
    for _ in range(2):
        [thumbs, party] = (await alice.ask(REACTORS, id=id_, n=2, after=after))["message"]["reactions"]
        after = thumbs["users"]["pageInfo"]["endCursor"]
        assert after == thumbs["users"]["edges"][-1]["cursor"]
        seen.append(
            ([each["username"] for each in thumbs["users"]["nodes"]], thumbs["users"]["pageInfo"]["hasNextPage"])
        )
    foreign = {"query": REACTORS, "variables": {"id": id_, "after": after}}
    _status, answer = await site.post(foreign, bob.token)

    assert seen == [(["bob", "carol"], True), (["alice"], False)]
    assert [thumbs["count"], party["count"]] == [3, 1]
    assert answer["errors"][0]["extensions"]["code"] == "CURSOR_INVALID"
    await block(carol, "bob")
    [_party, thumbs] = (await carol.ask(REACTORS, id=id_))["message"]["reactions"]
    assert (thumbs["count"], [each["username"] for each in thumbs["users"]["nodes"]]) == (2, ["carol", "alice"])


@pytest.mark.parametrize("size", [0, -1, 201])
async def test_a_list_of_people_has_the_size_of_a_page(site: Site, people: list[Person], size: int) -> None:
    """BAD_REQUEST for each of them, as for a connection."""
    alice, bob, _carol = people
    id_ = await alice.send("bob")
    await bob.do("setReaction", messageId=id_, emoji="👍", reacted=True)
    for field in (
        "recipients(first: $n) { username }",
        "conversation { otherParticipants(first: $n) { user { username } } }",
        "reactions { users(first: $n) { nodes { username } } }",
    ):
        query = f"query ($id: ID!, $n: Int) {{ message(id: $id) {{ {field} }} }}"
        _status, answer = await site.post({"query": query, "variables": {"id": id_, "n": size}}, alice.token)

        assert answer["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
        assert answer["errors"][0]["message"] == f"`first` must be between 1 and 200; it is {size}."


async def test_a_list_of_people_is_cut(site: Site, people: list[Person], monkeypatch: pytest.MonkeyPatch) -> None:
    """To `first`, which is 10 where it is left out or null; 200 shows everybody."""
    monkeypatch.setattr(site.services.send, "_limits", replace(site.services.limits, max_recipients=12))
    alice, *_ = people
    names = [f"person{number}" for number in range(12)]
    for name in names:
        await site.token_of(name)
    id_ = await alice.send(*names)
    lengths = {}
    for size in (None, 3, 200):
        found = (await alice.ask(LISTS, id=id_, n=size))["message"]
        assert found["recipients"] == [each["user"] for each in found["conversation"]["otherParticipants"]]
        lengths[size] = len(found["recipients"])
    default = """query ($id: ID!) { message(id: $id) {
      recipients { id } conversation { otherParticipants { joinedAt } } } }"""

    assert lengths == {None: 10, 3: 3, 200: 12}
    found = (await alice.ask(default, id=id_))["message"]
    assert [len(found["recipients"]), len(found["conversation"]["otherParticipants"])] == [10, 10]


async def test_connections_have_nodes_and_totals(site: Site, people: list[Person]) -> None:
    """Of receipts, of edits, of blocks; the total is that of all pages, and the viewer's own."""
    alice, bob, carol = people
    id_ = await alice.send("bob", "carol")
    await alice.do("editMessage", messageId=id_, text="Hello!")
    for person in (bob, carol):
        place = await person.place_of(id_)
        await person.do("markConversationRead", conversationId=place)
    found = (await alice.ask("""query ($id: ID!) { message(id: $id) {
      edits { nodes { text } } seenBy(first: 1) { totalCount nodes { username } edges { node { username } } } } }""",
                             id=id_))["message"]  # fmt: skip
    for name in ("bob", "carol"):
        await block(alice, name)
    blocks = "{ viewer { blockedUsers(first: 1) { totalCount nodes { username } } } }"

    assert found["edits"]["nodes"] == [{"text": "Hello"}, {"text": "Hello!"}]
    assert found["seenBy"]["totalCount"] == 2
    assert found["seenBy"]["nodes"] == [each["node"] for each in found["seenBy"]["edges"]]
    assert len(found["seenBy"]["nodes"]) == 1
    assert (await alice.ask(blocks))["viewer"]["blockedUsers"] == {"totalCount": 2, "nodes": [{"username": "carol"}]}
    assert (await bob.ask(blocks))["viewer"]["blockedUsers"] == {"totalCount": 0, "nodes": []}
