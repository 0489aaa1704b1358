"""A fault in one place empties one place: what stands beside it keeps its data, and an event keeps its cursor."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gql.event import event_of
from models.api_key import Scope
from services.account.credentials import Credentials
from services.live.resolved_event import ResolvedEvent
from services.viewer import Viewer
from tests.gql.conftest import Site
from tests.gql.gate import PROTOCOL
from tests.gql.person import Person

BROKEN = "event { __typename ... on MessageCreated { message { id preview(maxLength: 0) } } }"
PAGE = f"query ($after: EventCursor!) {{ events(after: $after) {{ endCursor nodes {{ cursor at {BROKEN} }} }} }}"
LIVE = f"subscription ($after: EventCursor!) {{ events(after: $after) {{ cursor {BROKEN} }} }}"
SOUND = "query ($after: EventCursor!) { events(after: $after) { nodes { cursor event { __typename } } } }"


@pytest.fixture
async def people(site: Site) -> list[Person]:
    """Alice and bob, who have a conversation."""
    alice, bob = [Person(site, await site.token_of(name)) for name in ("alice", "bob")]
    await alice.send("bob", text="before")
    return [alice, bob]


async def answer_of(person: Person, query: str, **variables: Any) -> Any:
    """The whole answer, errors included."""
    status, answer = await person.site.post({"query": query, "variables": variables}, person.token)
    assert status == 200
    return answer


async def cursor_of(person: Person) -> str:
    """The end of their log."""
    return str((await person.ask("{ viewer { eventCursor } }"))["viewer"]["eventCursor"])


@asynccontextmanager
async def listening(person: Person, query: str, **variables: Any) -> AsyncIterator[AsyncIterator[Any]]:
    """The payloads of a subscription over a socket of its own."""
    async with person.site.http.ws_connect(person.site.graphql, protocols=PROTOCOL) as socket:
        await socket.send_json({"type": "connection_init", "payload": {"authorization": f"Bearer {person.token}"}})
        payload = {"query": query, "variables": variables}
        await socket.send_json({"id": "1", "type": "subscribe", "payload": payload})
        assert (await socket.receive_json(timeout=5))["type"] == "connection_ack"

        async def payloads() -> AsyncIterator[Any]:
            while True:
                frame = await socket.receive_json(timeout=5)
                assert frame["type"] == "next", frame
                yield frame["payload"]

        yield payloads()


@pytest.mark.parametrize(
    ("field", "call", "code"),
    [
        ("conversations", "conversations(first: 0) { nodes { id } }", "BAD_REQUEST"),
        ("conversations", 'conversations(filter: {search: "…"}) { nodes { id } }', "BAD_REQUEST"),
        ("messageableUsers", 'messageableUsers(search: " ") { nodes { id } }', "BAD_REQUEST"),
        ("searchMessages", 'searchMessages(query: "…") { nodes { id } }', "BAD_REQUEST"),
        ("events", 'events(after: "nonsense") { endCursor }', "CURSOR_INVALID"),
    ],
)
async def test_a_list_that_fails_leaves_its_neighbours(people: list[Person], field: str, call: str, code: str) -> None:
    """Null in its place with an error that names it; before and after it the data is there."""
    _alice, bob = people
    after = "conversations(first: 1) { nodes { lastMessage { text } } }"
    answer = await answer_of(bob, f"{{ viewer {{ user {{ username }} }} {call} good: {after} }}")
    data = answer["data"]

    assert data[field] is None
    assert data["viewer"] == {"user": {"username": "bob"}}
    assert data["good"]["nodes"] == [{"lastMessage": {"text": "before"}}]
    assert [(each["path"], each["extensions"]["code"]) for each in answer["errors"]] == [([field], code)]


async def test_a_field_of_an_event_that_fails_leaves_its_cursor_in_a_page(people: list[Person]) -> None:
    """The other events are there; from the cursor of the failed one a client goes on with the next."""
    alice, bob = people
    begun = await cursor_of(bob)
    await alice.send("bob", text="now")
    page = await answer_of(bob, PAGE, after=begun)
    sound = (await bob.ask(SOUND, after=begun))["events"]["nodes"]
    nodes = page["data"]["events"]["nodes"]
    failed = [index for index, each in enumerate(nodes) if each["event"] is None]
    rest = (await bob.ask(SOUND, after=nodes[failed[0]]["cursor"]))["events"]["nodes"]

    assert [sound[index]["event"]["__typename"] for index in failed] == ["MessageCreated"]
    assert [each["cursor"] for each in nodes] == [each["cursor"] for each in sound]
    assert page["data"]["events"]["endCursor"] == sound[-1]["cursor"]
    assert rest == sound[failed[0] + 1 :]
    [error] = page["errors"]
    assert error["path"] == ["events", "nodes", failed[0], "event", "message", "preview"]
    assert error["extensions"]["code"] == "BAD_REQUEST"


async def test_a_field_of_an_event_that_fails_leaves_its_cursor_in_a_stream(people: list[Person]) -> None:
    """The stream goes on, and the failed event can be fetched again by the cursor before it."""
    alice, bob = people
    begun = await cursor_of(bob)
    await alice.send("bob", text="now")
    sound = (await bob.ask(SOUND, after=begun))["events"]["nodes"]
    got = []
    async with listening(bob, LIVE, after=begun) as payloads:
        async for payload in payloads:
            got.append(payload)
            if (payload["data"]["events"]["event"] or {}).get("__typename") == "StreamCaughtUp":
                break
    envelopes = [each["data"]["events"] for each in got]

    kinds = [(each["event"] or {}).get("__typename") for each in envelopes]
    assert kinds == [
        *(None if each["event"]["__typename"] == "MessageCreated" else each["event"]["__typename"] for each in sound),
        "StreamCaughtUp",
    ]
    assert kinds.count(None) == 1
    assert [each["cursor"] for each in envelopes[:-1]] == [each["cursor"] for each in sound]
    assert [bool(each.get("errors")) for each in got] == [kind is None for kind in kinds]


async def test_an_event_that_the_server_cannot_build_leaves_its_cursor(
    people: list[Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug in one kind of event neither ends the stream nor stops the page; its error is masked."""
    alice, bob = people

    def fails(each: ResolvedEvent, viewer: Viewer) -> Any:
        if each.message is not None:
            raise LookupError("secret")
        return event_of(each, viewer)

    monkeypatch.setattr("gql.envelope.event_of", fails)
    begun = await cursor_of(bob)
    async with listening(bob, LIVE, after=begun) as payloads:
        assert (await anext(payloads))["data"]["events"]["event"] == {"__typename": "StreamCaughtUp"}
        await alice.send("bob", text="now")
        await bob.do("updateMessagingSettings", sendReadReceipts=False)
        async with asyncio.timeout(5):
            heard = [await anext(payloads) for _ in range(2)]
    page = await answer_of(bob, PAGE, after=begun)

    failed = [each for each in heard if each["data"]["events"]["event"] is None]
    assert len(failed) == 1
    assert failed[0]["data"]["events"]["cursor"] is not None
    for answer in (failed[0], page):
        [error] = answer["errors"]
        assert error["extensions"]["code"] == "INTERNAL"
        assert "secret" not in str(answer)
    nodes = page["data"]["events"]["nodes"]
    assert nodes[-1]["event"] == {"__typename": "SettingsChanged"}
    assert [each["cursor"] for each in nodes] == [each["data"]["events"]["cursor"] for each in heard]


