"""Refusals of a send: typed, with every offender, and nothing stored."""

from typing import Any

import pytest

from models import user as users
from models.message import MessageKind
from services.error import (
    AttachmentsRejected,
    InvalidInput,
    NotFound,
    RateLimited,
    RecipientsRejected,
    Refusal,
)
from services.file.file import ReceivedFile
from services.file.media_type import PRESETS
from services.limit import Limits
from services.message.draft import Draft
from services.person.user import Reference, ReferenceKind
from services.viewer import Viewer
from tests.services.conftest import MakeWorld, World, named


async def refused(world: World, viewer: Viewer, draft: Draft) -> Refusal:
    """The refusal of a send, after which the tables and the folder are as they were."""
    before = await world.stored()
    with pytest.raises(Refusal) as caught:
        await world.services.send.send(viewer, draft)
    for each in draft.files:
        assert isinstance(each, ReceivedFile)
        await world.services.attachment.discard(each)
    assert await world.stored() == before
    assert world.temp_files() == []
    return caught.value


BLANKS = ["", " ", "\n\t ", "\u200b", "\u3164", "\u2800", "\ufe0f", "\u00a0\u2003", "\u202e\u202c", "\U000e0020"]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("text", [None, *BLANKS])
async def test_nothing_visible_is_blank(module_world: World, text: str | None) -> None:
    """OSSN: blank text is refused, with its own reason."""
    alice, _ = await module_world.known("alice", "bob")

    refusal = await refused(module_world, alice, Draft(text=text, users=named("bob")))

    assert isinstance(refusal, InvalidInput)
    assert [(each.path, each.reason.name) for each in refusal.issues] == [(("text",), "EMPTY")]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("draft", "expected"),
    [
        ({"text": "x" * 10_001}, [("text", "TOO_LONG", 10_000)]),
        ({"text": "\U0001f600" * 10_000 + "x"}, [("text", "TOO_LONG", 10_000)]),
        ({"text": "\U0001f600" * 10_000}, None),
        ({"text": "a\x00b"}, [("text", "MALFORMED", None)]),
        ({"text": "a\ud800b"}, [("text", "MALFORMED", None)]),
        ({"text": "a\ufffeb"}, [("text", "MALFORMED", None)]),
        ({"text": "a\x1bb"}, [("text", "MALFORMED", None)]),
        ({"text": "a\tb\nc\u202e \u200d"}, None),
        ({"text": "x", "expected_kind": MessageKind.IMAGE}, [("type", "MISMATCH", None)]),
        ({"text": "x", "is_system_expected": True}, [("type", "MISMATCH", None)]),
        ({"text": "x", "expected_kind": MessageKind.FILE}, [("type", "MISMATCH", None)]),
        ({"text": "x", "client_message_id": ""}, [("clientMessageId", "EMPTY", None)]),
        ({"text": "x", "client_message_id": "k" * 129}, [("clientMessageId", "TOO_LONG", 128)]),
        ({"text": "x", "client_message_id": "k\n"}, [("clientMessageId", "MALFORMED", None)]),
        ({"text": "x", "metadata": {"a": "x" * 4096}}, [("metadata", "TOO_LONG", 4096)]),
        ({"text": "x", "metadata": {"a": "\ud800"}}, [("metadata", "MALFORMED", None)]),
        ({"text": "x", "metadata": {"a": 1 << 70}}, [("metadata", "MALFORMED", None)]),
        (
            {"text": "\x00", "client_message_id": "", "metadata": ["x" * 5000]},
            [("text", "EMPTY", None), ("text", "MALFORMED", None), ("clientMessageId", "EMPTY", None),
             ("metadata", "TOO_LONG", 4096)],
        ),
    ],
)  # fmt: skip
async def test_every_issue_of_the_input_is_told_at_once(
    module_world: World, draft: dict[str, Any], expected: list[tuple[str, str, int | None]] | None
) -> None:
    """Zulip: content up to 10,000; 40,000 bytes, no NUL, no half characters."""
    alice, _ = await module_world.known("alice", "bob")
    if expected is None:
        assert await module_world.send(alice, "bob", **draft)
        return

    refusal = await refused(module_world, alice, Draft(users=named("bob"), **draft))

    assert isinstance(refusal, InvalidInput)
    assert [(each.path[0], each.reason.name, each.limit) for each in refusal.issues] == expected


@pytest.mark.parametrize(("count", "reason"), [(0, "REQUIRED"), (11, "TOO_MANY")])
async def test_a_message_has_one_to_ten_recipients(world: World, count: int, reason: str) -> None:
    """OSSN: missing parties are refused with their own reason."""
    alice = await world.person("alice")

    refusal = await refused(world, alice, Draft(text="x", users=named(*["bob"] * count)))

    assert isinstance(refusal, InvalidInput)
    assert [(each.path, each.reason.name) for each in refusal.issues] == [(("to", "users"), reason)]


