"""Authentication: what is remembered of credentials is bounded, and of somebody who begins anew nothing is left."""

import pytest

from models import user as users
from models.api_key import Scope
from services.account import authentication
from services.account.sign_up import SignUp
from services.error import AccountDeactivated, Unauthenticated
from services.limit import DeviceTrust
from services.revocation import RevocationReason
from tests.services.conftest import MakeWorld, World

PASSWORD = "correct horse"


async def test_what_is_remembered_has_a_bound_and_forgetting_costs_a_look(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest go first; whoever was forgotten comes in as before, and whoever was signed out does not."""
    monkeypatch.setattr(authentication, "MOST_KNOWN", 3)
    authenticator, account = world.services.authenticator, world.services.account
    first = await account.sign_up(SignUp("alice", PASSWORD))
    tokens = [first.token, *[(await account.open_session("alice", f"device {number}")).token for number in range(5)]]
    viewers = [await world.authenticate(token) for token in tokens]

    assert [viewer and viewer.user_id for viewer in viewers] == [first.viewer.user_id] * 6
    assert [len(authenticator._known), len(authenticator._fresh)] == [3, 3]
    for token in tokens:
        viewer = await world.authenticate(token)
        assert viewer is not None
        await account.sign_out(viewer, everywhere=False)
    assert len(authenticator._reasons) == 3
    for token in tokens:
        with pytest.raises(Unauthenticated):
            await world.authenticate(token)


async def test_each_session_says_what_it_was_ended_by(world: World) -> None:
    """Also where the others of the same person were ended before, by something else."""
    account = world.services.account
    await account.sign_up(SignUp("alice", PASSWORD))
    left, other, changed = [await account.open_session("alice", name) for name in ("left", "other", "changed")]
    await account.sign_out(left.viewer, everywhere=False)
    await account.change_password(changed.viewer, PASSWORD, "another horse")

    for token, reason in (
        (left.token, RevocationReason.SIGNED_OUT),
        (other.token, RevocationReason.TOKEN_REVOKED),
    ):
        with pytest.raises(Unauthenticated) as caught:
            await world.authenticate(token)
        assert caught.value.reason is reason
    assert await world.authenticate(changed.token)


async def test_who_was_deactivated_begins_anew(make_world: MakeWorld) -> None:
    """Their sessions and keys are gone for good, and their next device is trusted as a first one is."""
    world = await make_world(device_trust=DeviceTrust.REQUIRE)
    account = world.services.account
    old = await account.sign_up(SignUp("alice", PASSWORD))
    _, key = await world.services.api_key.create(old.viewer, "bot", Scope.READ_MESSAGES, None)
    await account.set_state("alice", users.DEACTIVATED)
    for token in (old.token, key):
        with pytest.raises(AccountDeactivated):
            await world.authenticate(token)
    await account.set_state("alice", users.ACTIVE)

    for token in (old.token, key):
        with pytest.raises(Unauthenticated):
            await world.authenticate(token)
    new = await account.sign_in("alice", PASSWORD, None, "10.0.0.1")
    assert not new.viewer.is_restricted
    assert [row.id for row in await world.services.device.list_of(new.viewer)] == [new.viewer.device_id]


async def test_who_was_suspended_finds_everything_as_it_was(world: World) -> None:
    """But for the time in between."""
    account = world.services.account
    old = await account.sign_up(SignUp("alice", PASSWORD))
    _, key = await world.services.api_key.create(old.viewer, "bot", Scope.READ_MESSAGES, None)
    before = await world.stored()
    await account.set_state("alice", users.SUSPENDED)
    await account.set_state("alice", users.ACTIVE)

    for token in (old.token, key):
        assert await world.authenticate(token)
    assert await world.stored() == before
