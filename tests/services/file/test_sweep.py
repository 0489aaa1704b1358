"""Files without an owner: what a refusal, a failure or a crash leaves, and who takes it; each file claimed once."""

import asyncio
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from models import attachment as attachments
from models import session as sessions
from models import user as users
from models.attachment import NewUploadRow
from models.base import now_ms
from models.prepared import id_list
from models.transaction import Transaction
from services.error import AttachmentsRejected, ServerUnavailable, SottoError
from services.file.attachment import put_uploads
from services.file.file import ReceivedFile
from services.file.quarantine import SweepCounts
from services.file.storage_sweep import StorageSweeper
from services.message.draft import Draft
from services.viewer import Viewer
from storage.base import StorageFailed, StorageFull
from storage.temp_file import TempFile
from tests.services.conftest import World, named

HOUR = 3600
DAY = 86_400_000


async def pending_upload(world: World, viewer: Viewer) -> tuple[int, str]:
    """A file whose bytes and row are stored and that no message has claimed: an upload that waits to be sent."""
    [row] = await put_pending(world, viewer, [await world.file(b"left behind")])
    return row.id, row.storage_key


async def put_pending(world: World, viewer: Viewer, received: list[ReceivedFile]) -> Sequence[NewUploadRow]:
    """The rows of files that wait to be sent."""
    files = await world.services.attachment.store(viewer, received)
    await world.services.database.write(put_uploads, files.new_rows, files.whole_keys)
    return files.new_rows


def kept_files(world: World) -> list[Path]:
    """What the storage holds."""
    return [path for path in (world.folder / "files" / "files").rglob("*") if path.is_file()]


async def put_orphan(world: World, content: bytes = b"orphan") -> str:
    """The key of bytes that no row names: what a crash after the bytes leaves."""
    received = await world.file(content)
    assert received.temp_file is not None
    return await world.services.storage.store(received.temp_file)


def make_old(path: Path, seconds: float) -> None:
    """As if it had been kept that long ago."""
    then = time.time() - seconds
    os.utime(path, (then, then))


async def sweep_in(world: World, monkeypatch: pytest.MonkeyPatch, ms: int) -> SweepCounts | None:
    """A sweep so much later; returns what it counted in the storage."""
    then = now_ms() + ms
    for place in ("sweep", "file.quarantine"):
        monkeypatch.setattr(f"services.{place}.now_ms", lambda: then)
    counted: list[SweepCounts | None] = []
    sweep = StorageSweeper.sweep

    async def count(sweeper: StorageSweeper) -> SweepCounts | None:
        counted.append(await sweep(sweeper))
        return counted[-1]

    with monkeypatch.context() as patch:
        patch.setattr(StorageSweeper, "sweep", count)
        await world.services.sweeper.sweep()
    return counted[0]


