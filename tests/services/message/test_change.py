"""Edits, deletes and reactions: by whom, until when, and what is left for whom."""

import asyncio

import emoji as emojis
import pytest

from models import reaction as reactions
from models.event import Change, EventKind, Position, Removal
from models.member import RequestState
from models.setting import Audience
from services.error import (
    Conflict,
    InvalidInput,
    NotFound,
    PermissionDenied,
    TooLate,
)
from services.live.stream import EventBatch
from services.message.draft import Draft
from services.message.inbox import ConversationFilter
from services.message.message import SearchFilter
from services.page import PageRequest
from services.rejection import IssueReason
from services.viewer import Viewer
from tests.services.conftest import MakeWorld, World, named, refused

TOMBSTONES = {"silent_delete_window_seconds": 0}


async def since(world: World, viewer: Viewer, after: Position) -> list[tuple[str, int, int]]:
    """What the viewer was told: kind, subject and detail."""
    stream = world.services.stream
    page: EventBatch = await stream.page_after(viewer, stream.cursor_of(viewer, after), 200)
    return [(each.kind.name, each.subject_id, each.detail) for each in page.items]


async def found(world: World, viewer: Viewer, word: str) -> list[int]:
    """What a search finds, once the index has followed."""
    await world.services.sweeper.index()
    page = await world.services.message.search(viewer, word, SearchFilter(), None, None)
    return [view.row.id for view in page.items]


async def history(world: World, viewer: Viewer, conversation_id: int) -> list[int]:
    """The messages of a conversation."""
    page = await world.services.message.page_of(viewer, conversation_id, PageRequest())
    return [view.row.id for view in page.items]


async def test_an_edit_changes_the_text_and_keeps_the_former_ones(world: World) -> None:
    """Every member reads what it said before, oldest first; all are told, a third person sees nothing."""
    alice, bob, carol = await world.people("alice", "bob", "carol")
    id_ = await world.send(alice, "bob", text="frist")
    n = await world.services.stream.position(bob)
    for text in ("first", "first!", "first!"):
        view = await world.services.edit.edit(alice, id_, text, None)

    assert (view.row.body, view.row.revision) == ("first!", 3)
    page = await world.services.edit.page_of(bob, id_, PageRequest())
    assert [(row.revision, row.body) for row in page.items] == [(1, "frist"), (2, "first"), (3, "first!")]
    assert await since(world, bob, n) == [(EventKind.MESSAGE_UPDATED.name, id_, Change.TEXT)] * 2
    await refused(world, world.services.edit.page_of(carol, id_, PageRequest()), NotFound)


@pytest.mark.parametrize("is_indexed", [True, False], ids=["indexed before", "not yet indexed"])
async def test_a_search_finds_the_new_text_and_not_the_old_one(world: World, *, is_indexed: bool) -> None:
    """FTS5 has to be told the old text to forget it."""
    alice, _bob = await world.people("alice", "bob")
    id_ = await world.send(alice, "bob", text="harbour")
    if is_indexed:
        assert await found(world, alice, "harbour") == [id_]
    await world.services.edit.edit(alice, id_, "lighthouse", None)
    await world.services.edit.edit(alice, id_, "windmill", None)

    assert await found(world, alice, "harbour") == await found(world, alice, "lighthouse") == []
    assert await found(world, alice, "windmill") == [id_]
    await world.services.deletion.delete_for_everyone(alice, id_)
    assert await found(world, alice, "windmill") == []


