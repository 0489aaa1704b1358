"""Live operations: an event is read and executed once for all streams with the same answer, and each gets its own."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from gql.charge import DELIVERY
from gql.context import Context
from gql.wire.execution import LiveExecution
from models import event as events
from models.event import EventKind
from models.transaction import Transaction
from pubsub.base import Hint
from services.cost import CostService
from services.limit import Limits
from tests.gql.conftest import Site
from tests.gql.person import Person
from tests.gql.raw_socket import Wire, wire
from tests.gql.witness import HIGH_WATER_BYTES, stalled, subscribe

EVENTS = """subscription Live($after: EventCursor) { events(after: $after, includeEphemeral: false) { cursor event {
  __typename ... on MessageCreated { clientMessageId message { id text isOwn: clientMessageId sender { username } } }
} viewer { user { username } unreadMessageCount } } }"""
MESSAGES = "subscription { privateMessageReceived { cursor isReplay message { id text sender { username } } } }"
STREAMS = 50
PER_SOCKET = 20


class Executions:
    """How often an event was executed, and the gate at which executions wait."""

    def __init__(self) -> None:
        self.events: list[object] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.is_waiting = asyncio.Event()
        self.fault: Exception | None = None


@pytest.fixture
def executions(monkeypatch: pytest.MonkeyPatch) -> Executions:
    """Those of all live operations."""
    found, encode = Executions(), LiveExecution.encode

    async def counting(self: LiveExecution, event: object, context: Context) -> bytes:
        found.events.append(event)
        if not found.gate.is_set():
            found.is_waiting.set()
            await found.gate.wait()
        if found.fault is not None:
            raise found.fault
        return await encode(self, event, context)

    monkeypatch.setattr(LiveExecution, "encode", counting)
    return found


async def groups_of(site: Site, *sizes: int) -> None:
    """Waits until there are groups with so many streams."""
    groups = site.services.stream.groups
    async with asyncio.timeout(5):
        while sorted(len(group) for group in groups._groups.values()) != sorted(sizes):
            await asyncio.sleep(0.005)


class Ear:
    """One stream on a socket that may carry others."""

    def __init__(self, socket: Wire, id_: str) -> None:
        self.socket, self.id = socket, id_
        self.heard: list[Any] = []


class Crowd:
    """Streams on sockets, and what they hear."""

    def __init__(self, site: Site, stack: AsyncExitStack) -> None:
        self.site, self.stack = site, stack
        self.ears: dict[tuple[Wire, str], Ear] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self, token: str, count: int = 1, query: str = EVENTS, **payload: Any) -> list[Ear]:
        """So many streams of one session, twenty on each socket; with `StreamReady` skipped where there is one."""
        found: list[Ear] = []
        for number in range(count):
            if number % PER_SOCKET == 0:
                socket = await self.stack.enter_async_context(wire(self.site.graphql, token=token))
                self._tasks.append(asyncio.create_task(self._listen(socket)))
            ear = self.ears[socket, str(number)] = Ear(socket, str(number))
            found.append(ear)
            socket.send(subscribe(query, ear.id, **payload))
        return found

    async def _listen(self, socket: Wire) -> None:
        while True:
            message = await socket.message()
            self.ears[socket, message["id"]].heard.append(message)

    async def until(self, is_reached: Callable[[], bool]) -> None:
        """Waits for what the streams hear."""
        async with asyncio.timeout(5):
            while not is_reached():
                await asyncio.sleep(0.005)

    def close(self) -> None:
        """Stops listening."""
        for task in self._tasks:
            task.cancel()


@pytest.fixture
async def crowd(site: Site) -> AsyncIterator[Crowd]:
    """Nobody listens yet."""
    async with AsyncExitStack() as stack:
        found = Crowd(site, stack)
        yield found
        found.close()


@pytest.fixture
async def people(site: Site) -> list[Person]:
    """Alice, bob and carol; bob has written to alice, and she has answered."""
    found = [Person(site, await site.token_of(name)) for name in ("alice", "bob", "carol")]
    await found[1].send("alice", text="first")
    await found[0].send("bob", text="second")
    return found


def texts_in(ear: Ear) -> list[str]:
    """The texts of the messages that it has heard."""
    payloads = [each["payload"]["data"] for each in ear.heard if each["type"] == "next"]
    found = [each["events"]["event"].get("message") for each in payloads if "events" in each]
    found += [each["privateMessageReceived"]["message"] for each in payloads if "privateMessageReceived" in each]
    return [each["text"] for each in found if each]


def payload_of(ear: Ear) -> str:
    """What it has heard last, as text."""
    return json.dumps(ear.heard[-1]["payload"])


@asynccontextmanager
async def statements(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[object]]:
    """The statements that are executed meanwhile."""
    seen: list[object] = []
    execute = Transaction._execute

    def noting(self: Transaction, prepared: Any, params: dict[str, Any]) -> Any:
        seen.append(prepared)
        return execute(self, prepared, params)

    with monkeypatch.context() as patch:
        patch.setattr(Transaction, "_execute", noting)
        yield seen


async def test_fifty_streams_of_one_person_cost_one_read_and_one_execution(
    site: Site, crowd: Crowd, people: list[Person], executions: Executions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their statements are those of one stream; every stream gets the answer under its own id."""
    alice, bob, _ = people
    counts = []
    for count in (1, STREAMS):
        ears = await crowd.open(bob.token, count - len(crowd.ears))
        await groups_of(site, count)
        await crowd.until(lambda: all(each.heard for each in crowd.ears.values()))
        executions.events.clear()
        async with statements(monkeypatch) as seen:
            await alice.send("bob", text=f"to {count}")
            await crowd.until(lambda: all(texts_in(each)[-1:] == [f"to {count}"] for each in crowd.ears.values()))  # noqa: B023
        counts.append((len(seen), seen.count(events.AFTER), len(executions.events)))

    assert counts[0] == counts[1]
    assert counts[1][1:] == (1, 1)
    assert len({payload_of(each) for each in crowd.ears.values()}) == 1
    assert {each.heard[-1]["id"] for each in ears} == {each.id for each in ears}


