"""API keys: what a program may do with one, for its owner and for somebody else."""

import asyncio
from typing import Any

import pytest

from models import api_key as keys
from models import user as users
from models.api_key import Scope
from models.base import now_ms
from models.event import START
from services.account.api_key import OPERATORS
from services.account.sign_up import SignUp
from services.error import (
    AccountDeactivated,
    AccountSuspended,
    ActAsNotFound,
    Forbidden,
    InvalidInput,
    NotFound,
    PermissionDenied,
    RecipientsRejected,
    SottoError,
    Unauthenticated,
)
from services.limit import DeviceTrust
from services.page import PageRequest
from services.person.user import Reference, ReferenceKind
from services.transaction import WriteTransaction
from services.viewer import CredentialKind, Right, Viewer
from tests.services.conftest import MakeWorld, World, first_of, refused

BOTH = Scope.READ_MESSAGES | Scope.SEND_MESSAGES


async def key_of(world: World, owner: Viewer, scopes: Scope = BOTH, expires_at: int | None = None) -> str:
    """The secret of a key of any scope, as the operator makes one."""

    def put(tx: WriteTransaction) -> str:
        return world.services.api_key.put(tx, owner.user_id, "key", scopes, expires_at)[1]

    return await world.services.database.write(put)


async def through(world: World, secret: str, **way: Any) -> Viewer:
    """Who comes in with it."""
    viewer = await world.authenticate(secret, **way)
    assert viewer is not None
    return viewer


def name(username: str) -> Reference:
    """By username."""
    return Reference(ReferenceKind.USERNAME, username)


async def test_a_key_is_its_owners_way_in(world: World) -> None:
    """Shown once; the table holds its hash alone, and the list shows no secret."""
    (alice,) = await world.people("alice")

    row, secret = await world.services.api_key.create(alice, "bot", BOTH, None)
    viewer = await through(world, secret)

    assert secret.startswith("sok_")
    assert len(secret) == 47
    assert (viewer.user_id, viewer.kind, viewer.key_id) == (alice.user_id, CredentialKind.API_KEY, row.id)
    assert await world.services.api_key.list_of(alice) != []
    stored = b"".join(path.read_bytes() for path in world.folder.glob("sotto.db*"))
    assert secret.encode() not in stored
    assert secret[4:].encode() not in stored


@pytest.mark.parametrize("shown", ["alice", "ALICE", "alice@example.org", "Alice@Example.org", None])
async def test_basic_credentials_name_the_keys_owner(world: World, shown: str | None) -> None:
    """Zulip: HTTP Basic `email:key`; a username does as well, and a bearer needs neither."""
    alice = await world.person("alice", email="alice@example.org")
    secret = await key_of(world, alice)

    assert (await through(world, secret, name=shown)).user_id == alice.user_id


@pytest.mark.parametrize("shown", ["bob", "", "alice@example.com", "\ud800", "alice\n"])
async def test_a_key_with_another_name_is_refused(world: World, shown: str) -> None:
    """Zulip: a wrong key is refused, and so is a right one with a wrong name; also after it was good once."""
    alice = await world.person("alice", email="alice@example.org")
    await world.people("bob")
    secret = await key_of(world, alice)
    await through(world, secret)

    await refused(world, through(world, secret, name=shown), Unauthenticated)


@pytest.mark.parametrize("token", ["sok_", "sok_" + "A" * 43, "sok_" + "A" * 42, "sok_" + "A" * 44, "sok_é" + "A" * 42])
async def test_what_is_no_key_is_nobodys(world: World, token: str) -> None:
    """One answer for all."""
    await refused(world, world.authenticate(token), Unauthenticated, match="not valid")


