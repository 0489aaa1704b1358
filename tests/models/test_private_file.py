"""Private files: whoever else has an account on the machine reads no messages."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from models import job
from models.database import Database
from pubsub.memory import MemoryPubSub
from services.guard import GuardedDatabase
from tests.leak import Recorder


def modes_in(folder: Path) -> dict[str, str]:
    """Of every file."""
    return {path.name: f"{stat.S_IMODE(path.stat().st_mode):04o}" for path in folder.iterdir()}


@pytest.fixture(params=[0o000, 0o022, 0o777], ids=lambda mask: f"umask-{mask:03o}")
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    """What a process may have been started with."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


async def test_all_files_of_a_database_are_its_owners_alone(tmp_path: Path, umask: int) -> None:
    """In a folder that was there, open to all, and whatever the umask is; what the writer adds later too."""
    folder = tmp_path / "folder"
    folder.mkdir()
    folder.chmod(0o777)
    database = Database(folder / "sotto.db")
    await database.open()
    try:
        await database.write(lambda tx: tx.run(job.PUT, kind=0, ref=umask))

        assert modes_in(folder) == dict.fromkeys(("sotto.db", "sotto.db-wal", "sotto.db-shm", "sotto.db.lock"), "0600")
        assert database.exposures == []
    finally:
        await database.close()


@pytest.mark.parametrize(("given", "left"), [(0o644, "0640"), (0o666, "0660"), (0o640, "0640"), (0o600, "0600")])
async def test_a_database_that_others_could_open_is_closed_to_them(
    tmp_path: Path, recorder: Recorder, given: int, left: str
) -> None:
    """As an older Sotto made it, with a line in the log for each file; what the operator gave the group stays."""
    database = GuardedDatabase(tmp_path / "sotto.db", MemoryPubSub())
    await database.open()
    await database.close()
    for name in ("sotto.db", "sotto.db.lock"):
        (tmp_path / name).chmod(given)
    recorder.lines.clear()

    await database.open()
    found = modes_in(tmp_path)
    await database.close()

    assert (found["sotto.db"], found["sotto.db.lock"]) == (left, left)
    told = [line for line in recorder.lines if b"closed to others" in line]
    assert len(told) == (2 if given & 0o007 else 0)
    assert all(f"{given:04o}".encode() in line for line in told)
