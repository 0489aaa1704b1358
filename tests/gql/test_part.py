"""Parts: every field finds what it shows, whatever else is selected beside it."""

from collections.abc import Iterator
from typing import Any

import pytest
from graphql import GraphQLField, GraphQLObjectType, get_named_type, is_object_type, is_required_argument

from gql import part
from gql.wire.schema import build_schema
from tests.full import amount, full
from tests.gql.conftest import Site
from tests.gql.person import Person
from tests.gql.test_reads import Place, place

__all__ = ["place"]

SCHEMA = build_schema()._schema
DEPTH = 4  # objects below one another, from a conversation to the people who reacted to its messages
ROOTS = {
    "conversation": "query ($id: ID!) {{ found: conversation(id: $id) {{ {} }} }}",
    "node": "query ($id: ID!) {{ found: node(id: $id) {{ ... on Conversation {{ {} }} }} }}",
    "inbox": "query {{ conversations(filter: {{ type: GROUP }}) {{ found: edges {{ node {{ {} }} }} }} }}",
    "with": 'query {{ found: conversationWith(users: [{{ username: "bob" }}, {{ username: "carol" }}]) {{ {} }} }}',
}
# Paging and ids are the same everywhere; a chain from one conversation to the next begins again.
LEFT_OUT = {"pageInfo", "cursor", "edges", "id", "conversation", "url", "thumbnail", "presence"}
SIZE = {"messages": "(last: 3)"}


def fields_of(type_name: str) -> dict[str, GraphQLField]:
    """The fields of a type, without those that need an argument."""
    named = SCHEMA.get_type(type_name)
    assert isinstance(named, GraphQLObjectType)
    return {
        name: each
        for name, each in named.fields.items()
        if name not in LEFT_OUT and not any(map(is_required_argument, each.args.values()))
    }


