"""Parts: a view holds what was asked for, in one statement for each kind of thing, and nothing else silently."""

from collections.abc import Callable
from typing import Any

import pytest

from models import hidden
from models.attachment import OF_MESSAGES
from models.base import conversation_of
from models.conversation import BY_IDS
from models.member import MEMBER_IDS, MEMBERS
from models.message import NEWEST_ROWS, OLDEST_UNREAD, PAGE_BACKWARD, UNHIDDEN, VISIBLE
from models.prepared import Prepared
from models.profile import BY_IDS as PROFILES
from models.reaction import BETWEEN as REACTIONS
from models.reaction import OF_MESSAGES as OF_REACTIONS
from models.transaction import Transaction
from models.user import BY_IDS as PEOPLE
from services.error import CursorInvalid, NotFound
from services.message.message_page import MessagePageRequest
from services.message.message_view import MessageView
from services.message.part import NOTHING_OF_MESSAGE, ConversationParts, MessageParts, PagePart
from services.page import Page, PageRequest
from services.part import MISSING, NotLoaded
from services.person.user import PersonDetail
from services.viewer import Viewer
from tests.services.conftest import World

NOTHING = ConversationParts(PersonDetail.ID, group_reach=False, requester=PersonDetail.ID, last_message=None)
NAMES = MessageParts(PersonDetail.PROFILE, attachments=False)


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[Prepared]:
    """Every statement executed from now on."""
    seen: list[Prepared] = []
    execute = Transaction._execute

    def counting(self: Transaction, prepared: Prepared, params: dict[str, Any]) -> Any:
        seen.append(prepared)
        return execute(self, prepared, params)

    monkeypatch.setattr(Transaction, "_execute", counting)
    return seen


@pytest.fixture
async def place(world: World) -> tuple[Viewer, int]:
    """Alice, and her group with bob and carol: three messages, one with a file, one a reply, one with reactions."""
    alice, bob, _carol = await world.people("alice", "bob", "carol")
    first = await world.send(alice, "bob", "carol", text="one")
    await world.send(bob, "alice", "carol", text="two", files=[await world.file(b"hello")], reply_to_id=first)
    last = await world.send(bob, "alice", "carol", text="three")
    for viewer in (alice, bob):
        await world.services.reaction.react(viewer, last, "👍", is_set=True)
    return alice, conversation_of(first)


def page_of(parts: MessageParts, **wanted: Any) -> ConversationParts:
    """A conversation of which nothing but a page is loaded."""
    page = PagePart(MessagePageRequest(PageRequest(**wanted)), parts)
    return ConversationParts(
        PersonDetail.ID, group_reach=False, requester=PersonDetail.ID, last_message=None, page=page
    )


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (NOTHING, [BY_IDS]),
        (ConversationParts(), [BY_IDS, MEMBERS, UNHIDDEN, PEOPLE]),
        (
            ConversationParts(PersonDetail.PROFILE, group_reach=False, requester=PersonDetail.ID, last_message=NAMES),
            [BY_IDS, MEMBER_IDS, UNHIDDEN, PROFILES],
        ),
        (page_of(NOTHING_OF_MESSAGE), [BY_IDS, PAGE_BACKWARD]),
        (page_of(MessageParts()), [BY_IDS, PAGE_BACKWARD, OF_MESSAGES, PEOPLE]),
        (
            page_of(MessageParts(PersonDetail.PROFILE, reactions=PersonDetail.ID, reply_to=NAMES)),
            [BY_IDS, PAGE_BACKWARD, OF_MESSAGES, REACTIONS, VISIBLE, PROFILES],
        ),
        (
            ConversationParts(first_unread=NAMES, page=page_of(MessageParts()).page),
            [BY_IDS, MEMBERS, UNHIDDEN, OLDEST_UNREAD, PAGE_BACKWARD, OF_MESSAGES, PEOPLE],
        ),
    ],
)
async def test_a_conversation_costs_one_statement_for_each_kind_of_thing_that_is_asked_for(
    world: World,
    place: tuple[Viewer, int],
    statements: list[Prepared],
    parts: ConversationParts,
    expected: list[Prepared],
) -> None:
    """People are read once for members, senders and reactions, and nobody's relations if only names are shown."""
    alice, id_ = place
    statements.clear()
    found = await world.services.conversation.find_many(alice, [id_], parts)

    assert list(found) == [id_]
    assert statements == expected


