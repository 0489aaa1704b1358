"""The `./sotto` command line. Operational errors are one line that says what to do, with exit status 2."""

import gc
import os
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from server.cli.admin import key, report, storage, user
from server.output import Data, fail, run, settings_of

cli = typer.Typer(
    name="sotto",
    help="Private messages as a GraphQL API that you host yourself.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
cli.add_typer(user, name="user")
cli.add_typer(key, name="key")
cli.add_typer(report, name="report")
cli.add_typer(storage, name="storage")

Host = Annotated[str | None, typer.Option(help="Address to listen on; 127.0.0.1 by default.")]
Port = Annotated[int | None, typer.Option(help="Port to listen on; 8000 by default, 0 picks a free one.")]
Url = Annotated[
    str | None, typer.Option(help="Address of the server; by default that of the server that uses the data folder.")
]


LOOPBACK = ("127.0.0.1", "::1", "localhost")


@cli.command()
def serve(host: Host = None, port: Port = None, data: Data = None) -> None:
    """Start the server; docs/configure.md lists the settings."""
    settings = settings_of(host=host, port=port, data=data)
    from server.log import set_up_log  # noqa: PLC0415 - after the settings, so that errors in them are reported without delay
    from server.process import print_addresses, serve  # noqa: PLC0415

    set_up_log(settings)
    run(serve(settings, partial(print_addresses, settings=settings)))


@cli.command()
def demo(host: Host = None, port: Port = None, data: Data = None) -> None:
    """Start a server with demo users; it listens on this machine only."""
    if host is not None and host not in LOOPBACK:
        fail(f"the passwords of the demo are public, so it listens only on {', '.join(LOOPBACK)}; use `serve` instead.")
    settings = settings_of(
        host=host or "127.0.0.1", port=port, data=data or Path("data-demo"), database_url="", storage_url=""
    )
    from server.setting.field import LOOPBACK_ORIGINS  # noqa: PLC0415

    # A front end under development has another port, and so another origin.
    settings = settings.model_copy(update={"allowed_origins": (*settings.allowed_origins, LOOPBACK_ORIGINS)})
    from server.cli.demo import Demo  # noqa: PLC0415
    from server.log import set_up_log  # noqa: PLC0415
    from server.process import serve  # noqa: PLC0415

    set_up_log(settings)
    run(serve(settings, partial(Demo.running_in, settings=settings)))


@cli.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def test(context: typer.Context) -> None:
    """Run the tests; arguments are passed to pytest."""
    memory = Path("/dev/shm")  # noqa: S108 - fsync costs nothing there, and the tests call it thousands of times
    if memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 1 << 30:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(memory))
    os.environ.pop(
        "PYTHONDONTWRITEBYTECODE", None
    )  # otherwise every server that a test starts compiles all modules again
    # A module stays in one process, which sets up what its tests share once; modules in their order end together.
    options = ["-q", "-n", "auto", "--dist", "loadfile", "--no-loadscope-reorder"]
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *options, *context.args])  # noqa: S606


@cli.command()
def explorer() -> None:
    """Build GraphiQL, so that /graphql works offline; needs Node."""
    from server.build import BuildError, build  # noqa: PLC0415

    try:
        made = build()
    except BuildError as error:
        fail(str(error))
    typer.echo(f"GraphiQL is built: {made}. Restart the server to serve it at /graphql.")


@cli.command()
def schema() -> None:
    """Print the schema in SDL (schema definition language)."""
    from gql.wire.schema import schema_text  # noqa: PLC0415

    typer.echo(schema_text(), nl=False)


@cli.command()
def explain(
    document: Annotated[Path, typer.Argument(help="A file with a GraphQL document.")],
    operation: Annotated[str | None, typer.Option(help="Name of the operation, if there are several.")] = None,
    variables: Annotated[str, typer.Option(help="Variables as JSON; those of @skip and @include matter.")] = "{}",
    source: Annotated[bool, typer.Option(help="Print the Python code that is generated for it instead.")] = False,
) -> None:
    """Print how an operation is executed: the plan that it is compiled to, with the cost of each field."""
    from server.cli.explain import explained  # noqa: PLC0415

    run(explained(document, operation, variables, source=source))