def paths_of(type_name: str, depth: int = DEPTH, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The ways from a type to each field that is no object."""
    for name, each in fields_of(type_name).items():
        if name in above:  # a reply of a reply
            continue
        named = get_named_type(each.type)
        if not is_object_type(named):
            yield (*above, name)
        elif depth:
            yield from paths_of(named.name, depth - (name not in {"node", "nodes"}), (*above, name))


def text_of(paths: list[tuple[str, ...]]) -> str:
    """A selection with these ways."""
    tree: dict[str, Any] = {}
    for path in paths:
        here = tree
        for name in path:
            here = here.setdefault(name, {})

    def written(name: str, below: dict[str, Any]) -> str:
        inner = " ".join(written(*each) for each in below.items())
        return f"{name}{SIZE.get(name, '')} {{ {inner} }}" if below else name

    return " ".join(written(*each) for each in tree.items())


def value_at(found: Any, path: tuple[str, ...]) -> Any:
    """What is at the end of a way, in lists as it is there."""
    if isinstance(found, list):
        return [value_at(each, path) for each in found]
    if not path or found is None:
        return found
    return value_at(found[path[0]], path[1:])


async def alone_and_together(person: Person, root: str, depth: int, **variables: str) -> int:
    """Asks for each field alone, and for all below the same first one; returns how many there were."""
    query = ROOTS[root]
    groups: dict[str, list[tuple[str, ...]]] = {}
    for path in paths_of("Conversation", depth):
        groups.setdefault(path[0], []).append(path)
    for paths in groups.values():
        for start in range(0, len(paths), 80):
            some = paths[start : start + 80]
            together = await found_by(person, query.format(text_of(some)), **variables)
            for path in some:
                alone = await found_by(person, query.format(text_of([path])), **variables)
                assert value_at(alone, path) == value_at(together, path), path
    return sum(map(len, groups.values()))


async def found_by(person: Person, query: str, **variables: str) -> Any:
    """What the root field found; an edge shows its node."""
    data = await person.ask(query, **variables)
    found = data["conversations"]["found"][0]["node"] if "conversations" in data else data["found"]
    assert found is not None
    return found


@full
@pytest.mark.asyncio(loop_scope="module")
async def test_each_field_shows_the_same_alone_and_together(place: Place) -> None:
    """What it needs is loaded for it, and not because another field was selected beside it."""
    depth, least = amount((2, 200), (3, 800))

    assert await alone_and_together(place.alice, "conversation", depth, id=place.conversation) > least


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("root", ["node", "inbox", "with"])
async def test_each_way_to_a_conversation_loads_what_its_fields_show(place: Place, root: str) -> None:
    """In a list and under an edge as by its id."""
    variables = {"id": place.conversation} if root == "node" else {}
    assert await alone_and_together(place.alice, root, 1, **variables) > 60


async def test_a_request_shows_who_sent_it(site: Site) -> None:
    """To the requested person, with each of its fields alone."""
    erin, frank = [Person(site, await site.token_of(name)) for name in ("erin", "frank")]
    await erin.do("updateMessagingSettings", acceptMessagesFrom="NOBODY")
    asked = await frank.place_of(await frank.send("erin", text="May I?"))
    found = await erin.ask("query ($id: ID!) { conversation(id: $id) { requestedBy { username } } }", id=asked)

    assert found == {"conversation": {"requestedBy": {"username": "frank"}}}
    assert await alone_and_together(erin, "conversation", 1, id=asked) > 60


@pytest.mark.parametrize(
    ("type_name", "names"),
    [
        ("User", part.RELATION),
        ("Participant", part.MEMBERSHIP),
        ("Message", part.FILES | part.RECEIPTS),
        ("Conversation", part.POSITIONS),
    ],
)
def test_the_fields_that_need_more_are_fields(type_name: str, names: set[str]) -> None:
    """A name that is not in the schema would never be selected."""
    named = SCHEMA.get_type(type_name)
    assert isinstance(named, GraphQLObjectType)
    assert names <= named.fields.keys()


EVENTS = "query ($after: EventCursor!) {{ events(after: $after) {{ nodes {{ event {{ __typename {} }} }} }} }}"
SHOWN_EVENTS = [
    "MessageCreated", "MessageUpdated", "ReceiptUpdated", "ConversationCreated", "ConversationUpdated", "UserUpdated",
    "BlocksChanged", "ViewerUpdated", "SettingsChanged",
]  # fmt: skip


@pytest.fixture
async def happened(site: Site) -> tuple[Person, str]:
    """Alice, and the cursor in front of one event of each of these types."""
    alice, bob = [Person(site, await site.token_of(name)) for name in ("alice", "bob")]
    after = (await alice.ask("{ viewer { eventCursor } }"))["viewer"]["eventCursor"]
    first = await alice.send("bob", text="one")
    place = await alice.place_of(first)
    await bob.send("alice", text="two", replyToId=first)
    await bob.do("setReaction", messageId=first, emoji="👍", reacted=True)
    await alice.do("setConversationPreferences", conversationId=place, isPinned=True)
    await alice.do("muteUser", user={"username": "bob"})
    await alice.do("updateMessagingSettings", sendTypingIndicators=False)
    await alice.ask("""mutation {
      createApiKey(input: { name: "bot", scopes: [SEND_MESSAGES] }) { __typename }
      blockUser(input: { user: { username: "bob" } }) { __typename }
      unblockUser(input: { user: { username: "bob" } }) { __typename }
    }""")
    return alice, after


@pytest.mark.parametrize("type_name", SHOWN_EVENTS)
async def test_each_field_of_an_event_shows_the_same_alone_and_together(
    happened: tuple[Person, str], type_name: str
) -> None:
    """What is loaded of an event is what its fields show."""
    alice, after = happened

    async def shown(paths: list[tuple[str, ...]]) -> list[Any]:
        query = EVENTS.format(f"... on {type_name} {{ {text_of(paths)} }}")
        nodes = (await alice.ask(query, after=after))["events"]["nodes"]
        return [node["event"] for node in nodes if node["event"]["__typename"] == type_name]

    paths = list(paths_of(type_name, 2))
    for start in range(0, len(paths), 80):
        some = paths[start : start + 80]
        together = await shown(some)
        assert together
        for path in some:
            assert value_at(await shown([path]), path) == value_at(together, path), path
