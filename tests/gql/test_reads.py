"""Reads: the statements and the read jobs of each operation that clients execute all the time, exactly.

A change of these numbers is a change of speed; the statements are named, so that a new one says what it reads.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from threading import current_thread
from typing import Any

import aiohttp
import peewee
import pytest
import pytest_asyncio

from models.base import conversation_of
from models.reader import Readers
from models.transaction import Transaction
from services.account.credentials import Credentials
from services.id import Kind, number_of
from services.message.draft import Draft
from tests.gql.conftest import Site
from tests.gql.person import Person
from tests.gql.test_envelope import live
from tests.models.statement import every_statement


def names_of(database: peewee.Database) -> dict[str, str]:
    """The name of every statement by its text; those that depend on flags have one name."""
    found: dict[str, str] = {}
    for name, statement in every_statement():
        found.setdefault(statement.compiled_for(database).sql, name.partition("-")[0])
    return found


@dataclass
class Reads:
    """What the readers did since `clear`: the number of jobs, and the names of the statements in their order.

    `written` are those of the writer.
    """

    jobs: int = 0
    statements: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)

    def clear(self) -> None:
        """Forget what was read."""
        self.jobs = 0
        self.statements.clear()
        self.written.clear()


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    """What is read from now on; batches are loaded at once, however slow the machine is."""
    monkeypatch.setattr("gql.pace.SLICE_SECONDS", 60.0)
    seen = Reads()
    execute, submit = Transaction._execute, Readers.submit
    names = names_of(peewee.SqliteDatabase(None))

    def counting(self: Transaction, prepared: Any, params: dict[str, Any]) -> Any:
        name = names[prepared.compiled_for(self.database).sql]
        (seen.statements if current_thread().name.startswith("sotto-reader") else seen.written).append(name)
        return execute(self, prepared, params)

    def submitting(self: Readers, run: Any) -> Any:
        seen.jobs += 1
        return submit(self, run)

    monkeypatch.setattr(Transaction, "_execute", counting)
    monkeypatch.setattr(Readers, "submit", submitting)
    return seen


@dataclass
class Place:
    """Alice, the id of bob, their group with carol, and where her log was before its last fifty messages."""

    alice: Person
    user: str
    conversation: str
    message: str
    cursor: str


async def send_file(site: Site, person: Person, reply_to: str) -> None:
    """Sends a file without text to the conversation of another message."""
    viewer = await site.services.authenticator.authenticate(Credentials(person.token))
    assert viewer is not None

    async def chunks() -> AsyncIterator[bytes]:
        yield b"hello"

    file = await site.services.attachment.receive(chunks(), "notes.txt")
    number = number_of(Kind.MESSAGE, reply_to)
    draft = Draft(text=None, files=[file], conversation_id=conversation_of(number), reply_to_id=number)
    await site.services.send.send(viewer, draft)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def place(module_site: Site) -> Place:
    """She has 30 conversations; the messages of the group have files, reactions and replies. It is only read."""
    site = module_site
    alice, bob, _carol = [Person(site, await site.token_of(name)) for name in ("alice", "bob", "carol")]
    for number in range(29):
        other = Person(site, await site.token_of(f"other{number}"))
        await other.send("alice", text=f"from {number}")
    first = await alice.send("bob", "carol", text="0")
    cursor = (await alice.ask("{ viewer { eventCursor } }"))["viewer"]["eventCursor"]
    for number in range(48):
        sender, other_name = ((alice, "bob"), (bob, "alice"))[number % 2]
        await sender.send(other_name, "carol", text=str(number), replyToId=first)
    for sender in (alice, bob):
        await send_file(site, sender, first)
    await bob.do("setReaction", messageId=first, emoji="👍", reacted=True)
    user = (await bob.ask("{ viewer { user { id } } }"))["viewer"]["user"]["id"]
    return Place(alice, user, await alice.place_of(first), first, cursor)


MESSAGE = "id text createdAt sender { id username displayName } attachments { id filename url }"
PAGE = f"id messages(last: 50) {{ nodes {{ {MESSAGE} reactions {{ emoji count viewerHasReacted }} }} }}"
RECEIPTS = "deliveryStatus seenBy { totalCount } recipients { username } viewerCanEdit"
LISTED = "id type unreadCount lastActivityAt"
NEW_MESSAGE = "event { ... on MessageCreated { message { id text sender { username } } } }"


def inbox(fields: str) -> str:
    """The newest thirty conversations with these fields."""
    return f"{{ conversations(first: 30) {{ nodes {{ {LISTED} {fields} }} pageInfo {{ endCursor }} }} }}"


def conversation(fields: str) -> str:
    """One conversation with these fields."""
    return f"query ($id: ID!) {{ conversation(id: $id) {{ {fields} }} }}"


PAGE_READS = [
    "conversation.BY_IDS", "message.PAGE_BACKWARD", "attachment.OF_MESSAGES", "reaction.BETWEEN", "profile.BY_IDS",
]  # fmt: skip
# The operation, its jobs, and its statements.
OPERATIONS: dict[str, tuple[str, int, list[str]]] = {
    "page by conversation(id)": (conversation(PAGE), 1, PAGE_READS),
    "page by node(id)": (f"query ($id: ID!) {{ node(id: $id) {{ ... on Conversation {{ {PAGE} }} }} }}", 1, PAGE_READS),
    "page of texts": (
        conversation("messages { edges { cursor node { text } } }"),
        1,
        ["conversation.BY_IDS", "message.PAGE_BACKWARD"],
    ),
    "page with receipts": (
        conversation(f"messages {{ nodes {{ {RECEIPTS} replyTo {{ text sender {{ username }} }} }} }}"),
        1,
        ["conversation.BY_IDS", "member.MEMBERS", "message.PAGE_BACKWARD", "message.VISIBLE", "user.BY_IDS"],
    ),
    "two pages": (
        conversation("a: messages(first: 1) { nodes { text } } b: messages(last: 1) { nodes { text } }"),
        3,
        [
            "conversation.BY_IDS",
            "conversation.BY_IDS",
            "message.PAGE_FORWARD",
            "conversation.BY_IDS",
            "message.PAGE_BACKWARD",
        ],
    ),
    "conversation without participants": (conversation("id type unreadCount"), 1, ["conversation.BY_IDS"]),
    "inbox": (
        inbox("otherParticipants { user { id username } } lastMessage { id text sender { id username } }"),
        1,
        ["inbox.page", "member.MEMBER_IDS", "message.UNHIDDEN", "profile.BY_IDS"],
    ),
    "inbox with its total": (inbox("").replace("pageInfo", "totalCount pageInfo"), 1, ["inbox.page", "inbox.count"]),
    "inbox of rows": (inbox(""), 1, ["inbox.page"]),
    "inbox with last messages": (
        inbox("lastMessage { preview sender { username } }"),
        1,
        ["inbox.page", "message.UNHIDDEN", "attachment.OF_MESSAGES", "profile.BY_IDS"],
    ),
    "inbox with participants": (
        inbox("participants { nodes { user { username } } }"),
        1,
        ["inbox.page", "member.MEMBER_IDS", "profile.BY_IDS"],
    ),
    "inbox with whether the viewer can write": (
        inbox("viewerCanSend"),
        1,
        ["inbox.page", "member.MEMBERS", "user.BY_IDS"],
    ),
    "inbox with receipts and the oldest unread message": (
        inbox("deliveredToAllSequence lastMessage { deliveryStatus } firstUnreadMessage { id }"),
        1,
        ["inbox.page", "member.MEMBERS", "message.UNHIDDEN", "message.OLDEST_UNREAD", "user.BY_IDS"],
    ),
    "inbox with pages": (
        inbox("messages(last: 2) { nodes { text } }"),
        1,
        ["inbox.page", *["message.PAGE_BACKWARD"] * 30],
    ),
    "events": (
        f"query ($after: EventCursor!) {{ events(after: $after, first: 50) {{ nodes {{ cursor {NEW_MESSAGE} }} }} }}",
        1,
        [
            "event.AT",
            "event.AFTER",
            "message.VISIBLE",
            "profile.BY_IDS",
            # of receipts: whether the viewer may see them
            "conversation.BY_IDS",
            "member.MEMBERS",
            "user.BY_IDS",
        ],
    ),
    "message": (
        f"query ($message: ID!) {{ message(id: $message) {{ {MESSAGE} }} }}",
        1,
        ["message.VISIBLE", "profile.BY_ID"],
    ),
    "node of a user": (
        "query ($user: ID!) { node(id: $user) { ... on User { username isBot } } }",
        1,
        ["profile.BY_ID"],
    ),
    "unread": ("{ viewer { id unreadMessageCount } }", 1, ["unread.TOTALS"]),
    "viewer": ("{ viewer { email user { username } } }", 1, ["profile.BY_ID"]),
    "counters": (
        "{ viewer { unreadMessageCount unreadConversationCount messageRequestCount } }",
        1,
        ["member.REQUESTS", "unread.TOTALS"],
    ),
    "counters and inbox": (
        f"{{ viewer {{ unreadMessageCount messageRequestCount }} {inbox('')[1:-1]} }}",
        2,
        ["inbox.page", "unread.TOTALS", "member.REQUESTS"],
    ),
}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", OPERATIONS)
async def test_an_operation_reads_exactly_what_it_shows(place: Place, reads: Reads, name: str) -> None:
    """One job for what belongs together, and one statement for each kind of thing."""
    query, jobs, statements = OPERATIONS[name]
    variables = {"id": place.conversation, "message": place.message, "after": place.cursor, "user": place.user}
    used = {key: value for key, value in variables.items() if f"${key}:" in query}
    await place.alice.ask(query, **used)  # caches the session and the document
    reads.clear()
    data = await place.alice.ask(query, **used)

    assert all(value is not None for value in data.values())
    assert (reads.jobs, sorted(reads.statements)) == (jobs, sorted(statements))


HEAR = "subscription { privateMessageReceived { cursor message { id text sender { username } conversation { id } } } }"
HEAR_EVENTS = f"subscription {{ events {{ cursor {NEW_MESSAGE} }} }}"


@asynccontextmanager
async def heard(person: Person, query: str, reads: Reads) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A live stream that has nothing left to read when the block begins; `reads` holds what it read until its end."""
    groups = person.site.services.stream.groups
    async with live(person, query) as socket:
        async with asyncio.timeout(5):
            while not groups._groups:
                await asyncio.sleep(0.01)
        reads.clear()
        yield socket
        async with asyncio.timeout(5):
            while not reads.jobs:
                await asyncio.sleep(0.01)
            await asyncio.gather(*(group.idle() for group in groups._groups.values()))
        found = reads.jobs, reads.statements.copy()
    reads.jobs, reads.statements = found  # without those that the end of a stream costs


