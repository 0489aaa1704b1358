"""Receipts, unread counts and preferences: what moves, who is told, and what stays one's own."""

import asyncio

import pytest

from models.base import now_ms
from models.inbox import Folder
from models.member import FOR_GOOD
from services.error import InvalidInput, NotFound, PermissionDenied
from services.message.conversation_view import ConversationView
from services.message.inbox import ConversationFilter
from services.message.message import SearchFilter
from services.message.preference import PreferenceChange
from services.page import PageRequest
from services.person.setting import SettingsChange
from services.rejection import IssueReason
from services.viewer import Viewer
from tests.services.conftest import World, kinds_after, listed, named, refused

ARCHIVE = ConversationFilter(folder=Folder.ARCHIVE)


async def view_of(world: World, viewer: Viewer, id_: int) -> ConversationView:
    """The conversation as the viewer has it."""
    view = await world.services.conversation.find(viewer, id_)
    assert view is not None
    return view


async def positions(world: World, viewer: Viewer, id_: int, name: str) -> tuple[int | None, int | None]:
    """How far somebody has got and read, as far as the viewer may know."""
    view = await view_of(world, viewer, id_)
    [found] = [each for each in view.participants if each.person.row.username == name]
    return found.delivered_seq, found.read_seq


async def unread(world: World, viewer: Viewer) -> tuple[int, int]:
    """Messages and conversations."""
    messages, conversations = await world.services.conversation.unread(viewer)
    return messages, conversations


async def test_a_mark_only_goes_forward(world: World) -> None:
    """A late one changes nothing and tells nobody; what was read was delivered."""
    alice, bob = await world.people("alice", "bob")
    ids = [await world.send(alice, "bob", text=str(number)) for number in range(5)]
    place, receipt = ids[0] >> 27, world.services.receipt
    await receipt.acknowledge(bob, place, ids[1])
    assert await positions(world, alice, place, "bob") == (2, 0)
    marked = await receipt.mark_read(bob, place, ids[3])
    n = await world.services.stream.position(alice)
    await receipt.mark_read(bob, place, ids[0])
    await receipt.acknowledge(bob, place, ids[2])

    assert (marked.conversation.row.unread, marked.unread_messages) == (1, 1)
    assert await positions(world, alice, place, "bob") == (4, 4)
    assert await kinds_after(world, alice, n) == []
    assert (await receipt.mark_read(bob, place, None)).unread_messages == 0
    assert await kinds_after(world, alice, n) == ["RECEIPT_UPDATED"]


async def test_whoever_writes_has_read_what_was_there(world: World) -> None:
    """The others hear of it, once."""
    alice, bob = await world.people("alice", "bob")
    place = await world.send(alice, "bob") >> 27
    n = await world.services.stream.position(alice)
    await world.send(bob, "alice")
    await world.send(bob, "alice")

    assert await kinds_after(world, alice, n) == ["RECEIPT_UPDATED", "MESSAGE_CREATED", "MESSAGE_CREATED"]
    assert await positions(world, alice, place, "bob") == (3, 3)
    assert await unread(world, bob) == (0, 0)


async def test_marking_as_unread_is_ones_own(world: World) -> None:
    """From a message on, or the conversation alone; what others were told stays."""
    alice, bob = await world.people("alice", "bob")
    ids = [await world.send(alice, "bob") for _ in range(3)]
    place, receipt = ids[0] >> 27, world.services.receipt
    await receipt.mark_read(bob, place, None)
    n = await world.services.stream.position(alice)
    flagged = await receipt.mark_unread(bob, place, None)
    assert (flagged.conversation.row.unread, flagged.conversation.is_unread) == (0, True)
    assert await unread(world, bob) == (0, 1)
    again = await receipt.mark_unread(bob, place, ids[1])

    assert again.conversation.row.unread == 2
    assert await positions(world, alice, place, "bob") == (3, 3)
    assert await kinds_after(world, alice, n) == []
    await receipt.mark_read(bob, place, None)
    assert await unread(world, bob) == (0, 0)


async def test_a_foreign_place_is_none(world: World) -> None:
    """NotFound in the same words for what never was, for another conversation's message, and for a third person."""
    alice, bob, carol = await world.people("alice", "bob", "carol")
    id_ = await world.send(alice, "bob")
    other = await world.send(alice, "carol")
    receipt = world.services.receipt
    for mark in (receipt.acknowledge, receipt.mark_read, receipt.mark_unread):
        for viewer, place, message in (
            (carol, id_ >> 27, id_), (bob, 7, id_), (bob, -1, -1), (bob, id_ >> 27, other), (bob, id_ >> 27, id_ + 1),
        ):  # fmt: skip
            await refused(world, mark(viewer, place, message), NotFound)
    assert await positions(world, alice, id_ >> 27, "bob") == (0, 0)