async def test_an_edit_needs_its_sender_a_text_and_the_revision_that_was_seen(world: World) -> None:
    """PermissionDenied, InvalidInput, Conflict; NotFound for a third person and for no id in the same words."""
    alice, bob, carol = await world.people("alice", "bob", "carol")
    id_ = await world.send(alice, "bob")
    edit = world.services.edit.edit
    await refused(world, edit(bob, id_, "mine now", None), PermissionDenied)
    await refused(world, edit(alice, id_, "again", 2), Conflict)
    for text in ("", " \u200b\n", "a\0b", "x" * 10_001):
        invalid = await refused(world, edit(alice, id_, text, None), InvalidInput)
        assert isinstance(invalid, InvalidInput)
        assert [issue.path for issue in invalid.issues] == [("text",)]
    texts = {(await refused(world, edit(carol, number, "hi", None), NotFound)).detail for number in (id_, 1, -1)}

    assert texts == {"There is no such message."}
    assert (await edit(alice, id_, "again", 1)).row.revision == 2


async def test_a_message_with_files_may_lose_its_text(world: World) -> None:
    """What is left is its files."""
    alice, _bob = await world.people("alice", "bob")
    id_ = await world.send(alice, "bob", text="see", files=[await world.file(b"hello")])

    view = await world.services.edit.edit(alice, id_, " ", None)
    assert (view.row.body, len(view.attachments)) == (None, 1)


@pytest.mark.parametrize("by", ["alice", "bob"])
async def test_changes_do_not_pass_a_block(world: World, by: str) -> None:
    """What stands in the way of a message stands in the way of an edit and a reaction; deleting stays possible."""
    alice, bob = await world.people("alice", "bob")
    id_ = await world.send(alice, "bob")
    other = {"alice": "bob", "bob": "alice"}[by]
    await world.services.block.block(world.viewers[by], named(other)[0])

    await refused(world, world.services.edit.edit(alice, id_, "reached you", None), PermissionDenied)
    await refused(world, world.services.reaction.react(bob, id_, "👍", is_set=True), PermissionDenied)
    assert await world.services.deletion.delete_for_everyone(alice, id_) is None


async def test_an_edit_in_a_group_does_not_reach_whoever_blocked_its_sender(world: World) -> None:
    """Nothing written during a block does: the message they had is gone, rather than saying something new."""
    alice, bob, carol = await world.people("alice", "bob", "carol")
    id_ = await world.send(alice, "bob", "carol", text="harmless")
    await world.services.block.block(bob, named("alice")[0])
    n = await world.services.stream.position(bob)
    await world.services.edit.edit(alice, id_, "not so", None)
    carols = await world.services.message.find(carol, id_)

    assert await world.services.message.find(bob, id_) is None
    assert await since(world, bob, n) == [
        (EventKind.MESSAGE_REMOVED.name, id_, Removal.DELETED_FOR_VIEWER),
        (EventKind.CONVERSATION_UPDATED.name, id_ >> 27, 0),
    ]
    assert (await world.services.conversation.unread(bob)).messages == 0
    assert carols is not None
    assert carols.row.body == "not so"


async def test_what_is_deleted_for_oneself_stays_with_the_others(world: World) -> None:
    """OSSN's `me`: gone by every door, on all devices, the unread count too."""
    alice, bob = await world.people("alice", "bob")
    first = await world.send(alice, "bob", text="harbour")
    second = await world.send(alice, "bob", text="stays", files=[await world.file(b"hello")])
    n = await world.services.stream.position(bob)
    await world.services.deletion.delete_for_me(bob, first)
    await world.services.deletion.delete_for_me(bob, second)
    view = await world.services.conversation.find(bob, first >> 27)

    assert await history(world, bob, first >> 27) == []
    assert await found(world, bob, "harbour") == []
    assert await world.services.message.find(bob, first) is None
    assert view is not None
    assert (view.row.unread, view.last_message) == (0, None)
    assert (EventKind.MESSAGE_REMOVED.name, first, Removal.DELETED_FOR_VIEWER) in await since(world, bob, n)
    files = await world.services.conversation.page_of_attachments(bob, first >> 27, None, PageRequest())
    assert files.items == []
    assert await history(world, alice, first >> 27) == [first, second]
    await refused(world, world.services.deletion.delete_for_me(bob, first), NotFound)