async def test_a_stream_that_waits_has_no_task(site: Site, crowd: Crowd, people: list[Person]) -> None:
    """Only its socket has."""
    _, bob, _ = people
    await crowd.open(bob.token, 1)
    await groups_of(site, 1)
    before = len(asyncio.all_tasks())
    socket = next(iter(crowd.ears))[0]
    for number in range(1, PER_SOCKET):
        crowd.ears[socket, str(number)] = Ear(socket, str(number))
        socket.send(subscribe(EVENTS, str(number)))
    await groups_of(site, PER_SOCKET)
    await asyncio.sleep(0.01)

    assert len(asyncio.all_tasks()) == before


async def test_nobody_gets_the_bytes_of_another_person(
    site: Site, crowd: Crowd, people: list[Person], executions: Executions
) -> None:
    """The same document and the same message: each member sees their own view of it, and a third person nothing."""
    alice, *_ = people
    ears = [(await crowd.open(person.token))[0] for person in people]
    await groups_of(site, 1, 1, 1)
    await alice.send("bob", text="secret", clientMessageId="only for alice")
    await crowd.until(lambda: all(texts_in(each) == ["secret"] for each in ears[:2]))
    await asyncio.sleep(0.05)
    seen = [each.heard[-1]["payload"]["data"]["events"] for each in ears]

    assert [each["event"].get("clientMessageId") for each in seen] == ["only for alice", None, None]
    assert [each["viewer"]["user"]["username"] for each in seen] == ["alice", "bob", "carol"]
    assert [each["viewer"]["unreadMessageCount"] for each in seen] == [0, 2, 0]
    assert len({each["cursor"] for each in seen}) == 3
    assert seen[2]["event"]["__typename"] == "StreamReady"
    assert "secret" not in json.dumps(ears[2].heard)


@pytest.mark.parametrize(
    "other",
    [
        {"query": MESSAGES},
        {"query": EVENTS + " "},
        {"query": EVENTS.replace("includeEphemeral: false", "includeEphemeral: true")},
        {"extensions": {"cost": "report"}},
        {"query": EVENTS.replace("$after: EventCursor", "$after: EventCursor, $not: Boolean = false"),
         "variables": {"not": True}},
    ],
    ids=["field", "document", "feed", "report", "variables"],
)  # fmt: skip
async def test_streams_with_different_answers_share_none(
    site: Site, crowd: Crowd, people: list[Person], executions: Executions, other: dict[str, Any]
) -> None:
    """But the log, which is read once for both."""
    alice, bob, _ = people
    other = {"query": EVENTS, **other}
    if "$not" in other["query"]:
        other["query"] = other["query"].replace("clientMessageId message", "clientMessageId @skip(if: $not) message")
        other["query"] = other["query"].replace("isOwn: clientMessageId", "")
    [one] = await crowd.open(bob.token)
    await groups_of(site, 1)
    [two] = await crowd.open(bob.token, **other)
    await groups_of(site, 1, 1)
    await alice.send("bob", text="to both")
    await crowd.until(lambda: texts_in(one) == texts_in(two) == ["to both"])

    assert payload_of(one) != payload_of(two) or other["query"] != EVENTS


