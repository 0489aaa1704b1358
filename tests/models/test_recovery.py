"""A start after a run that was cut off: the log that it left belongs to the database, or nothing is touched."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from models import job
from models.database import Database
from models.error import DatabaseError, DatabaseFailed, DatabaseMissing, DatabaseUnreadable, LogForeign
from models.lock import Lock
from models.recovery import mark_of, mark_run
from models.transaction import Transaction
from models.writer import Writer
from tests.template import put_tables

NAMES = ("sotto.db", "sotto.db-wal", "sotto.db.lock")


def put(tx: Transaction, ref: int, count: int = 1) -> None:
    """Rows."""
    for _ in range(count):
        tx.run(job.PUT, kind=0, ref=ref)


def refs(tx: Transaction) -> list[int]:
    """All rows."""
    return [row.ref for row in tx.all(job.NEXT, kind=0, count=10_000)]


async def run(folder: Path, *numbers: int) -> None:
    """A run that ends by itself."""
    database = Database(folder / "sotto.db")
    await database.open()
    for number in numbers:
        await database.write(put, number)
    await database.close()


async def killed(folder: Path, *numbers: int) -> None:
    """A run that is cut off."""
    database = Database(folder / "sotto.db")
    await database.open()
    for number in numbers:
        await database.write(put, number)
    await killed_as(database)


async def killed_as(database: Database) -> None:
    """A run ends, and leaves its folder as it was before."""
    folder = database.path.parent
    left = {name: (folder / name).read_bytes() for name in NAMES}
    await database.close()
    for name, content in left.items():
        (folder / name).write_bytes(content)


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """With a database that was stopped, and a copy of it in `copy`."""
    folder = tmp_path / "data"
    put_tables(folder / "sotto.db")
    await run(folder, 1)
    shutil.copytree(folder, tmp_path / "copy")
    return folder


def content_of(folder: Path) -> dict[str, bytes]:
    """What counts, byte for byte, without the room at the end of the lock file."""
    return {name: (folder / name).read_bytes().rstrip(b"\0") for name in NAMES if (folder / name).exists()}


async def test_what_a_killed_server_had_acknowledged_is_there(folder: Path) -> None:
    """The log belongs to its database; the start has noticed that it was cut off."""
    await killed(folder, 2, 3)
    database = Database(folder / "sotto.db")

    await database.open()

    assert database.was_cut_off
    assert await database.read(refs) == [1, 2, 3]
    await database.close()


async def test_a_run_that_ended_by_itself_leaves_nothing_to_look_at(folder: Path) -> None:
    """Nor does the first one."""
    database = Database(folder / "sotto.db")
    await database.open()

    assert not database.was_cut_off
    await database.close()
    assert (folder / "sotto.db.lock").read_bytes().rstrip(b"\0") == b"stopped"


async def test_killed_again_and_again_it_starts(folder: Path) -> None:
    """Also where a start is cut off before the new mark is in the file."""
    for number in range(2, 6):
        await killed(folder, number)
    pid, mark = (folder / "sotto.db.lock").read_text().split()
    (folder / "sotto.db.lock").write_text(f"{pid} {mark} 123456")
    database = Database(folder / "sotto.db")

    await database.open()

    assert await database.read(refs) == [1, 2, 3, 4, 5]
    await database.close()


@pytest.mark.parametrize("names", [("sotto.db",), ("sotto.db", "sotto.db.lock")], ids=["the file", "the whole folder"])
async def test_a_copy_laid_over_the_folder_of_a_killed_server_is_refused(folder: Path, names: tuple[str, ...]) -> None:
    """The log would be replayed into it. Nothing is changed, so that both can still be had."""
    await killed(folder, 2, 3)
    for name in names:
        shutil.copyfile(folder.with_name("copy") / name, folder / name)
    before = content_of(folder)

    with pytest.raises(LogForeign, match=r"sotto\.db-wal was not written for this sotto\.db"):
        await Database(folder / "sotto.db").open()

    assert content_of(folder) == before
    (folder / "sotto.db-wal").unlink()
    database = Database(folder / "sotto.db")
    await database.open()
    assert await database.read(refs) == [1]
    await database.close()


async def test_a_first_run_that_is_killed_while_it_closes_starts_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its mark is in the file already, and the log is still there: the two belong together."""
    log = tmp_path / "sotto.db-wal"
    left: dict[str, bytes] = {}
    close = Writer._close

    def close_and_look(writer: Writer) -> None:
        before = log.read_bytes()
        close(writer)
        left.update({name: (tmp_path / name).read_bytes() for name in NAMES if name != log.name}, **{log.name: before})

    put_tables(tmp_path / "sotto.db")
    monkeypatch.setattr(Writer, "_close", close_and_look)
    await run(tmp_path, 1)
    monkeypatch.undo()
    for name, content in left.items():
        (tmp_path / name).write_bytes(content)
    assert mark_of(tmp_path / "sotto.db")
    database = Database(tmp_path / "sotto.db")

    await database.open()

    assert database.was_cut_off
    assert await database.read(refs) == [1]
    await database.close()