async def test_a_key_ends_with_its_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when it was good a moment ago, and remembered."""
    (alice,) = await world.people("alice")
    secret = await key_of(world, alice, expires_at=now_ms() + 60_000)
    viewer = await through(world, secret)
    later = now_ms() + 60_001
    for module in ("account.authentication", "credential_status", "account.key_holder"):
        monkeypatch.setattr(f"services.{module}.now_ms", lambda: later)

    with pytest.raises(Unauthenticated):
        await through(world, secret)
    with pytest.raises(Unauthenticated):
        await world.services.authenticator.check_live(viewer)


async def test_a_key_that_is_revoked_is_worth_nothing_at_once(world: World) -> None:
    """Nobody else can revoke it: the same answer as for one that never was."""
    alice, bob = await world.people("alice", "bob")
    row, secret = await world.services.api_key.create(alice, "bot", BOTH, None)
    viewer = await through(world, secret)

    for id_ in (row.id, 12345):
        with pytest.raises(NotFound, match="no such API key"):
            await world.services.api_key.revoke(bob, id_)
    assert await world.services.api_key.find_many(bob, [row.id]) == {}
    assert await through(world, secret) == viewer
    await world.services.api_key.revoke(alice, row.id)

    with pytest.raises(Unauthenticated):
        await through(world, secret)
    with pytest.raises(Unauthenticated):
        await world.send(viewer, "bob")
    assert (await world.stored())[0]["message"] == 0


async def test_last_use_is_shown(world: World) -> None:
    """Null before the first time."""
    (alice,) = await world.people("alice")
    _, secret = await world.services.api_key.create(alice, "bot", BOTH, None)
    [before] = await world.services.api_key.list_of(alice)
    await through(world, secret)
    [after] = await world.services.api_key.list_of(alice)

    assert before.last_used_at is None
    assert after.last_used_at is not None
    assert abs(after.last_used_at - now_ms()) < 10_000


async def test_last_use_is_written_once_in_five_minutes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often the key is looked at anew; a write for each request would be dear."""
    (alice,) = await world.people("alice")
    _, secret = await world.services.api_key.create(alice, "bot", BOTH, None)
    began, used = now_ms(), []
    for later in (0, 299_000, 301_000):
        monkeypatch.setattr("services.account.authentication.now_ms", lambda later=later: began + later)
        world.services.authenticator.invalidate(alice.user_id, None)
        await through(world, secret)
        [row] = await world.services.api_key.list_of(alice)
        used.append(row.last_used_at)

    assert used == [began, began, began + 301_000]


async def test_a_reading_key_sends_nothing(world: World) -> None:
    """And changes nothing that is its owner's; nothing is stored."""
    alice, bob = await world.people("alice", "bob")
    id_ = await world.send(bob, "alice")
    viewer = await through(world, await key_of(world, alice, Scope.READ_MESSAGES))
    before = await world.stored()

    assert set(await world.services.message.find_many(viewer, [id_])) == {id_}
    for attempt in (
        world.send(viewer, "bob"),
        world.services.block.block(viewer, name("bob")),
        world.services.reaction.react(viewer, id_, "👍", is_set=True),
        world.services.presence.type(viewer, 1, is_typing=True),
    ):
        with pytest.raises(PermissionDenied, match="SEND_MESSAGES"):
            await attempt
    with pytest.raises(PermissionDenied):
        world.services.attachment.admit(viewer)
    assert await world.stored() == before


async def test_a_sending_key_reads_nothing(world: World) -> None:
    """It sees its own message in the answer to a send, and people, because it names them.

    What changes something shows it in the answer, so that is not for it either: an emoji on the message before its own
    would be a way to read that.
    """
    alice, bob = await world.person("alice", email="alice@example.org"), await world.person("bob")
    id_ = await world.send(bob, "alice")
    viewer = await through(world, await key_of(world, alice, Scope.SEND_MESSAGES))

    assert await world.send(viewer, "bob")
    assert await world.services.user.find(viewer, name("bob")) is not None
    for attempt in (
        world.services.message.find_many(viewer, [id_]),
        world.services.message.page_of(viewer, 1, PageRequest()),
        world.services.stream.position(viewer),
        first_of(world.services.stream.messages(viewer, None)),
        world.services.reaction.react(viewer, id_, "👍", is_set=True),
        world.services.receipt.mark_unread(viewer, id_ >> 27, None),
        world.services.presence.type(viewer, id_ >> 27, is_typing=True),
        world.services.block.block(viewer, name("bob")),
    ):
        await refused(world, attempt, PermissionDenied, match="READ_MESSAGES")
    assert (await world.services.user.get_self(viewer)).row.email is None


@pytest.mark.parametrize("scopes", [BOTH, Scope.ACT_AS_ANY_USER | BOTH, Scope.ADMIN, Scope(15)])
async def test_no_key_changes_passwords_devices_or_keys(world: World, scopes: Scope) -> None:
    """A leaked key must not become a second one, or an account."""
    alice, _ = await world.people("alice", "bob")
    whom = name("alice") if scopes & Scope.ACT_AS_ANY_USER else None
    viewer = await through(world, await key_of(world, alice, scopes), act_as=whom)

    for attempt in (
        world.services.api_key.create(viewer, "more", BOTH, None),
        world.services.api_key.list_of(viewer),
        world.services.api_key.revoke(viewer, viewer.key_id),
        world.services.device.list_of(viewer),
        world.services.device.revoke(viewer, alice.device_id),
        world.services.account.change_password(viewer, "", "another horse"),
        world.services.account.sign_out(viewer, everywhere=True),
        world.services.account.sign_out(viewer, everywhere=False),
    ):
        await refused(world, attempt, PermissionDenied)
    assert await world.services.authenticator.check_live(alice)


