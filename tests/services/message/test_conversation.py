"""Conversations: the inbox in both directions, what waits, found by their people, their files."""

import io
from collections.abc import Callable

import pytest
from PIL import Image

from models.base import now_ms
from models.conversation import ConversationKind
from models.inbox import Folder
from models.message import MessageKind
from models.setting import Audience
from services.error import BadRequest, CursorInvalid, NotFound
from services.message.inbox import ConversationFilter
from services.message.preference import PreferenceChange
from services.page import PageRequest
from services.person.policy import Eligibility
from services.person.setting import SettingsChange
from services.person.user import Reference, ReferenceKind
from services.viewer import Viewer
from tests.services.conftest import MakeWorld, World, named, total_of

NAMES = ("bob", "carol", "dave", "erin", "frank")
ALL = ConversationFilter()


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets the clock of sends."""
    return lambda now: monkeypatch.setattr("services.transaction.now_ms", lambda: now)


async def inbox(world: World, viewer: Viewer, wanted: ConversationFilter = ALL, **request: int | str) -> list[int]:
    """The ids of a page."""
    page = await world.services.conversation.page_of(viewer, wanted, PageRequest(**request))  # type: ignore[arg-type]
    return [view.row.id for view in page.items]


async def folders(world: World, viewer: Viewer, *ids: int) -> list[Folder | None]:
    """The folder of each conversation; None also for one that the viewer does not see."""
    views = await world.services.conversation.find_many(viewer, ids)
    return [views[id_].folder if id_ in views else None for id_ in ids]


async def five(world: World, alice: Viewer, at: Callable[[int], None]) -> list[int]:
    """Alice's conversations with five people, newest first; three of them of the same millisecond."""
    ids = []
    for now, name in zip((1, 2, 2, 2, 3), NAMES, strict=True):
        at(now)
        ids.append((await world.send(alice, name)) >> 27)
    return [ids[4], *sorted(ids[1:4], reverse=True), ids[0]]


async def test_the_inbox_is_by_activity_newest_first(world: World, at: Callable[[int], None]) -> None:
    """SelfCommunity: threads with headline and last_message_at; an answer brings a conversation to the top."""
    alice, bob, *_ = await world.people("alice", *NAMES)
    ids = await five(world, alice, at)
    at(4)
    answer = await world.send(bob, "alice", text="Answer")

    page = await world.services.conversation.page_of(alice, ALL, PageRequest())

    top = page.items[0]
    assert [view.row.id for view in page.items] == [ids[4], *ids[:4]]
    assert top.last_message is not None
    assert (top.last_message.row.id, top.last_message.preview(None), top.row.unread) == (answer, "Answer", 1)
    assert [each.person.row.username for each in top.others] == ["bob"]
    assert (page.has_next, page.has_previous) == (False, False)


async def test_pages_forward_and_backward_are_the_same_list(world: World, at: Callable[[int], None]) -> None:
    """None twice and none left out, also where activity is the same."""
    alice, *_ = await world.people("alice", *NAMES)
    ids = await five(world, alice, at)
    conversation = world.services.conversation
    forward: list[int] = []
    backward: list[int] = []
    request = PageRequest(first=2)
    while True:
        page = await conversation.page_of(alice, ALL, request)
        forward += [view.row.id for view in page.items]
        assert page.has_previous == (len(forward) > 2)
        if not page.has_next:
            break
        request = PageRequest(first=2, after=conversation.cursor_of(alice, page.items[-1]))
    request = PageRequest(last=2)
    while True:
        page = await conversation.page_of(alice, ALL, request)
        backward = [view.row.id for view in page.items] + backward
        assert page.has_next == (len(backward) > 2)
        if not page.has_previous:
            break
        request = PageRequest(last=2, before=conversation.cursor_of(alice, page.items[0]))

    assert forward == ids
    assert backward == ids


@pytest.mark.parametrize(
    "request_",
    [{"first": 0}, {"first": 201}, {"last": -1}, {"first": 1, "last": 1}, {"after": "c", "before": "c"},
     {"first": 1, "before": "c"}, {"last": 1, "after": "c"}],
    ids=str,
)  # fmt: skip
async def test_arguments_that_contradict_one_another_are_refused(world: World, request_: dict[str, int | str]) -> None:
    """A cursor that would be left out of account in silence shows the wrong page."""
    alice, _ = await world.people("alice", "bob")
    await world.send(alice, "bob")
    (view,) = (await world.services.conversation.page_of(alice, ALL, PageRequest())).items
    cursor = world.services.conversation.cursor_of(alice, view)

    with pytest.raises(BadRequest):
        await inbox(world, alice, ALL, **{name: cursor if value == "c" else value for name, value in request_.items()})


