"""Accounts: signing up and in; what is asked of names and passwords, and what a guess is told."""

import asyncio
import hashlib
import threading

import pytest
from argon2 import PasswordHasher

from models import user as users
from models.api_key import Scope
from services.account import password
from services.account.password import NOBODY, Passwords, password_issue
from services.account.sign_up import SignUp
from services.error import (
    AccountDeactivated,
    AccountSuspended,
    AlreadyExists,
    BadRequest,
    InvalidCredentials,
    InvalidInput,
    PermissionDenied,
    RateLimited,
    ServerUnavailable,
)
from services.viewer import Viewer
from tests.services.conftest import MakeWorld, World, refused


def ascii_of(value: object) -> str:
    """A short name for a case that holds what no terminal shows."""
    return ascii(value)[:40]


async def session_count(world: World) -> int:
    """How many sessions are stored."""
    count = "SELECT count(*) FROM session"
    return int(await world.services.database.read(lambda tx: tx.database.connection().execute(count).fetchone()[0]))


async def set_state(world: World, viewer: Viewer, state: int) -> None:
    """What an operator does."""
    await world.services.database.write(lambda tx: tx.run(users.SET_STATE, id=viewer.user_id, state=state))


async def test_who_signs_up_is_signed_in_and_can_come_back(world: World) -> None:
    """The token names its person; the username is taken without case at the next sign-in."""
    form = SignUp("Alice", "correct horse", display_name="Alice A.", email="a@example.org")

    first = await world.services.account.sign_up(form)
    again = await world.services.account.sign_in("aLiCe", "correct horse", "Phone", "10.0.0.1")

    for each in (first, again):
        assert await world.authenticate(each.token) == each.viewer
    assert first.viewer.user_id == again.viewer.user_id
    assert first.token != again.token
    assert await session_count(world) == 2


