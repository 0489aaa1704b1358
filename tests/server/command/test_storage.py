"""`./sotto storage`: the operator links the storage of another database."""

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from server.__main__ import cli
from server.output import StartError
from server.process import listening
from server.setting.settings import load_settings
from tests.template import put_tables


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory without settings, and two data folders that share the files of the first."""
    monkeypatch.chdir(tmp_path)
    for name in ("data", "other"):
        (tmp_path / name).mkdir(mode=0o700)
        put_tables(tmp_path / name / "sotto.db")
    monkeypatch.setenv("STORAGE_URL", f"file://{tmp_path}/data/files")
    assert sotto("user", "list").exit_code == 0  # the first database has them
    return tmp_path


def sotto(*arguments: str, data: str = "data") -> Result:
    """Runs `./sotto … --data …`."""
    return CliRunner().invoke(cli, [*arguments, "--data", data])


async def test_a_storage_of_another_database_is_a_one_line_error(folder: Path) -> None:
    """Exit status 2, and nothing is changed; the same for every command that opens the services."""
    before = (folder / "data" / "files" / "identity").read_text()

    result = await asyncio.to_thread(sotto, "user", "list", data="other")
    with pytest.raises(StartError) as caught:
        async with listening(load_settings(data=Path("other"), port=0)):
            pytest.fail("it listens")

    sentence = f"{folder}/data/files belongs to another database; give DATABASE_URL and STORAGE_URL that belong "
    sentence += "together, or let this database have the files by `./sotto storage adopt`."
    assert (result.exit_code, result.stderr) == (2, f"sotto: {sentence}\n")
    assert str(caught.value) == sentence
    assert (folder / "data" / "files" / "identity").read_text() == before


def test_an_adopted_storage_belongs_to_one_database(folder: Path) -> None:
    """It can be taken back in the same way."""
    result = sotto("storage", "adopt", data="other")

    assert result.stdout.splitlines() == [
        f"{folder}/data/files now belongs to this database only.",
        "Files that this database does not reference are deleted after 7 days.",
    ]
    assert (sotto("user", "list", data="other").exit_code, sotto("user", "list").exit_code) == (0, 2)
    assert sotto("storage", "adopt").exit_code == 0
    assert (sotto("user", "list", data="other").exit_code, sotto("user", "list").exit_code) == (2, 0)
