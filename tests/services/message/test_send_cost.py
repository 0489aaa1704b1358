"""What a send costs: one job of the writer, and few statements, however many members there are."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from models.reader import Readers
from models.setting import Audience
from models.transaction import Transaction
from models.writer import Writer
from services.error import InvalidInput, RecipientsRejected
from services.message.draft import Draft
from services.message.message_view import MessageView
from services.message.part import NOTHING_OF_MESSAGE, MessageParts
from services.person.setting import SettingsChange
from services.person.user import PersonDetail, Reference, ReferenceKind
from services.viewer import Viewer
from tests.models.statement import every_statement
from tests.services.conftest import World, named, refused

PARTS = MessageParts(sender=PersonDetail.PROFILE)  # what the message shows with the name of its sender
CHECKED = ["session.FIND", "idempotency.FIND"]
STORED = [
    "conversation.TAKE_SEQ", "message.PUT", "member.ADVANCE", "event.PUT", "job.PUT", "idempotency.PUT",
    "profile.BY_ID",
]  # fmt: skip


@dataclass
class Cost:
    """The names of the statements that were executed since it was cleared, and the jobs."""

    statements: list[str] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)

    def clear(self) -> None:
        """Begins again."""
        self.statements.clear()
        self.jobs.clear()


@pytest.fixture
def cost(monkeypatch: pytest.MonkeyPatch) -> Cost:
    """Of everything from now on."""
    cost = Cost()
    names = {id(statement): name for name, statement in every_statement()}
    execute = Transaction._execute

    def counting(self: Transaction, statement: Any, params: dict[str, Any]) -> Any:
        cost.statements.append(names[id(statement)])
        return execute(self, statement, params)

    def count(kind: type[Writer | Readers], name: str) -> None:
        submit: Callable[..., Any] = kind.submit

        def counting_submit(self: Any, run: Any) -> Any:
            cost.jobs.append(name)
            return submit(self, run)

        monkeypatch.setattr(kind, "submit", counting_submit)

    monkeypatch.setattr(Transaction, "_execute", counting)
    count(Writer, "write")
    count(Readers, "read")
    return cost


def by_id(*people: Viewer) -> list[Reference]:
    """References by user id."""
    return [Reference(ReferenceKind.ID, str(person.user_id), person.user_id) for person in people]


async def cost_of(world: World, cost: Cost, sender: Viewer, **draft: Any) -> list[str]:
    """The statements of a send, which is one job."""
    cost.clear()
    await world.services.send.send(sender, Draft(**{"text": "Hello", **draft}), PARTS)
    assert cost.jobs == ["write"]
    return list(cost.statements)


async def test_a_text_to_a_user_is_one_job_with_ten_statements(world: World, cost: Cost) -> None:
    """In a conversation that exists, by id and by username."""
    alice, bob = await world.people("alice", "bob")
    await world.send(alice, "bob")

    by_ids = await cost_of(world, cost, alice, users=by_id(bob), client_message_id="1")
    by_name = await cost_of(world, cost, alice, users=named("bob"), client_message_id="2")

    assert by_ids == [*CHECKED, "send.BY_ID", *STORED]
    assert by_name == [*CHECKED, "send.BY_USERNAME", *STORED]
    assert len(by_ids) == len(by_name) == 10


async def test_a_text_without_a_key_is_eight_statements(world: World, cost: Cost) -> None:
    """No key is looked up or stored."""
    alice, bob = await world.people("alice", "bob")
    await world.send(alice, "bob")

    executed = await cost_of(world, cost, alice, users=by_id(bob))

    stored = [each for each in STORED if each != "idempotency.PUT"]
    assert executed == ["session.FIND", "send.BY_ID", *stored]


async def test_an_answer_without_the_sender_does_not_read_them(world: World, cost: Cost) -> None:
    """As for a client that selects no more than the id."""
    alice, bob = await world.people("alice", "bob")
    await world.send(alice, "bob")
    cost.clear()

    sent = await world.services.send.send(alice, Draft(text="Hello", users=by_id(bob)), NOTHING_OF_MESSAGE)

    assert sent.view is not None
    assert sent.view.row.body == "Hello"
    assert cost.statements[-1] == "job.PUT"


async def test_a_text_into_a_direct_conversation_reads_its_members_too(world: World, cost: Cost) -> None:
    """By the id of the conversation."""
    alice, _ = await world.people("alice", "bob")
    place = await world.send(alice, "bob") >> 27

    executed = await cost_of(world, cost, alice, conversation_id=place, client_message_id="1")

    assert executed == [*CHECKED, "send.MEMBERS", "send.BY_ID", *STORED]


@pytest.mark.parametrize("others", [2, 9])
async def test_a_text_to_a_group_costs_the_same_for_three_and_for_ten(world: World, cost: Cost, others: int) -> None:
    """By its people, and by the id of the conversation, which names nobody."""
    names = [f"other{number}" for number in range(others)]
    alice, *people = await world.people("alice", *names)
    place = await world.send(alice, *names) >> 27

    by_ids = await cost_of(world, cost, alice, users=by_id(*people), client_message_id="1")
    by_place = await cost_of(world, cost, alice, conversation_id=place, client_message_id="2")

    assert by_ids == [*CHECKED, "send.BY_IDS", "send.MEMBERS_OF_GROUP", *STORED]
    assert by_place == [*CHECKED, "send.MEMBERS", *STORED]


async def test_a_first_message_adds_all_members_at_once(world: World, cost: Cost) -> None:
    """A pair also has a row that is its unique key."""
    alice, *people = await world.people("alice", "bob", "carol", "dave")

    direct = await cost_of(world, cost, alice, users=by_id(people[0]), client_message_id="1")
    group = await cost_of(world, cost, alice, users=by_id(*people), client_message_id="2")

    new = ["conversation.PUT", "conversation.PUT_DIRECT", "member.PUT", "event.PUT"]
    assert direct == [*CHECKED, "send.BY_ID", *new, *STORED]
    del new[1]
    assert group == [*CHECKED, "send.BY_IDS", "send.MEMBERS_OF_GROUP", *new, *STORED]


async def test_an_answer_adds_the_receipt_of_what_was_unread(world: World, cost: Cost) -> None:
    """The position and its time, who may see it, and their events; nothing if nothing was unread."""
    alice, bob = await world.people("alice", "bob")
    await world.send(alice, "bob")

    executed = await cost_of(world, cost, bob, users=by_id(alice), client_message_id="1")

    receipt = ["member.ADVANCE_SENDER", "receipt.PUT", "contact.LEARNING_READ", "event.PUT"]
    assert executed == [*CHECKED, "send.BY_ID", *STORED[:2], *receipt, *STORED[2:]]


async def test_a_repeated_send_is_one_job_that_reads_the_first_result(world: World, cost: Cost) -> None:
    """Its hash needs the person named; its answer the message with its sender."""
    alice, bob = await world.people("alice", "bob")
    draft = Draft(text="Hello", users=by_id(bob), client_message_id="1")
    first = await world.services.send.send(alice, draft)
    cost.clear()

    again = await world.services.send.send(alice, draft, PARTS)

    assert (again.message_id, again.was_duplicate) == (first.message_id, True)
    assert cost.statements == [*CHECKED, "send.BY_ID", "message.VISIBLE", "profile.BY_ID"]
    assert cost.jobs == ["write"]


async def test_a_refusal_is_one_job_with_three_statements(world: World, cost: Cost) -> None:
    """Here by a block: nothing is stored."""
    alice, bob = await world.people("alice", "bob")
    await world.send(alice, "bob")
    await world.services.block.block(bob, named("alice")[0])
    draft = Draft(text="Hello", users=by_id(bob), client_message_id="1")
    await refused(world, world.services.send.send(alice, draft), RecipientsRejected)
    cost.clear()

    with pytest.raises(RecipientsRejected):
        await world.services.send.send(alice, draft)

    assert cost.statements == [*CHECKED, "send.BY_ID"]
    assert cost.jobs == ["write"]


@pytest.mark.parametrize(("text", "refusal"), [("\x00", InvalidInput), (None, RecipientsRejected)])
async def test_a_refused_send_with_files_is_a_read(
    world: World, cost: Cost, text: str | None, refusal: type[InvalidInput | RecipientsRejected]
) -> None:
    """It is decided before the files are taken in, so no bytes reach the storage."""
    alice, bob = await world.people("alice", "bob")
    await world.services.block.block(bob, named("alice")[0])
    file = await world.file(b"notes", "a.txt")
    cost.clear()

    with pytest.raises(refusal):
        await world.services.send.send(alice, Draft(text=text, users=by_id(bob), files=[file]))

    assert cost.jobs == ["read"]
    assert (await world.stored())[1] == 0


async def test_the_answer_is_what_a_read_returns(world: World) -> None:
    """It is made from what was written and not read back: with and without files, key and metadata, of a reply, of a
    request, and to a person, a group, and each.
    """
    alice, bob, carol = await world.people("alice", "bob", "carol")
    await world.services.setting.change(carol, SettingsChange(accept_from=Audience.NOBODY))
    first = await world.send(bob, "alice")
    files = [await world.file(b"notes", "a.txt"), await world.file(b"more", "b.txt")]
    drafts = [
        Draft(text="Ça va?", users=named("bob"), reply_to_id=first, client_message_id="k", metadata={"a": [1, "é"]}),
        Draft(conversation_id=first >> 27, files=files),
        Draft(text="a group", users=named("bob", "carol")),
        Draft(text="a request", users=named("carol")),
    ]

    views = [(await world.services.send.send(alice, draft)).view for draft in drafts]
    outcomes = await world.services.send.send_to_each(alice, Draft(text="each", users=named("bob", "carol", "bob")))

    answers = [view for view in [*views, *(each.view for each in outcomes)] if view is not None]
    found: dict[int, MessageView] = await world.services.message.find_many(alice, [each.row.id for each in answers])
    assert len(answers) == 7
    assert len(found) == 6  # bob is named twice
    assert answers == [found[each.row.id] for each in answers]
