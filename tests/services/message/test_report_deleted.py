"""Reports of what was deleted or edited since: nothing is emptied beforehand, and nobody reads anything by one."""

import os
import time
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from models import edit as edits
from models.base import now_ms
from models.transaction import Transaction
from services.error import AttachmentsRejected, InvalidInput, NotFound
from services.file.download import DownloadService
from services.message.draft import Draft
from services.message.inbox import ConversationFilter
from services.message.message import SearchFilter
from services.message.report import ReportReason, resolve
from services.page import PageRequest
from services.viewer import Viewer
from storage.base import StorageFailed
from tests.services.conftest import MakeWorld, World, named, refused
from tests.services.message.test_report import copies_of

DAY = 86_400_000
WINDOWS = {"silent": {}, "tombstone": {"silent_delete_window_seconds": 0}}


async def report(world: World, viewer: Viewer, id_: int, preceding: int = 0) -> int:
    """For threats; the result shows what the viewer sees, or a tombstone."""
    reported = await world.services.report.report(viewer, id_, ReportReason.THREAT, None, preceding, block=False)
    seen = await world.services.message.find(viewer, id_)
    if seen is None:
        row = reported.message.row
        assert (row.id, row.body, row.metadata, row.attachments, reported.message.attachments) == (
            id_,
            None,
            None,
            0,
            (),
        )
        assert row.deleted_at is not None
    else:
        assert reported.message == seen
    return reported.report_id


async def former_texts(world: World, id_: int, revision: int) -> list[str | None]:
    """Those before a revision."""

    def load(tx: Transaction) -> list[str | None]:
        return [row.body for row in tx.all(edits.PAGE, message=id_, after=0, count=100) if row.revision < revision]

    return await world.services.database.read(load)


def kept_files(world: World) -> list[Path]:
    """What the storage holds."""
    return [path for path in (world.folder / "files" / "files").rglob("*") if path.is_file()]


def after_days(monkeypatch: pytest.MonkeyPatch, days: float) -> None:
    """What is asked for the time says so."""
    later = now_ms() + int(days * DAY)
    for module in ("transaction", "message.deletion", "sweep"):
        monkeypatch.setattr(f"services.{module}.now_ms", lambda: later)


async def sight_of(world: World, viewer: Viewer, id_: int, paths: list[str]) -> list[Any]:
    """All that a person sees of a message, by every door."""
    services, place = world.services, id_ >> 27
    page = await services.message.page_of(viewer, place, PageRequest())
    around = await services.message.page_of(viewer, place, PageRequest(first=9))
    found = await services.message.search(viewer, "harbour", SearchFilter(), None, None)
    files = await services.conversation.page_of_attachments(viewer, place, None, PageRequest())
    inbox = await services.conversation.page_of(viewer, ConversationFilter(), PageRequest())
    message = await services.message.find(viewer, id_)
    texts = None if message is None else (await services.edit.page_of(viewer, id_, PageRequest())).items
    for path in paths:
        with pytest.raises(NotFound):
            await services.download.open(path)
    bodies = [each.row.body for part in (page.items, around.items, found.items) for each in part]
    last = [view.last_message.row.body if view.last_message else None for view in inbox.items]
    return [bodies, files.items, last, message and (message.row.body, message.attachments), texts]


def path_of(files: DownloadService, viewer: Viewer, row: Any) -> str:
    """The token of a URL."""
    return files.url_path(viewer, row, 300, inline=True).removeprefix("/files/")


@pytest.mark.parametrize("way", ["silent", "tombstone"])
async def test_what_was_deleted_can_be_reported_whole_and_is_seen_by_nobody(make_world: MakeWorld, way: str) -> None:
    """With its files and former texts; by no door of the API anybody sees more than if it were gone in truth."""
    seen: dict[str, list[Any]] = {}
    for window in (7 * 86_400, 0):
        world = await make_world(report_window_seconds=window, **WINDOWS[way])
        alice, bob, carol = await world.people("alice", "bob", "carol")
        await world.send(bob, "alice", text="before")
        id_ = await world.send(alice, "bob", text="harbour", files=[await world.file(b"evil", "evil.txt")])
        view = await world.services.message.find(bob, id_)
        assert view is not None
        paths = [path_of(world.services.download, each, view.attachments[0]) for each in (alice, bob)]
        await world.services.edit.edit(alice, id_, "harmless harbour", None)
        await world.services.sweeper.index()
        await world.services.deletion.delete_for_everyone(alice, id_)
        await refused(world, report(world, carol, id_), NotFound)
        own = NotFound if way == "silent" and not window else InvalidInput
        await refused(world, report(world, alice, id_), own)
        if window:
            [row] = await copies_of(world, await report(world, bob, id_))
            assert (row.body, row.filenames, row.revision) == ("harmless harbour", '["evil.txt"]', 2)
            assert row.deleted_at is not None
            assert await former_texts(world, id_, row.revision) == ["harbour"]
            assert [path.read_bytes() for path in kept_files(world)] == [b"evil"]
        elif way == "silent":
            await refused(world, report(world, bob, id_), NotFound)
        else:
            [row] = await copies_of(world, await report(world, bob, id_))
            assert (row.body, row.filenames) == (None, "[]")
        for name, viewer in (("alice", alice), ("bob", bob)):
            sight = await sight_of(world, viewer, id_, paths)
            assert sight == seen.setdefault(name, sight)
        with pytest.raises(NotFound):
            await world.services.message.page_of(carol, id_ >> 27, PageRequest())