@pytest.mark.parametrize("query", [HEAR, HEAR_EVENTS])
async def test_a_delivery_reads_the_log_and_what_is_shown(site: Site, reads: Reads, query: str) -> None:
    """In one job."""
    alice, bob = [Person(site, await site.token_of(name)) for name in ("alice", "bob")]
    await alice.send("bob", text="before")
    await bob.send("alice", text="read by bob, who is signed in")
    async with heard(alice, query, reads) as socket:
        await bob.send("alice", text="now")
        answer = await socket.receive_json(timeout=5)
        while "now" not in str(answer):  # after StreamReady
            answer = await socket.receive_json(timeout=5)

    assert (reads.jobs, reads.statements) == (1, ["event.AFTER", "message.VISIBLE", "profile.BY_ID"])


async def test_a_stream_of_messages_loads_nothing_for_other_events(site: Site, reads: Reads) -> None:
    """A receipt costs it a look into the log."""
    alice, bob = [Person(site, await site.token_of(name)) for name in ("alice", "bob")]
    await bob.send("alice", text="by bob, who is signed in")
    place = await alice.place_of(await alice.send("bob", text="to be read"))
    async with heard(alice, HEAR, reads):
        await bob.do("markConversationRead", conversationId=place)

    assert (reads.jobs, reads.statements) == (1, ["event.AFTER"])


