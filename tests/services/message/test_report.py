"""Reports: what is copied, what is refused, and that nobody else learns of them."""

from models import report as reports
from models.report import ReportedRow
from models.transaction import Transaction
from services.error import InvalidInput, NotFound, RateLimited
from services.message.report import ReportReason, resolve
from services.page import PageRequest
from services.rejection import IssueReason
from services.viewer import Viewer
from tests.services.conftest import MakeWorld, World, refused


async def copies_of(world: World, report_id: int) -> list[ReportedRow]:
    """The messages that were kept."""

    def load(tx: Transaction) -> list[ReportedRow]:
        return tx.all(reports.MESSAGES, report=report_id)

    return await world.services.database.read(load)


async def test_a_report_keeps_the_message_and_its_context_as_the_reporter_saw_them(world: World) -> None:
    """What they had deleted for themselves does not go along; edits and deletes come too late; nobody is told."""
    alice, bob = await world.people("alice", "bob")
    ids = [await world.send(alice, "bob", text=str(number)) for number in range(5)]
    file = await world.send(alice, "bob", text=None, files=[await world.file(b"hello", "evil.txt")])
    await world.services.deletion.delete_for_me(bob, ids[3])
    n = await world.services.stream.position(alice)
    reported = await world.services.report.report(bob, file, ReportReason.OTHER, "Look", 3, block=True)
    for id_ in (*ids, file):
        await world.services.deletion.delete_for_everyone(alice, id_)
    rows = await copies_of(world, reported.report_id)

    assert [(row.body, row.filenames) for row in rows] == [
        ("1", "[]"), ("2", "[]"), ("4", "[]"), (None, '["evil.txt"]'),
    ]  # fmt: skip
    events = await world.services.stream.page_after(alice, world.services.stream.cursor_of(alice, n), 200)
    assert "USER_BLOCKED" not in [each.kind.name for each in events.items]
    blocked = await world.services.block.page_of(bob, PageRequest())
    assert [person.row.username for person, _at in blocked.items] == ["alice"]
    assert [each.filename for each in reported.message.attachments] == ["evil.txt"]
    assert reported.message.sender is not None
    assert reported.message.sender.is_blocked


async def test_a_report_needs_a_foreign_message_that_one_sees(world: World) -> None:
    """InvalidInput with path and reason, NotFound for a third person; nothing comes of it."""
    alice, bob, carol = await world.people("alice", "bob", "carol")
    id_ = await world.send(alice, "bob")
    report = world.services.report.report
    for viewer, comment, count, path, reason in (
        (alice, None, 5, "messageId", IssueReason.MISMATCH),
        (bob, None, -1, "precedingMessages", IssueReason.OUT_OF_RANGE),
        (bob, None, 21, "precedingMessages", IssueReason.OUT_OF_RANGE),
        (bob, "x" * 1001, 5, "comment", IssueReason.TOO_LONG),
        (bob, "a\0b", 5, "comment", IssueReason.MALFORMED),
    ):
        operation = report(viewer, id_, ReportReason.SPAM, comment, count, block=False)
        refusal = await refused(world, operation, InvalidInput)
        assert [(issue.path, issue.reason) for issue in refusal.issues] == [((path,), reason)]
    await refused(world, report(carol, id_, ReportReason.SPAM, None, 5, block=True), NotFound)


async def test_reports_have_a_rate(make_world: MakeWorld) -> None:
    """The operator reads them all."""
    world = await make_world(report_rate_per_minute=2)
    alice, bob = await world.people("alice", "bob")
    id_ = await world.send(alice, "bob")
    for _ in range(2):
        await world.services.report.report(bob, id_, ReportReason.SPAM, None, 5, block=False)
    again = world.services.report.report(bob, id_, ReportReason.SPAM, None, 5, block=True)
    await refused(world, again, RateLimited)


async def test_a_repeat_of_an_open_report_is_the_same_report(world: World) -> None:
    """With the first reason, comment and context; of another person, of an edited text or after its end it is new."""
    alice, bob, carol = await world.people("alice", "bob", "carol")
    await world.send(alice, "bob", "carol", text="before")
    id_ = await world.send(alice, "bob", "carol", text="one")

    async def report(viewer: Viewer, comment: str | None = None, *, block: bool = False) -> int:
        reason = ReportReason.THREAT if comment else ReportReason.OTHER
        return (await world.services.report.report(viewer, id_, reason, comment, 1, block=block)).report_id

    first = await report(bob, "The first")
    stored = await world.stored()
    assert await report(bob) == first
    assert await world.stored() == stored
    assert await report(bob, "Again", block=True) == first
    [row] = await world.services.database.read(lambda tx: tx.all(reports.FIND, id=first))
    assert (row.reason, row.comment, row.reporter_id) == (ReportReason.THREAT, "The first", bob.user_id)
    assert [each.body for each in await copies_of(world, first)] == ["before", "one"]
    blocked = await world.services.block.page_of(bob, PageRequest())
    assert [person.row.username for person, _at in blocked.items] == ["alice"]

    other = await report(carol)
    await world.services.edit.edit(alice, id_, "two", None)
    edited = await report(carol)
    await world.services.database.write(resolve, edited, "done")
    ids = [first, other, edited, await report(carol)]
    assert len(set(ids)) == 4
    assert (await world.stored())[0]["report"] == 4
