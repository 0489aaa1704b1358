"""`./sotto user` and `./sotto key`: the operator manages accounts and keys."""

import asyncio
from pathlib import Path

import aiohttp
import pytest
from typer.testing import CliRunner, Result

from server.__main__ import cli
from tests.flow.client import SIGN_IN, Person, running
from tests.flow.program import executed, finished, started
from tests.template import put_tables


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory without settings, and the data folder of a server."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir(mode=0o700)
    put_tables(tmp_path / "data" / "sotto.db")
    return tmp_path


def user(*arguments: str, password: str = "") -> Result:
    """Runs `./sotto user …` on ./data; the password comes from standard input."""
    return CliRunner().invoke(cli, ["user", *arguments, "--data", "data"], input=f"{password}\n")


def add(username: str, *options: str, password: str = "correct horse") -> Result:
    """Runs `./sotto user add`."""
    return user("add", username, *options, "--password-stdin", password=password)


def test_an_account_is_made_and_listed() -> None:
    """Sorted by username, case-insensitive; a bot is marked."""
    assert add("dora", "--display-name", "Dora D.", "--email", "dora@example.org").exit_code == 0
    assert add("Carl", "--bot").exit_code == 0

    result = user("list")

    assert result.exit_code == 0
    assert [line.split(maxsplit=3) for line in result.stdout.splitlines()] == [
        ["Carl", "active", "bot", "Carl"],
        ["dora", "active", "person", "Dora D."],
    ]


def test_the_password_is_asked_for_twice_when_it_is_not_piped() -> None:
    """It is never an argument, which other users of the machine could read."""
    result = CliRunner().invoke(cli, ["user", "add", "dora", "--data", "data"], input="correct horse\ncorrect horse\n")

    assert result.exit_code == 0
    assert "correct horse" not in result.output


@pytest.mark.parametrize(
    ("username", "password", "options", "expected"),
    [
        ("do", "correct horse", (), "3 to 32"),
        ("dora dora", "correct horse", (), "3 to 32"),
        ("dora", "short", (), "at least 8 characters"),
        ("dora", "", (), "at least 8 characters"),
        ("dora", "correct horse", ("--email", "nowhere"), "not an email address"),
    ],
)
def test_a_form_that_breaks_a_rule_makes_nothing(
    username: str, password: str, options: tuple[str, ...], expected: str
) -> None:
    """The rules of signUp; exit status 2 and one line."""
    result = add(username, *options, password=password)

    assert result.exit_code == 2
    [line] = result.stderr.splitlines()
    assert expected in line
    assert user("list").stdout == ""


def test_a_name_that_is_taken_is_refused() -> None:
    """Usernames are unique, case-insensitive."""
    add("dora")

    result = add("DORA")

    assert result.exit_code == 2
    assert "taken" in result.stderr
    assert len(user("list").stdout.splitlines()) == 1


def test_the_password_of_an_unknown_user_cannot_be_changed() -> None:
    """Unlike a sign-in, the operator sees that the user does not exist."""
    result = user("password", "nobody", "--password-stdin", password="correct horse")

    assert result.exit_code == 2
    [line] = result.stderr.splitlines()
    assert "nobody" in line


async def signed_in(url: str, username: str, password: str) -> str:
    """The result type of a sign-in."""
    body = {"query": SIGN_IN, "variables": {"input": {"username": username, "password": password}}}
    async with aiohttp.ClientSession() as http, http.post(f"{url}/graphql", json=body) as response:
        return str((await response.json())["data"]["signIn"]["__typename"])


async def test_a_new_password_ends_the_sessions(folder: Path) -> None:
    """The old password and its sessions no longer work."""
    await asyncio.to_thread(add, "dora")
    async with running("serve", data=folder / "data") as server, aiohttp.ClientSession() as http:
        dora = await Person.sign_in(server, http, "dora", "correct horse")

    result = await asyncio.to_thread(user, "password", "dora", "--password-stdin", password="better horse")

    assert result.exit_code == 0, result.output
    async with running("serve", data=folder / "data") as server, aiohttp.ClientSession() as http:
        async with http.post(server.graphql, json={"query": "{ __typename }"}, headers=dora.headers) as response:
            assert response.status == 401
        assert await signed_in(server.url, "dora", "correct horse") == "InvalidCredentialsError"
        assert await signed_in(server.url, "dora", "better horse") == "SignInSuccess"