async def test_a_mark_loads_of_the_conversation_what_its_result_shows(site: Site, reads: Reads) -> None:
    """The writer has no time for more."""
    alice, bob = [Person(site, await site.token_of(name)) for name in ("alice", "bob")]
    place = await alice.place_of(await alice.send("bob", text="to be read"))
    for selection in ("unreadMessageCount", "conversation { id unreadCount }", "conversation { lastMessage { text } }"):
        await bob.do("markConversationRead", selection, conversationId=place)
        reads.clear()
        await bob.do("markConversationRead", selection, conversationId=place)
        after = reads.written[reads.written.index("unread.TOTALS") + 1 :]

        assert after == ["conversation.BY_IDS", *(["message.UNHIDDEN"] if "lastMessage" in selection else [])]
        assert reads.jobs == 0


async def test_typing_loads_the_members_and_what_its_result_shows(site: Site, reads: Reads) -> None:
    """Whom it is shown to is decided by what they share."""
    alice = Person(site, await site.token_of("alice"))
    await site.token_of("bob")
    place = await alice.place_of(await alice.send("bob", text="Hello"))
    for _ in range(2):
        reads.clear()
        await alice.do("setTyping", "conversation { id }", conversationId=place, isTyping=True)

    assert reads.jobs == 1
    assert reads.statements == ["conversation.BY_IDS", "member.MEMBERS", "user.BY_IDS", "setting.BY_USERS"]
