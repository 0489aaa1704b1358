"""Devices: one for each sign-in, seen and ended by their owner, and trusted where the server asks for it."""

import pytest

from models import device as devices
from models import session as sessions
from models.event import START, EventKind
from services.account.account import SignedIn
from services.account.sign_up import SignUp
from services.error import (
    DeviceUntrusted,
    InvalidCredentials,
    NotFound,
    PermissionDenied,
    RateLimited,
    Unauthenticated,
)
from services.limit import DeviceTrust
from services.message.inbox import ConversationFilter
from services.page import PageRequest
from services.viewer import Viewer
from tests.services.conftest import MakeWorld, World, first_of, kinds_after, refused

PASSWORD = "correct horse"


async def sign_in(world: World, name: str, device: str | None = None, password: str = PASSWORD) -> SignedIn:
    """From one address."""
    return await world.services.account.sign_in(name, password, device, "10.0.0.1")


async def trusting(make_world: MakeWorld, trust: DeviceTrust) -> tuple[World, SignedIn, SignedIn]:
    """A world with alice, who has a first and a second device, and bob."""
    world = await make_world(device_trust=trust, sign_in_rate_per_minute=0, sign_up_rate_per_minute=0)
    first = await world.services.account.sign_up(
        SignUp("alice", PASSWORD, email="alice@example.org", device_name="Desk")
    )
    await world.services.account.sign_up(SignUp("bob", PASSWORD))
    return world, first, await sign_in(world, "alice", "Phone")


async def test_every_sign_in_is_a_device(make_world: MakeWorld) -> None:
    """Newest first, with the name that it was given, and no word of anybody else's."""
    world, first, second = await trusting(make_world, DeviceTrust.OFF)

    rows = await world.services.device.list_of(first.viewer)

    assert [(row.name, row.id, bool(row.is_trusted)) for row in rows] == [
        ("Phone", second.viewer.device_id, True),
        ("Desk", first.viewer.device_id, True),
    ]


async def test_a_device_that_is_revoked_is_signed_out(make_world: MakeWorld) -> None:
    """With its session; the others stay, and its token is nobody's at once."""
    world, first, second = await trusting(make_world, DeviceTrust.OFF)

    await world.services.device.revoke(first.viewer, second.viewer.device_id)

    with pytest.raises(Unauthenticated):
        await world.authenticate(second.token)
    assert await world.authenticate(first.token) == first.viewer
    assert [row.name for row in await world.services.device.list_of(first.viewer)] == ["Desk"]
    with pytest.raises(NotFound):
        await world.services.device.revoke(first.viewer, second.viewer.device_id)


async def test_a_stranger_neither_sees_nor_ends_a_device(make_world: MakeWorld) -> None:
    """The same answer as for an id that never was."""
    world, first, _ = await trusting(make_world, DeviceTrust.OFF)
    bob = (await sign_in(world, "bob")).viewer
    target = first.viewer.device_id

    for id_ in (target, 12345):
        with pytest.raises(NotFound, match="no such device"):
            await world.services.device.revoke(bob, id_)
        with pytest.raises(NotFound, match="no such device"):
            await world.services.device.trust(bob, id_)
    assert await world.services.device.find_many(bob, [target]) == {}
    assert await world.authenticate(first.token) == first.viewer


async def test_an_untrusted_device_sees_itself_and_can_leave(make_world: MakeWorld) -> None:
    """MongoDB chat: an untrusted device is refused. Its owner's name, its own line and signing out are left to it.

    Not the email address: a password alone brought somebody here.
    """
    world, first, second = await trusting(make_world, DeviceTrust.REQUIRE)
    phone = second.viewer
    before = await world.stored()

    own = (await world.services.user.get_self(phone)).row
    assert (own.username, own.email) == ("alice", None)
    assert (await world.services.user.get_self(first.viewer)).row.email == "alice@example.org"
    assert [row.name for row in await world.services.device.list_of(phone)] == ["Phone"]
    for attempt in (
        world.services.user.find_many(phone, [phone.user_id]),
        world.services.conversation.page_of(phone, ConversationFilter(), PageRequest()),
        world.services.message.find_many(phone, [1]),
        world.services.setting.get(phone),
        world.services.api_key.list_of(phone),
        world.services.device.find_many(phone, [first.viewer.device_id]),
        world.services.device.trust(phone, phone.device_id),
        world.services.device.revoke(phone, first.viewer.device_id),
        world.services.stream.position(phone),
        first_of(world.services.stream.messages(phone, None)),
        first_of(world.services.stream.events(phone, None, None, with_ephemeral=True)),
        world.services.presence.type(phone, 1, is_typing=True),
        world.services.account.change_password(phone, PASSWORD, "another horse"),
        world.services.account.sign_out(phone, everywhere=True),
        world.send(phone, "bob"),
    ):
        with pytest.raises(DeviceUntrusted):
            await attempt
    assert await world.stored() == before

    assert await world.services.account.sign_out(phone, everywhere=False) == 1
    assert await world.authenticate(first.token) == first.viewer