async def test_a_cursor_of_another_persons_inbox_is_refused(world: World) -> None:
    """As everywhere."""
    alice, bob = await world.people("alice", "bob")
    await world.send(alice, "bob")
    (view,) = (await world.services.conversation.page_of(alice, ALL, PageRequest())).items

    with pytest.raises(CursorInvalid):
        await inbox(world, bob, after=world.services.conversation.cursor_of(alice, view))


async def test_every_condition_of_the_filter_holds(world: World) -> None:
    """Kind, unread, a participant; the count agrees with the list; one who does not exist has no conversation."""
    alice, bob, carol = await world.people("alice", "bob", "carol")
    direct = (await world.send(bob, "alice")) >> 27
    read = (await world.send(alice, "carol")) >> 27
    group = (await world.send(carol, "alice", "bob")) >> 27
    ids = {"direct": direct, "read": read, "group": group}
    await world.services.preference.prefer(alice, read, PreferenceChange(is_pinned=True))
    (with_bob,) = named("bob")
    filters = [
        (ALL, {"direct", "read", "group"}),
        (ConversationFilter(kind=ConversationKind.DIRECT), {"direct", "read"}),
        (ConversationFilter(kind=ConversationKind.GROUP), {"group"}),
        (ConversationFilter(kind=ConversationKind.SELF), set()),
        (ConversationFilter(is_unread=True), {"direct", "group"}),
        (ConversationFilter(participant=with_bob), {"direct", "group"}),
        (ConversationFilter(is_unread=False), {"read"}),
        (ConversationFilter(is_pinned=True), {"read"}),
        (ConversationFilter(is_pinned=False), {"direct", "group"}),
        (ConversationFilter(is_pinned=True, is_unread=True), set()),
        (ConversationFilter(ConversationKind.DIRECT, is_unread=True, participant=with_bob), {"direct"}),
        (ConversationFilter(participant=named("nobody")[0]), set()),
    ]

    for wanted, expected in filters:
        assert set(await inbox(world, alice, wanted)) == {ids[name] for name in expected}
        assert await total_of(world, alice, wanted) == len(expected)


async def test_a_conversation_is_in_the_folder_of_its_state(world: World) -> None:
    """The archive and the inbox without requests, whether or not they are archived; declined ones are nowhere."""
    alice, *others = await world.people("alice", "bob", "carol", "dave", "erin", "frank")
    bob, carol, dave, erin, frank = others
    here, away = (await world.send(bob, "alice")) >> 27, (await world.send(carol, "alice")) >> 27
    await world.services.setting.change(alice, SettingsChange(accept_from=Audience.NOBODY))
    asked, put_away, declined = [(await world.send(each, "alice")) >> 27 for each in (dave, erin, frank)]
    for id_ in (away, put_away):
        await world.services.preference.prefer(alice, id_, PreferenceChange(is_archived=True))
    await world.services.request.decline(alice, declined, block=False)
    expected = {
        Folder.INBOX: {here}, Folder.ARCHIVE: {away}, Folder.REQUESTS: {asked, put_away},
        Folder.ALL: {here, away, asked, put_away},
    }  # fmt: skip

    for folder in Folder:
        wanted = ConversationFilter(folder=folder)
        assert set(await inbox(world, alice, wanted)) == expected[folder]
        assert await total_of(world, alice, wanted) == len(expected[folder])
    assert await inbox(world, frank, ConversationFilter(folder=Folder.INBOX)) == [declined]
    assert await folders(world, alice, here, away, asked, put_away, declined) == [
        Folder.INBOX, Folder.ARCHIVE, Folder.REQUESTS, Folder.REQUESTS, None,
    ]  # fmt: skip
    assert await folders(world, frank, declined, here) == [Folder.INBOX, None]


async def test_a_conversation_without_a_message_is_in_no_folder(world: World) -> None:
    """Cleared, or its only message deleted without a trace; the next message brings it back."""
    alice, *_others = await world.people("alice", "bob", "carol", "dave")
    cleared, deleted, hidden = [await world.send(alice, name) for name in ("bob", "carol", "dave")]
    ids = [message >> 27 for message in (cleared, deleted, hidden)]
    await world.services.preference.clear(alice, ids[0], None)
    await world.services.deletion.delete_for_everyone(alice, deleted)
    await world.services.deletion.delete_for_me(alice, hidden)

    assert await folders(world, alice, *ids) == [None, None, Folder.INBOX]
    assert await inbox(world, alice, ConversationFilter(folder=Folder.ALL)) == [ids[2]]
    await world.send(alice, "bob")
    assert await folders(world, alice, *ids) == [Folder.INBOX, None, Folder.INBOX]


