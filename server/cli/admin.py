"""The operator's part of the command line: people, their keys, and reports."""

import sys
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from server.output import Data, run, settings_of

user = typer.Typer(help="Make, list and close accounts; also while the server runs.", no_args_is_help=True)
key = typer.Typer(help="Make, list and end API keys; also while the server runs.", no_args_is_help=True)
report = typer.Typer(help="See and close reports of messages; also while the server runs.", no_args_is_help=True)
storage = typer.Typer(help="Link the files to the database; also while the server runs.", no_args_is_help=True)
PasswordFromInput = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]


class ApiScope(Enum):
    """What a key may do; the names are those of the schema."""

    READ_MESSAGES = "read_messages"
    SEND_MESSAGES = "send_messages"
    ACT_AS_ANY_USER = "act_as_any_user"
    ADMIN = "admin"


@user.command("add")
def user_add(
    username: str,
    display_name: Annotated[str | None, typer.Option(help="The name to show.")] = None,
    email: Annotated[str | None, typer.Option(help="The e-mail address.")] = None,
    external_id: Annotated[str | None, typer.Option(help="What the host application calls them.")] = None,
    avatar_url: Annotated[str | None, typer.Option(help="The address of a picture.")] = None,
    is_bot: Annotated[bool, typer.Option("--bot", help="A program writes here.")] = False,
    password_stdin: PasswordFromInput = False,
    data: Data = None,
) -> None:
    """Make an account; asks for the password, except for a bot's, which signs in with an API key."""
    _operate(
        "user add",
        data,
        username=username,
        password=None if is_bot and not password_stdin else _password(from_input=password_stdin),
        display_name=display_name,
        email=email,
        external_id=external_id,
        avatar_url=avatar_url,
        is_bot=is_bot,
    )


@user.command("list")
def user_list(data: Data = None) -> None:
    """List the accounts."""
    _operate("user list", data)


@user.command("password")
def user_password(username: str, password_stdin: PasswordFromInput = False, data: Data = None) -> None:
    """Change somebody's password and end their sessions."""
    _operate("user password", data, username=username, password=_password(from_input=password_stdin))


@user.command("suspend")
def user_suspend(username: str, data: Data = None) -> None:
    """Keep somebody out, and end what they have open, until they are restored."""
    _operate("user suspend", data, username=username)


@user.command("restore")
def user_restore(username: str, data: Data = None) -> None:
    """Let somebody in again."""
    _operate("user restore", data, username=username)


@user.command("deactivate")
def user_deactivate(username: str, data: Data = None) -> None:
    """Close an account; its messages stay with the others."""
    _operate("user deactivate", data, username=username)


@user.command("trust")
def user_trust(username: str, data: Data = None) -> None:
    """Trust all devices of somebody who has none left to confirm one with."""
    _operate("user trust", data, username=username)


@key.command("create")
def key_create(
    username: str,
    scope: Annotated[list[ApiScope], typer.Option(help="What it may do; give it several times for several.")],
    name: Annotated[str, typer.Option(help="What it is for.")] = "made by the operator",
    days: Annotated[int | None, typer.Option(min=1, max=36_500, help="Days that it is good.")] = None,
    data: Data = None,
) -> None:
    """Make an API key, and print it: it is shown only here."""
    _operate("key create", data, username=username, name=name, scopes=[each.name for each in scope], life_days=days)


@key.command("list")
def key_list(username: str, data: Data = None) -> None:
    """List somebody's keys."""
    _operate("key list", data, username=username)


@key.command("revoke")
def key_revoke(username: str, key_id: str, data: Data = None) -> None:
    """End a key."""
    _operate("key revoke", data, username=username, key_id=key_id)


@report.command("list")
def report_list(data: Data = None) -> None:
    """Show the reports that wait, the oldest first, each with the messages that were copied, in excerpts."""
    _operate("report list", data)


@report.command("save")
def report_save(report_id: str, folder: Path, data: Data = None) -> None:
    """Write a report whole, with every former text and all files, into a new folder."""
    _operate("report save", data, report_id=report_id, folder=str(folder.absolute()))


@report.command("resolve")
def report_resolve(
    report_id: str,
    note: Annotated[str, typer.Option(help="What was done about it.")] = "",
    data: Data = None,
) -> None:
    """Close a report. Its copies go; `report save` before keeps them."""
    _operate("report resolve", data, report_id=report_id, note=note)


@storage.command("adopt")
def storage_adopt(data: Data = None) -> None:
    """Let this database have the files of STORAGE_URL, also where they belong to another one."""
    _operate("storage adopt", data)


def _operate(command: str, data: Path | None, **arguments: object) -> None:
    from server.cli.operator import operate  # noqa: PLC0415

    for line in run(operate(settings_of(data=data), command, **arguments)):
        typer.echo(line)


def _password(*, from_input: bool) -> str:
    if from_input:
        return sys.stdin.readline().rstrip("\n")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
