"""`./sotto report`: what was reported, with what was said before it, and what the operator did about it."""

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gql.id import Kind, encode
from server.__main__ import cli
from server.app import open_services
from server.settings import load_settings
from services.account import SignUp
from services.draft import Draft
from services.report import ReportReason
from services.user import Reference, ReferenceKind
from tests.template import put_tables


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with no settings in it, and a server's folder."""
    monkeypatch.chdir(tmp_path)
    put_tables(tmp_path / "data" / "sotto.db")
    return tmp_path


def report(*arguments: str) -> Result:
    """`./sotto report …` on ./data."""
    return CliRunner().invoke(cli, ["report", *arguments, "--data", "data"])


async def reported() -> str:
    """Bob reports alice's third message of four, and she takes it back; the id that he was given."""
    services = await open_services(load_settings(data=Path("data")))
    try:
        people = {
            name: (await services.account.sign_up(SignUp(name, f"password of {name}"))).viewer
            for name in ("alice", "bob")
        }
        to_bob = [Reference(ReferenceKind.USERNAME, "bob")]
        texts = ["one", "two", "buy\n\u009b31mnow", "four"]
        ids = [(await services.send.send(people["alice"], Draft(text=text, users=to_bob))).message_id for text in texts]
        send_report = services.report.report
        number = await send_report(people["bob"], ids[2], ReportReason.SPAM, "Look", 1, block=True)
        await services.deletion.delete_for_everyone(people["alice"], ids[2])
    finally:
        await services.close()
    return str(encode(Kind.REPORT, number))


def test_a_report_shows_the_message_and_what_came_before_it_and_can_be_closed() -> None:
    """The copies stay though the message is gone, and cannot steer the terminal; closed it is out of the list."""
    id_ = asyncio.run(reported())

    result = report("list")
    assert result.exit_code == 0
    head, comment, before, message = result.stdout.splitlines()
    assert head.startswith(f"{id_}  ")
    assert head.endswith("  SPAM  by bob")
    assert comment == "    says: Look"
    assert before.startswith("    ")
    assert before.endswith("alice: two")
    assert message.startswith("  > ")
    assert message.endswith("alice: buy⏎\ufffd31mnow")
    assert report("resolve", id_, "--note", "warned").exit_code == 0
    assert report("list").stdout == ""


@pytest.mark.parametrize("id_", ["", "nonsense", "cgAAAAAAAAAB"])
def test_what_is_no_open_report_cannot_be_closed(id_: str) -> None:
    """One line and status 2."""
    result = report("resolve", id_)

    assert result.exit_code == 2
    assert result.stderr == "sotto: There is no open report with this id.\n"