@pytest.mark.parametrize("private", ["alice", "bob"])
async def test_receipts_that_one_keeps_private_neither_sees(world: World, private: str) -> None:
    """Who tells nothing learns nothing; one's own stay visible to oneself."""
    alice, bob = await world.people("alice", "bob")
    place = await world.send(alice, "bob") >> 27
    await world.services.receipt.mark_read(bob, place, None)
    await world.services.setting.change(
        world.viewers[private], SettingsChange(send_read_receipts=False, send_delivery_receipts=False)
    )

    assert await positions(world, alice, place, "bob") == (None, None)
    assert await positions(world, bob, place, "alice") == (None, None)
    assert await positions(world, bob, place, "bob") == (1, 1)


@pytest.mark.parametrize("blocker", ["alice", "bob"])
async def test_a_block_ends_receipts_both_ways(world: World, blocker: str) -> None:
    """At once, and no event of a later mark comes."""
    alice, bob = await world.people("alice", "bob")
    place = await world.send(alice, "bob") >> 27
    other = {"alice": "bob", "bob": "alice"}[blocker]
    await world.services.block.block(world.viewers[blocker], named(other)[0])
    n = await world.services.stream.position(alice)
    await world.services.receipt.mark_read(bob, place, None)

    assert await positions(world, alice, place, "bob") == (None, None)
    assert await positions(world, bob, place, "alice") == (None, None)
    assert await kinds_after(world, alice, n) == []


async def test_in_a_group_the_blocker_no_longer_gets_the_others_messages(world: World) -> None:
    """Not live, not in the history, the counts or a search, and not later either; the others get everything."""
    alice, bob, carol = await world.people("alice", "bob", "carol")
    place = await world.send(alice, "bob", "carol", text="before") >> 27
    await world.services.receipt.mark_read(bob, place, None)
    await world.services.block.block(bob, named("alice")[0])
    n = await world.services.stream.position(bob)
    hidden = await world.send(alice, conversation_id=place, text="harbour")
    await world.services.block.unblock(bob, named("alice")[0])
    await world.services.sweeper.index()
    view = await view_of(world, bob, place)
    page = await world.services.message.page_of(bob, place, PageRequest())
    found = await world.services.message.search(bob, "harbour", SearchFilter(), None, None)

    assert await unread(world, bob) == (0, 0)
    assert view.last_message is not None
    assert view.last_message.row.body == "before"
    assert [each.row.body for each in page.items] == ["before"]
    assert found.items == []
    assert await world.services.message.find(bob, hidden) is None
    assert await kinds_after(world, bob, n) == ["USER_UNBLOCKED"]
    assert await world.services.message.find(carol, hidden) is not None


async def test_a_mute_lasts_as_long_as_it_was_asked_for(world: World) -> None:
    """For good, until a moment, or not; what changes nothing tells nobody, and nobody else ever."""
    alice, bob = await world.people("alice", "bob")
    place = await world.send(alice, "bob") >> 27
    prefer, soon = world.services.preference.prefer, now_ms() + 60_000
    n = [await world.services.stream.position(each) for each in (alice, bob)]
    muted = await prefer(bob, place, PreferenceChange(is_muted=True))
    await prefer(bob, place, PreferenceChange(is_muted=True))
    for_now = await prefer(bob, place, PreferenceChange(muted_until=soon, is_pinned=True))
    loud = await prefer(bob, place, PreferenceChange(is_muted=False))

    assert [each.muted_until for each in (muted, for_now, loud)] == [FOR_GOOD, soon, None]
    assert (for_now.row.is_pinned, loud.row.is_pinned) == (1, 1)
    assert await kinds_after(world, bob, n[1]) == ["CONVERSATION_UPDATED"] * 3
    assert await kinds_after(world, alice, n[0]) == []
    for change, reason in (
        (PreferenceChange(muted_until=now_ms() - 1), IssueReason.OUT_OF_RANGE),
        (PreferenceChange(is_muted=False, muted_until=soon), IssueReason.MISMATCH),
    ):
        with pytest.raises(InvalidInput) as refused:
            await prefer(bob, place, change)
        assert [(each.path, each.reason) for each in refused.value.issues] == [(("mutedUntil",), reason)]