async def test_the_same_variables_in_another_order_are_the_same(
    site: Site, crowd: Crowd, people: list[Person], executions: Executions
) -> None:
    """And a cursor that only says where to begin does not count: clients resume with one of their own."""
    alice, bob, _ = people
    query = EVENTS.replace("$after: EventCursor", "$after: EventCursor, $a: Boolean!, $b: Boolean!").replace(
        "clientMessageId message", "clientMessageId @skip(if: $a) @include(if: $b) message"
    )
    cursors = []
    for number in range(2):
        cursors.append((await bob.ask("{ viewer { eventCursor } }"))["viewer"]["eventCursor"])
        await alice.send("bob", text=f"missed {number}")
    [one] = await crowd.open(bob.token, query=query, variables={"after": cursors[0], "a": True, "b": False})
    [two] = await crowd.open(bob.token, query=query, variables={"b": False, "after": cursors[1], "a": True})
    await groups_of(site, 2)
    executions.events.clear()
    await alice.send("bob", text="live")
    await crowd.until(lambda: all("live" in texts_in(each) for each in (one, two)))

    assert texts_in(one) == ["missed 0", "missed 1", "live"]
    assert texts_in(two) == ["missed 1", "live"]
    assert len(executions.events) == 1


async def test_sessions_of_one_person_share_unless_a_device_is_shown(
    site: Site, crowd: Crowd, people: list[Person], executions: Executions
) -> None:
    """`isCurrent` is true for the device that asks."""
    alice, bob, _ = people
    other = await site.token_of("bob")
    devices = EVENTS.replace("viewer {", "viewer { devices { isCurrent }")
    ears = [(await crowd.open(token, query=query))[0] for query in (EVENTS, devices) for token in (bob.token, other)]
    await groups_of(site, 1, 1, 2)
    executions.events.clear()
    await alice.send("bob", text="to all")
    await crowd.until(lambda: all(texts_in(each) == ["to all"] for each in ears))
    shown = [each.heard[-1]["payload"]["data"]["events"]["viewer"].get("devices") for each in ears[2:]]

    assert len(executions.events) == 3
    assert [sum(each["isCurrent"] for each in devices_) for devices_ in shown] == [1, 1]
    assert shown[0] != shown[1]


async def test_a_socket_and_an_event_stream_share(
    site: Site, crowd: Crowd, people: list[Person], executions: Executions
) -> None:
    """The same payload, in the frame of each protocol; but not under another address, which is part of URLs."""
    alice, bob, _ = people
    [ear] = await crowd.open(bob.token, query=MESSAGES)
    headers = {"Accept": "text/event-stream", "Authorization": f"Bearer {bob.token}", "Host": "127.0.0.1"}
    async with (
        site.http.post(site.graphql, json={"query": MESSAGES}, headers=headers) as response,
        site.http.post(site.graphql, json={"query": MESSAGES}, headers={**headers, "Host": "chat.example.org"}),
    ):
        await groups_of(site, 1, 2)
        await alice.send("bob", text="one for both")
        frame = await asyncio.wait_for(response.content.readuntil(b"\n\n"), 5)
        await crowd.until(lambda: len(ear.heard) == 1)

    assert len(executions.events) == 2
    assert json.loads(frame.removeprefix(b"event: next\ndata: ")) == ear.heard[0]["payload"]
    assert ear.heard[0]["payload"]["data"]["privateMessageReceived"]["isReplay"] is False


