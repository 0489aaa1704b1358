"""Commands of the operator: users, API keys, reports and storage."""

import sys
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from server.output import Data, run, settings_of

user = typer.Typer(help="Manage accounts; also while the server runs.", no_args_is_help=True)
key = typer.Typer(help="Manage API keys; also while the server runs.", no_args_is_help=True)
report = typer.Typer(help="Review reports of messages; also while the server runs.", no_args_is_help=True)
storage = typer.Typer(
    help="Tell this server that a folder or bucket belongs to its database; also while it runs.", no_args_is_help=True
)
PasswordFromInput = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]


class ApiScope(Enum):
    """Scopes of an API key, named as in the schema."""

    READ_MESSAGES = "read_messages"
    SEND_MESSAGES = "send_messages"
    ACT_AS_ANY_USER = "act_as_any_user"
    ADMIN = "admin"


@user.command("add")
def user_add(
    username: str,
    display_name: Annotated[str | None, typer.Option(help="Display name.")] = None,
    email: Annotated[str | None, typer.Option(help="Email address.")] = None,
    external_id: Annotated[str | None, typer.Option(help="ID of the user in the host application.")] = None,
    avatar_url: Annotated[str | None, typer.Option(help="URL of a picture.")] = None,
    is_bot: Annotated[bool, typer.Option("--bot", help="Mark the account as a bot.")] = False,
    password_stdin: PasswordFromInput = False,
    data: Data = None,
) -> None:
    """Create an account. Asks for a password, except for bots, which sign in with an API key."""
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
    """Change the password of a user and end their sessions."""
    _operate("user password", data, username=username, password=_password(from_input=password_stdin))


@user.command("suspend")
def user_suspend(username: str, data: Data = None) -> None:
    """Suspend a user: they have no access until they are restored."""
    _operate("user suspend", data, username=username)


@user.command("restore")
def user_restore(username: str, data: Data = None) -> None:
    """Restore a suspended or deactivated user."""
    _operate("user restore", data, username=username)


@user.command("deactivate")
def user_deactivate(username: str, data: Data = None) -> None:
    """Deactivate an account; other people keep its messages."""
    _operate("user deactivate", data, username=username)


@user.command("trust")
def user_trust(username: str, data: Data = None) -> None:
    """Trust all devices of a user who has no trusted device left to confirm them."""
    _operate("user trust", data, username=username)


@key.command("create")
def key_create(
    username: str,
    scope: Annotated[list[ApiScope], typer.Option(help="What the key can do; can be repeated.")],
    name: Annotated[str, typer.Option(help="What the key is for.")] = "made by the operator",
    days: Annotated[
        int | None, typer.Option(min=1, max=36_500, help="Days until the key expires; never by default.")
    ] = None,
    data: Data = None,
) -> None:
    """Create an API key and print it; it cannot be shown again."""
    _operate("key create", data, username=username, name=name, scopes=[each.name for each in scope], life_days=days)


@key.command("list")
def key_list(username: str, data: Data = None) -> None:
    """List the API keys of a user."""
    _operate("key list", data, username=username)


@key.command("revoke")
def key_revoke(username: str, key_id: str, data: Data = None) -> None:
    """Revoke an API key."""
    _operate("key revoke", data, username=username, key_id=key_id)


@report.command("list")
def report_list(data: Data = None) -> None:
    """Show open reports with excerpts of their messages, oldest first."""
    _operate("report list", data)


@report.command("save")
def report_save(report_id: str, folder: Path, data: Data = None) -> None:
    """Write a complete report, with all previous texts and all files, to a new folder."""
    _operate("report save", data, report_id=report_id, folder=str(folder.absolute()))


@report.command("resolve")
def report_resolve(
    report_id: str,
    note: Annotated[str, typer.Option(help="What was done about it.")] = "",
    data: Data = None,
) -> None:
    """Close a report and delete its copies of messages; use `report save` first to keep them."""
    _operate("report resolve", data, report_id=report_id, note=note)


@storage.command("adopt")
def storage_adopt(data: Data = None) -> None:
    """Link the storage of STORAGE_URL to this database, even if it belongs to another one."""
    _operate("storage adopt", data)


def _operate(command: str, data: Path | None, **arguments: object) -> None:
    from server.cli.operator import operate  # noqa: PLC0415

    for output in run(operate(settings_of(data=data), command, **arguments)):
        typer.echo(output)


def _password(*, from_input: bool) -> str:
    if from_input:
        return sys.stdin.readline().rstrip("\n")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
