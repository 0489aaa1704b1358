"""The command line: `./sotto …`; errors of operation are one line with the way out, exit status 2."""

import asyncio
import os
import shutil
import sys
from collections.abc import Coroutine
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
user = typer.Typer(help="Make and list accounts; while the server is stopped.", no_args_is_help=True)
cli.add_typer(user, name="user")
report = typer.Typer(help="See and close reports of messages; while the server is stopped.", no_args_is_help=True)
cli.add_typer(report, name="report")

Host = Annotated[str | None, typer.Option(help="Address to listen on; 127.0.0.1 by default.")]
Port = Annotated[int | None, typer.Option(help="Port to listen on; 8000 by default, 0 for a free one.")]
Data = Annotated[Path | None, typer.Option(help="Folder of the database and the files.")]
PasswordFromInput = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]
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
        value = getattr(settings, line.name)
        shown = "(set)" if line.name.endswith("_url") and value else value
        typer.echo(f"{line.environment}={shown}  # {line.description}")


@user.command("add")
def user_add(
    username: str,
    display_name: Annotated[str | None, typer.Option(help="The name to show.")] = None,
    email: Annotated[str | None, typer.Option(help="The e-mail address.")] = None,
    avatar_url: Annotated[str | None, typer.Option(help="The address of a picture.")] = None,
    is_bot: Annotated[bool, typer.Option("--bot", help="A program writes here.")] = False,
    password_stdin: PasswordFromInput = False,
    data: Data = None,
) -> None:
    """Make an account; asks for the password."""
    from server.user import add_user  # noqa: PLC0415
    from services.account import SignUp  # noqa: PLC0415

    form = SignUp(username, _password(from_input=password_stdin), display_name, email)
    _run(add_user(_settings(data=data), form, is_bot=is_bot, avatar_url=avatar_url))
    typer.echo(f"{username} can sign in now.")


@user.command("list")
def user_list(data: Data = None) -> None:
    """List the accounts."""
    from server.user import list_users  # noqa: PLC0415

    states = {0: "active", 1: "suspended", 2: "deactivated"}
    for row in _run(list_users(_settings(data=data))):
        kind = "bot" if row.is_bot else "person"
        typer.echo(f"{row.username:32} {states[row.state]:12} {kind:7} {row.display_name}")


@user.command("password")
def user_password(username: str, password_stdin: PasswordFromInput = False, data: Data = None) -> None:
    """Change somebody's password and end their sessions."""
    from server.user import change_password  # noqa: PLC0415

    _run(change_password(_settings(data=data), username, _password(from_input=password_stdin)))
    typer.echo(f"{username} has a new password; their sessions are ended.")


@report.command("list")
def report_list(data: Data = None) -> None:
    """Show the reports that wait, the oldest first, each with the messages that were copied."""
    from server.report import lines_of, open_reports  # noqa: PLC0415

    for each in _run(open_reports(_settings(data=data))):
        for line in lines_of(each):
            typer.echo(line)


@report.command("resolve")
def report_resolve(
    report_id: str,
    note: Annotated[str, typer.Option(help="What was done about it.")] = "",
    data: Data = None,
) -> None:
    """Close a report."""
    from server.report import resolve_report  # noqa: PLC0415

    _run(resolve_report(_settings(data=data), report_id, note))
    typer.echo(f"{report_id} is closed.")


def _password(*, from_input: bool) -> str:
    if from_input:
        return sys.stdin.readline().rstrip("\n")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))


if __name__ == "__main__":
    cli()