async def test_commands_reach_a_server_that_runs(folder: Path) -> None:
    """Through the control socket in its folder: without a restart, and with immediate effect."""
    async with running("serve", data=folder / "data") as server:
        made = await asyncio.to_thread(add, "dora")
        refused = await asyncio.to_thread(add, "dora")
        listed = await asyncio.to_thread(user, "list")
        answer = await signed_in(server.url, "dora", "correct horse")
        modes = [path.stat().st_mode & 0o777 for path in (folder / "data", folder / "data" / "sotto.db.sock")]

    assert (made.exit_code, made.stdout) == (0, "dora can sign in now.\n")
    assert (refused.exit_code, refused.stderr) == (2, "sotto: This username or email address is taken.\n")
    assert listed.stdout.split()[0] == "dora"
    assert answer == "SignInSuccess"
    assert modes == [0o700, 0o600]
    assert not (folder / "data" / "sotto.db.sock").exists()


async def test_a_command_for_a_server_that_runs_does_not_import_the_services(folder: Path) -> None:
    """Importing them would take half a second longer."""
    async with running("serve", data=folder / "data"):
        status, said, imported = await finished(
            *("user", "list", "--data", str(folder / "data")),
            start=executed,
            folder=folder,
            environment={"PYTHONPROFILEIMPORTTIME": "1"},
        )

    assert (status, said) == (0, "")
    names = {line.rpartition("|")[2].strip() for line in imported.splitlines()}
    assert "server.control" in names
    assert not names & {"services.service", "models.database", "gql.wire.schema", "server.app"}


async def test_a_socket_that_a_killed_server_has_left_is_no_server(folder: Path) -> None:
    """The command runs on the folder."""
    async with started("serve", "--port", "0", "--data", str(folder / "data")) as process:
        assert process.stdout is not None
        await process.stdout.readline()
    made = await asyncio.to_thread(add, "dora")

    assert (folder / "data" / "sotto.db.sock").exists()
    assert (made.exit_code, made.stdout.splitlines()[-1]) == (0, "dora can sign in now.")


async def test_a_server_that_closes_the_connection_may_have_run_the_command(folder: Path) -> None:
    """So the command is not repeated on the folder; the error says that there was no response."""

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with await asyncio.start_unix_server(hang_up, "data/sotto.db.sock"):  # the whole path may be too long
        refused = await asyncio.to_thread(add, "dora")
    listed = await asyncio.to_thread(user, "list")

    assert (refused.exit_code, refused.stdout) == (2, "")
    [line] = refused.stderr.splitlines()
    assert line.startswith("sotto: ")
    assert (listed.exit_code, listed.stdout) == (0, "")


def key(*arguments: str) -> Result:
    """Runs `./sotto key …` on ./data."""
    return CliRunner().invoke(cli, ["key", *arguments, "--data", "data"])


async def status_of(url: str, **headers: str) -> tuple[int, object]:
    """The status of a query for the own user, and the username or the error code."""
    query = {"query": "{ viewer { user { username } } }"}
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    async with aiohttp.ClientSession() as http, http.post(f"{url}/graphql", json=query, headers=names) as response:
        answer = await response.json()
        if "errors" in answer:
            return response.status, answer["errors"][0]["extensions"]["code"]
        return response.status, answer["data"]["viewer"]["user"]["username"]