async def test_a_key_acts_for_whom_it_names(world: World) -> None:
    """OSSN: the host's key sends as any of its users, `from`; a block stands in its way as in theirs."""
    host = await world.person("host")
    alice = await world.person("alice", external_id="42")
    await world.people("bob", "carol")
    secret = await key_of(world, host, BOTH | Scope.ACT_AS_ANY_USER)

    viewer = await through(world, secret, act_as=Reference(ReferenceKind.EXTERNAL_ID, "42"))
    id_ = await world.send(viewer, "bob")
    bob = world.viewers["bob"]
    [message] = (await world.services.message.find_many(bob, [id_])).values()
    await world.services.block.block(bob, name("alice"))

    assert message.row.sender_id == alice.user_id
    assert (viewer.user_id, viewer.acting_id) == (alice.user_id, host.user_id)
    await refused(world, world.send(viewer, "bob"), RecipientsRejected)


@pytest.mark.parametrize("way", [{}, {"name": "host"}, {"is_from_socket": True}], ids=["bearer", "Basic", "socket"])
async def test_a_key_that_can_act_names_for_whom(make_world: MakeWorld, way: dict[str, Any]) -> None:
    """A forgotten header is refused, and no message of the owner's, unless the operator wants it so.

    Any other key is its owner's way in, as it was.
    """
    for is_required in (True, False):
        world = await make_world(act_as_required=is_required)
        host, alice = await world.people("host", "alice")
        secret = await key_of(world, host, BOTH | Scope.ACT_AS_ANY_USER)
        await through(world, secret, act_as=name("alice"))  # remembered with its header, and only with it

        if is_required:
            await refused(world, through(world, secret, **way), Forbidden, match="X-Act-As")
        else:
            assert (await through(world, secret, **way)).user_id == host.user_id
        assert (await through(world, await key_of(world, alice))).user_id == alice.user_id


async def test_without_the_scope_nobody_acts_for_others(world: World) -> None:
    """Also not after the key was good for its owner, and not for its owner's own name."""
    alice, _ = await world.people("alice", "bob")
    secret = await key_of(world, alice)
    await through(world, secret)

    for whom in ("bob", "alice", "nobody"):
        await refused(world, through(world, secret, act_as=name(whom)), Forbidden, match="ACT_AS_ANY_USER")


async def test_a_session_acts_for_nobody(world: World) -> None:
    """The header is refused, not ignored: who sends it believes to be somebody else."""
    alice = await world.services.account.sign_up(SignUp("alice", "correct horse"))
    await world.people("bob")

    await refused(world, world.authenticate(alice.token, act_as=name("bob")), Forbidden)


async def test_to_act_for_nobody_is_refused_with_its_own_reason(world: World) -> None:
    """OSSN: an unknown user; not as an empty header is refused."""
    (host,) = await world.people("host")
    secret = await key_of(world, host, BOTH | Scope.ACT_AS_ANY_USER)

    refusal = await refused(world, through(world, secret, act_as=name("nobody")), ActAsNotFound)

    assert refusal.detail == "Nobody has the username 'nobody': check `X-Act-As`."


@pytest.mark.parametrize("who", ["host", "alice"])
@pytest.mark.parametrize(
    ("state", "error"), [(users.SUSPENDED, AccountSuspended), (users.DEACTIVATED, AccountDeactivated)]
)
async def test_a_key_that_acts_needs_both_to_be_active(
    world: World, who: str, state: int, error: type[SottoError]
) -> None:
    """Its owner, and whom it acts for; at once, though it was remembered."""
    host, _, _ = await world.people("host", "alice", "bob")
    secret = await key_of(world, host, BOTH | Scope.ACT_AS_ANY_USER)
    viewer = await through(world, secret, act_as=name("alice"))

    await world.services.account.set_state(who, state)

    await refused(world, through(world, secret, act_as=name("alice")), error)
    await refused(world, world.send(viewer, "bob"), error)


async def test_a_key_is_refused_in_a_page_and_on_a_socket_where_it_acts(world: World) -> None:
    """A key in a page belongs to its visitors; also when it is remembered already."""
    (host,) = await world.people("host")
    secret = await key_of(world, host, BOTH | Scope.ACT_AS_ANY_USER)
    plain = await key_of(world, host)
    acting = await through(world, secret, act_as=name("host"))
    await through(world, plain)

    for each in ({"token": secret, "act_as": name("host")}, {"token": plain}):
        await refused(world, world.authenticate(**each, is_from_page=True), Forbidden, match="page")
    on_socket = through(world, secret, is_from_socket=True, act_as=name("host"))
    await refused(world, on_socket, Forbidden, match="WebSocket")
    assert (await through(world, plain, is_from_socket=True)).user_id == host.user_id
    for stream in (
        world.services.stream.messages(acting, None),
        world.services.stream.events(acting, None, None, with_ephemeral=True),
    ):
        await refused(world, first_of(stream), PermissionDenied, match="does not listen")