async def test_a_pending_upload_goes_after_its_time_and_not_before(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """24 h for the row; its bytes wait in the quarantine for seven days more, as all do that no row names."""
    (alice,) = await world.people("alice")
    before = await world.stored()
    await pending_upload(world, alice)
    make_old(kept_files(world)[0], HOUR + 60)
    counts = [await sweep_in(world, monkeypatch, 0)]
    assert (await world.stored())[0]["upload"] == 1

    counts += [await sweep_in(world, monkeypatch, DAY + 1000)]
    rows, files = await world.stored()
    assert (rows["upload"], rows["quarantine"], files) == (0, 1, 1)
    counts += [await sweep_in(world, monkeypatch, each) for each in (8 * DAY, 8 * DAY + 2000)]

    assert await world.stored() == before
    assert counts == [
        SweepCounts(looked_at=1),
        SweepCounts(looked_at=1, quarantined=1),
        SweepCounts(looked_at=1),
        SweepCounts(looked_at=1, deleted=1),
    ]


async def test_more_than_a_lot_of_them_go_in_one_sweep(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """100 to a transaction, so that the writer is free between them."""
    (alice,) = await world.people("alice")
    received = [await world.file(b"x") for _ in range(105)]
    await put_pending(world, alice, received)

    await sweep_in(world, monkeypatch, DAY + 1000)

    assert (await world.stored())[0]["upload"] == 0


async def test_what_a_message_carries_is_never_swept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """However old its bytes and its upload are."""
    alice, _ = await world.people("alice", "bob")
    await world.send(alice, "bob", files=[await world.file(b"kept")])
    make_old(kept_files(world)[0], 1000 * HOUR)
    before = await world.stored()
    later = now_ms() + 20 * DAY
    monkeypatch.setattr("services.sweep.now_ms", lambda: later)

    await world.services.sweeper.sweep()

    assert await world.stored() == before
    assert kept_files(world)[0].read_bytes() == b"kept"


async def test_bytes_without_a_row_go_once_no_send_can_still_want_them(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash between bytes and row leaves them; a send under way has an hour, and then they have the quarantine."""
    for _ in range(3):
        await put_orphan(world)
    young, *old = kept_files(world)
    for path in old:
        make_old(path, HOUR + 60)
    make_old(young, HOUR - 60)

    first = await sweep_in(world, monkeypatch, 0)
    assert len(kept_files(world)) == 3
    second = await sweep_in(world, monkeypatch, 7 * DAY)

    assert kept_files(world) == [young]
    assert (first, second) == (SweepCounts(3, quarantined=2), SweepCounts(3, deleted=2))


async def test_sessions_and_events_past_their_time_go(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Events after 30 days, but for each user's newest, from which the numbers go on."""
    alice, bob = await world.people("alice", "bob")
    for _ in range(5):
        await world.send(alice, "bob")
    later = now_ms() + 31 * DAY
    monkeypatch.setattr("services.sweep.now_ms", lambda: later)

    await world.services.sweeper.sweep()

    assert (await world.stored())[0]["event"] == 2
    assert (await world.services.stream.position(bob)).n == 6
    assert await world.services.database.read(lambda tx: tx.first(sessions.FIND, token_hash=alice.session)) is None


async def test_twenty_claims_of_one_file_and_one_wins(world: World) -> None:
    """One conditional UPDATE whose row count is the answer."""
    (alice,) = await world.people("alice")
    upload_id, _ = await pending_upload(world, alice)

    def claim(tx: Transaction, message: int) -> int:
        return tx.run(attachments.CLAIM, message=message, owner=alice.user_id, ids=id_list([upload_id]), now=0)

    won = await asyncio.gather(*(world.services.database.write(claim, number) for number in range(1, 21)))

    assert sorted(won) == [0] * 19 + [1]


async def test_a_file_is_its_uploaders_to_claim(world: World) -> None:
    """Nobody attaches what somebody else has sent up."""
    alice, bob = await world.people("alice", "bob")
    upload_id, _ = await pending_upload(world, alice)

    def claim(tx: Transaction) -> int:
        return tx.run(attachments.CLAIM, message=1, owner=bob.user_id, ids=id_list([upload_id]), now=0)

    assert await world.services.database.write(claim) == 0


@pytest.mark.parametrize("error", [StorageFull("full"), StorageFailed("broken")], ids=["full", "broken"])
async def test_a_storage_that_fails_refuses_the_send_and_nothing_stays(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """At the second of three files; the first one's bytes are taken back, and the same send may pass later."""
    alice, _ = await world.people("alice", "bob")
    before = await world.stored()
    files = [await world.file(b"x", name) for name in ("a.txt", "b.txt", "c.txt")]
    keep, calls = world.services.storage.store, []

    async def fail_second(temp_file: Any) -> str:
        calls.append(temp_file)
        if len(calls) == 2:
            raise error
        return await keep(temp_file)

    monkeypatch.setattr(world.services.storage, "store", fail_second)

    with pytest.raises(AttachmentsRejected) as caught:
        await world.services.send.send(alice, Draft(users=named("bob"), files=files))
    for each in files:
        await world.services.attachment.discard(each)

    (rejection,) = caught.value.rejections
    assert (rejection.index, rejection.reason.name, rejection.is_retryable) == (1, "STORAGE_FAILED", True)
    assert await world.stored() == before
    assert world.temp_files() == []


async def test_a_refusal_inside_the_transaction_takes_the_files_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bob is suspended between the first look and the second: the transaction has the last word."""
    alice, bob = await world.people("alice", "bob")
    before = await world.stored()
    files = [await world.file(b"x")]
    store = world.services.attachment.store

    async def store_then_suspend(*args: Any) -> Any:
        stored = await store(*args)
        suspend = {"id": bob.user_id, "state": users.SUSPENDED}
        await world.services.database.write(lambda tx: tx.run(users.SET_STATE, **suspend))
        return stored

    monkeypatch.setattr(world.services.attachment, "store", store_then_suspend)

    with pytest.raises(SottoError, match="cannot receive messages"):
        await world.services.send.send(alice, Draft(users=named("bob"), files=files))

    await world.services.database.write(lambda tx: tx.run(users.SET_STATE, id=bob.user_id, state=users.ACTIVE))
    assert await world.stored() == before
    assert world.temp_files() == []


async def test_a_fault_in_any_statement_of_a_send_undoes_all_of_it(world: World) -> None:
    """A savepoint around the whole: whichever statement fails, no row, no file, no event; then the send passes."""
    alice, _bob, _carol = await world.people("alice", "bob", "carol")

    def fail_at(tx: Transaction, table: str | None, verb: str = "INSERT") -> None:
        connection = tx.database.connection()
        connection.execute("DROP TRIGGER IF EXISTS fault")
        if table:
            connection.execute(
                f"CREATE TEMP TRIGGER fault BEFORE {verb} ON main.\"{table}\" BEGIN SELECT RAISE(ABORT, 'fault'); END"
            )

    async def attempt() -> int:
        files = [await world.file(b"one", "a.txt"), await world.file(b"two", "b.txt")]
        try:
            return await world.send(alice, "bob", "carol", files=files, client_message_id="k1")
        finally:
            for each in files:
                await world.services.attachment.discard(each)

    before = await world.stored()
    steps = [("INSERT", table) for table in ("conversation", "member", "event", "message", "attachment", "job",
                                             "idempotency", "upload")]  # fmt: skip
    for verb, table in [*steps, ("UPDATE", "conversation"), ("UPDATE", "member"), ("UPDATE", "upload")]:
        await world.services.database.write(fail_at, table, verb)
        with pytest.raises(Exception, match="refused a statement") as caught:
            await attempt()
        await world.services.database.write(fail_at, None)

        assert isinstance(caught.value.__cause__, sqlite3.IntegrityError), (verb, table)
        assert await world.stored() == before, (verb, table)
        assert world.temp_files() == []

    assert await attempt() & ((1 << 27) - 1) == 1


async def test_a_part_that_breaks_off_leaves_nothing(world: World) -> None:
    """The client went away in the middle of its file."""

    async def chunks() -> AsyncIterator[bytes]:
        yield b"x" * 100_000
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await world.services.attachment.receive(chunks(), "a.bin")

    assert world.temp_files() == []
    assert kept_files(world) == []


async def test_a_send_that_is_cancelled_while_its_files_are_stored_leaves_neither_row_nor_bytes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row never points at bytes that are not there: what was begun is taken back whole."""
    alice, _ = await world.people("alice", "bob")
    before = await world.stored()
    files = [await world.file(b"one"), await world.file(b"two")]
    keep, begun = world.services.storage.store, asyncio.Event()
    kept: list[str] = []

    async def slow_keep(temp_file: TempFile) -> str:
        if kept:
            begun.set()
            await asyncio.sleep(5)
        kept.append(await keep(temp_file))
        return kept[-1]

    monkeypatch.setattr(world.services.storage, "store", slow_keep)
    sending = asyncio.create_task(world.send(alice, "bob", files=files))
    await begun.wait()
    assert (await world.stored())[1] == before[1] + 1

    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending

    assert await world.stored() == before


@pytest.mark.parametrize("is_refused", [False, True])
async def test_a_send_that_is_cancelled_while_it_is_written_leaves_no_bytes_without_a_row(
    world: World, monkeypatch: pytest.MonkeyPatch, is_refused: bool
) -> None:
    """Nobody waits for its outcome: where it was committed its files are whole, else their bytes are gone."""
    alice, bob = await world.people("alice", "bob")
    files = [await world.file(b"one"), await world.file(b"two")]
    write, begun = world.services.database.write, asyncio.Event()

    async def slow_write(*args: Any, **kwargs: Any) -> Any:
        work = asyncio.ensure_future(write(*args, **kwargs))
        begun.set()
        await asyncio.sleep(0.05)
        return await work

    store = world.services.attachment.store

    async def store_then_suspend(*args: Any) -> Any:
        stored = await store(*args)
        if is_refused:
            await write(lambda tx: tx.run(users.SET_STATE, id=bob.user_id, state=users.SUSPENDED))
        monkeypatch.setattr(world.services.database, "write", slow_write)
        return stored

    monkeypatch.setattr(world.services.attachment, "store", store_then_suspend)
    sending = asyncio.create_task(world.send(alice, "bob", files=files))
    await begun.wait()

    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending

    rows, count = await world.stored()
    expected = 0 if is_refused else 2
    assert (rows["message"], rows["attachment"], rows["upload"], count) == (expected // 2, *[expected] * 3)


async def test_bytes_that_no_row_names_yet_stay_while_their_send_is_under_way(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sweeps run between the bytes and the transaction that names them, also long ones: the file is whole after it."""
    alice, bob = await world.people("alice", "bob")
    store, counted = world.services.attachment.store, []

    async def store_then_sweep(*args: Any) -> Any:
        stored = await store(*args)
        counted.append(await sweep_in(world, monkeypatch, 0))
        [path] = kept_files(world)
        make_old(path, HOUR + 60)  # as long as a send may take, and longer
        counted.append(await sweep_in(world, monkeypatch, 0))
        counted.append(await sweep_in(world, monkeypatch, DAY))
        return stored

    monkeypatch.setattr(world.services.attachment, "store", store_then_sweep)
    id_ = await world.send(alice, "bob", files=[await world.file(b"slow")])

    counted.append(await sweep_in(world, monkeypatch, 2 * DAY))
    counted.append(await sweep_in(world, monkeypatch, 20 * DAY))
    assert counted == [
        SweepCounts(looked_at=1),
        SweepCounts(looked_at=1, quarantined=1),
        SweepCounts(looked_at=1),
        SweepCounts(looked_at=1, restored=1),
        SweepCounts(looked_at=1),
    ]
    view = await world.services.message.find(bob, id_)
    assert view is not None
    assert kept_files(world)[0].read_bytes() == b"slow"
    assert kept_files(world)[0].name == view.attachments[0].storage_key


@pytest.mark.parametrize(
    ("part", "error", "level"),
    [
        ("models.attachment.delete_expired", ServerUnavailable("The server is busy."), "warning"),
        ("models.upload_session.take_expired", StorageFailed("The disk failed."), "warning"),
        ("services.message.deletion._forget_expired", KeyError("a bug"), "error"),
        ("services.message.receipt._batch_behind", KeyError("a bug"), "error"),
        ("services.file.storage_sweep.StorageLink.check", StorageFailed("The disk failed."), "warning"),
    ],
)
async def test_a_part_of_a_round_that_fails_keeps_no_other_from_its_turn(
    world: World, monkeypatch: pytest.MonkeyPatch, part: str, error: Exception, level: str
) -> None:
    """The log has its failure, once; what the parts before and behind it have to do is done."""
    alice, _bob = await world.people("alice", "bob")
    id_ = await world.send(alice, "bob")
    await world.services.deletion.delete_for_everyone(alice, id_)
    await pending_upload(world, alice)
    await put_orphan(world)
    for path in kept_files(world):
        make_old(path, HOUR + 60)
    later = now_ms() + 31 * DAY
    for place in (
        "sweep",
        "message.deletion",
        "message.receipt",
        "file.quarantine",
    ):
        monkeypatch.setattr(f"services.{place}.now_ms", lambda: later)

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(part, fail)
    with capture_logs() as lines:
        await world.services.sweeper.sweep()

    [line] = [each for each in lines if each["event"] == "sweep failed"]
    assert line["log_level"] == level
    rows, _ = await world.stored()
    assert rows["upload"] == (1 if part == "models.attachment.delete_expired" else 0)
    assert rows["deleted_message"] == (1 if part == "services.message.deletion._forget_expired" else 0)
    assert (rows["session"], rows["event"]) == (0, 2)
    unnamed = {"models.attachment.delete_expired": 1, "services.file.storage_sweep.StorageLink.check": 0}
    assert rows["quarantine"] == unnamed.get(part, 2)


async def test_a_sweep_gives_the_database_another_mark(world: World) -> None:
    """So that a start tells copies of then from the database; the lock file has both until the new one is in it."""
    lock = world.services.database.path.with_name("sotto.db.lock")
    before = lock.read_text().split()

    await world.services.sweeper.sweep()

    after = lock.read_text().split()
    assert after[:-1] == before
    assert int(after[-1]) > 0


async def test_while_the_database_is_away_the_log_says_so_once_a_minute(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the operator's words, not in those for a client; each cause by itself, and with how often it came."""
    monkeypatch.setattr("services.failure.SWEEP_PAUSE_SECONDS", 60.0)
    sweeper, path = world.services.sweeper, world.services.database.path
    works = [sweeper.index, failing_with(StorageFailed("The disk failed."))]
    path.rename(away := path.with_suffix(".away"))
    with capture_logs() as lines:
        for _ in range(3):
            for work in works:
                await sweeper._attempt(work)
        monkeypatch.setattr("services.failure.SWEEP_PAUSE_SECONDS", 0.0)  # a minute later
        await sweeper._attempt(works[0])
    away.rename(path)

    gone = "the database or its log was moved or deleted: No such file or directory"
    assert [(each["error"], each["more"]) for each in lines if each["event"] == "sweep failed"] == [
        (f"the transaction could not be committed for sure: {gone}", 0),  # the one that found it away
        ("The disk failed.", 0),
        (gone, 0),
        (gone, 1),
    ]


def failing_with(error: Exception) -> Callable[[], Awaitable[None]]:
    """A part of a round that fails."""

    async def work() -> None:
        raise error

    return work