async def test_the_operator_lets_in_who_has_no_trusted_device_left(make_world: MakeWorld) -> None:
    """All that wait, or else the next one; others' devices wait on, and nobody of an unknown name."""
    world, first, second = await trusting(make_world, DeviceTrust.REQUIRE)
    theirs = await sign_in(world, "bob")
    await world.services.device.revoke(first.viewer, first.viewer.device_id)
    before = await world.stored()
    with pytest.raises(NotFound):
        await world.services.device.trust_all("nobody")
    assert await world.stored() == before

    counts = [await world.services.device.trust_all("alice") for _ in range(2)]
    phone, other = await world.authenticate(second.token), await world.authenticate(theirs.token)
    assert phone is not None
    assert other is not None
    await world.services.account.sign_out(phone, everywhere=True)
    counts.append(await world.services.device.trust_all("alice"))
    third = await sign_in(world, "alice")

    assert (counts, phone.is_restricted, other.is_restricted, third.viewer.is_restricted) == (
        [1, 0, 0],
        False,
        True,
        False,
    )


async def test_a_trusted_device_lets_another_in(make_world: MakeWorld) -> None:
    """At its next request it may do everything; it need not sign in again."""
    world, first, second = await trusting(make_world, DeviceTrust.REQUIRE)

    row = await world.services.device.trust(first.viewer, second.viewer.device_id)
    phone = await world.authenticate(second.token)

    assert row.is_trusted
    assert phone is not None
    assert not phone.is_restricted
    assert await world.send(phone, "bob")


async def test_only_the_first_device_ever_is_trusted_by_itself(make_world: MakeWorld) -> None:
    """Or whoever has the password alone waits until the owner has signed out. The operator can vouch for the next."""
    world, first, second = await trusting(make_world, DeviceTrust.REQUIRE)
    await world.services.account.sign_out(second.viewer, everywhere=False)
    await world.services.account.sign_out(first.viewer, everywhere=False)

    assert not first.viewer.is_restricted
    assert (await sign_in(world, "alice")).viewer.is_restricted
    await world.services.account.set_password("alice", PASSWORD)
    assert not (await sign_in(world, "alice")).viewer.is_restricted
    assert (await sign_in(world, "alice")).viewer.is_restricted


@pytest.mark.parametrize("trust", [DeviceTrust.NOTIFY, DeviceTrust.REQUIRE])
async def test_the_others_are_told_of_a_new_device(make_world: MakeWorld, trust: DeviceTrust) -> None:
    """An event of the log, which a device that was away finds later; nobody else hears of it."""
    world, first, second = await trusting(make_world, trust)
    (carol,) = await world.people("carol")

    cursor = world.services.stream.cursor_of(first.viewer, START)
    own, event = (await world.services.stream.page_after(first.viewer, cursor, None)).items

    assert (own.kind, event.kind) == (EventKind.VIEWER_UPDATED, EventKind.DEVICE_ADDED)  # of the first device, and this
    assert event.device is not None
    assert (event.device.id, event.device.name, event.device.is_trusted) == (second.viewer.device_id, "Phone", 0)
    assert (await world.services.stream.position(carol)).n == 0


async def test_without_trust_a_new_device_is_a_change_of_the_viewer(make_world: MakeWorld) -> None:
    """The default: every device is trusted, and the others show one more; nobody else hears of it."""
    world, first, second = await trusting(make_world, DeviceTrust.OFF)
    (carol,) = await world.people("carol")

    assert await kinds_after(world, first.viewer, START) == ["VIEWER_UPDATED"] * 2
    assert not second.viewer.is_restricted
    assert (await world.services.stream.position(carol)).n == 0


async def test_a_device_that_was_told_of_may_do_everything(make_world: MakeWorld) -> None:
    """`notify` keeps nobody out; but a device that nobody confirmed confirms none."""
    world, first, second = await trusting(make_world, DeviceTrust.NOTIFY)

    assert await world.send(second.viewer, "bob")
    with pytest.raises(PermissionDenied):
        await world.services.device.trust(second.viewer, second.viewer.device_id)
    assert (await world.services.device.trust(first.viewer, second.viewer.device_id)).is_trusted