async def test_an_archived_conversation_comes_back_with_its_next_message_unless_it_is_muted(world: World) -> None:
    """Put away is out of the inbox and in the archive."""
    alice, bob = await world.people("alice", "bob")
    place = await world.send(alice, "bob") >> 27
    prefer = world.services.preference.prefer
    await prefer(bob, place, PreferenceChange(is_archived=True))
    assert (await listed(world, bob), await listed(world, bob, ARCHIVE)) == ([], [place])
    await world.send(alice, "bob")
    assert (await listed(world, bob), await listed(world, bob, ARCHIVE)) == ([place], [])
    await prefer(bob, place, PreferenceChange(is_archived=True, is_muted=True))
    await world.send(alice, "bob")

    assert (await listed(world, bob), await listed(world, bob, ARCHIVE)) == ([], [place])
    assert await listed(world, alice) == [place]


async def test_a_cleared_conversation_is_empty_for_oneself_and_back_with_the_next_message(world: World) -> None:
    """SelfCommunity, OSSN: a thread deleted for the caller; the other side keeps everything."""
    alice, bob = await world.people("alice", "bob")
    ids = [await world.send(alice, "bob", text=str(number)) for number in range(4)]
    place, clear = ids[0] >> 27, world.services.preference.clear
    half = await clear(bob, place, ids[1])
    assert half.row.unread == 2
    whole = await clear(bob, place, None)
    assert (whole.row.unread, await listed(world, bob), await unread(world, bob)) == (0, [], (0, 0))
    last = await world.send(alice, "bob", text="back")
    page = await world.services.message.page_of(bob, place, PageRequest())

    assert [view.row.id for view in page.items] == [last]
    assert await listed(world, bob) == [place]
    assert len((await world.services.message.page_of(alice, place, PageRequest())).items) == 5
    with pytest.raises(NotFound):
        await clear(bob, place, ids[0] + 100)


async def test_whoever_leaves_a_group_sees_nothing_of_it(world: World) -> None:
    """By no door; the others go on, and the same people named again are a new group without the old messages."""
    alice, bob, carol = await world.people("alice", "bob", "carol")
    id_ = await world.send(alice, "bob", "carol", text="harbour")
    place = id_ >> 27
    n = [await world.services.stream.position(each) for each in (alice, bob)]
    await world.services.preference.leave(bob, place)
    await world.send(carol, conversation_id=place)
    await world.services.sweeper.index()

    assert await world.services.conversation.find(bob, place) is None
    assert await world.services.message.find(bob, id_) is None
    assert (await world.services.message.search(bob, "harbour", SearchFilter(), None, None)).items == []
    assert await kinds_after(world, bob, n[1]) == ["CONVERSATION_REMOVED"]
    assert await kinds_after(world, alice, n[0]) == ["CONVERSATION_UPDATED", "RECEIPT_UPDATED", "MESSAGE_CREATED"]
    with pytest.raises(NotFound):
        await world.send(bob, conversation_id=place)
    assert await world.send(bob, "alice", "carol") >> 27 != place
    with pytest.raises(PermissionDenied):
        await world.services.preference.leave(alice, await world.send(alice, "bob") >> 27)
    for viewer in (alice, carol):
        await world.services.preference.leave(viewer, place)


async def test_after_fifty_sends_and_marks_at_once_the_counts_are_right(world: World) -> None:
    """Whatever order they were taken in."""
    alice, bob = await world.people("alice", "bob")
    place = await world.send(alice, "bob") >> 27
    sends = [world.send(alice, "bob", text=str(number)) for number in range(50)]
    marks = [world.services.receipt.mark_read(bob, place, None) for _ in range(50)]
    await asyncio.gather(*(each for pair in zip(sends, marks, strict=True) for each in pair))
    view = await view_of(world, bob, place)

    assert view.row.unread == view.row.last_seq - view.row.read_seq
    assert await unread(world, bob) == (view.row.unread, int(view.row.unread > 0))


async def test_who_answers_has_got_and_read_what_was_there(world: World) -> None:
    """Both positions move, to the message before their own; what comes later has not been read."""
    alice, bob = await world.people("alice", "bob")
    ids = [await world.send(alice, "bob") for _ in range(2)]
    await world.send(bob, "alice")
    await world.send(alice, "bob")
    found = await world.services.conversation.find_many(alice, [ids[0] >> 27])

    [participant] = [each for each in found[ids[0] >> 27].participants if each.person.row.id == bob.user_id]
    assert (participant.delivered_seq, participant.read_seq) == (3, 3)
    before = await world.services.stream.position(alice)
    await world.services.receipt.acknowledge(bob, ids[0] >> 27, ids[1])
    assert await world.services.stream.position(alice) == before  # it is no news