def checkpoint(folder: Path) -> None:
    """Brings the log into the file, after which the log begins anew."""
    with closing(sqlite3.connect(folder / "sotto.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@pytest.mark.parametrize("is_copied", [True, False], ids=["a copy of then", "its own file"])
async def test_a_copy_of_the_same_run_is_refused_as_well(folder: Path, is_copied: bool) -> None:
    """Made by `.backup` while the server ran, and laid over it after the log had begun anew; its own file is taken."""
    database = Database(folder / "sotto.db")
    await database.open()
    with closing(sqlite3.connect(folder / "sotto.db")) as source, closing(sqlite3.connect(folder / "then.db")) as copy:
        source.backup(copy)
    for number in (2, 3):
        await database.renew_mark()
        await database.write(put, number)
        checkpoint(folder)
    await database.renew_mark()
    await database.renew_mark()  # nothing to do until the mark before is in the file
    await database.write(put, 4)
    await killed_as(database)
    again = Database(folder / "sotto.db")
    if is_copied:
        shutil.copyfile(folder / "then.db", folder / "sotto.db")

        with pytest.raises(LogForeign):
            await again.open()
    else:
        await again.open()

        assert await again.read(refs) == [1, 2, 3, 4]
        await again.close()


def test_the_lock_file_gives_back_every_mark(tmp_path: Path) -> None:
    """Each start on a full disk that is cut off adds one."""
    marks = range(2**31 - 50, 2**31)
    lock = Lock.take(tmp_path / "sotto.db.lock")
    lock.write(*marks)
    lock.release(is_clean=False)

    again = Lock.take(tmp_path / "sotto.db.lock")

    assert again.marks == frozenset(marks)
    again.release(is_clean=True)


class Failing:
    """A database that takes no other mark."""

    def __init__(self, code: int) -> None:
        vars(self)["code"] = code

    def __setattr__(self, name: str, value: object) -> None:
        error = sqlite3.OperationalError("injected")
        error.sqlite_errorcode = vars(self)["code"]
        raise error


def fail_to_mark(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    """A start cannot give the database its mark, with this result code of SQLite."""
    failing: Any = Failing(code)
    monkeypatch.setattr("models.database.mark_run", lambda _, lock, former: mark_run(failing, lock, former))


@pytest.mark.parametrize(
    ("code", "refusal"),
    [(sqlite3.SQLITE_CORRUPT, DatabaseUnreadable), (sqlite3.SQLITE_IOERR, DatabaseFailed)],
    ids=["damaged", "failing"],
)
async def test_a_database_that_cannot_be_marked_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, code: int, refusal: type[Exception]
) -> None:
    """In the words for a database that cannot be opened, whatever quick_check has found; the lock is free again."""
    before = content_of(folder)
    fail_to_mark(monkeypatch, code)

    with pytest.raises(DatabaseError) as caught:
        await Database(folder / "sotto.db").open()

    assert type(caught.value) is refusal
    monkeypatch.undo()
    assert content_of(folder) == before
    await run(folder, 2)


async def test_marks_that_a_start_could_not_replace_go_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log of a killed run brings a mark that is not in the file yet; starts without room do not forget it."""
    database = Database(folder / "sotto.db")
    await database.open()
    await database.renew_mark()
    await killed_as(database)
    fail_to_mark(monkeypatch, sqlite3.SQLITE_FULL)
    for number in (2, 3):
        database = Database(folder / "sotto.db")
        await database.open()
        await database.write(put, number)
        if number == 3:
            checkpoint(folder)
            await database.write(put, 4)
        await killed_as(database)
    monkeypatch.undo()
    database = Database(folder / "sotto.db")

    await database.open()

    assert await database.read(refs) == [1, 2, 3, 4]
    await database.close()


async def test_a_log_without_its_database_is_refused(folder: Path) -> None:
    """SQLite would delete it, and begin an empty database."""
    await killed(folder, 2)
    (folder / "sotto.db").unlink()
    before = content_of(folder)

    with pytest.raises(DatabaseMissing, match="missing"):
        await Database(folder / "sotto.db").open()

    assert content_of(folder) == before


async def test_a_copy_of_a_killed_servers_whole_folder_is_good(folder: Path, tmp_path: Path) -> None:
    """File, log and lock belong together wherever they are."""
    await killed(folder, 2)
    shutil.copytree(folder, tmp_path / "elsewhere")
    database = Database(tmp_path / "elsewhere" / "sotto.db")

    await database.open()

    assert await database.read(refs) == [1, 2]
    await database.close()


async def test_a_log_of_an_earlier_version_is_replayed(folder: Path) -> None:
    """Its lock file holds the process alone: there is nothing to compare."""
    await killed(folder, 2)
    (folder / "sotto.db.lock").write_text("4711")
    database = Database(folder / "sotto.db")

    await database.open()

    assert await database.read(refs) == [1, 2]
    await database.close()


async def test_a_damaged_database_is_refused_after_a_run_that_was_cut_off(folder: Path) -> None:
    """quick_check finds what a query would stumble over one day."""
    database = Database(folder / "sotto.db")
    await database.open()
    await database.write(put, 7, 5000)
    await database.close()
    await killed(folder, 2)
    with (folder / "sotto.db").open("r+b") as file:
        for page in range(40, 50):
            file.seek(page * 4096)
            file.write(b"\xff" * 100)
    before = content_of(folder)

    with pytest.raises(DatabaseUnreadable, match="is damaged"):
        await Database(folder / "sotto.db").open()

    assert content_of(folder) == before


async def test_the_mark_of_a_run_is_in_the_file_itself_before_anything_else(folder: Path) -> None:
    """Past the log, where SQLite would look; each run has another."""
    marks = []
    for _ in range(3):
        database = Database(folder / "sotto.db")
        await database.open()
        content = (folder / "sotto.db").read_bytes()
        marks.append(int.from_bytes(content[60:64], "big"))
        assert (folder / "sotto.db.lock").read_text().split()[1:] == [str(marks[-1])]
        await database.close()

    assert len(set(marks)) == 3
    with sqlite3.connect(folder / "sotto.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
