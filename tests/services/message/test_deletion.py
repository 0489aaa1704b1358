"""Deletion: what the storage does not do at once does not keep a message from being gone."""

import pytest
from structlog.testing import capture_logs

from services.error import NotFound, ServerUnavailable
from storage.base import StorageFailed
from tests.services.conftest import MakeWorld, World


async def test_a_message_is_gone_though_its_bytes_could_not_be_deleted(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row goes first; a line of the log says that the bytes wait for the sweeper; their path is dead."""
    world = await make_world(report_window_seconds=0)
    alice, bob = await world.people("alice", "bob")
    id_ = await world.send(alice, "bob", files=[await world.file(b"bytes")])
    [file] = (await world.services.message.find_many(bob, [id_]))[id_].attachments
    path = world.services.download.url_path(bob, file, 60, inline=True).removeprefix("/files/")

    async def fail(_key: str) -> None:
        raise StorageFailed("broken")

    with monkeypatch.context() as patch, capture_logs() as lines:
        patch.setattr(world.services.storage, "delete", fail)
        await world.services.deletion.delete_for_everyone(alice, id_)

    assert [(line["event"], line["cause"]) for line in lines] == [("bytes not deleted", "StorageFailed")]
    assert await world.services.message.find_many(bob, [id_]) == {}
    rows, files = await world.stored()
    assert (rows["message"], rows["attachment"], files) == (0, 0, 1)
    with pytest.raises(NotFound):
        await world.services.download.open(path)


async def test_a_thumbnail_that_cannot_be_read_now_is_not_gone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """UNAVAILABLE, and never NOT_FOUND, which a client would remember."""
    alice, bob = await world.people("alice", "bob")
    id_ = await world.send(alice, "bob", files=[await world.file(b"bytes")])
    [file] = (await world.services.message.find_many(bob, [id_]))[id_].attachments
    sql = "UPDATE attachment SET thumbnail_key = ? WHERE message_id = ?"
    key = await world.services.storage.store(await world.services.storage.create_temp())
    await world.services.database.write(lambda tx: tx.database.connection().execute(sql, [key, id_]) and None)
    path = world.services.download.url_path(bob, file, 60, inline=True, is_thumbnail=True).removeprefix("/files/")

    async def fail(_key: str) -> int:
        raise StorageFailed("broken")

    with monkeypatch.context() as patch:
        patch.setattr(world.services.storage, "size_of", fail)
        with pytest.raises(ServerUnavailable):
            await world.services.download.open(path)
    assert (await world.services.download.open(path)).thumbnail_bytes == 0
    monkeypatch.setattr(world.services.storage, "size_of", fail)
    assert (await world.services.download.open(path)).thumbnail_bytes == 0  # remembered: stored bytes never change