async def test_all_offenders_among_the_recipients_are_named(make_world: MakeWorld) -> None:
    """Zulip names the wrong recipient; MongoDB chat refuses oneself, blocks either way, accounts not active."""
    world = await make_world(email_lookup=True)
    alice, bob, carol, dave, _erin = await world.people("alice", "bob", "carol", "dave", "erin")
    await world.services.block.block(alice, named("bob")[0])
    await world.services.block.block(carol, named("alice")[0])
    await world.services.database.write(lambda tx: tx.run(users.SET_STATE, id=dave.user_id, state=users.SUSPENDED))
    people = [
        *named("alice", "bob", "carol", "dave", "erin", "nobody"),
        Reference(ReferenceKind.EMAIL, "who@example.org"),
        Reference(ReferenceKind.ID, "x", -1),
        Reference(ReferenceKind.EXTERNAL_ID, "shop-1"),
    ]

    refusal = await refused(world, alice, Draft(text="x", users=people))

    assert isinstance(refusal, RecipientsRejected)
    assert [(each.index, each.reason.name) for each in refusal.rejections] == [
        (0, "SELF"),
        (1, "BLOCKED_BY_VIEWER"),
        (2, "NOT_ACCEPTING"),
        (3, "UNAVAILABLE"),
        (5, "NOT_FOUND"),
        (6, "NOT_FOUND"),
        (7, "NOT_FOUND"),
        (8, "NOT_FOUND"),
    ]
    assert "'who@example.org'" in refusal.rejections[5].detail
    assert {each.user_id for each in refusal.rejections[:4]} == {
        alice.user_id,
        bob.user_id,
        carol.user_id,
        dave.user_id,
    }


async def test_oneself_alone_is_refused(world: World) -> None:
    """MongoDB chat, OSSN: no message to oneself."""
    alice = await world.person("alice")

    refusal = await refused(world, alice, Draft(text="x", users=named("alice")))

    assert isinstance(refusal, RecipientsRejected)
    assert [each.reason.name for each in refusal.rejections] == ["SELF"]


async def test_a_block_closes_a_conversation_that_exists(world: World) -> None:
    """By its id as by its people, in both directions: no road leads around it."""
    alice, bob = await world.people("alice", "bob")
    conversation_id = (await world.send(alice, "bob")) >> 27
    await world.services.block.block(bob, named("alice")[0])

    of_alice = await refused(world, alice, Draft(text="x", conversation_id=conversation_id))
    of_bob = await refused(world, bob, Draft(text="x", conversation_id=conversation_id))

    assert isinstance(of_alice, RecipientsRejected)
    assert isinstance(of_bob, RecipientsRejected)
    assert of_alice.rejections[0].reason.name == "NOT_ACCEPTING"
    assert of_alice.rejections[0].detail.endswith(
        " cannot receive messages at the moment."
    )  # as of a suspended account
    assert of_bob.rejections[0].reason.name == "BLOCKED_BY_VIEWER"


async def test_a_conversation_of_others_is_not_found(world: World) -> None:
    """The same answer as for one that never existed."""
    alice, _bob, carol = await world.people("alice", "bob", "carol")
    conversation_id = (await world.send(alice, "bob")) >> 27

    foreign = await refused(world, carol, Draft(text="x", conversation_id=conversation_id))
    missing = await refused(world, carol, Draft(text="x", conversation_id=conversation_id ^ 1))

    assert isinstance(foreign, NotFound)
    assert foreign.detail == missing.detail


async def test_a_reply_to_what_one_cannot_see_is_refused(world: World) -> None:
    """Neither a foreign message nor one of another conversation can be quoted."""
    alice, bob, carol = await world.people("alice", "bob", "carol")
    hidden, other = await world.send(alice, "bob"), await world.send(carol, "alice")

    for reply_to in (hidden, other, -1):
        refusal = await refused(world, carol, Draft(text="x", users=named("bob"), reply_to_id=reply_to))
        assert isinstance(refusal, NotFound)
    assert bob


@pytest.mark.parametrize("what", ["another conversation", "deleted for oneself", "never there"])
async def test_a_reply_into_a_conversation_by_its_id_is_looked_at_as_well(world: World, what: str) -> None:
    """The sender can see the first of them elsewhere, and has seen the second here."""
    alice, bob, _carol = await world.people("alice", "bob", "carol")
    here, again = await world.send(alice, "bob"), await world.send(alice, "bob")
    await world.services.deletion.delete_for_me(bob, again)
    cases = {"another conversation": await world.send(bob, "carol"), "deleted for oneself": again, "never there": -1}

    refusal = await refused(world, bob, Draft(text="x", conversation_id=here >> 27, reply_to_id=cases[what]))

    assert isinstance(refusal, NotFound)
    assert await world.send(bob, conversation_id=here >> 27, reply_to_id=here) >> 27 == here >> 27