async def test_nodes_gives_null_only_for_what_cannot_be_read(site: Site, people: list[Person]) -> None:
    """An API key may not see devices: their places have an error, and the message and the person are there."""
    alice, bob = people
    message = await alice.send("bob", text="now")
    user = (await bob.ask("{ viewer { user { id } devices { id } } }"))["viewer"]
    viewer = await site.services.authenticator.authenticate(Credentials(bob.token))
    assert viewer is not None
    _row, key = await site.services.api_key.create(viewer, "reader", Scope.READ_MESSAGES, None)
    ids = [user["devices"][0]["id"], message, "nonsense", user["user"]["id"], user["devices"][0]["id"]]
    query = "query ($ids: [ID!]!, $id: ID!) { nodes(ids: $ids) { id } node(id: $id) { id } }"
    answer = await answer_of(Person(site, key), query, ids=ids, id=ids[0])

    assert answer["data"] == {"nodes": [None, {"id": message}, None, {"id": ids[3]}, None], "node": None}
    assert sorted((each["path"], each["extensions"]["code"]) for each in answer["errors"]) == [
        (["node"], "PERMISSION_DENIED"), (["nodes", 0], "PERMISSION_DENIED"), (["nodes", 4], "PERMISSION_DENIED")
    ]  # fmt: skip