async def test_an_early_delete_leaves_no_trace(make_world: MakeWorld) -> None:
    """SelfCommunity: within 60 s the message is removed; a conversation that began with it is gone as well."""
    world = await make_world(report_window_seconds=0)
    alice, bob = await world.people("alice", "bob")
    id_ = await world.send(alice, "bob", text="harbour", files=[await world.file(b"hello")])
    n = await world.services.stream.position(bob)
    left = await world.services.deletion.delete_for_everyone(alice, id_)
    (rows, files) = await world.stored()

    assert left is None
    assert (rows["message"], rows["attachment"], rows["upload"], files) == (0, 0, 0, 0)
    for viewer in (alice, bob):
        page = await world.services.conversation.page_of(viewer, ConversationFilter(), PageRequest())
        assert page.items == []
        assert await world.services.conversation.unread(viewer) == (0, 0)
    assert await since(world, bob, n) == [
        (EventKind.MESSAGE_REMOVED.name, id_, Removal.DELETED_SILENTLY),
        (EventKind.CONVERSATION_REMOVED.name, id_ >> 27, 0),
    ]
    await world.send(alice, "bob", text="anew")
    assert len((await world.services.conversation.page_of(bob, ConversationFilter(), PageRequest())).items) == 1


async def test_a_later_delete_leaves_a_tombstone(make_world: MakeWorld) -> None:
    """SelfCommunity's `hidden`: who and when stay, text, files, reactions and former texts are gone."""
    world = await make_world(**TOMBSTONES, report_window_seconds=0)
    alice, bob = await world.people("alice", "bob")
    id_ = await world.send(alice, "bob", text="harbour", files=[await world.file(b"hello")], metadata={"a": 1})
    await world.services.edit.edit(alice, id_, "lighthouse", None)
    await world.services.reaction.react(bob, id_, "👍", is_set=True)
    n = await world.services.stream.position(bob)
    tombstone = await world.services.deletion.delete_for_everyone(alice, id_)
    again = await world.services.deletion.delete_for_everyone(alice, id_)
    (rows, files) = await world.stored()

    assert tombstone is not None
    assert again is not None
    assert (tombstone.row.body, tombstone.row.metadata, tombstone.attachments) == (None, None, ())
    assert tombstone.row.deleted_at == again.row.deleted_at is not None
    assert (rows["message"], rows["attachment"], rows["reaction"], rows["message_edit"], files) == (1, 0, 0, 0, 0)
    assert await found(world, bob, "lighthouse") == []
    assert (await world.services.conversation.unread(bob)).messages == 0
    assert (EventKind.MESSAGE_UPDATED.name, id_, Change.STATE) in await since(world, bob, n)
    assert (await world.services.edit.page_of(bob, id_, PageRequest())).items == []
    await refused(world, world.services.edit.edit(alice, id_, "back", None), PermissionDenied)
    await refused(world, world.services.reaction.react(bob, id_, "👍", is_set=True), PermissionDenied)


