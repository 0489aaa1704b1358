"""Database and storage belong together, or nothing is served and nothing is swept."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from models import storage_link as links
from models.transaction import Transaction
from pubsub.memory import MemoryPubSub
from services.error import StorageFull as DatabaseFull
from services.file.storage_link import StorageLink, StorageMismatch
from services.guard import GuardedDatabase
from services.limit import Limits
from services.service import Services
from storage.base import StorageFull, is_key
from storage.local import LocalStorage
from tests.services.conftest import World
from tests.services.file.test_sweep import HOUR, kept_files, make_old, put_orphan
from tests.template import put_tables

Start = Callable[..., Awaitable[World]]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Starts a server on the database `name` and the storage of the test; `checks_storage=False` as `adopt` does."""
    opened: list[Services] = []

    async def open_(name: str = "sotto", *, checks_storage: bool = True) -> World:
        path = tmp_path / f"{name}.db"
        database = GuardedDatabase(path if path.exists() else put_tables(path), MemoryPubSub())
        storage, limits = LocalStorage(tmp_path / "files"), Limits(send_rate_per_minute=0)
        opened.append(await Services.open(database, storage, limits, checks_storage=checks_storage))
        return World(opened[-1], tmp_path)

    yield open_
    for services in opened:
        await services.close()


async def with_a_file(start: Start, name: str = "sotto") -> World:
    """A server whose people have sent a file, and stopped again; the file is older than any grace."""
    world = await start(name)
    alice, _ = await world.people("alice", "bob")
    await world.send(alice, "bob", files=[await world.file(b"kept")])
    for path in kept_files(world):
        make_old(path, HOUR + 60)
    await world.services.close()
    return world


async def identities(world: World) -> tuple[str | None, str | None]:
    """Of the database and of the storage."""
    return await world.services.database.read(links.find), await world.services.storage.identity()


def forget(table: str) -> Callable[[Transaction], None]:
    """Empties a table."""
    return lambda tx: tx.database.connection().execute(f"DELETE FROM {table}") and None


async def forgetting(start: Start, *tables: str) -> None:
    """Takes rows from the database, as if they had never been there."""
    world = await start(checks_storage=False)
    for table in tables:
        await world.services.database.write(forget(table))
    await world.services.close()


def identity_file(tmp_path: Path) -> Path:
    """Of the storage."""
    return tmp_path / "files" / "identity"


async def refused(start: Start, name: str = "sotto") -> str:
    """Why a server does not start; nothing has changed, and the database is free again."""
    with pytest.raises(StorageMismatch) as caught:
        await start(name)
    world = await start(name, checks_storage=False)
    await world.services.close()
    return str(caught.value)


async def test_a_new_database_and_an_empty_storage_are_linked(start: Start, tmp_path: Path) -> None:
    """By a random text in both; the next start finds it there."""
    world = await start()
    first = await identities(world)
    await world.services.close()
    again = await start()

    assert first[0] == first[1]
    assert is_key(first[0] or "")
    assert await identities(again) == first
    assert identity_file(tmp_path).stat().st_mode & 0o777 == 0o600
    assert kept_files(again) == []


async def test_a_start_with_another_database_is_refused_and_deletes_nothing(start: Start) -> None:
    """A mistyped DATABASE_URL, a restore that brings the files first, a test server on the same bucket."""
    world = await with_a_file(start)

    sentence = await refused(start, "mistyped")

    assert "belongs to another database; give DATABASE_URL and STORAGE_URL that belong together" in sentence
    assert "./sotto storage adopt" in sentence
    assert "\n" not in sentence
    assert [path.read_bytes() for path in kept_files(world)] == [b"kept"]
    await start()


async def test_two_databases_with_files_of_their_own_are_told_apart(start: Start, tmp_path: Path) -> None:
    """Both are old and full: the identities decide."""
    await with_a_file(start)
    (tmp_path / "files").rename(tmp_path / "first")
    await with_a_file(start, "second")

    assert "belongs to another database" in await refused(start)


async def test_an_installation_of_an_earlier_version_is_linked_by_its_files(start: Start, tmp_path: Path) -> None:
    """A key is random: where one of them is, the storage is this database's. The first start asks nothing."""
    await with_a_file(start)
    await forgetting(start, "storage_link")
    identity_file(tmp_path).unlink()

    world = await start()

    database, storage = await identities(world)
    assert database == storage
    assert is_key(database or "")


