"""Fields that are not selected are not read."""

from types import SimpleNamespace

import pytest
from graphql import FieldNode, FragmentDefinitionNode, OperationDefinitionNode, parse

from gql.selection import Selection, selection_of
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


MERGED = """
query ($no: Boolean!) {
  inbox: conversations(first: 3) { nodes { id last: lastMessage { id ...Text } ...Names } }
}
fragment Text on Message { text ... on Message { edited: editedAt } ...Text2 }
fragment Text2 on Message { text sender @skip(if: $no) { username } }
fragment Names on Conversation { lastMessage { __typename sender { id } } ... @include(if: $no) { isUnread } ...Names2 }
fragment Names2 on Conversation { ... on Conversation { type: unreadCount } }
"""


def selection(text: str) -> Selection:
    """The selection below the only root field of a document."""
    definitions = parse(text).definitions
    fragments = {each.name.value: each for each in definitions if isinstance(each, FragmentDefinitionNode)}
    [operation] = [each for each in definitions if isinstance(each, OperationDefinitionNode)]
    [root] = operation.selection_set.selections
    assert isinstance(root, FieldNode)
    return Selection.from_nodes([root], fragments)


def test_a_selection_merges_aliases_and_fragments_by_the_names_of_the_schema() -> None:
    """Fields under `@skip` and `@include` count as selected; `__typename` and fields that are not there do not."""
    nodes = selection(MERGED).below("nodes")
    message = nodes.below("lastMessage")

    assert selection(MERGED).names == {"nodes"}
    assert nodes.names == {"id", "lastMessage", "isUnread", "unreadCount"}
    assert message.names == {"id", "text", "editedAt", "sender"}
    assert message.below("sender").names == {"username", "id"}
    assert message.below("sender") is nodes.below("lastMessage").below("sender")
    assert nodes.below("participants").below("nodes").names == frozenset()
    assert message.has_any(["attachments", "text"])
    assert not message.has_any({"attachments", "last"})


@pytest.mark.parametrize(
    ("fields", "is_only_id"),
    [
        ("id", True),
        ("first: id __typename ...Id", True),
        ("__typename", True),
        ("id ...Id ... on Conversation { ...More }", False),
    ],
)
def test_a_selection_of_the_id_alone_is_known_through_fragments(fields: str, is_only_id: bool) -> None:
    """Also under an alias, and without any field that would have to be read."""
    fragments = "fragment Id on Conversation { id } fragment More on Conversation { type }"
    assert selection(f"{{ conversation(id: 1) {{ {fields} }} }} {fragments}").is_only_id is is_only_id


def test_the_selection_of_a_compiled_document_is_used_as_it_is() -> None:
    """Nothing is collected again for each operation."""
    found = selection(MERGED)
    assert selection_of(SimpleNamespace(selection=found)) is found