async def test_only_the_sender_deletes_for_everyone_and_only_in_time(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MongoDB chat's two hours, where the operator sets them; the same for edits."""
    world = await make_world(delete_for_everyone_window_seconds=7200, edit_window_seconds=900)
    alice, bob = await world.people("alice", "bob")
    id_ = await world.send(alice, "bob")
    await refused(world, world.services.deletion.delete_for_everyone(bob, id_), PermissionDenied)
    view = await world.services.message.find(alice, id_)
    assert view is not None
    monkeypatch.setattr("services.transaction.now_ms", lambda: view.row.created_at + 7_200_001)

    late = await refused(world, world.services.deletion.delete_for_everyone(alice, id_), TooLate)
    later = await refused(world, world.services.edit.edit(alice, id_, "late", None), TooLate)
    assert [each.window_seconds for each in (late, later) if isinstance(each, TooLate)] == [7200, 900]


async def test_bytes_go_with_the_last_message_that_has_them(make_world: MakeWorld) -> None:
    """`sendPrivateMessageToEach` stores a file once; the URL is dead as soon as its own message is."""
    world = await make_world(report_window_seconds=0)
    alice, bob, carol = await world.people("alice", "bob", "carol")
    files = [await world.file(b"hello")]
    draft = Draft(text=None, users=named("bob", "carol"), files=files)
    first, second = [each.message_id or 0 for each in await world.services.send.send_to_each(alice, draft)]
    paths = []
    for viewer, id_ in ((bob, first), (carol, second)):
        view = await world.services.message.find(viewer, id_)
        assert view is not None
        paths.append(world.services.download.url_path(viewer, view.attachments[0], 300, inline=False).split("/")[2])
    kept = [(await world.stored())[1]]
    for id_ in (first, second):
        await world.services.deletion.delete_for_everyone(alice, id_)
        kept.append((await world.stored())[1])
        with pytest.raises(NotFound):
            await world.services.download.open(paths[0])

    assert kept == [1, 1, 0]
    with pytest.raises(NotFound):
        await world.services.download.open(paths[1])


async def test_a_retry_of_a_send_that_was_deleted_is_a_duplicate_and_no_fault(world: World) -> None:
    """Its message is gone, and is not sent again."""
    alice, _bob = await world.people("alice", "bob")
    id_ = await world.send(alice, "bob", client_message_id="k")
    await world.services.deletion.delete_for_everyone(alice, id_)

    assert await world.send(alice, "bob", client_message_id="k") == id_
    assert (await world.stored())[0]["message"] == 0


@pytest.mark.parametrize("emoji", ["👍", "❤️", "👩‍👩‍👧", "🇩🇪", "1️⃣", "👍🏽"])
async def test_an_emoji_is_one_however_many_characters_it_has(world: World, emoji: str) -> None:
    """Set twice it is there once; taken back it is gone; a third person sees none."""
    alice, bob, carol = await world.people("alice", "bob", "carol")
    id_ = await world.send(alice, "bob")
    react, n = world.services.reaction.react, await world.services.stream.position(bob)
    for _ in range(2):
        await react(alice, id_, emoji, is_set=True)
    [group] = (await world.services.reaction.find_many(bob, [id_]))[id_]
    foreign = await world.services.reaction.find_many(carol, [id_])
    for _ in range(2):
        await react(alice, id_, emoji, is_set=False)

    assert (group.emoji, len(group.reactors), group.viewer_has_reacted) == (emoji, 1, False)
    assert (await world.services.reaction.find_many(bob, [id_]), foreign) == ({}, {})
    assert await since(world, bob, n) == [(EventKind.MESSAGE_UPDATED.name, id_, Change.REACTIONS)] * 2


@pytest.mark.parametrize(("first", "second"), [("❤", "❤️"), ("❤️", "❤"), ("👁️‍🗨", "👁‍🗨️")])
async def test_forms_of_one_emoji_are_one(world: World, first: str, second: str) -> None:
    """Keyboards and pickers differ in the presentation selector (U+FE0F), which nobody sees."""
    alice, bob = await world.people("alice", "bob")
    id_ = await world.send(alice, "bob")
    await world.services.reaction.react(alice, id_, first, is_set=True)
    await world.services.reaction.react(bob, id_, second, is_set=True)
    [group] = (await world.services.reaction.find_many(bob, [id_]))[id_]
    await world.services.reaction.react(alice, id_, second, is_set=False)
    [left] = (await world.services.reaction.find_many(bob, [id_]))[id_]

    assert {each.person.row.username for each in group.reactors} == {"alice", "bob"}
    assert [each.person.row.username for each in left.reactors] == ["bob"]
    assert emojis.EMOJI_DATA[group.emoji]["status"] == emojis.STATUS["fully_qualified"]


async def test_an_emoji_that_an_older_version_stored_as_sent_can_be_taken_back(world: World) -> None:
    """Without its presentation selector."""
    alice, _bob = await world.people("alice", "bob")
    id_ = await world.send(alice, "bob")
    await world.services.database.write(
        lambda tx: tx.run(reactions.PUT, message=id_, user=alice.user_id, emoji="❤", at=tx.at)
    )

    await world.services.reaction.react(alice, id_, "❤", is_set=False)

    assert await world.services.reaction.find_many(alice, [id_]) == {}


async def test_who_has_not_answered_a_request_cannot_react(make_world: MakeWorld) -> None:
    """Their name under the message would tell the sender that it was seen; nothing is stored."""
    world = await make_world(accept_messages_from=Audience.FOLLOWED_BY_ME)
    alice, bob = await world.people("alice", "bob")
    id_ = await world.send(alice, "bob")
    asked = await world.services.conversation.find(bob, id_ >> 27)
    assert asked is not None
    assert asked.row.request_state == RequestState.PENDING

    await refused(world, world.services.reaction.react(bob, id_, "👍", is_set=True), PermissionDenied, match="Accept")
    await world.services.reaction.react(alice, id_, "👍", is_set=True)
    await world.services.request.accept(bob, id_ >> 27)
    await world.services.reaction.react(bob, id_, "👍", is_set=True)

    [group] = (await world.services.reaction.find_many(alice, [id_]))[id_]
    assert {each.person.row.username for each in group.reactors} == {"alice", "bob"}


@pytest.mark.parametrize("emoji", ["", "a", "1", "👍👍", "👍 ", "\u200d", ":)", "x" * 10_000, "👍" * 100, "\0"])
async def test_what_is_no_emoji_is_refused(world: World, emoji: str) -> None:
    """With path and reason."""
    alice, _bob = await world.people("alice", "bob")
    id_ = await world.send(alice, "bob")
    invalid = await refused(world, world.services.reaction.react(alice, id_, emoji, is_set=True), InvalidInput)

    assert isinstance(invalid, InvalidInput)
    assert [(issue.path, issue.reason) for issue in invalid.issues] == [(("emoji",), IssueReason.MALFORMED)]


async def test_a_message_holds_only_so_many_different_emoji(make_world: MakeWorld) -> None:
    """One that is there can still be joined."""
    world = await make_world(max_reactions=2)
    alice, bob, carol = await world.people("alice", "bob", "carol")
    id_ = await world.send(alice, "bob")
    react = world.services.reaction.react
    for emoji in ("👍", "🎉"):
        await react(alice, id_, emoji, is_set=True)
    invalid = await refused(world, react(bob, id_, "😀", is_set=True), InvalidInput)
    await react(bob, id_, "🎉", is_set=True)

    assert isinstance(invalid, InvalidInput)
    assert invalid.issues[0].limit == 2
    await refused(world, react(carol, id_, "🎉", is_set=True), NotFound)


async def test_of_fifty_changes_at_once_none_is_half_done(world: World) -> None:
    """Edits in a row, each once; a reaction of one person once; a delete ends it."""
    alice, bob = await world.people("alice", "bob")
    id_ = await world.send(alice, "bob")
    edits = [world.services.edit.edit(alice, id_, f"text {number}", None) for number in range(25)]
    reactions = [world.services.reaction.react(bob, id_, "👍", is_set=True) for _ in range(25)]
    await asyncio.gather(*edits, *reactions)
    rows, _files = await world.stored()
    guarded = [world.services.edit.edit(alice, id_, f"new {number}", 26) for number in range(25)]
    results = await asyncio.gather(*guarded, return_exceptions=True)
    deletes = await asyncio.gather(
        *(world.services.deletion.delete_for_everyone(alice, id_) for _ in range(25)), return_exceptions=True
    )

    assert (rows["message_edit"], rows["reaction"]) == (25, 1)
    assert sum(not isinstance(each, BaseException) for each in results) == 1
    assert all(isinstance(each, Conflict) for each in results if isinstance(each, BaseException))
    assert [type(each) for each in deletes].count(NotFound) == 24