@pytest.mark.parametrize(
    "read",
    [
        lambda view: view.participants,
        lambda view: view.others,
        lambda view: view.is_reachable,
        lambda view: view.send_restriction,
        lambda view: view.last_message,
        lambda view: view.requested_by,
        lambda view: view.reaches_nobody,
        lambda view: view.page.result.items[0].sender,
        lambda view: view.page.result.items[1].attachments,
        lambda view: view.page.result.items[2].reactions[0].reactors[0].person,
    ],
)
async def test_a_part_that_was_not_loaded_cannot_be_read(
    world: World, place: tuple[Viewer, int], read: Callable[[Any], object]
) -> None:
    """Not even as an empty list: whoever forgot to ask for it is told."""
    alice, id_ = place
    nothing = MessageParts(PersonDetail.ID, attachments=False, reactions=PersonDetail.ID)
    [view] = (await world.services.conversation.find_many(alice, [id_], page_of(nothing))).values()

    with pytest.raises(NotLoaded):
        read(view)


@pytest.mark.parametrize(
    "read",
    [
        lambda person: person.eligibility,
        lambda person: person.exclusion,
        lambda person: person.group_refusal,
        lambda person: person.is_blocked,
    ],
)
async def test_without_relations_a_person_has_a_profile_and_a_participant_no_position(
    world: World, place: tuple[Viewer, int], read: Callable[[Any], object]
) -> None:
    """What is decided by blocks, follows, settings and requests is not known then."""
    alice, id_ = place
    parts = ConversationParts(PersonDetail.PROFILE, group_reach=False, requester=PersonDetail.ID, last_message=None)
    [view] = (await world.services.conversation.find_many(alice, [id_], parts)).values()
    bob = next(each for each in view.others if each.person.row.username == "bob")

    assert (bob.person.row.display_name, bob.person.row.is_active) == ("Bob", True)
    for part in ("read_seq", "delivered_seq", "shows_delivery", "membership"):
        with pytest.raises(NotLoaded):
            getattr(bob, part)
    with pytest.raises(NotLoaded):
        read(bob.person)


async def test_a_page_that_is_loaded_with_its_conversation_is_the_page(world: World, place: tuple[Viewer, int]) -> None:
    """The same messages with the same parts; what was not asked for is marked as missing."""
    alice, id_ = place
    parts = MessageParts(reactions=PersonDetail.RELATION, reply_to=MessageParts())
    [view] = (await world.services.conversation.find_many(alice, [id_], page_of(parts, last=2))).values()
    wanted = MessagePageRequest(PageRequest(last=2))
    alone = await world.services.message.pages_of(alice, [id_], wanted, parts)

    assert view.page is not None
    assert {id_: view.page.result} == alone
    assert isinstance(view.page.result, Page)
    reply, last = view.page.result.items
    assert view.page.result.has_previous
    assert (reply.row.body, len(reply.attachments), reply.reactions) == ("two", 1, ())
    assert isinstance(reply.reply_to, MessageView)
    assert reply.reply_to.row.body == "one"
    assert last.reactions != ()
    assert last.reply_to is None
    assert last.members is MISSING


async def test_the_members_are_known_to_the_messages_of_a_conversation(world: World, place: tuple[Viewer, int]) -> None:
    """So their receipts need no read of their own."""
    alice, id_ = place
    [view] = (await world.services.conversation.find_many(alice, [id_])).values()

    assert view.last_message is not None
    assert view.last_message.members is view.members


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        (MessagePageRequest(PageRequest(after="nonsense")), CursorInvalid),
        (MessagePageRequest(PageRequest(), around=1), NotFound),
    ],
)
async def test_an_error_of_the_page_is_not_one_of_its_conversation(
    world: World, place: tuple[Viewer, int], wanted: MessagePageRequest, error: type[Exception]
) -> None:
    """It is kept for whoever reads the page."""
    alice, id_ = place
    parts = ConversationParts(page=PagePart(wanted))
    [view] = (await world.services.conversation.find_many(alice, [id_], parts)).values()

    assert view.page is not None
    assert isinstance(view.page.result, error)
    assert view.last_message is not None