async def test_a_session_that_ends_while_an_event_is_executed_gets_nothing_more(
    site: Site, crowd: Crowd, people: list[Person], executions: Executions
) -> None:
    """Its streams end with the reason; the person's other session gets the event."""
    alice, bob, _ = people
    query = EVENTS.replace("... on MessageCreated", "... on SessionRevoked { revocationReason } ... on MessageCreated")
    other = await site.token_of("bob")
    [ending], [staying] = await crowd.open(bob.token, query=query), await crowd.open(other, query=query)
    await groups_of(site, 2)
    executions.gate.clear()
    await alice.send("bob", text="secret")
    await asyncio.wait_for(executions.is_waiting.wait(), 5)
    signed_out = "mutation { signOut(input: {}) { ... on SignOutSuccess { endedSessions } } }"
    ended = asyncio.create_task(bob.ask(signed_out))
    await asyncio.sleep(0.05)
    executions.gate.set()
    assert (await ended)["signOut"] == {"endedSessions": 1}
    await crowd.until(lambda: texts_in(staying) == ["secret"] and ending.heard[-1]["type"] == "complete")

    assert "secret" not in json.dumps(ending.heard)
    last = ending.heard[-2]["payload"]["data"]["events"]
    assert last["event"] == {"__typename": "SessionRevoked", "revocationReason": "SIGNED_OUT"}


class Flood:
    """Events about one long message to bob, a hundred at a time."""

    LENGTH = 9_000

    def __init__(self, site: Site, user_id: int, message_id: int) -> None:
        self.site, self.user_id, self.message_id = site, user_id, message_id
        self.count = 0

    @classmethod
    async def of(cls, site: Site, alice: Person) -> "Flood":
        """None of them has happened yet."""
        await alice.send("bob", text="x" * cls.LENGTH)
        statement = "SELECT u.id, MAX(m.id) FROM user u, message m WHERE u.username = 'bob'"
        found = await site.services.database.read(lambda tx: tx.database.connection().execute(statement).fetchone())
        return cls(site, *found)

    async def rise(self) -> None:
        """A hundred more."""

        def put(tx: Transaction) -> None:
            for _ in range(100):
                events.put(tx, [self.user_id], EventKind.MESSAGE_CREATED, self.message_id, 1)

        await self.site.services.database.write(put)
        self.site.services.pubsub.publish([Hint(self.user_id, 0)])
        self.count += 100


def transport_to(site: Site, client: Wire) -> asyncio.Transport:
    """The server's end of this connection."""
    port = client.writer.get_extra_info("sockname")[1]
    for socket in site.view.sockets._open:
        transport = socket.websocket.request.transport
        if transport is not None and transport.get_extra_info("peername")[1] == port:
            return transport
    raise AssertionError("the socket is closed")


async def test_a_socket_that_does_not_read_delays_no_other(site: Site, crowd: Crowd, people: list[Person]) -> None:
    """It costs its bound of memory, and gets all events, in order and once, when it reads again."""
    alice, bob, _ = people
    flood = await Flood.of(site, alice)
    [ear] = await crowd.open(bob.token, query=MESSAGES)
    await groups_of(site, 1)
    async with wire(site.graphql, token=bob.token) as slow:
        slow.send(subscribe(MESSAGES))
        await groups_of(site, 2)
        slow.writer.transport.pause_reading()  # type: ignore[attr-defined]
        transport, peak, rounds = transport_to(site, slow), 0, 0
        while rounds < 2:
            await flood.rise()
            await crowd.until(lambda: len(ear.heard) == flood.count)
            peak = max(peak, transport.get_write_buffer_size())
            rounds += peak > HIGH_WATER_BYTES
        await groups_of(site, 1)
        slow.writer.transport.resume_reading()  # type: ignore[attr-defined]
        frames = [(await slow.read())[1] for _ in range(flood.count)]
        await groups_of(site, 2)

    def cursors_in(payloads: list[Any]) -> list[str]:
        return [each["payload"]["data"]["privateMessageReceived"]["cursor"] for each in payloads]

    assert cursors_in([json.loads(each) for each in frames]) == cursors_in(ear.heard)
    assert len(set(cursors_in(ear.heard))) == flood.count
    assert HIGH_WATER_BYTES < peak <= HIGH_WATER_BYTES + max(map(len, frames)) + 10