@pytest.fixture
def real_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a server; other tests hash as cheaply as they can, see tests/plugin.py."""
    monkeypatch.setattr(password, "TIME_COST", 2)
    monkeypatch.setattr(password, "MEMORY_KIB", 19 * 1024)


@pytest.mark.usefixtures("real_parameters")
async def test_the_database_holds_neither_password_nor_token(world: World) -> None:
    """argon2id, and the sha256 of a token with 256 random bits."""
    signed_in = await world.services.account.sign_up(SignUp("alice", "correct horse"))
    row = await world.services.database.read(lambda tx: tx.first(users.CREDENTIAL, key="alice"))

    stored = b"".join(path.read_bytes() for path in world.folder.glob("sotto.db*"))

    assert row is not None
    assert str(row.password_hash).startswith("$argon2id$v=19$m=19456,")
    assert b"correct horse" not in stored
    assert signed_in.token.encode() not in stored
    assert hashlib.sha256(signed_in.token.encode()).digest() in stored


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("form", "issues"),
    [
        (SignUp("al", "x" * 8), [("username", "TOO_SHORT")]),
        (SignUp("a" * 33, "x" * 8), [("username", "TOO_LONG")]),
        (SignUp("", "x" * 8), [("username", "TOO_SHORT")]),
        (SignUp("alice\n", "x" * 8), [("username", "MALFORMED")]),
        (SignUp("аlice", "x" * 8), [("username", "MALFORMED")]),
        (SignUp("al ice", "x" * 8), [("username", "MALFORMED")]),
        (SignUp("al!", "x" * 8), [("username", "MALFORMED")]),
        (SignUp("!" * 32, "x" * 8), [("username", "MALFORMED")]),
        (SignUp("alice\x00", "x" * 8), [("username", "MALFORMED")]),
        (SignUp("alice", ""), [("password", "TOO_SHORT")]),
        (SignUp("alice", "x" * 7), [("password", "TOO_SHORT")]),
        (SignUp("alice", "äöüä"), [("password", "TOO_SHORT")]),
        (SignUp("alice", "\U0001f600" * 7), [("password", "TOO_SHORT")]),
        (SignUp("alice", "x" * 1025), [("password", "TOO_LONG")]),
        (SignUp("alice", "é" * 513), [("password", "TOO_LONG")]),
        (SignUp("alice", "\ud800" * 8), [("password", "MALFORMED")]),
        (SignUp("alice", "x" * 8, display_name="\u3164"), [("displayName", "EMPTY")]),
        (SignUp("alice", "x" * 8, display_name="a\u202eb"), [("displayName", "MALFORMED")]),
        (SignUp("alice", "x" * 8, display_name="x" * 65), [("displayName", "TOO_LONG")]),
        (SignUp("alice", "x" * 8, email="nobody"), [("email", "MALFORMED")]),
        (SignUp("alice", "x" * 8, email="a@b\n"), [("email", "MALFORMED")]),
        (SignUp("alice", "x" * 8, device_name=""), [("deviceName", "EMPTY")]),
        (
            SignUp("", "", "", "", ""),
            [("username", "TOO_SHORT"), ("password", "TOO_SHORT"), ("displayName", "EMPTY"), ("email", "MALFORMED"),
             ("deviceName", "EMPTY")],
        ),
    ],
    ids=ascii_of,
)  # fmt: skip
async def test_a_bad_form_is_told_everything_and_stores_nothing(
    module_world: World, form: SignUp, issues: list[tuple[str, str]]
) -> None:
    """Username 3 to 32 of letters, digits, `_.-`; password 8 characters to 1,024 bytes; all issues at once."""
    before = await module_world.stored()

    with pytest.raises(InvalidInput) as caught:
        await module_world.services.account.sign_up(form)

    assert [(each.path[0], each.reason.name) for each in caught.value.issues] == issues
    bounds = {("username", "TOO_SHORT"): 3, ("username", "TOO_LONG"): 32, ("password", "TOO_SHORT"): 8,
              ("password", "TOO_LONG"): 1024, ("displayName", "TOO_LONG"): 64}  # fmt: skip
    assert [each.limit for each in caught.value.issues] == [bounds.get(issue) for issue in issues]
    assert await module_world.stored() == before


@pytest.mark.parametrize("password", ["x" * 8, "x" * 1024, "é" * 8, "é" * 512, "\U0001f600" * 8, " " * 8, "\x00" * 8])
def test_a_password_is_8_characters_to_1024_bytes_and_nothing_else_is_asked(password: str) -> None:
    """The least is counted in code points, as ASVS 6.2.1 does; the most in bytes, which are what hashing costs."""
    assert password_issue(password) is None


@pytest.mark.parametrize(
    "form", [SignUp("ALICE", "x" * 8), SignUp("bob", "x" * 8, email="ALICE@example.org")], ids=["name", "email"]
)
async def test_names_and_addresses_are_unique_without_case(make_world: MakeWorld, form: SignUp) -> None:
    """The unique index has the last word; nothing is stored. Addresses are, where people are found by them."""
    world = await make_world(email_lookup=True)
    await world.person("alice", email="alice@example.org")
    before = await world.stored()

    with pytest.raises(AlreadyExists):
        await world.services.account.sign_up(form)

    assert await world.stored() == before


async def test_a_sign_up_does_not_tell_that_an_address_is_taken(world: World) -> None:
    """Nobody is found by email here: with one that is taken and with a fresh one, all is the same but the address.

    It goes on leading to who had it first; the second sees what they gave, and it names them beside a key of theirs.
    """
    alice = await world.person("alice", email="alice@example.org")
    services, seen = world.services, []
    for username, email in (("bob", "ALICE@example.org"), ("carol", "carol@example.org")):
        before = await world.stored()
        signed_in = await services.account.sign_up(SignUp(username, "x" * 8, email=email))
        after = await world.stored()
        person = await services.user.get_self(signed_in.viewer)
        _row, secret = await services.api_key.create(signed_in.viewer, "key", Scope.READ_MESSAGES, None)
        shown = await world.authenticate(secret, name=email.lower())
        again = await services.account.sign_in(username, "x" * 8, None, "")
        assert (person.row.email, again.viewer.user_id) == (email, person.row.id)
        assert shown is not None
        seen.append(
            (
                shown.user_id == person.row.id,
                {key: after[0][key] - before[0][key] for key in after[0] if key != "content"},
            )
        )

    assert seen[0] == seen[1]
    with pytest.raises(AlreadyExists, match="This username is taken"):
        await services.account.sign_up(SignUp("BOB", "x" * 8, email="alice@example.org"))
    found = await services.database.read(
        lambda tx: tx.first(users.BY_EMAIL, viewer=alice.user_id, key="alice@example.org")
    )
    assert found is not None
    assert found.id == alice.user_id


async def test_the_operator_is_told_that_an_address_is_taken(world: World) -> None:
    """They may know; nothing is stored."""
    await world.person("alice", email="alice@example.org")

    await refused(world, world.services.account.create(SignUp("bob", None, email="alice@example.org")), AlreadyExists)


async def test_ten_sign_ups_at_once_with_one_name_are_one_account(world: World) -> None:
    """No `if` decides it."""
    forms = [SignUp(name, "x" * 8, remote=str(at)) for at, name in enumerate(["alice", "Alice"] * 5)]

    results = await asyncio.gather(*map(world.services.account.sign_up, forms), return_exceptions=True)

    assert [type(each) for each in results].count(AlreadyExists) == 9
    assert (await world.stored())[0]["user"] == 1
    assert await session_count(world) == 1


async def test_sign_up_can_be_closed(make_world: MakeWorld) -> None:
    """A host that makes its users itself."""
    world = await make_world(may_sign_up=False)

    with pytest.raises(PermissionDenied):
        await world.services.account.sign_up(SignUp("alice", "x" * 8))

    assert (await world.stored())[0]["user"] == 0


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("username", "password"),
    [("alice", "wrong horse"), ("nobody", "correct horse"), ("alice", ""), ("", ""), ("\ud800", "x"), ("a\x00", "x"),
     ("alice", "\ud800"), ("x" * 10_000, "y" * 10_000), ("alice' --", "x"), ("host", "x")],
    ids=ascii_of,
)  # fmt: skip
async def test_an_unknown_name_and_a_wrong_password_get_the_same_answer(
    module_world: World, username: str, password: str
) -> None:
    """Nobody learns who is here; `host` has no password at all."""
    if "host" not in module_world.viewers:
        await module_world.services.account.sign_up(SignUp("alice", "correct horse"))
        await module_world.person("host")
    before = await session_count(module_world)

    with pytest.raises(InvalidCredentials) as caught:
        await module_world.services.account.sign_in(username, password, None, "10.0.0.1")

    assert caught.value.detail == "The username or the password is wrong."
    assert await session_count(module_world) == before > 0


@pytest.mark.parametrize("device_name", ["", "\ud800", "x" * 65, "a\nb", "\u200b"], ids=ascii)
async def test_a_device_needs_a_name_that_can_be_shown(world: World, device_name: str) -> None:
    """At sign-in as at sign-up: it stands in the list of one's sessions."""
    await world.services.account.sign_up(SignUp("alice", "correct horse"))

    with pytest.raises(BadRequest, match="deviceName"):
        await world.services.account.sign_in("alice", "correct horse", device_name, "10.0.0.1")

    assert await session_count(world) == 1


