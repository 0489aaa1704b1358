"""Helpers of the commands: load settings, run a coroutine, and report errors in one line instead of a traceback."""

import asyncio
import gc
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from server.setting.settings import Settings

Data = Annotated[Path | None, typer.Option(help="Folder for the database and the files.")]


class StartError(Exception):
    """The command cannot start; the text is one line that says what to do."""


def fail(sentence: str) -> NoReturn:
    typer.echo(f"sotto: {sentence}", err=True)
    raise typer.Exit(2)


def settings_of(**flags: object) -> "Settings":
    from server.setting.problem import SettingsError  # noqa: PLC0415
    from server.setting.settings import load_settings  # noqa: PLC0415 - not needed for `--help` and `test`

    try:
        return load_settings(**flags)
    except SettingsError as error:
        fail(str(error).replace("\n", "\nsotto: "))


def run(work: Coroutine[Any, Any, Any]) -> Any:
    from services.error import SottoError  # noqa: PLC0415

    if not gc.isenabled():  # since the start of the process
        gc.freeze()
        gc.enable()
    try:
        return asyncio.run(work)
    except StartError as error:
        fail(str(error))
    except SottoError as error:
        fail(error.detail)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