async def test_an_event_stream_that_does_not_read_is_cut_off_and_delays_no_other(
    site: Site, crowd: Crowd, people: list[Person]
) -> None:
    """After the time-out of a send."""
    alice, bob, _ = people
    site.view.options = replace(site.view.options, send_timeout_seconds=0.5)
    flood = await Flood.of(site, alice)
    [ear] = await crowd.open(bob.token, query=MESSAGES)
    await groups_of(site, 1)
    reader, writer = await asyncio.open_connection("127.0.0.1", int(site.url.rsplit(":", 1)[1]), limit=1024)
    body = json.dumps({"query": MESSAGES})
    writer.write(
        f"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n"
        f"Authorization: Bearer {bob.token}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
    )
    await reader.readline()
    await groups_of(site, 2)
    while site.services.pubsub.listeners() == 2:  # type: ignore[attr-defined]
        await flood.rise()
        await crowd.until(lambda: len(ear.heard) == flood.count)
        await asyncio.sleep(0.05)
    writer.close()

    await groups_of(site, 1)


async def test_a_fault_ends_each_stream_with_a_masked_error(
    site: Site, crowd: Crowd, people: list[Person], executions: Executions
) -> None:
    """Each meets it alone; the sockets and their other operations continue."""
    alice, bob, _ = people
    ears = await crowd.open(bob.token, 3)
    await groups_of(site, 3)
    executions.fault = KeyError("secret path")
    await alice.send("bob", text="broken")
    await crowd.until(lambda: all(each.heard[-1]["type"] == "complete" for each in ears))

    for ear in ears:
        (error,) = ear.heard[-2]["payload"]["errors"]
        assert error["extensions"]["code"] == "INTERNAL"
        assert "secret" not in json.dumps(ear.heard)
    assert site.services.pubsub.listeners() == 0  # type: ignore[attr-defined]


async def test_an_event_costs_once_and_a_little_for_each_further_stream(
    site: Site, crowd: Crowd, people: list[Person]
) -> None:
    """A person with many devices pays for the work that is done."""
    alice, bob, _ = people
    object.__setattr__(site.services, "cost", CostService(Limits()))
    costs = site.services.cost
    ears = await crowd.open(bob.token, 10, extensions={"cost": "report"})
    await groups_of(site, 10)
    viewer = next(iter(site.services.stream.groups._groups.values()))._viewer
    fill = costs._streams._fill
    costs._streams._per_second = 1e-9
    before = fill(viewer.user_id)
    await alice.send("bob", text="to ten")
    await crowd.until(lambda: all(texts_in(each) == ["to ten"] for each in ears))
    await asyncio.sleep(0.02)
    reports = {json.dumps(each.heard[-1]["payload"]["extensions"]["cost"]) for each in ears}
    actual = ears[0].heard[-1]["payload"]["extensions"]["cost"]["actualQueryCost"]

    assert len(reports) == 1
    assert before - fill(viewer.user_id) == pytest.approx(actual + 9 * DELIVERY, abs=0.01)


async def test_a_stream_completes_and_its_id_is_free(site: Site, people: list[Person]) -> None:
    """From a group, too: it gets no event after `complete`, and the next operation with its id is another one."""
    alice, bob, _ = people
    async with wire(site.graphql, token=bob.token) as socket:
        for query in (EVENTS, MESSAGES):
            socket.send(subscribe(query))
            if query is EVENTS:
                await socket.message()
            await groups_of(site, 1)
            socket.send({"type": "complete", "id": "1"})
            await groups_of(site)
        socket.send(subscribe("{ viewer { user { username } } }"))
        await alice.send("bob", text="to nobody")
        answers = [await socket.message() for _ in range(2)]

    assert [each["type"] for each in answers] == ["next", "complete"]
    assert answers[0]["payload"] == {"data": {"viewer": {"user": {"username": "bob"}}}}


async def test_a_stalled_socket_keeps_its_streams_out_of_groups(site: Site, people: list[Person]) -> None:
    """Whatever they have to say: one message above the mark is in memory, for all operations of the socket."""
    alice, bob, _ = people
    flood = await Flood.of(site, alice)
    async with wire(site.graphql, token=bob.token) as socket:
        for number in range(3):
            socket.send(subscribe(MESSAGES, str(number)))
        await groups_of(site, 3)
        socket.writer.transport.pause_reading()  # type: ignore[attr-defined]
        transport = transport_to(site, socket)
        while transport.get_write_buffer_size() <= HIGH_WATER_BYTES:
            await flood.rise()
            await asyncio.sleep(0.02)
        await flood.rise()
        size = await stalled(site.view)

        assert HIGH_WATER_BYTES < size < HIGH_WATER_BYTES + flood.LENGTH + 500
        await groups_of(site)
