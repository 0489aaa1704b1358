"""Sending: what a message becomes, by whom it is heard, and the conversation that it goes into."""

import hashlib
import io
from collections.abc import AsyncIterator

import pytest
from PIL import Image

from models.attachment import FileState
from models.message import MessageKind
from models.transaction import Transaction
from services.file.file import AttachedFile, AttachedUpload, ReceivedFile
from services.file.upload_session import UploadForm
from services.message.draft import Draft
from services.message.inbox import ConversationFilter
from services.page import PageRequest
from services.person.user import Reference, ReferenceKind
from tests.services.conftest import MakeWorld, World, kinds_after, listed, named


def png(width: int = 4, height: int = 3) -> bytes:
    """A real picture."""
    out = io.BytesIO()
    Image.new("RGB", (width, height)).save(out, "PNG")
    return out.getvalue()


def jpeg_with_gps() -> bytes:
    """As a telephone makes it."""
    exif, out = Image.Exif(), io.BytesIO()
    exif.get_ifd(0x8825)[1] = "N"
    Image.new("RGB", (4, 3)).save(out, "JPEG", exif=exif)
    assert Image.open(io.BytesIO(out.getvalue())).getexif()
    return out.getvalue()


async def one(content: bytes) -> AsyncIterator[bytes]:
    """A part."""
    yield content


async def test_the_answer_is_the_whole_message(world: World) -> None:
    """SelfCommunity: id, sender, message, created_at, status, file."""
    alice, bob = await world.people("alice", "bob")
    files = [await world.file(png(), "a.png"), await world.file(b"notes", "b.txt")]

    id_ = await world.send(alice, "bob", text="Look", files=files, metadata={"order": 7}, client_message_id="k1")

    view = await world.services.message.find(bob, id_)
    assert view is not None
    assert (view.row.body, view.row.kind, view.row.metadata) == ("Look", MessageKind.FILE, '{"order":7}')
    assert view.sender is not None
    assert view.sender.row.username == "alice"
    assert [(each.position, each.filename, each.mime_type, each.byte_size) for each in view.attachments] == [
        (0, "a.png", "image/png", len(png())),
        (1, "b.txt", "text/plain", 5),
    ]
    assert view.attachments[1].sha256 == hashlib.sha256(b"notes").digest()
    assert (view.attachments[0].width, view.attachments[0].height) == (4, 3)
    assert not view.is_own


async def test_a_picture_needs_no_text(world: World) -> None:
    """SelfCommunity: text is required only when there is no file; OSSN's users asked for it."""
    alice, _bob = await world.people("alice", "bob")

    id_ = await world.send(alice, "bob", text=None, files=[await world.file(png(), "a.png")])

    view = await world.services.message.find(alice, id_)
    assert view is not None
    assert (view.row.body, view.row.kind) == (None, MessageKind.IMAGE)


async def test_exactly_these_people_are_one_group_however_they_are_named(make_world: MakeWorld) -> None:
    """Zulip: several recipients are one group of exactly these people, by email or id; here in any mixture."""
    world = await make_world(email_lookup=True)
    alice = await world.person("alice")
    bob = await world.person("bob", email="Bob@Example.org")
    carol = await world.person("carol", external_id="shop-17")
    by_name = named("bob", "carol")
    mixed = [
        Reference(ReferenceKind.EXTERNAL_ID, "shop-17"),
        Reference(ReferenceKind.EMAIL, "bob@example.ORG"),
        Reference(ReferenceKind.ID, "", carol.user_id),
    ]

    ids = [await world.send(alice, users=people) for people in (by_name, mixed)]
    ids.append(await world.send(carol, "BOB", "Alice"))

    conversations = await world.services.conversation.page_of(bob, ConversationFilter(), PageRequest())
    assert len(conversations.items) == 1
    assert [id_ - ids[0] for id_ in ids] == [0, 1, 2]
    assert {each.person.row.username for each in conversations.items[0].participants} == {"alice", "bob", "carol"}