async def test_guessing_is_slowed_by_address_and_by_name(make_world: MakeWorld) -> None:
    """A list of names from one address, and one name from many addresses."""
    world = await make_world(sign_in_rate_per_minute=2)
    sign_in = world.services.account.sign_in
    for name in ("a1", "a2"):
        with pytest.raises(InvalidCredentials):
            await sign_in(name, "x", None, "10.0.0.1")
    for remote in ("10.0.0.2", "10.0.0.3"):
        with pytest.raises(InvalidCredentials):
            await sign_in("Bob", "x", None, remote)

    with pytest.raises(RateLimited):
        await sign_in("a3", "x", None, "10.0.0.1")
    with pytest.raises(RateLimited):
        await sign_in("bOB", "x", None, "10.0.0.4")


async def test_who_guesses_does_not_lock_the_owner_out_where_they_have_signed_in(make_world: MakeWorld) -> None:
    """A good sign-in opens its place for the name; a bad one opens none."""
    world = await make_world(sign_in_rate_per_minute=2)
    sign_in = world.services.account.sign_in
    await world.services.account.create(SignUp("bob", "correct horse"))
    await sign_in("bob", "correct horse", None, "10.0.0.1")
    with pytest.raises(InvalidCredentials):
        await sign_in("bob", "x", None, "10.0.0.2")

    for remote in ("10.0.0.2", "10.0.0.3"):
        with pytest.raises(RateLimited):
            await sign_in("bob", "x", None, remote)
    assert (await sign_in("BOB", "correct horse", None, "10.0.0.1")).token