async def test_sign_ins_without_end_push_out_no_trusted_device(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has the password alone would be the first, and trusted, once the owner's are gone."""
    monkeypatch.setattr("services.account.account.MOST_DEVICES", 5)
    world, first, second = await trusting(make_world, DeviceTrust.REQUIRE)
    for _ in range(6):
        last = await sign_in(world, "alice", "Thief")

    rows = await world.services.device.list_of(first.viewer)

    assert len(rows) == 5
    assert first.viewer.device_id in {row.id for row in rows}
    assert last.viewer.is_restricted
    with pytest.raises(Unauthenticated):
        await world.authenticate(second.token)


async def test_another_password_ends_the_other_sessions(make_world: MakeWorld) -> None:
    """This one goes on; the old password is worth nothing."""
    world, first, second = await trusting(make_world, DeviceTrust.OFF)

    ended = await world.services.account.change_password(first.viewer, PASSWORD, "another horse")

    assert ended == 1
    assert await world.authenticate(first.token) == first.viewer
    with pytest.raises(Unauthenticated):
        await world.authenticate(second.token)
    with pytest.raises(InvalidCredentials):
        await sign_in(world, "alice")
    assert (await sign_in(world, "alice", password="another horse")).viewer.user_id == first.viewer.user_id


async def test_a_wrong_current_password_changes_nothing(make_world: MakeWorld) -> None:
    """However good the new one is; and guesses are counted."""
    world = await make_world(sign_in_rate_per_minute=3)
    alice = await world.services.account.sign_up(SignUp("alice", PASSWORD))
    other = await sign_in(world, "alice")

    for _ in range(3):
        wrong = world.services.account.change_password(alice.viewer, "wrong horse", "another horse")
        await refused(world, wrong, InvalidCredentials)
    await refused(world, world.services.account.change_password(alice.viewer, PASSWORD, "another horse"), RateLimited)

    assert await world.authenticate(other.token) == other.viewer
    assert await sign_in(world, "alice")


async def test_who_has_no_password_cannot_change_it(world: World) -> None:
    """A user of the host application's, or one whom an operator made without."""
    (alice,) = await world.people("alice")

    await refused(world, world.services.account.change_password(alice, "", "another horse"), InvalidCredentials)


async def test_a_session_ends_after_its_longest_life(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much it is used: ASVS 5.0, 7.3.2."""
    world = await make_world(session_life_seconds=1000, session_max_life_seconds=1500)
    alice = await world.services.account.sign_up(SignUp("alice", PASSWORD))
    begun = alice.viewer.expires_at - 1_000_000
    seen: list[int] = []
    for seconds in (900, 1400):
        now = begun + seconds * 1000
        for module in ("account.authentication", "credential_status"):
            monkeypatch.setattr(f"services.{module}.now_ms", lambda now=now: now)
        viewer = await world.authenticate(alice.token)
        assert viewer is not None
        seen.append(round((viewer.expires_at - begun) / 1000))

    assert seen == [1500, 1500]


async def test_a_device_shows_when_it_was_last_seen(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exact to five minutes: no more than one write in that time."""
    alice = await world.services.account.sign_up(SignUp("alice", PASSWORD))
    [row] = await world.services.device.list_of(alice.viewer)
    later = row.last_seen_at + 301_000
    monkeypatch.setattr("services.account.authentication.now_ms", lambda: later)

    viewer = await world.authenticate(alice.token)
    assert isinstance(viewer, Viewer)
    [seen] = await world.services.device.list_of(viewer)

    assert seen.last_seen_at == later


async def test_a_session_without_its_device_is_none(world: World) -> None:
    """They go together, in the table too: no sweep can leave one behind."""
    (alice,) = await world.people("alice")
    await world.services.database.write(lambda tx: tx.run(devices.DELETE, user=alice.user_id, id=alice.device_id))

    assert await world.services.database.read(lambda tx: tx.first(sessions.FIND, token_hash=alice.session)) is None


@pytest.mark.parametrize("trust", list(DeviceTrust))
async def test_what_the_operator_opens_is_trusted_and_is_nobodys_first(
    make_world: MakeWorld, trust: DeviceTrust
) -> None:
    """`./sotto send` works whatever the setting is; a person's own first device is trusted after it all the same."""
    world = await make_world(device_trust=trust, sign_in_rate_per_minute=0)
    account = world.services.account
    await account.create(SignUp("alice", PASSWORD))

    opened = await account.open_session("alice", "./sotto", is_vouched_for=True)
    first = await sign_in(world, "alice", "Desk")
    second = await sign_in(world, "alice", "Phone")

    rows = {row.name: bool(row.is_trusted) for row in await world.services.device.list_of(first.viewer)}
    assert rows == {"./sotto": True, "Desk": True, "Phone": trust is DeviceTrust.OFF}
    assert [each.viewer.is_restricted for each in (opened, first)] == [False, False]
    assert second.viewer.is_restricted is (trust is DeviceTrust.REQUIRE)
