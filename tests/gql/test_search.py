"""Search over the API: results with their excerpts, and folders of conversations."""

from collections.abc import Mapping

import pytest

from models.highlight import Place, places_of
from models.transaction import Transaction
from services.message.inbox import ConversationFilter, count_of
from services.person.user import UserService
from tests.gql.conftest import Site
from tests.gql.person import Person

FOUND = """query ($words: String!, $filter: MessageSearchFilter) {
  searchMessages(query: $words, filter: $filter) {
    edges { cursor node { id text } excerpt { text isMatch } } nodes { id } pageInfo { hasNextPage endCursor }
  }
}"""


async def people_of(site: Site, *names: str) -> list[Person]:
    """Signed in."""
    return [Person(site, await site.token_of(name)) for name in names]


async def test_a_result_shows_where_the_words_are(site: Site) -> None:
    """As plain text, whatever it looks like; a third person finds nothing."""
    alice, bob, carol = await people_of(site, "alice", "bob", "carol")
    id_ = await alice.send("bob", text="<b>The Harbour</b> is closed.")
    await bob.send("alice", text="The harbour? Why?")
    await site.services.sweeper.index()
    found = await bob.ask(FOUND, words="harb", filter={"sender": {"username": "alice"}})
    nothing = await carol.ask(FOUND, words="harb")

    (edge,) = found["searchMessages"]["edges"]
    assert edge == {
        "cursor": found["searchMessages"]["pageInfo"]["endCursor"],
        "node": {"id": id_, "text": "<b>The Harbour</b> is closed."},
        "excerpt": [
            {"text": "<b>The ", "isMatch": False}, {"text": "Harb", "isMatch": True},
            {"text": "our</b> is closed.", "isMatch": False},
        ],
    }  # fmt: skip
    assert found["searchMessages"]["nodes"] == [{"id": id_}]
    assert (nothing["searchMessages"]["edges"], nothing["searchMessages"]["nodes"]) == ([], [])


async def test_excerpts_of_a_page_are_found_at_once_and_only_if_selected(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One look-up for all edges and aliases, none for a client that asks for nodes alone."""
    alice, _bob = await people_of(site, "alice", "bob")
    for number in range(20):
        await alice.send("bob", text=f"word {number}")
    await site.services.sweeper.index()
    pages: list[int] = []

    def counting(texts: Mapping[int, str], match: str, most: int) -> dict[int, list[Place]]:
        pages.append(len(texts))
        return places_of(texts, match, most)

    monkeypatch.setattr("services.message.excerpt.places_of", counting)
    await alice.ask('{ searchMessages(query: "word") { nodes { id } edges { node { id } } } }')
    assert pages == []
    await alice.ask('{ searchMessages(query: "word") { edges { excerpt { text } again: excerpt { isMatch } } } }')

    assert pages == [20]


async def test_conversations_are_found_by_name_over_the_api(site: Site) -> None:
    """Beside the other conditions; the count is that of the search."""
    alice, _bob, carol = await people_of(site, "alice", "bob", "carol")
    place = await alice.place_of(await alice.send("bob"))
    await alice.send("carol")
    query = (
        "query ($search: String) { conversations(filter: {search: $search, type: DIRECT}) { nodes { id } totalCount } }"
    )
    found = [(await each.ask(query, search="BÓ"))["conversations"] for each in (alice, carol)]

    assert found == [{"nodes": [{"id": place}], "totalCount": 1}, {"nodes": [], "totalCount": 0}]
    assert (await alice.ask(query, search=None))["conversations"]["totalCount"] == 2


async def test_a_search_counts_once_whatever_its_aliases(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each count looks at all of the viewer's conversations, and only the page is counted as a search."""
    alice, _bob = await people_of(site, "alice", "bob")
    await alice.send("bob")
    counts = []

    def counting(tx: Transaction, users: UserService, viewer_id: int, wanted: ConversationFilter) -> int:
        counts.append(wanted.search)
        return count_of(tx, users, viewer_id, wanted)

    monkeypatch.setattr("services.message.conversation.count_of", counting)
    aliases = " ".join(f"n{number}: totalCount" for number in range(9))
    found = await alice.ask(f"""{{
      bobs: conversations(filter: {{search: "bob"}}) {{ {aliases} }}
      nobodies: conversations(filter: {{search: "nobody"}}) {{ {aliases} ... {{ more: totalCount }} }}
      unasked: conversations(filter: {{search: "bo"}}) {{ nodes {{ id }} }}
    }}""")

    assert sorted(map(str, counts)) == ["bob", "nobody"]
    assert set(found["bobs"].values()) == {1}
    assert set(found["nobodies"].values()) == {0}


NULLS = "folder: null, search: null, type: null, isUnread: null, isPinned: null, participant: null"


@pytest.mark.parametrize("empty", ["", ", filter: null", ", filter: {}", f", filter: {{{NULLS}}}"])
async def test_a_list_without_conditions_is_the_inbox(site: Site, empty: str) -> None:
    """Omitted, null and empty."""
    alice, _bob, _carol = await people_of(site, "alice", "bob", "carol")
    place = await alice.place_of(await alice.send("bob"))
    archived = await alice.place_of(await alice.send("carol"))
    await alice.do("setConversationPreferences", conversationId=archived, isArchived=True)
    listed = await alice.ask(f"{{ conversations(first: 9{empty}) {{ nodes {{ id }} totalCount }} }}")

    assert listed["conversations"] == {"nodes": [{"id": place}], "totalCount": 1}