@pytest.mark.parametrize("scope", [Scope.ACT_AS_ANY_USER, Scope.ADMIN, OPERATORS | Scope.READ_MESSAGES])
async def test_power_over_others_is_the_operators_to_give(world: World, scope: Scope) -> None:
    """Nobody makes such a key for themselves."""
    (alice,) = await world.people("alice")

    await refused(world, world.services.api_key.create(alice, "bot", scope, None), PermissionDenied, match="operator")


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (("", BOTH, None), [("name", "EMPTY")]),
        (("x" * 65, BOTH, None), [("name", "TOO_LONG")]),
        (("a\u202eb", BOTH, None), [("name", "MALFORMED")]),
        (("bot", Scope(0), None), [("scopes", "EMPTY")]),
        (("bot", BOTH, 1), [("expiresAt", "OUT_OF_RANGE")]),
        (("", Scope(0), 0), [("name", "EMPTY"), ("scopes", "EMPTY"), ("expiresAt", "OUT_OF_RANGE")]),
    ],
)
async def test_everything_wrong_with_a_key_is_named(
    world: World, form: tuple[str, Scope, int | None], expected: list[tuple[str, str]]
) -> None:
    """And none is made."""
    (alice,) = await world.people("alice")

    refusal = await refused(world, world.services.api_key.create(alice, *form), InvalidInput)

    assert [(issue.path[0], issue.reason.name) for issue in refusal.issues] == expected


async def test_there_is_a_most_of_keys(make_world: MakeWorld) -> None:
    """Also for fifty who ask at once: it is counted where they are stored."""
    world = await make_world(max_api_keys=5)
    (alice,) = await world.people("alice")

    made = await asyncio.gather(
        *(world.services.api_key.create(alice, "bot", BOTH, None) for _ in range(50)), return_exceptions=True
    )

    assert sum(isinstance(each, PermissionDenied) for each in made) == 45
    assert await world.services.database.read(lambda tx: tx.value(keys.COUNT, user=alice.user_id)) == 5


def test_every_right_has_a_sentence() -> None:
    """For who lacks it."""
    nobody = Viewer(1, b"", 0, CredentialKind.API_KEY, Right(0))
    for right in Right:
        if right is not Right.ALL:
            with pytest.raises(PermissionDenied):
                nobody.check(right)


async def test_a_key_hears_of_no_devices(make_world: MakeWorld) -> None:
    """Neither by `viewer.devices` nor by the log, in which its owner's others are told of a new one and of the key."""
    world = await make_world(device_trust=DeviceTrust.NOTIFY, sign_in_rate_per_minute=0)
    alice = await world.services.account.sign_up(SignUp("alice", "correct horse"))
    key = await through(world, await key_of(world, alice.viewer))
    await world.services.account.sign_in("alice", "correct horse", "Phone", "")
    stream = world.services.stream

    pages = [await stream.page_after(each, stream.cursor_of(each, START), None) for each in (alice.viewer, key)]

    assert [(len(page.items), page.position.n) for page in pages] == [(3, 3), (0, 3)]


@pytest.mark.parametrize("scope", [Scope.ACT_AS_ANY_USER, Scope.ADMIN, OPERATORS])
async def test_a_key_with_power_alone_shows_nobody(world: World, scope: Scope) -> None:
    """What it may do for others is what its other scopes allow: nothing."""
    host = await world.person("host")
    await world.person("bob", email="bob@example.org")
    secret = await key_of(world, host, scope)
    whom = name("bob") if scope & Scope.ACT_AS_ANY_USER else None
    viewer = await through(world, secret, act_as=whom)

    with pytest.raises(PermissionDenied):
        await world.services.user.get_self(viewer)


async def test_the_operators_new_password_ends_keys_as_well(world: World) -> None:
    """The way out of a stolen account: what a thief made in it must not stay."""
    alice = await world.services.account.sign_up(SignUp("alice", "correct horse"))
    _, secret = await world.services.api_key.create(alice.viewer, "thief", BOTH, None)
    await through(world, secret)

    await world.services.account.set_password("alice", "another horse")

    with pytest.raises(Unauthenticated):
        await through(world, secret)
