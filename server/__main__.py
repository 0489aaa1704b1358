"""The command line: `./sotto …`; errors of operation are one line with the way out, exit status 2."""

import asyncio
import os
import shutil
import sys
from collections.abc import Coroutine
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from server.settings import Settings

cli = typer.Typer(
    name="sotto",
    help="Private messages as a GraphQL API that you host yourself.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
user = typer.Typer(help="Make, list and close accounts; also while the server runs.", no_args_is_help=True)
cli.add_typer(user, name="user")
key = typer.Typer(help="Make, list and end API keys; also while the server runs.", no_args_is_help=True)
cli.add_typer(key, name="key")
report = typer.Typer(help="See and close reports of messages; also while the server runs.", no_args_is_help=True)
cli.add_typer(report, name="report")

Host = Annotated[str | None, typer.Option(help="Address to listen on; 127.0.0.1 by default.")]
Port = Annotated[int | None, typer.Option(help="Port to listen on; 8000 by default, 0 for a free one.")]
Data = Annotated[Path | None, typer.Option(help="Folder of the database and the files.")]
PasswordFromInput = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]


class ApiScope(Enum):
    """What a key may do; the names are those of the schema."""

    READ_MESSAGES = "read_messages"
    SEND_MESSAGES = "send_messages"
    ACT_AS_ANY_USER = "act_as_any_user"
    ADMIN = "admin"


LOOPBACK = ("127.0.0.1", "::1", "localhost")


def _fail(sentence: str) -> NoReturn:
    typer.echo(f"sotto: {sentence}", err=True)
    raise typer.Exit(2)


def _settings(**flags: object) -> "Settings":
    from server.settings import SettingsError, load_settings  # noqa: PLC0415 - `--help` and `test` need none of this

    try:
        return load_settings(**flags)
    except SettingsError as error:
        _fail(str(error).replace("\n", "\nsotto: "))


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    from server.process import StartError  # noqa: PLC0415
    from services.error import SottoError  # noqa: PLC0415

    try:
        return asyncio.run(work)
    except StartError as error:
        _fail(str(error))
    except SottoError as error:
        _fail(error.detail)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


@cli.command()
def serve(host: Host = None, port: Port = None, data: Data = None) -> None:
    """Start the server; README.md names the other settings."""
    from server.log import set_up_log  # noqa: PLC0415
    from server.process import announced, serve  # noqa: PLC0415

    settings = _settings(host=host, port=port, data=data)
    set_up_log(settings)
    _run(serve(settings, partial(announced, settings=settings)))


@cli.command()
def demo(host: Host = None, port: Port = None, data: Data = None) -> None:
    """Start a server with people to play with, on this machine alone."""
    from server.demo import Demo  # noqa: PLC0415
    from server.log import set_up_log  # noqa: PLC0415
    from server.process import serve  # noqa: PLC0415

    if host is not None and host not in LOOPBACK:
        _fail(f"the demo's passwords are known to all, so it listens on {', '.join(LOOPBACK)} alone; see `serve`.")
    settings = _settings(
        host=host or "127.0.0.1", port=port, data=data or Path("data-demo"), database_url="", storage_url=""
    )
    set_up_log(settings)
    _run(serve(settings, partial(Demo.announced, settings=settings)))


@cli.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def test(context: typer.Context) -> None:
    """Run the tests; further arguments go to pytest."""
    memory = Path("/dev/shm")  # noqa: S108 - an fsync there is free, and the tests make thousands
    if memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 1 << 30:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(memory))
    os.execv(sys.executable, [sys.executable, "-m", "pytest", "-q", "-n", "auto", *context.args])  # noqa: S606


@cli.command()
def schema() -> None:
    """Print the schema in the definition language."""
    from gql.schema import schema_text  # noqa: PLC0415

    typer.echo(schema_text(), nl=False)


@cli.command()
def config() -> None:
    """Show the settings in force, and what they mean."""
    from server.settings import describe_settings  # noqa: PLC0415

    settings = _settings()
    for line in describe_settings():
        value = settings.may_sign_up if line.name == "sign_up" else getattr(settings, line.name)
        shown = "(set)" if (line.name.endswith("_url") or line.name == "issuers") and value else value
        typer.echo(f"{line.environment}={shown}  # {line.description}")


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
    """Make an account; asks for the password, but for a bot's, which comes by an API key."""
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


@cli.command()
def token(
    subject: str,
    issuer: Annotated[str | None, typer.Option(help="Whose; the first with a secret if left out.")] = None,
    name: Annotated[str | None, typer.Option(help="The name to show.")] = None,
    seconds: Annotated[int, typer.Option(min=1, help="How long it is good.")] = 3600,
) -> None:
    """Print a token (JWT) as the host application would make it for its user; for development."""
    from server.issuer import token_for  # noqa: PLC0415

    if not subject.strip():
        _fail("name the user: what your application calls them.")
    known = [each for each in _settings().issuers if each.secret.get_secret_value()]
    found = next((each for each in known if issuer in (None, each.issuer)), None)
    if found is None and known:
        _fail(f"there is no such issuer with a secret; there is {', '.join(each.issuer for each in known)}.")
    if found is None:
        _fail(
            "no issuer with a secret is configured; for one, set SOTTO_ISSUERS="
            """'[{"issuer": "dev", "audience": "sotto", "secret": "at least 32 characters of your own"}]'"""
        )
    if seconds > found.max_life_seconds:
        _fail(f"tokens of {found.issuer} live at most {found.max_life_seconds} seconds; choose less by --seconds.")
    typer.echo(token_for(found, subject, seconds, name))


@report.command("list")
def report_list(data: Data = None) -> None:
    """Show the reports that wait, the oldest first, each with the messages that were copied."""
    _operate("report list", data)


@report.command("resolve")
def report_resolve(
    report_id: str,
    note: Annotated[str, typer.Option(help="What was done about it.")] = "",
    data: Data = None,
) -> None:
    """Close a report."""
    _operate("report resolve", data, report_id=report_id, note=note)


def _operate(command: str, data: Path | None, **arguments: object) -> None:
    from server.operator import operate  # noqa: PLC0415

    for line in _run(operate(_settings(data=data), command, **arguments)):
        typer.echo(line)


def _password(*, from_input: bool) -> str:
    if from_input:
        return sys.stdin.readline().rstrip("\n")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))


if __name__ == "__main__":
    cli(prog_name="./sotto")