async def test_somebody_named_twice_counts_once_in_whatever_ways(make_world: MakeWorld) -> None:
    """One direct conversation, one message, one event of it; a retry that names them once is the same request."""
    world = await make_world(email_lookup=True)
    alice = await world.person("alice")
    bob = await world.person("bob", email="bob@example.org", external_id="shop-3")
    carol = await world.person("carol")
    ways = [
        Reference(ReferenceKind.USERNAME, "bob"),
        Reference(ReferenceKind.USERNAME, "BOB"),
        Reference(ReferenceKind.EMAIL, "Bob@example.org"),
        Reference(ReferenceKind.EXTERNAL_ID, "shop-3"),
        Reference(ReferenceKind.ID, "", bob.user_id),
        Reference(ReferenceKind.ID, "", bob.user_id),
    ]

    n = await world.services.stream.position(bob)
    id_ = await world.send(alice, users=ways, client_message_id="k")
    events = await kinds_after(world, bob, n)
    again = [await world.send(alice, users=some, client_message_id="k") for some in (ways[:1], ways[2:4])]
    each = await world.services.send.send_to_each(alice, Draft(text="Hello", users=ways))
    views = [await world.services.conversation.find_with(alice, people) for people in (ways, named("bob"))]
    groups = [await world.send(alice, users=[*some, *named("carol")]) for some in (ways, ways[4:])]

    assert events == ["CONVERSATION_CREATED", "MESSAGE_CREATED"]
    assert again == [id_, id_]
    assert [(outcome.index, outcome.message_id) for outcome in each] == [(index, id_ + 1) for index in range(6)]
    assert [view and (view.row.id, view.row.last_seq) for view in views] == [(id_ >> 27, 2)] * 2
    assert groups[1] - groups[0] == 1
    assert len(await listed(world, carol)) == 1


async def test_two_people_have_one_conversation_in_both_directions(world: World) -> None:
    """MongoDB chat: the conversation is made if missing."""
    alice, bob = await world.people("alice", "bob")

    first, answer = await world.send(alice, "bob"), await world.send(bob, "alice")
    third = await world.send(alice, conversation_id=first >> 27)

    assert (answer, third) == (first + 1, first + 2)
    assert (await world.stored())[0]["conversation"] == 1


async def test_an_event_for_every_member_and_nobody_else(world: World) -> None:
    """n = 1, 2, 3 … for each user, without a gap."""
    alice, bob, carol = await world.people("alice", "bob", "carol")
    for _ in range(3):
        await world.send(alice, "bob")

    def log(tx: Transaction) -> list[tuple[int, ...]]:
        return list(tx.database.connection().execute("SELECT user_id, n, kind FROM event ORDER BY user_id, n"))

    rows = await world.services.database.read(log)
    for viewer in (alice, bob):
        assert [(n, kind) for user_id, n, kind in rows if user_id == viewer.user_id] == [(1, 1), (2, 0), (3, 0), (4, 0)]
    assert [row for row in rows if row[0] == carol.user_id] == []


async def test_who_writes_has_read(world: World) -> None:
    """Unread are the messages of others since one read or wrote."""
    alice, bob = await world.people("alice", "bob")
    await world.send(alice, "bob")
    await world.send(alice, "bob")
    before = await world.services.conversation.unread(bob)
    await world.send(bob, "alice")

    after = [await world.services.conversation.unread(viewer) for viewer in (bob, alice)]

    assert (before.messages, before.conversations) == (2, 1)
    assert [each.messages for each in after] == [0, 1]


async def test_to_each_is_a_message_of_their_own(world: World) -> None:
    """Separate messages, with an outcome for each; who cannot be written to does not keep the others from it."""
    alice, bob, carol = await world.people("alice", "bob", "carol")
    await world.services.block.block(bob, named("alice")[0])
    draft = Draft(text="Hi", users=named("bob", "carol", "nobody", "CAROL"), files=[await world.file(b"x")])

    outcomes = await world.services.send.send_to_each(alice, draft)

    assert [each.rejection.reason.name if each.rejection else None for each in outcomes] == [
        "NOT_ACCEPTING", None, "NOT_FOUND", None,
    ]  # fmt: skip
    assert outcomes[1].message_id == outcomes[3].message_id
    view = await world.services.message.find(carol, outcomes[1].message_id or 0)
    assert view is not None
    assert [each.filename for each in view.attachments] == ["notes.txt"]
    assert (await world.stored())[0]["message"] == 1


