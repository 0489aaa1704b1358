"""`./sotto user`: accounts made, listed and given other passwords by the operator."""

import asyncio
from pathlib import Path

import aiohttp
import pytest
from typer.testing import CliRunner, Result

from server.__main__ import cli
from tests.flow.client import SIGN_IN, Person, running


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with no settings in it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def user(*arguments: str, password: str = "") -> Result:
    """`./sotto user …` on ./data; the password comes from standard input."""
    return CliRunner().invoke(cli, ["user", *arguments, "--data", "data"], input=f"{password}\n")


def add(username: str, *options: str, password: str = "correct horse") -> Result:
    """`./sotto user add`."""
    return user("add", username, *options, "--password-stdin", password=password)


def test_an_account_is_made_and_listed() -> None:
    """By user name, without case; a bot is marked."""
    assert add("dora", "--display-name", "Dora D.", "--email", "dora@example.org").exit_code == 0
    assert add("Carl", "--bot").exit_code == 0

    result = user("list")

    assert result.exit_code == 0
    assert [line.split(maxsplit=3) for line in result.stdout.splitlines()] == [
        ["Carl", "active", "bot", "Carl"],
        ["dora", "active", "person", "Dora D."],
    ]


def test_the_password_is_asked_for_twice_when_it_is_not_piped() -> None:
    """It is never an argument, where other people of the machine could read it."""
    result = CliRunner().invoke(cli, ["user", "add", "dora", "--data", "data"], input="correct horse\ncorrect horse\n")

    assert result.exit_code == 0
    assert "correct horse" not in result.output


@pytest.mark.parametrize(
    ("username", "password", "options", "expected"),
    [
        ("do", "correct horse", (), "3 to 32"),
        ("dora dora", "correct horse", (), "3 to 32"),
        ("dora", "short", (), "at least 8 bytes"),
        ("dora", "", (), "at least 8 bytes"),
        ("dora", "correct horse", ("--email", "nowhere"), "e-mail"),
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
    """User names are unique without case."""
    add("dora")

    result = add("DORA")

    assert result.exit_code == 2
    assert "taken" in result.stderr
    assert len(user("list").stdout.splitlines()) == 1


def test_the_password_of_nobody_cannot_be_changed() -> None:
    """Unlike a sign-in, the operator is told that there is no such person."""
    result = user("password", "nobody", "--password-stdin", password="correct horse")

    assert result.exit_code == 2
    [line] = result.stderr.splitlines()
    assert "nobody" in line


async def signed_in(url: str, username: str, password: str) -> str:
    """What a sign-in answers: its type."""
    body = {"query": SIGN_IN, "variables": {"input": {"username": username, "password": password}}}
    async with aiohttp.ClientSession() as http, http.post(f"{url}/graphql", json=body) as response:
        return str((await response.json())["data"]["signIn"]["__typename"])


async def test_another_password_ends_the_sessions_of_the_first(folder: Path) -> None:
    """The old one is worth nothing any more, and neither are the tokens that it bought."""
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
    """By the control socket in its folder: the operator need not stop anything, and people come in at once."""
    async with running("serve", data=folder / "data") as server:
        made = await asyncio.to_thread(add, "dora")
        refused = await asyncio.to_thread(add, "dora")
        listed = await asyncio.to_thread(user, "list")
        answer = await signed_in(server.url, "dora", "correct horse")
        modes = [path.stat().st_mode & 0o777 for path in (folder / "data", folder / "data" / "control.sock")]

    assert (made.exit_code, made.stdout) == (0, "dora can sign in now.\n")
    assert (refused.exit_code, refused.stderr) == (2, "sotto: This user name or e-mail address is taken.\n")
    assert listed.stdout.split()[0] == "dora"
    assert answer == "SignInSuccess"
    assert modes == [0o700, 0o600]
    assert not (folder / "data" / "control.sock").exists()