async def test_a_third_person_sees_no_conversation_of_others(world: World) -> None:
    """Not in the list, not by id, not by its people, not its files, not in a count."""
    alice, _bob, carol = await world.people("alice", "bob", "carol")
    id_ = (await world.send(alice, "bob", files=[await world.file(b"x")])) >> 27
    conversation = world.services.conversation

    assert await inbox(world, carol) == []
    assert await conversation.find(carol, id_) is None
    assert await conversation.find_with(carol, named("alice")) is None
    assert await conversation.find_directs(carol, [alice.user_id]) == {}
    assert await total_of(world, carol, ALL) == 0
    assert (await conversation.unread(carol)).messages == 0
    for missing in (id_, id_ ^ 1, -1, 0):
        with pytest.raises(NotFound, match="There is no such conversation"):
            await conversation.page_of_attachments(carol, missing, None, PageRequest())


async def test_a_conversation_is_found_by_exactly_its_people(world: World) -> None:
    """In any order and named any number of times; fewer or more people are another one."""
    alice, bob, carol = await world.people("alice", "bob", "carol")
    direct = (await world.send(alice, "bob")) >> 27
    group = (await world.send(alice, "bob", "carol")) >> 27

    async def found(viewer: Viewer, *people: Reference) -> int | None:
        view = await world.services.conversation.find_with(viewer, people)
        return None if view is None else view.row.id

    by_id = Reference(ReferenceKind.ID, "", carol.user_id)
    assert await found(alice, *named("bob")) == direct
    assert await found(bob, *named("ALICE", "alice", "bob")) == direct
    assert await found(bob, by_id, *named("alice", "carol")) == group
    assert await found(carol, *named("alice")) is None
    assert await found(alice, *named("bob", "nobody")) is None
    assert await found(alice) is None
    directs = await world.services.conversation.find_directs(alice, [bob.user_id, carol.user_id, 7])
    assert {user_id: view.row.id for user_id, view in directs.items()} == {bob.user_id: direct}


async def test_what_waits_is_counted_for_each_person(world: World) -> None:
    """Messages of others since one read or wrote, and in how many conversations."""
    alice, bob, carol = await world.people("alice", "bob", "carol")
    for _ in range(3):
        await world.send(alice, "bob")
    await world.send(carol, "bob", "alice")
    await world.send(bob, "carol")

    unread = {name: await world.services.conversation.unread(viewer) for name, viewer in world.viewers.items()}

    assert {name: (each.messages, each.conversations) for name, each in unread.items()} == {
        "alice": (1, 1),
        "bob": (4, 2),
        "carol": (1, 1),
    }


async def test_a_conversation_says_what_stands_in_the_way_of_writing(world: World) -> None:
    """The other side's block looks like a closed inbox; a group is open to its members."""
    alice, bob, _carol = await world.people("alice", "bob", "carol")
    direct, group = [(await world.send(alice, *people)) >> 27 for people in (("bob",), ("bob", "carol"))]
    await world.services.block.block(bob, named("alice")[0])

    async def restriction(viewer: Viewer, id_: int) -> Eligibility | None:
        view = await world.services.conversation.find(viewer, id_)
        assert view is not None
        return view.send_restriction

    assert await restriction(alice, direct) is Eligibility.NOT_ACCEPTING
    assert await restriction(bob, direct) is Eligibility.BLOCKED_BY_VIEWER
    assert await restriction(alice, group) is None


def png() -> bytes:
    """A real picture."""
    out = io.BytesIO()
    Image.new("RGB", (2, 2)).save(out, "PNG")
    return out.getvalue()


async def test_the_files_of_a_conversation_are_newest_first_in_pages(world: World) -> None:
    """Inside one message from its last to its first; with their messages; by kind where asked."""
    alice, bob = await world.people("alice", "bob")
    first = await world.send(alice, "bob", files=[await world.file(b"1", f"{n}.txt") for n in "abc"])
    await world.send(bob, "alice")
    await world.send(bob, "alice", files=[await world.file(png(), "d.png")])
    conversation, got, cursor = world.services.conversation, [], None
    while True:
        page = await conversation.page_of_attachments(bob, first >> 27, None, PageRequest(first=1, after=cursor))
        got += [(row.filename, view.row.id - first) for row, view in page.items]
        if not page.has_next:
            break
        cursor = conversation.attachment_cursor_of(bob, page.items[-1][0])
    pictures = await conversation.page_of_attachments(bob, first >> 27, [MessageKind.IMAGE], PageRequest())

    assert got == [("d.png", 2), ("c.txt", 0), ("b.txt", 0), ("a.txt", 0)]
    assert [row.filename for row, _ in pictures.items] == ["d.png"]