@pytest.mark.parametrize("has_identity", [True, False])
async def test_files_of_which_a_database_knows_none_are_not_adopted(
    start: Start, tmp_path: Path, has_identity: bool
) -> None:
    """An emptier database, with the storage of an earlier version or of this one."""
    world = await with_a_file(start)
    await forgetting(start, "storage_link", "attachment", "upload")
    if not has_identity:
        identity_file(tmp_path).unlink()

    sentence = await refused(start)

    assert (
        "belongs to another database" if has_identity else "holds files of which this database knows none"
    ) in sentence
    assert len(kept_files(world)) == 1


async def test_a_copy_that_is_older_than_its_link_is_linked_by_its_files(start: Start) -> None:
    """A backup from before the upgrade, restored beside the files of today."""
    await with_a_file(start)
    await forgetting(start, "storage_link")

    world = await start()

    database, storage = await identities(world)
    assert database == storage


@pytest.mark.parametrize("is_linked", [True, False])
async def test_a_storage_that_has_lost_its_files_is_not_taken_for_a_new_one(
    start: Start, tmp_path: Path, is_linked: bool
) -> None:
    """A disk that is not mounted, a mistyped STORAGE_URL: the messages would show files that are not there."""
    await with_a_file(start)
    if not is_linked:
        await forgetting(start, "storage_link")
    shutil.rmtree(tmp_path / "files")

    assert "holds none of the files that this database names" in await refused(start)


async def test_a_crash_between_the_two_halves_of_a_link_is_made_good(start: Start, tmp_path: Path) -> None:
    """The database has its half first; a storage that others use meanwhile is not taken."""
    world = await start()
    before = await identities(world)
    await world.services.close()
    identity_file(tmp_path).unlink()

    again = await start()

    assert await identities(again) == before
    await again.services.close()
    identity_file(tmp_path).unlink()
    await put_orphan(again)
    assert "holds files of which this database knows none" in await refused(start)


async def test_servers_that_start_at_once_agree(start: Start) -> None:
    """Of one database and one storage: the first identity is that of all."""
    world = await start()
    await world.services.database.write(forget("storage_link"))
    (world.folder / "files" / "identity").unlink()
    checks = (StorageLink(world.services.database, world.services.storage).check() for _ in range(20))

    assert await asyncio.gather(*checks) == [True] * 20
    database, storage = await identities(world)
    assert database == storage


async def test_a_storage_that_is_adopted_belongs_to_one_database(start: Start) -> None:
    """The other one is refused from then on; what it had is in quarantine, not deleted."""
    world = await with_a_file(start)
    other = await start("other", checks_storage=False)

    await other.services.storage_link.adopt()
    await other.services.sweeper.sweep()

    assert len(kept_files(world)) == 1
    assert (await other.stored())[0]["quarantine"] == 1
    await other.services.close()
    assert "belongs to another database" in await refused(start)
    await start("other")


async def test_nothing_is_swept_once_another_database_has_the_storage(start: Start) -> None:
    """While the server runs: an error in the log, each round, and no row."""
    world = await start()
    await put_orphan(world)
    make_old(kept_files(world)[0], HOUR + 60)
    before = await world.stored()
    await world.services.storage.identify("0" * 32, is_new=True)

    with capture_logs() as lines:
        await world.services.sweeper.sweep()

    assert await world.stored() == before
    [line] = lines
    assert (line["event"], line["log_level"]) == ("storage not swept", "error")
    assert "belongs to another database" in line["error"]


async def test_a_full_disk_puts_the_link_off(start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The server starts, nothing is swept, and a later round links them."""

    async def refuse(*_: object, **__: object) -> None:
        raise StorageFull("full")

    async def refuse_row(*_: object, **__: object) -> None:
        raise DatabaseFull("full")

    with monkeypatch.context() as patch, capture_logs() as lines:
        patch.setattr(LocalStorage, "identify", refuse)
        world = await start()
        await world.services.sweeper.sweep()
        patch.setattr(world.services.database, "write", refuse_row)
        assert not await world.services.storage_link.check()
    unlinked = identity_file(tmp_path).exists()
    assert await world.services.storage_link.check()

    assert not unlinked
    assert [line["event"] for line in lines] == ["storage not linked"] * 3
    database, storage = await identities(world)
    assert database == storage