@pytest.mark.parametrize(
    ("state", "error"), [(users.SUSPENDED, AccountSuspended), (users.DEACTIVATED, AccountDeactivated)]
)
async def test_an_account_that_is_not_active_gets_no_session(world: World, state: int, error: type[Exception]) -> None:
    """MongoDB chat: suspended or inactive is refused (401); only with the right password is it told."""
    signed_in = await world.services.account.sign_up(SignUp("alice", "correct horse"))
    await set_state(world, signed_in.viewer, state)

    with pytest.raises(error):
        await world.services.account.sign_in("alice", "correct horse", None, "10.0.0.1")
    with pytest.raises(InvalidCredentials):
        await world.services.account.sign_in("alice", "wrong horse", None, "10.0.0.1")

    assert await session_count(world) == 1


async def test_who_waits_for_a_hash_waits_in_a_bounded_queue(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """UNAVAILABLE beyond it: a flood of sign-ins from everywhere costs its senders, not everybody's memory."""
    monkeypatch.setattr("services.account.password.MOST_WAITING", 3)
    await world.services.account.sign_up(SignUp("alice", "correct horse"))
    passwords, may_end = world.services.account._passwords, threading.Event()
    verify = passwords._verify
    monkeypatch.setattr(passwords, "_verify", lambda *given: may_end.wait(10) and verify(*given))
    tasks = [
        asyncio.ensure_future(world.services.account.sign_in("alice", "wrong horse", None, f"2001:db8:{number}::1"))
        for number in range(8)
    ]
    async with asyncio.timeout(5):
        while sum(task.done() for task in tasks) < 5:
            await asyncio.sleep(0.01)
    may_end.set()

    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert {type(each) for each in results} == {InvalidCredentials, ServerUnavailable}
    assert sum(isinstance(each, InvalidCredentials) for each in results) == 3
    assert await world.services.account.sign_in("alice", "correct horse", None, "10.0.0.1")


@pytest.mark.parametrize("size", [0, 7, 8, 1024, 1025, 90_000])
async def test_a_wrong_password_of_any_length_is_a_wrong_password(world: World, size: int) -> None:
    """One answer; and what is too long to be one is not hashed whole."""
    await world.services.account.sign_up(SignUp("alice", "correct horse"))

    with pytest.raises(InvalidCredentials, match="The username or the password is wrong"):
        await world.services.account.sign_in("alice", "x" * size, None, "10.0.0.1")


@pytest.mark.usefixtures("real_parameters")
async def test_a_hash_of_yesterdays_parameters_is_made_anew(world: World) -> None:
    """At the next sign-in with the right password, and only then; nothing else of the account is touched."""
    alice = await world.services.account.sign_up(SignUp("alice", "correct horse"))
    old = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash("correct horse")
    id_ = alice.viewer.user_id
    await world.services.database.write(lambda tx: tx.run(users.SET_PASSWORD, id=id_, password_hash=old))

    async def stored() -> str:
        row = await world.services.database.read(lambda tx: tx.first(users.CREDENTIAL_BY_ID, id=id_))
        assert row is not None
        return str(row.password_hash)

    with pytest.raises(InvalidCredentials):
        await world.services.account.sign_in("alice", "wrong horse", None, "10.0.0.1")
    assert await stored() == old
    await world.services.account.sign_in("alice", "correct horse", None, "10.0.0.1")

    assert "m=19456,t=2,p=1" in await stored()
    await world.services.account.sign_in("alice", "correct horse", None, "10.0.0.1")
    assert await world.authenticate(alice.token)


@pytest.mark.usefixtures("real_parameters")
def test_the_hash_for_nobody_is_as_much_work_as_any() -> None:
    """An unknown name is checked against it: with other parameters its time would tell."""
    passwords = Passwords()
    nobody = passwords.is_outdated(NOBODY)
    passwords.close()

    assert not nobody


@pytest.mark.parametrize(
    "name", ["аlice", "ａlice", "al\u200bice", "al\u202eice", "al\nice", "al\x00ice", "ali\u0307ce"], ids=ascii
)
async def test_a_user_name_that_looks_like_another_is_refused(world: World, name: str) -> None:
    """Cyrillic and full-width letters, invisible and bidi characters: a username is ASCII."""
    refusal = await refused(world, world.services.account.sign_up(SignUp(name, "correct horse")), InvalidInput)

    assert [issue.path for issue in refusal.issues] == [("username",)]
