"""Sessions: what a token is worth, and from when on it is worth nothing."""

import asyncio
import hashlib
import threading
from typing import Any

import pytest

from models import session as sessions
from models import user as users
from models.base import now_ms
from models.transaction import Transaction
from services.account.sign_up import SignUp
from services.error import (
    AccountDeactivated,
    AccountSuspended,
    InvalidCredentials,
    NotFound,
    Unauthenticated,
)
from services.viewer import Viewer
from tests.services.conftest import World, kinds_after

DAY = 86_400_000
TOKEN = "sot_" + "A" * 43
SESSION = hashlib.sha256(TOKEN.encode()).digest()


async def open_session(world: World, viewer: Viewer, *, expires_at: int) -> Viewer:
    """A session whose token is TOKEN and that the services have not seen yet."""

    device_id = await world.services.database.write(sessions.put, viewer.user_id, SESSION, expires_at)
    return Viewer(viewer.user_id, SESSION, expires_at, device_id=device_id)


async def set_state(world: World, viewer: Viewer, state: int) -> None:
    """What an operator does."""
    await world.services.database.write(lambda tx: tx.run(users.SET_STATE, id=viewer.user_id, state=state))


@pytest.mark.parametrize(
    ("state", "error"), [(users.SUSPENDED, AccountSuspended), (users.DEACTIVATED, AccountDeactivated)]
)
async def test_a_token_of_an_account_that_is_not_active_is_refused(
    world: World, state: int, error: type[Exception]
) -> None:
    """Told apart from a bad token: signing in again would not help."""
    (alice,) = await world.people("alice")
    await open_session(world, alice, expires_at=now_ms() + DAY)
    await set_state(world, alice, state)

    with pytest.raises(error):
        await world.authenticate(TOKEN)


async def test_a_session_is_read_once_for_the_first_look_and_once_inside_each_write(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first look finds whose it is, and whether it is good; from then on a write looks, in its transaction."""
    alice, _ = await world.people("alice", "bob")
    await open_session(world, alice, expires_at=now_ms() + DAY * 30)
    seen: list[tuple[bool, bytes]] = []
    first = Transaction.first

    def counting(self: Transaction, prepared: Any, **params: Any) -> Any:
        if prepared is sessions.FIND:
            seen.append((self.database is world.services.database._writer_database, params["token_hash"]))
        return first(self, prepared, **params)

    monkeypatch.setattr(Transaction, "first", counting)
    viewer = await world.authenticate(TOKEN)
    counts = [len(seen)]
    assert viewer is not None
    await world.authenticate(TOKEN)
    counts.append(len(seen))
    await world.send(viewer, "bob")
    counts.append(len(seen))

    assert counts == [1, 1, 2]
    assert {hash_ for _, hash_ in seen} == {SESSION}
    assert [is_writer for is_writer, _ in seen] == [False, True]


@pytest.mark.parametrize("token", ["", "sot_", TOKEN, TOKEN + "A", " " + TOKEN, TOKEN + "\n", "sok_" + "A" * 43, "é"])
async def test_what_is_no_token_is_nobodys(world: World, token: str) -> None:
    """One answer; only no token at all is nobody without an error."""
    with pytest.raises(Unauthenticated):
        await world.authenticate(token)

    assert await world.authenticate(None) is None


async def test_a_session_ends_with_its_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the cache as in the table; a stream asks by `check_live`."""
    (alice,) = await world.people("alice")
    viewer = await open_session(world, alice, expires_at=now_ms() + 20 * DAY)
    seen = await world.authenticate(TOKEN)
    assert seen is not None
    later = now_ms() + 31 * DAY
    for module in ("account.authentication", "credential_status"):
        monkeypatch.setattr(f"services.{module}.now_ms", lambda: later)

    with pytest.raises(Unauthenticated):
        await world.authenticate(TOKEN)
    with pytest.raises(Unauthenticated):
        await world.services.authenticator.check_live(viewer)


async def test_a_session_that_is_used_lives_on(world: World) -> None:
    """30 days, sliding: written at most once a day."""
    (alice,) = await world.people("alice")
    await open_session(world, alice, expires_at=now_ms() + DAY)

    seen = await world.authenticate(TOKEN)

    row = await world.services.database.read(lambda tx: tx.first(sessions.FIND, token_hash=SESSION))
    assert seen is not None
    assert row is not None
    assert row.expires_at == seen.expires_at
    assert abs(seen.expires_at - now_ms() - 30 * DAY) < 60_000


async def test_signing_out_ends_this_session_or_all(world: World) -> None:
    """And nobody else's."""
    account = world.services.account
    first = await account.sign_up(SignUp("alice", "correct horse"))
    others = [await account.sign_in("alice", "correct horse", None, "10.0.0.1") for _ in range(2)]
    bob = await account.sign_up(SignUp("bob", "correct horse"))

    ended = [await account.sign_out(first.viewer, everywhere=False)]
    assert await world.authenticate(others[0].token) == others[0].viewer
    ended.append(await account.sign_out(others[0].viewer, everywhere=True))

    assert ended == [1, 2]
    for each in (first, *others):
        with pytest.raises(Unauthenticated):
            await world.authenticate(each.token)
    assert await world.authenticate(bob.token) == bob.viewer


async def test_a_session_that_has_ended_already_adds_no_event_when_it_signs_out(world: World) -> None:
    """Two sign-outs of one session at the same time: the second ends nothing, so nothing has changed."""
    alice = await world.person("alice")
    before = await world.services.stream.position(alice)
    ended = [await world.services.account.sign_out(alice, everywhere=False) for _ in range(2)]

    assert ended == [1, 0]
    assert await kinds_after(world, await world.again("alice"), before) == ["VIEWER_UPDATED"]


async def test_a_session_that_is_revoked_while_it_is_looked_up_is_not_remembered(world: World) -> None:
    """The look-up read it before the sign-out was committed, and came back after: it must not live on in the cache."""
    (alice,) = await world.people("alice")
    viewer = await open_session(world, alice, expires_at=now_ms() + DAY)
    entered, leave = threading.Event(), threading.Event()

    def hold(_tx: Transaction) -> None:
        entered.set()
        leave.wait(5)

    holding = asyncio.create_task(world.services.database.write(hold))
    await asyncio.to_thread(entered.wait)
    leaving = asyncio.create_task(world.services.account.sign_out(viewer, everywhere=False))
    await asyncio.sleep(0.02)
    looking = asyncio.create_task(world.authenticate(TOKEN))
    await asyncio.sleep(0.1)
    leave.set()
    await asyncio.gather(holding, leaving, looking, return_exceptions=True)

    with pytest.raises(Unauthenticated):
        await world.authenticate(TOKEN)


async def test_another_password_ends_all_sessions(world: World) -> None:
    """The operator's way out of a stolen account."""
    account = world.services.account
    signed_in = await account.sign_up(SignUp("alice", "correct horse"))
    await account.set_password("ALICE", "another horse")

    with pytest.raises(Unauthenticated):
        await world.authenticate(signed_in.token)
    with pytest.raises(InvalidCredentials):
        await account.sign_in("alice", "correct horse", None, "10.0.0.1")
    with pytest.raises(NotFound):
        await account.set_password("nobody", "another horse")

    assert await account.sign_in("alice", "another horse", None, "10.0.0.1")