async def test_a_hidden_message_is_in_no_part(world: World, place: tuple[Viewer, int]) -> None:
    """Neither the last one, nor the oldest unread, nor in the page, nor as what was replied to."""
    alice, id_ = place
    page = PagePart(MessagePageRequest(PageRequest()), MessageParts(reply_to=MessageParts()))
    parts = ConversationParts(first_unread=MessageParts(), page=page)
    service = world.services.conversation
    [before] = (await service.find_many(alice, [id_], parts)).values()
    assert before.page is not None
    assert isinstance(before.page.result, Page)
    first, reply, last = before.page.result.items
    for each in (first, last):
        await world.services.deletion.delete_for_me(alice, each.row.id)
    [after] = (await service.find_many(alice, [id_], parts)).values()
    await world.services.deletion.delete_for_me(alice, reply.row.id)
    [empty] = (await service.find_many(alice, [id_], parts)).values()

    assert (before.last_message, before.first_unread) == (last, reply)
    assert isinstance(after.last_message, MessageView)
    assert (after.last_message.row, after.last_message.reply_to) == (reply.row, None)
    assert after.first_unread == after.last_message
    assert after.page is not None
    assert after.page.result == Page([after.last_message])
    assert (empty.last_message, empty.first_unread) == (None, None)
    assert empty.page is not None
    assert empty.page.result == Page([])


async def test_a_page_with_wide_gaps_names_its_messages_to_find_their_reactions(
    world: World, place: tuple[Viewer, int], statements: list[Prepared]
) -> None:
    """A range would hold the reactions of messages that are hidden; those are in neither."""
    alice, id_ = place
    service, parts = world.services.message, MessageParts(reactions=PersonDetail.ID)
    wanted = MessagePageRequest(PageRequest())
    for number in range(9):
        hidden = await world.send(alice, conversation_id=id_, text=str(number))
        await world.services.reaction.react(alice, hidden, "👍", is_set=True)
        await world.services.deletion.delete_for_me(alice, hidden)
    await world.send(alice, conversation_id=id_, text="last")
    statements.clear()
    page = (await service.pages_of(alice, [id_], wanted, parts))[id_]
    far = statements.copy()
    first = MessagePageRequest(PageRequest(first=3))
    statements.clear()
    near = (await service.pages_of(alice, [id_], first, parts))[id_]

    assert isinstance(page, Page)
    assert isinstance(near, Page)
    assert [view.reactions for view in page.items[:3]] == [view.reactions for view in near.items]
    assert [len(view.reactions) for view in page.items if view.reactions is not MISSING] == [0, 0, 1, 0]
    assert (OF_REACTIONS in far, REACTIONS in far) == (True, False)
    assert (OF_REACTIONS in statements, REACTIONS in statements) == (False, True)


async def test_where_the_last_message_is_hidden_the_newest_visible_one_is_looked_for(
    world: World, place: tuple[Viewer, int], statements: list[Prepared]
) -> None:
    """A position that is ahead of what the viewer sees must not show what is hidden, nor nothing."""
    alice, id_ = place
    service = world.services.conversation
    [before] = (await service.find_many(alice, [id_])).values()
    assert before.last_message is not None
    last = before.last_message.row
    await world.services.database.write(hidden.put, [alice.user_id], last.id)
    statements.clear()
    [after] = (await service.find_many(alice, [id_])).values()

    assert after.last_message is not None
    assert (last.body, after.last_message.row.body) == ("three", "two")
    assert [each in statements for each in (UNHIDDEN, NEWEST_ROWS)] == [True, True]