async def test_a_cursor_of_another_conversation_reaches_into_no_third_one(world: World) -> None:
    """Message ids are one range over the whole server: between two conversations of mine lie those of strangers."""
    alice, bob, *_ = await world.people("alice", "bob", "carol", "dave", "erin", "frank")
    mine = [(await world.send(alice, name, files=[await world.file(b"x", f"{name}.txt")])) for name in NAMES[:4]]
    for name in NAMES[1:]:
        await world.send(bob, name, files=[await world.file(b"secret", "secret.txt")])
    low, high = min(mine), max(mine)
    conversation = world.services.conversation
    (newest,) = (await conversation.page_of_attachments(alice, high >> 27, None, PageRequest())).items
    cursor = conversation.attachment_cursor_of(alice, newest[0])

    page = await conversation.page_of_attachments(alice, low >> 27, None, PageRequest(after=cursor))

    assert [row.message_id for row, _ in page.items] == [low]


async def test_participants_come_in_pages(world: World) -> None:
    """By id, with the time they joined."""
    alice, *others = await world.people("alice", *NAMES)
    id_ = (await world.send(alice, *NAMES)) >> 27
    view = await world.services.conversation.find(alice, id_)
    assert view is not None
    conversation, got, cursor = world.services.conversation, [], None
    while True:
        page = conversation.page_of_members(alice, view.participants, PageRequest(first=4, after=cursor))
        got += [each.person.row.id for each in page.items]
        if not page.has_next:
            break
        cursor = conversation.participant_cursor_of(alice, page.items[-1])

    assert got == sorted(viewer.user_id for viewer in (alice, *others))


async def test_a_badge_counts_what_is_not_muted(world: World) -> None:
    """Without muted conversations, without the direct messages of muted people, and without theirs in a group."""
    alice, bob, carol, dave = await world.people("alice", "bob", "carol", "dave")
    group = await world.send(bob, "alice", "carol") >> 27
    await world.send(carol, conversation_id=group)
    direct = await world.send(bob, "alice") >> 27
    await world.send(bob, "alice")
    await world.send(dave, "alice")
    count, unread = world.services.conversation.count_unmuted, world.services.conversation.unread

    async def counts() -> tuple[int, int]:
        return (await unread(alice)).messages, await count(alice)

    assert await counts() == (5, 5)
    await world.services.relation.mute(alice, named("bob")[0])
    assert await counts() == (5, 2)  # carol's in the group, and dave's
    await world.services.preference.prefer(alice, group, PreferenceChange(is_muted=True))
    assert await counts() == (5, 1)
    await world.services.preference.prefer(alice, group, PreferenceChange(muted_until=now_ms() + 60_000))
    assert await counts() == (5, 1)
    await world.services.relation.unmute(alice, named("bob")[0])
    assert await counts() == (5, 3)
    await world.services.preference.prefer(alice, group, PreferenceChange(is_muted=False))
    await world.services.receipt.mark_read(alice, direct, None)
    assert await counts() == (3, 3)
    await world.services.receipt.mark_unread(alice, direct, None)
    assert (await counts(), await count(dave)) == ((3, 3), 0)


async def test_a_badge_does_not_count_what_was_deleted(make_world: MakeWorld) -> None:
    """A tombstone is not unread, so the one of a muted member must not be subtracted a second time."""
    world = await make_world(silent_delete_window_seconds=0)
    alice, bob, carol = await world.people("alice", "bob", "carol")
    group = await world.send(bob, "alice", "carol") >> 27
    deleted = await world.send(bob, conversation_id=group)
    await world.send(carol, conversation_id=group)
    await world.services.relation.mute(alice, named("bob")[0])
    count, unread = world.services.conversation.count_unmuted, world.services.conversation.unread
    assert ((await unread(alice)).messages, await count(alice)) == (3, 1)

    await world.services.deletion.delete_for_everyone(bob, deleted)

    assert ((await unread(alice)).messages, await count(alice)) == (2, 1)
