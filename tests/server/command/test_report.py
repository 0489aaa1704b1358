"""`./sotto report`: list, save and resolve reports."""

import asyncio
import re
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gql.id import Kind, encode
from server.__main__ import cli
from server.app import open_services
from server.setting.settings import load_settings
from services.account.sign_up import SignUp
from services.message.draft import Draft
from services.message.report import ReportReason
from services.person.user import Reference, ReferenceKind
from services.service import Services
from services.viewer import Viewer
from tests.template import put_tables

ALICE = Reference(ReferenceKind.USERNAME, "alice")
TO_BOB = [Reference(ReferenceKind.USERNAME, "bob")]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory without settings, and the data folder of a server."""
    monkeypatch.chdir(tmp_path)
    put_tables(tmp_path / "data" / "sotto.db")
    return tmp_path


def report(*arguments: str) -> Result:
    """Runs `./sotto report …` on ./data."""
    return CliRunner().invoke(cli, ["report", *arguments, "--data", "data"])


@asynccontextmanager
async def opened() -> AsyncIterator[Services]:
    """The services on ./data."""
    services = await open_services(load_settings(data=Path("data")))
    try:
        yield services
    finally:
        await services.close()


@asynccontextmanager
async def alice_and_bob() -> AsyncIterator[tuple[Services, Viewer, Viewer]]:
    """The services on ./data, with two new users."""
    async with opened() as services:
        alice, bob = [
            (await services.account.sign_up(SignUp(name, f"password of {name}"))).viewer for name in ("alice", "bob")
        ]
        yield services, alice, bob


async def emptied(texts: int = 1) -> str:
    """Alice sends a file, edits the message and deletes it; bob reports it. Returns the ID of the report."""
    async with alice_and_bob() as (services, alice, bob):
        file = await services.attachment.receive(one(b"evil bytes"), "../evil\u202e.txt")
        id_ = (await services.send.send(alice, Draft(text="a\u009bthreat", users=TO_BOB, files=[file]))).message_id
        for number in range(texts):
            await services.edit.edit(alice, id_, f"harmless {number}", None)
        await services.deletion.delete_for_everyone(alice, id_)
        stored = await services.report.report(bob, id_, ReportReason.THREAT, None, 0, block=False)
    return str(encode(Kind.REPORT, stored.report_id))


async def one(content: bytes) -> AsyncIterator[bytes]:
    """A chunk."""
    yield content


async def reported() -> str:
    """Bob reports alice's third message of four, and she deletes it. Returns the ID of the report."""
    async with alice_and_bob() as (services, alice, bob):
        texts = ["one", "two", "buy\n\u009b31mnow", "four"]
        ids = [(await services.send.send(alice, Draft(text=text, users=TO_BOB))).message_id for text in texts]
        send_report = services.report.report
        stored = await send_report(bob, ids[2], ReportReason.SPAM, "Look", 1, block=True)
        await services.deletion.delete_for_everyone(alice, ids[2])
    return str(encode(Kind.REPORT, stored.report_id))


def test_a_report_shows_the_message_and_what_came_before_it_and_can_be_closed() -> None:
    """The copies remain although the message is deleted, without control characters; a closed report is not listed."""
    id_ = asyncio.run(reported())

    result = report("list")
    assert result.exit_code == 0
    head, comment, before, message = result.stdout.splitlines()
    assert head.startswith(f"{id_}  ")
    assert head.endswith("  SPAM  by bob")
    assert comment == "    comment: Look"
    assert before.startswith("    ")
    assert before.endswith("alice: two")
    assert message.startswith("  > ")
    assert message.endswith("alice: buy⏎\ufffd31mnow")
    assert report("resolve", id_, "--note", "warned").exit_code == 0
    assert report("list").stdout == ""


@pytest.mark.parametrize("id_", ["", "nonsense", "cgAAAAAAAAAB"])
@pytest.mark.parametrize("command", ["resolve", "save"])
def test_what_is_no_open_report_cannot_be_closed_or_saved(folder: Path, command: str, id_: str) -> None:
    """One line and exit status 2."""
    result = report(command, id_, *(["here"] if command == "save" else []))

    assert result.exit_code == 2
    assert result.stderr == "sotto: There is no open report with this id.\n"
    assert not (folder / "here").exists()


def test_a_report_shows_what_was_deleted_and_every_text_it_had() -> None:
    """The last text, the previous ones, and that it was deleted; the first three of many, and the number of others."""
    asyncio.run(emptied(texts=6))

    lines = report("list").stdout.splitlines()[1:]
    assert [re.sub(r"^  [> ] +(?:[\d-]+ [\d:]+  )?", "", line) for line in lines] == [
        "alice: harmless 5 [evil.txt]",
        "previous text: a\ufffdthreat", "previous text: harmless 0", "previous text: harmless 1",
        "3 more previous texts: `./sotto report save` writes them all", "deleted by its sender",
    ]  # fmt: skip


def test_a_complete_report_is_saved_with_its_files(folder: Path) -> None:
    """To a new folder that only the operator can read; a closed report cannot be saved, and its copies are deleted."""
    id_ = asyncio.run(emptied(texts=6))

    result = report("save", id_, "evidence")
    again = report("save", id_, "evidence")

    assert result.exit_code == 0
    written = sorted((folder / "evidence").iterdir())
    assert result.stdout.splitlines() == [str(written[1]), str(written[0])]
    assert [path.name for path in written] == ["1-0-evil.txt", "report.txt"]
    assert written[0].read_bytes() == b"evil bytes"
    text = written[1].read_text(encoding="utf-8")
    assert [f"harmless {number}" in text for number in range(6)] == [True] * 6
    assert "previous text: a\ufffdthreat" in text
    assert {stat.S_IMODE(path.stat().st_mode) for path in written} == {0o600}
    assert stat.S_IMODE((folder / "evidence").stat().st_mode) == 0o700
    assert again.exit_code == 2
    assert "choose a new folder inside an existing one" in again.stderr
    assert report("resolve", id_).exit_code == 0
    assert report("save", id_, "later").exit_code == 2


def test_a_list_ends_where_it_would_be_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the number of remaining reports; texts are shortened, and at least one report is shown."""
    asyncio.run(emptied())
    asyncio.run(reported_again(3))
    monkeypatch.setattr("server.command.report.MOST_CHARACTERS", 300)
    monkeypatch.setattr("server.command.report.EXCERPT", 6)

    lines = report("list").stdout.splitlines()

    assert lines[-1] == "3 more reports are open: resolve some of these first."
    assert lines[1].endswith("alice: harmle… [evil.txt]")


async def reported_again(times: int) -> None:
    """Alice reports several messages of bob."""
    async with opened() as services:
        people = [
            (await services.account.sign_in(name, f"password of {name}", None, "")).viewer for name in ("alice", "bob")
        ]
        for _ in range(times):
            id_ = (await services.send.send(people[1], Draft(text="x" * 300, users=[ALICE]))).message_id
            await services.report.report(people[0], id_, ReportReason.SPAM, "y" * 400, 0, block=False)