async def test_all_offenders_among_the_files_are_named(make_world: MakeWorld) -> None:
    """OSSN's list of types; the content decides, not the name."""
    world = await make_world(allowed_mime_types=PRESETS["ossn"], max_attachment_bytes=100)
    alice, _ = await world.people("alice", "bob")
    files = [
        await world.file(b"%PDF-1.7\n%%EOF\n", "good.pdf"),
        await world.file(b"", "empty.png"),
        await world.file(b"<html><script>alert(1)</script>", "picture.png"),
        await world.file(b"\x89PNG\r\n\x1a\n" + b"x" * 93, "large.png"),
        await world.file(b"GIF89a=1;alert(1)//", "polyglot.gif"),
        await world.file(b"plain text", "notes.pdf"),
    ]

    refusal = await refused(world, alice, Draft(text="x", users=named("bob"), files=files))

    assert isinstance(refusal, AttachmentsRejected)
    assert [(each.index, each.reason.name, each.filename) for each in refusal.rejections] == [
        (1, "EMPTY", "empty.png"),
        (2, "TYPE_NOT_ALLOWED", "picture.png"),
        (3, "TOO_LARGE", "large.png"),
        (4, "UNSAFE", "polyglot.gif"),
        (5, "TYPE_NOT_ALLOWED", "notes.pdf"),
    ]
    assert refusal.rejections[2].limit_bytes == 100
    assert refusal.rejections[1].allowed_mime_types == PRESETS["ossn"]
    assert not any(each.is_retryable for each in refusal.rejections)


async def test_recipients_are_looked_at_before_files(world: World) -> None:
    """The same order of checks at every send."""
    alice = await world.person("alice")

    refusal = await refused(world, alice, Draft(text="x", users=named("nobody"), files=[await world.file(b"")]))

    assert isinstance(refusal, RecipientsRejected)


async def test_too_many_files(world: World) -> None:
    """Ten by default."""
    alice, _ = await world.people("alice", "bob")
    files = [await world.file(b"x") for _ in range(11)]

    refusal = await refused(world, alice, Draft(users=named("bob"), files=files))

    assert isinstance(refusal, InvalidInput)
    assert [(each.path, each.reason.name, each.limit) for each in refusal.issues] == [
        (("attachments",), "TOO_MANY", 10)
    ]


async def test_text_always_where_the_server_wants_it(make_world: MakeWorld) -> None:
    """OSSN, Zulip, MongoDB chat: text is required even with a file; a setting restores it."""
    world = await make_world(require_text=True)
    alice, _ = await world.people("alice", "bob")

    refusal = await refused(world, alice, Draft(users=named("bob"), files=[await world.file(b"x")]))

    assert isinstance(refusal, InvalidInput)


async def test_email_finds_nobody_unless_the_server_allows_it(world: World) -> None:
    """Looking people up by email is a way to find out who is here: off by default."""
    alice = await world.person("alice")
    await world.person("bob", email="bob@example.org")

    refusal = await refused(world, alice, Draft(text="x", users=[Reference(ReferenceKind.EMAIL, "bob@example.org")]))

    assert isinstance(refusal, RecipientsRejected)
    assert refusal.rejections[0].reason.name == "NOT_FOUND"


async def test_too_often(make_world: MakeWorld) -> None:
    """Counted for each user, told with the time to wait."""
    world = await make_world(send_rate_per_minute=3)
    alice, bob = await world.people("alice", "bob")
    for _ in range(3):
        await world.send(alice, "bob")

    refusal = await refused(world, alice, Draft(text="x", users=named("bob")))

    assert isinstance(refusal, RateLimited)
    assert 15 < refusal.retry_after_seconds <= 20
    assert await world.send(bob, "alice")
    assert Limits().send_rate_per_minute == 600


async def test_a_server_may_want_a_type_with_every_message(make_world: MakeWorld) -> None:
    """MongoDB chat: `type` is required, and still checked; for each of several as well."""
    world = await make_world(require_type=True)
    alice, _ = await world.people("alice", "bob")

    refusal = await refused(world, alice, Draft(text="x", users=named("bob")))
    assert isinstance(refusal, InvalidInput)
    assert [(each.path, each.reason.name) for each in refusal.issues] == [(("type",), "REQUIRED")]
    assert "it is TEXT" in refusal.issues[0].detail
    before = await world.stored()
    with pytest.raises(InvalidInput):
        await world.services.send.send_to_each(alice, Draft(text="x", users=named("bob")))
    assert await world.stored() == before
    assert await world.send(alice, "bob", expected_kind=MessageKind.TEXT)