@cli.command()
def manual() -> None:
    """Regenerate the tables of README.md and docs/ from the code; for contributors."""
    from server.manual.manual import ROOT, write  # noqa: PLC0415

    for page in write():
        typer.echo(page.relative_to(ROOT))


@cli.command()
def config() -> None:
    """Print the current settings with their descriptions."""
    from server.setting.description import describe_settings, text_of  # noqa: PLC0415

    settings = settings_of()
    effective = {"sign_up": "may_sign_up", "explorer": "has_explorer", "chat_page": "has_chat_page"}
    for row in describe_settings():
        value = getattr(settings, effective.get(row.name, row.name))
        shown = "(set)" if (row.name.endswith("_url") or row.name == "issuers") and value else text_of(value)
        typer.echo(f"{row.environment}={shown}  # {row.description}")


@cli.command()
def token(
    subject: Annotated[str | None, typer.Argument(help="The ID of the user in your application.")] = None,
    issuer: Annotated[
        str | None, typer.Option(help="Issuer of the token; by default the first one with a secret.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Display name.")] = None,
    seconds: Annotated[int, typer.Option(min=1, help="How long the token is valid.")] = 3600,
    check: Annotated[
        str | None,
        typer.Option(help="Check this token instead and say why it is refused; `-` reads it from stdin."),
    ] = None,
) -> None:
    """Print a token (JWT) like one from the host application, for development; or check one."""
    from server.setting.issuer import token_for  # noqa: PLC0415

    if check is not None:
        from server.command.token import check_token  # noqa: PLC0415

        text = (sys.stdin.read() if check == "-" else check).strip()
        for line in run(check_token(settings_of().issuers, text.removeprefix("Bearer ").strip())):
            typer.echo(line)
        return
    if subject is None or not subject.strip():
        fail("name the user, by the ID that your application has for them.")
    known = [each for each in settings_of().issuers if each.secret.get_secret_value()]
    found = next((each for each in known if issuer in (None, each.issuer)), None)
    if found is None and known:
        fail(f"there is no issuer {issuer} with a secret; choose one of {', '.join(each.issuer for each in known)}.")
    if found is None:
        fail(
            "no issuer with a secret is configured; to configure one, set SOTTO_ISSUERS="
            """'[{"issuer": "dev", "audience": "sotto", "secret": "your own secret of 32 characters or more"}]'"""
        )
    if seconds > found.max_life_seconds:
        fail(f"tokens of {found.issuer} last at most {found.max_life_seconds} seconds; pass a smaller --seconds.")
    typer.echo(token_for(found, subject, seconds, name))


@cli.command()
def send(
    to: Annotated[list[str], typer.Argument(help="Usernames, then the text; with one name, it is read from stdin.")],
    as_: Annotated[str, typer.Option("--as", help="User who sends; the server must run on this machine.")],
    attach: Annotated[list[Path], typer.Option(help="File to attach; can be repeated.")] = [],  # noqa: B006
    url: Url = None,
    data: Data = None,
) -> None:
    """Send a message: `./sotto send --as alice bob "hi" --attach cat.jpg`."""
    from server.cli.shell import send_as  # noqa: PLC0415

    names, text = (to[:-1], to[-1]) if len(to) > 1 else (to, sys.stdin.read().rstrip("\n"))
    if len(to) == 1 and not text.strip() and not attach:
        fail('name the recipients and the text: ./sotto send --as alice bob "hi", or pass the text on stdin.')
    run(send_as(settings_of(data=data), url, as_, names, text or None, attach))


@cli.command()
def listen(
    as_: Annotated[str, typer.Option("--as", help="User who listens; the server must run on this machine.")],
    download: Annotated[Path | None, typer.Option(help="Folder to save attachments in.")] = None,
    url: Url = None,
    data: Data = None,
) -> None:
    """Print new messages as they arrive, one per line; Ctrl-C stops."""
    from server.cli.shell import listen_as  # noqa: PLC0415

    run(listen_as(settings_of(data=data), url, as_, download))


if __name__ == "__main__":
    gc.disable()  # until `run`: looking again and again through what is imported takes a seventh of the start
    cli(prog_name="./sotto")