async def test_to_each_with_nobody_to_write_to_keeps_no_file(world: World) -> None:
    """Nothing is half-stored."""
    alice, _ = await world.people("alice", "bob")
    before = await world.stored()

    await world.services.send.send_to_each(alice, Draft(users=named("nobody"), files=[await world.file(b"x")]))

    assert await world.stored() == before


async def test_notes_to_oneself_where_the_server_has_them(make_world: MakeWorld) -> None:
    """Zulip allows it, OSSN and MongoDB chat refuse it: a setting."""
    world = await make_world(self_conversations=True)
    alice = await world.person("alice")

    first, second = await world.send(alice, "alice"), await world.send(alice, "alice")

    assert second == first + 1


async def test_a_reply_names_a_message_of_the_same_conversation(world: World) -> None:
    """The message that is answered is seen by all who see the answer."""
    alice, bob = await world.people("alice", "bob")
    first = await world.send(alice, "bob")

    id_ = await world.send(bob, "alice", reply_to_id=first)

    view = await world.services.message.find(alice, id_)
    assert view is not None
    assert view.row.reply_to_id == first


@pytest.mark.parametrize(
    ("names", "kind"),
    [(["a.png"], MessageKind.IMAGE), (["a.png", "b.png"], MessageKind.IMAGE), (["a.png", "n.txt"], MessageKind.FILE)],
)
async def test_the_type_comes_from_the_content(world: World, names: list[str], kind: MessageKind) -> None:
    """MongoDB chat sends a type and checks it; here it is derived, and only checked when it is given."""
    alice, _ = await world.people("alice", "bob")
    files = [await world.file(png() if name.endswith("png") else b"text", name) for name in names]

    id_ = await world.send(alice, "bob", files=files, expected_kind=kind)

    view = await world.services.message.find(alice, id_)
    assert view is not None
    assert view.row.kind == kind


@pytest.mark.parametrize("way", ["inline", "upload"])
async def test_any_file_goes_as_a_file_where_the_sender_says_so(world: World, way: str) -> None:
    """MongoDB chat: `type: file` with a picture; it is saved and not shown, and has lost its EXIF all the same."""
    alice, bob = await world.people("alice", "bob")
    content = jpeg_with_gps()
    picture: AttachedFile = await world.file(content, "a.jpg")
    if way == "upload":
        view = await world.services.upload.create(alice, UploadForm("a.jpg", len(content)))
        await world.services.upload.append(alice, view.id, 0, one(content), None)
        assert isinstance(picture, ReceivedFile)
        await world.services.attachment.discard(picture)
        picture = AttachedUpload(view.id)
    files = [picture, await world.file(b"notes", "b.txt")]

    id_ = await world.send(alice, "bob", files=files, expected_kind=MessageKind.FILE)
    await world.services.sweeper.shrink()

    message = await world.services.message.find(bob, id_)
    assert message is not None
    assert message.row.kind == MessageKind.FILE
    file = message.attachments[0]
    shown = (file.kind, file.mime_type, file.width, file.height, file.is_animated, file.blurhash, file.thumbnail_key)
    assert shown == (MessageKind.FILE, "image/jpeg", None, None, None, None, None)
    assert file.state == FileState.READY
    path = world.services.download.url_path(bob, file, 60, inline=True).removeprefix("/files/")
    download = await world.services.download.open(path)
    assert not download.is_inline
    kept = b"".join([chunk async for chunk in world.services.download.read(download, 0, download.byte_size)])
    assert not Image.open(io.BytesIO(kept)).getexif()
    assert (await world.stored())[0]["job"] == 1  # that of the text
