"""Passwords: another one is taken where the old one is known, once, and ends what was begun with it."""

import asyncio

import pytest

from services.account.sign_up import SignUp
from services.error import InvalidCredentials, InvalidInput, Unauthenticated
from services.revocation import RevocationReason
from tests.services.conftest import World, refused

PASSWORD = "correct horse"


async def test_a_new_password_must_be_one_and_the_old_one_known(world: World) -> None:
    """Refused with the place that is wrong, or in the words for any wrong password; every session goes on."""
    account = world.services.account
    mine = await account.sign_up(SignUp("alice", PASSWORD))
    other = await account.sign_in("alice", PASSWORD, None, "10.0.0.1")

    short = await refused(world, account.change_password(mine.viewer, PASSWORD, "short"), InvalidInput)
    await refused(world, account.change_password(mine.viewer, "wrong horse", "another horse"), InvalidCredentials)

    assert [issue.path for issue in short.issues] == [("newPassword",)]
    for token in (mine.token, other.token):
        assert await world.authenticate(token)
    assert (await account.sign_in("alice", PASSWORD, None, "10.0.0.1")).token


async def test_of_two_changes_at_once_one_holds(world: World) -> None:
    """Both know the old password; the second one finds that it is no longer so. Nobody is left with neither."""
    account = world.services.account
    mine = await account.sign_up(SignUp("alice", PASSWORD))
    other = await account.sign_in("alice", PASSWORD, None, "10.0.0.1")
    words = ("another horse", "a third horse")
    found = await asyncio.gather(
        *(
            account.change_password(each.viewer, PASSWORD, word)
            for each, word in zip((mine, other), words, strict=True)
        ),
        return_exceptions=True,
    )

    assert sorted(type(each).__name__ for each in found) in (["InvalidCredentials", "int"], ["Unauthenticated", "int"])
    winner = [isinstance(each, int) for each in found].index(True)
    assert found[winner] == 1
    assert (await account.sign_in("alice", words[winner], None, "10.0.0.1")).token
    with pytest.raises(InvalidCredentials):
        await account.sign_in("alice", words[1 - winner], None, "10.0.0.1")
    with pytest.raises(Unauthenticated) as caught:
        await world.authenticate((mine, other)[1 - winner].token)
    assert caught.value.reason is RevocationReason.TOKEN_REVOKED