async def test_the_operator_suspends_and_restores_while_the_server_runs(folder: Path) -> None:
    """Immediately, and a restored session works again; after a deactivation it does not."""
    async with running("serve", data=folder / "data") as server, aiohttp.ClientSession() as http:
        await asyncio.to_thread(add, "dora")
        dora = await Person.sign_in(server, http, "dora", "correct horse")
        seen = []
        for command in ("suspend", "restore", "deactivate", "restore"):
            result = await asyncio.to_thread(user, command, "DORA")
            assert result.exit_code == 0, result.output
            seen.append(await status_of(server.url, **dora.headers))
        nobody = await asyncio.to_thread(user, "suspend", "nobody")

    assert seen == [(403, "ACCOUNT_SUSPENDED"), (200, "dora"), (403, "ACCOUNT_DEACTIVATED"), (401, "UNAUTHENTICATED")]
    assert nobody.exit_code == 2
    assert "nobody" in nobody.stderr


async def test_the_operator_makes_the_hosts_key(folder: Path) -> None:
    """With the scope to act for others, which users cannot grant; shown once, and revoked immediately."""
    async with running("serve", data=folder / "data") as server:
        for name in ("host", "dora"):
            await asyncio.to_thread(add, name)
        scopes = ("--scope", "act_as_any_user", "--scope", "read_messages")
        made = await asyncio.to_thread(key, "create", "host", *scopes, "--name", "backend", "--days", "30")
        secret = made.stdout.strip()
        acting = await status_of(server.url, Authorization=f"Bearer {secret}", X_Act_As="dora")
        listed = await asyncio.to_thread(key, "list", "host")
        revoked = await asyncio.to_thread(key, "revoke", "host", listed.stdout.split()[0])
        after = await status_of(server.url, Authorization=f"Bearer {secret}")

    assert (made.exit_code, len(secret)) == (0, 47)
    assert acting == (200, "dora")
    assert "READ_MESSAGES,ACT_AS_ANY_USER" in listed.stdout
    assert secret not in listed.stdout
    assert revoked.exit_code == 0
    assert after == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("create", "nobody", "--scope", "admin"), "nobody"),
        (("create", "dora", "--scope", "all"), "scope"),
        (("create", "dora"), "scope"),
        (("create", "dora", "--scope", "admin", "--name", ""), "visible"),
        (("list", "nobody"), "nobody"),
        (("revoke", "dora", "x"), "no such API key"),
    ],
)
def test_a_key_that_cannot_be_created_is_one_line(arguments: tuple[str, ...], expected: str) -> None:
    """With exit status 2."""
    add("dora")

    result = key(*arguments)

    assert result.exit_code == 2
    assert expected in result.stderr


async def test_the_operator_trusts_the_devices_of_a_user(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`./sotto user trust` trusts all devices of the user immediately, and no others."""
    monkeypatch.setenv("SOTTO_DEVICE_TRUST", "require")
    for name in ("dora", "carl"):
        await asyncio.to_thread(add, name)
    idle = await asyncio.to_thread(user, "trust", "dora")
    async with running("serve", data=folder / "data") as server, aiohttp.ClientSession() as http:
        for name in ("dora", "carl"):
            await Person.sign_in(server, http, name, "correct horse")  # the first device of theirs, and now lost
        dora, carl = [await Person.sign_in(server, http, name, "correct horse") for name in ("dora", "carl")]
        before = [await may_read(each) for each in (dora, carl)]
        trusted = await asyncio.to_thread(user, "trust", "DORA")
        after = [await may_read(each) for each in (dora, carl)]

    assert (idle.exit_code, idle.stdout) == (0, "dora has no untrusted device.\n")
    assert before == ["DEVICE_UNTRUSTED", "DEVICE_UNTRUSTED"]
    assert (trusted.exit_code, trusted.stdout) == (0, "1 device(s) of DORA are trusted now.\n")
    assert after == ["", "DEVICE_UNTRUSTED"]


async def may_read(person: Person) -> str:
    """None, or the error code."""
    query = {"query": "{ conversations { totalCount } }"}
    async with person.http.post(person.server.graphql, json=query, headers=person.headers) as response:
        errors = (await response.json()).get("errors")
    return str(errors[0]["extensions"]["code"]) if errors else ""