async def test_it_goes_with_its_files_once_nobody_can_report_it(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a week; not a row, file or event is left of it, and a report comes too late before the sweep as well."""
    world = await make_world()
    alice, bob = await world.people("alice", "bob")
    before = (await world.stored())[0]
    id_ = await world.send(alice, "bob", files=[await world.file(b"evil", "evil.txt")])
    await world.services.edit.edit(alice, id_, "else", None)
    await world.services.deletion.delete_for_everyone(alice, id_)
    after_days(monkeypatch, 6.9)
    await world.services.sweeper.sweep()
    assert len(kept_files(world)) == 1
    after_days(monkeypatch, 7.1)
    await refused(world, report(world, bob, id_), NotFound)

    await world.services.sweeper.sweep()

    rows = (await world.stored())[0]
    tables = ("message_edit", "deleted_message", "deleted_file", "reportable", "upload", "attachment", "report_message")
    assert {name: rows[name] for name in tables} == {name: before[name] for name in tables} == dict.fromkeys(tables, 0)
    assert kept_files(world) == []


@pytest.mark.parametrize("way", ["silent", "tombstone"])
async def test_without_room_files_go_at_once_and_texts_can_be_reported(make_world: MakeWorld, way: str) -> None:
    """No disk has room for a file of such a size; a file that an open report shows stays all the same."""
    world = await make_world(max_attachment_bytes=1 << 60, **WINDOWS[way])
    alice, bob, carol = await world.people("alice", "bob", "carol")
    ids = [await world.send(alice, "bob", text=name, files=[await world.file(name.encode())]) for name in ("a", "b")]
    await world.services.edit.edit(alice, ids[1], "harmless", None)
    reported = await report(world, bob, ids[0])
    for id_ in ids:
        await world.services.deletion.delete_for_everyone(alice, id_)

    assert [path.read_bytes() for path in kept_files(world)] == [b"a"]
    rows = (await world.stored())[0]
    names = ("attachment", "deleted_file", "upload", "deleted_message", "quarantine")
    assert [rows[name] for name in names] == [0, 1, 1, 2, 0]
    await refused(world, report(world, carol, ids[1]), NotFound)
    [row] = await copies_of(world, await report(world, bob, ids[1]))
    assert (row.body, row.filenames, row.revision) == ("harmless", "[]", 2)
    assert await former_texts(world, ids[1], row.revision) == ["b"]
    assert [row.filenames for row in await copies_of(world, reported)] == ['["notes.txt"]']


async def test_a_sweep_without_room_gives_up_the_oldest_files(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until there is room; none that an open report shows, no text, and with a line of the log."""
    alice, bob = await world.people("alice", "bob")
    ids = [await world.send(alice, "bob", text=name, files=[await world.file(name.encode())]) for name in "abcd"]
    ids.append(await world.send(alice, "bob", text="no file"))
    await report(world, bob, ids[0])
    for id_ in ids:
        await world.services.deletion.delete_for_everyone(alice, id_)

    async def has_room(_byte_size: int) -> bool:
        return len(kept_files(world)) <= 2

    monkeypatch.setattr("services.message.deletion.FILE_BATCH", 1)
    monkeypatch.setattr(world.services.storage, "has_room", has_room)
    with capture_logs() as lines:
        await world.services.sweeper.sweep()
        await world.services.sweeper.sweep()

    assert {path.read_bytes() for path in kept_files(world)} == {b"a", b"d"}
    assert [line for line in lines if line["event"] == "deleted files not kept"] == [
        {"event": "deleted files not kept", "log_level": "warning", "messages": 2, "files": 2}
    ]
    for id_, filenames in zip(ids[1:], ["[]", "[]", '["notes.txt"]', "[]"], strict=True):
        assert [row.filenames for row in await copies_of(world, await report(world, bob, id_))] == [filenames]


async def test_a_sweep_gives_no_more_up_where_the_storage_deletes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full and fails as well: the next files would go without making room."""
    alice, _bob = await world.people("alice", "bob")
    for name in "abc":
        id_ = await world.send(alice, "bob", files=[await world.file(name.encode())])
        await world.services.deletion.delete_for_everyone(alice, id_)

    async def refuse(*_: object) -> bool:
        raise StorageFailed("The disk failed.")

    async def has_room(_byte_size: int) -> bool:
        return False

    monkeypatch.setattr("services.message.deletion.FILE_BATCH", 1)
    monkeypatch.setattr(world.services.storage, "has_room", has_room)
    monkeypatch.setattr(world.services.storage, "delete", refuse)
    await world.services.deletion.sweep()

    assert (await world.stored())[0]["deleted_file"] == 2


@pytest.mark.parametrize("first", ["report", "delete"])
@pytest.mark.parametrize("window", [7 * 86_400, 0])
async def test_an_open_report_keeps_what_it_shows(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch, first: str, window: int
) -> None:
    """However long it is open, and the orphans' sweep passes by its files; once it is closed all of it goes."""
    if not window and first == "delete":
        return  # refused, as the test above has it
    world = await make_world(report_window_seconds=window)
    alice, bob, carol = await world.people("alice", "bob", "carol")
    id_ = await world.send(alice, "bob", "carol", text="harbour", files=[await world.file(b"evil", "evil.txt")])
    await world.services.edit.edit(alice, id_, "else", None)
    deleting = world.services.deletion.delete_for_everyone(alice, id_)
    if first == "delete":
        await deleting
    report_id = await report(world, bob, id_)
    if first == "report":
        await deleting
    for path in kept_files(world):
        then = time.time() - 8 * 86_400
        os.utime(path, (then, then))
    after_days(monkeypatch, 8)
    await world.services.sweeper.sweep()

    [row] = await copies_of(world, report_id)
    assert await former_texts(world, id_, row.revision) == ["harbour"]
    assert [path.read_bytes() for path in kept_files(world)] == [b"evil"]
    await refused(world, report(world, carol, id_), NotFound)  # too late for anybody else

    await world.services.database.write(resolve, report_id, "warned")
    await world.services.deletion.sweep()
    rows = (await world.stored())[0]
    assert [rows[name] for name in ("report", "report_message", "deleted_message", "message_edit")] == [1, 0, 0, 0]
    assert kept_files(world) == []


async def test_what_was_deleted_in_between_goes_along(world: World) -> None:
    """In its place, of whomever; what the reporter had deleted for themselves does not, and the count is that asked."""
    alice, bob = await world.people("alice", "bob")
    ids = [await world.send(alice, "bob", text=str(number)) for number in range(6)]
    mine = await world.send(bob, "alice", text="mine")
    await world.services.deletion.delete_for_me(bob, ids[4])
    for sender, id_ in ((alice, ids[1]), (alice, ids[3]), (alice, ids[4]), (bob, mine)):
        await world.services.deletion.delete_for_everyone(sender, id_)
    last = await world.send(alice, "bob", text="last")

    rows = await copies_of(world, await report(world, bob, last, preceding=4))

    assert [(row.body, row.deleted_at is None) for row in rows] == [
        ("2", True), ("3", False), ("5", True), ("mine", False), ("last", True),
    ]  # fmt: skip


async def test_only_who_had_it_can_report_it(world: World) -> None:
    """Not who had blocked its sender when it was written, nor who had deleted it themselves; who left a group still."""
    alice, bob, carol, dave = await world.people("alice", "bob", "carol", "dave")
    place = await world.send(alice, "bob", "carol", "dave", text="first") >> 27
    await world.services.block.block(bob, named("alice")[0])
    id_ = await world.send(alice, conversation_id=place, text="second")
    await world.services.deletion.delete_for_me(carol, id_)
    await world.services.deletion.delete_for_everyone(alice, id_)
    await world.services.preference.leave(dave, place)

    for viewer in (bob, carol):
        await refused(world, report(world, viewer, id_, 5), NotFound)
    rows = await copies_of(world, await report(world, dave, id_, 5))
    assert [row.body for row in rows] == ["second"]
    with pytest.raises(NotFound):
        await world.services.message.page_of(dave, place, PageRequest())


async def test_what_an_edit_took_from_a_blocker_can_be_reported_as_they_had_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a group an edit hides the message from who has blocked its sender: not from the operator, and not what is new.

    The others' message stays as it is, with all of its texts, when what was put aside has had its time.
    """
    alice, bob, carol = await world.people("alice", "bob", "carol")
    id_ = await world.send(alice, "bob", "carol", text="a threat", files=[await world.file(b"evil", "evil.txt")])
    await world.services.edit.edit(alice, id_, "another threat", None)
    await world.services.block.block(bob, named("alice")[0])
    await world.services.edit.edit(alice, id_, "good morning", None)
    [row] = await copies_of(world, report_id := await report(world, bob, id_))

    assert (row.body, row.filenames, row.deleted_at) == ("another threat", '["evil.txt"]', None)
    assert await former_texts(world, id_, row.revision) == ["a threat"]
    assert await world.services.message.find(bob, id_) is None
    await world.services.database.write(resolve, report_id, "")
    after_days(monkeypatch, 8)
    await world.services.deletion.sweep()
    texts = await world.services.edit.page_of(carol, id_, PageRequest())
    assert [each.body for each in texts.items] == ["a threat", "another threat", "good morning"]
    assert (await world.stored())[0]["deleted_message"] == 0
    assert len(kept_files(world)) == 1


async def test_files_that_are_put_aside_count_towards_the_quota(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or sending and deleting in turn would fill the disk."""
    world = await make_world(quota_bytes=10)
    alice, _bob = await world.people("alice", "bob")
    id_ = await world.send(alice, "bob", files=[await world.file(b"12345678")])
    await world.services.deletion.delete_for_everyone(alice, id_)
    again = await world.file(b"abcdefgh")
    await refused(world, world.send(alice, "bob", files=[again]), AttachmentsRejected)
    after_days(monkeypatch, 8)
    await world.services.deletion.sweep()

    assert await world.send(alice, "bob", files=[await world.file(b"abcdefgh")])


async def test_bytes_that_two_deleted_messages_share_go_with_the_second(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`sendPrivateMessageToEach` stores a file once: the first one's end leaves it to whoever can report the second."""
    alice, bob, carol = await world.people("alice", "bob", "carol")
    draft = Draft(text=None, users=named("bob", "carol"), files=[await world.file(b"evil", "evil.txt")])
    first, second = [each.message_id or 0 for each in await world.services.send.send_to_each(alice, draft)]
    await world.services.deletion.delete_for_everyone(alice, first)
    after_days(monkeypatch, 5)
    await world.services.deletion.delete_for_everyone(alice, second)
    after_days(monkeypatch, 8)
    await world.services.deletion.sweep()

    await refused(world, report(world, bob, first), NotFound)
    [row] = await copies_of(world, report_id := await report(world, carol, second))
    assert row.filenames == '["evil.txt"]'
    assert [path.read_bytes() for path in kept_files(world)] == [b"evil"]
    await world.services.database.write(resolve, report_id, "")
    after_days(monkeypatch, 13)
    await world.services.deletion.sweep()
    assert kept_files(world) == []


async def test_an_edit_gives_nobody_what_they_never_had(world: World) -> None:
    """In a group whoever had blocked its sender before it was written cannot report it after an edit either."""
    alice, bob, _carol = await world.people("alice", "bob", "carol")
    place = await world.send(alice, "bob", "carol") >> 27
    await world.services.block.block(bob, named("alice")[0])
    id_ = await world.send(alice, conversation_id=place, text="for carol")
    await world.services.edit.edit(alice, id_, "for carol alone", None)

    await refused(world, report(world, bob, id_), NotFound)


async def test_what_one_has_cleared_is_neither_reported_nor_sent_along(world: World) -> None:
    """As the reporter has the conversation, deleted messages included."""
    alice, bob = await world.people("alice", "bob")
    ids = [await world.send(alice, "bob", text=str(number)) for number in range(3)]
    await world.services.deletion.delete_for_everyone(alice, ids[1])
    await world.services.preference.clear(bob, ids[0] >> 27, None)
    last = await world.send(alice, "bob", text="last")

    for id_ in ids:
        await refused(world, report(world, bob, id_), NotFound)
    assert [row.body for row in await copies_of(world, await report(world, bob, last, preceding=5))] == ["last"]
