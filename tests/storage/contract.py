"""The promises of `storage/base.py`, once; every backend runs this suite and is finished when it is green."""

import asyncio
import hashlib
import io
import os
import time
from collections.abc import AsyncIterator
from contextlib import aclosing

import aiohttp
import pytest

from storage.base import CHUNK_BYTES, Storage, StorageFailed, StorageNotFound, TempFile, is_key

LONG = bytes(range(256)) * (CHUNK_BYTES // 256) * 2 + b"the end"


async def staged_file(storage: Storage, content: bytes) -> TempFile:
    """Stage a whole file in uneven chunks."""
    staged = await storage.create_temp()
    for start in range(0, len(content), 100_001):
        await staged.write(content[start : start + 100_001])
    return staged


async def kept(storage: Storage, content: bytes) -> str:
    """Keep a file and return its key."""
    return await storage.store(await staged_file(storage, content))


async def content_of(storage: Storage, key: str, start: int = 0, end: int | None = None) -> bytes:
    """Read a range whole."""
    return b"".join([chunk async for chunk in storage.read(key, start, end)])


async def put(url: str, content: bytes) -> None:
    """As a client does, without credentials."""
    async with aiohttp.ClientSession() as http, http.put(url, data=io.BytesIO(content)) as response:
        assert response.status == 200


async def keys_of(storage: Storage) -> set[str]:
    """List all keys, without their times."""
    return {key async for key, _ in storage.keys()}  # noqa: SIM118 (no dict)


class StorageContract:
    """A backend's class of tests inherits this and gives a fixture `storage`, open and empty."""

    takes_from_clients = False

    @pytest.mark.parametrize("content", [b"", b"a", LONG], ids=["empty", "one byte", "several chunks"])
    async def test_what_is_kept_can_be_read(self, storage: Storage, content: bytes) -> None:
        """Every byte comes back, in order, and the size is known."""
        key = await kept(storage, content)

        assert await content_of(storage, key) == content
        assert await storage.size_of(key) == len(content)

    async def test_a_finished_file_knows_its_size_and_hash(self, storage: Storage) -> None:
        """The hash is that of all bytes, however they were cut."""
        staged = await staged_file(storage, LONG)
        await staged.finish()

        assert (staged.byte_size, staged.sha256) == (len(LONG), hashlib.sha256(LONG).hexdigest())
        await staged.discard()

    async def test_the_hash_is_not_known_before_the_end(self, storage: Storage) -> None:
        """Half a hash would look like a whole one."""
        staged = await staged_file(storage, LONG)

        with pytest.raises(ValueError, match="not known before the file is finished"):
            staged.sha256  # noqa: B018 (it is the question that is refused)
        await staged.discard()

    async def test_a_finished_file_takes_no_more_bytes(self, storage: Storage) -> None:
        """What was hashed and brought to the disk does not change."""
        staged = await staged_file(storage, b"whole")
        await staged.finish()
        await staged.finish()

        with pytest.raises(StorageFailed, match="nothing can be added"):
            await staged.write(b"more")
        assert await content_of(storage, await storage.store(staged)) == b"whole"

    async def test_a_file_appears_only_when_it_is_kept(self, storage: Storage) -> None:
        """Staged bytes are no file yet."""
        staged = await staged_file(storage, LONG)
        await staged.finish()
        before = await keys_of(storage)
        key = await storage.store(staged)

        assert before == set()
        assert await keys_of(storage) == {key}

    async def test_a_discarded_file_leaves_nothing(self, storage: Storage) -> None:
        """Discarding twice is as good as once."""
        staged = await staged_file(storage, LONG)
        await staged.discard()
        await staged.discard()

        assert not staged.path.exists()
        assert await keys_of(storage) == set()

    async def test_a_discarded_file_cannot_be_kept(self, storage: Storage) -> None:
        """Otherwise a key would name bytes that are gone."""
        staged = await staged_file(storage, LONG)
        await staged.discard()

        with pytest.raises(StorageFailed):
            await storage.store(staged)
        assert await keys_of(storage) == set()

    async def test_a_file_is_kept_once(self, storage: Storage) -> None:
        """Two keys never share their bytes: deleting one would take the other's."""
        staged = await staged_file(storage, b"once")
        key = await storage.store(staged)

        with pytest.raises(StorageFailed):
            await storage.store(staged)
        assert await keys_of(storage) == {key}

    async def test_discarding_a_kept_file_does_nothing(self, storage: Storage) -> None:
        """A caller may always discard at the end."""
        staged = await staged_file(storage, b"safe")
        key = await storage.store(staged)
        await staged.discard()

        assert await content_of(storage, key) == b"safe"

    async def test_a_file_that_came_in_parts_stays_beside_what_is_kept_of_it(self, storage: Storage) -> None:
        """As often as it is kept, until it is deleted itself; its key is young, however long ago its last part came."""

        async def chunks() -> AsyncIterator[bytes]:
            yield LONG

        await storage.partials.append(7, chunks())
        found = await storage.partials.finished(7)
        os.utime(found.path, (1, 1))
        first = await storage.store(found)
        await found.discard()
        second = await storage.store(found)
        listed = {key: time_ async for key, time_ in storage.keys()}  # noqa: SIM118 (no dict)
        await storage.delete(first)
        size = await storage.partials.size_of(7)
        await storage.partials.delete(7)

        assert (set(listed), size) == ({first, second}, len(LONG))
        assert all(abs(time.time() - time_) < 60 for time_ in listed.values())
        assert await content_of(storage, second) == LONG

    async def test_equal_bytes_get_different_keys(self, storage: Storage) -> None:
        """A key is random: it tells nothing about the bytes, and nobody can guess it from them."""
        keys = [await kept(storage, b"same") for _ in range(3)]

        assert len(set(keys)) == 3
        assert all(map(is_key, keys))

    @pytest.mark.parametrize(
        ("start", "end", "expected"),
        [
            (0, 1, LONG[:1]),
            (CHUNK_BYTES - 1, CHUNK_BYTES + 1, LONG[CHUNK_BYTES - 1 : CHUNK_BYTES + 1]),
            (5, None, LONG[5:]),
            (5, 5, b""),
            (len(LONG) - 1, None, b"d"),
            (len(LONG) - 1, len(LONG) + 9, b"d"),
            (len(LONG), None, b""),
            (len(LONG) + 9, len(LONG) + 10, b""),
        ],
    )
    async def test_a_range_is_read_exactly(
        self, storage: Storage, start: int, end: int | None, expected: bytes
    ) -> None:
        """The end is exclusive, and the last byte is the end of every range."""
        key = await kept(storage, LONG)

        assert await content_of(storage, key, start, end) == expected

    async def test_a_negative_start_is_refused(self, storage: Storage) -> None:
        """It is the caller's mistake, and never means the last bytes."""
        key = await kept(storage, LONG)

        with pytest.raises(ValueError, match="must not be negative"):
            await content_of(storage, key, -1)

    async def test_no_chunk_is_larger_than_promised(self, storage: Storage) -> None:
        """A reader's memory is bounded by the chunk, whatever the size of the file."""
        key = await kept(storage, LONG)
        sizes = [len(chunk) async for chunk in storage.read(key)]

        assert sum(sizes) == len(LONG)
        assert max(sizes) <= CHUNK_BYTES

    async def test_a_reader_may_leave_early(self, storage: Storage) -> None:
        """A client that goes away costs no open file."""
        key = await kept(storage, LONG)
        async with aclosing(storage.read(key)) as chunks:
            first = await anext(chunks)

        assert LONG.startswith(first)

    async def test_a_deleted_file_is_gone(self, storage: Storage) -> None:
        """It is neither read, nor measured, nor listed."""
        key = await kept(storage, LONG)
        await storage.delete(key)

        with pytest.raises(StorageNotFound):
            await anext(storage.read(key))
        with pytest.raises(StorageNotFound):
            await storage.size_of(key)
        assert await keys_of(storage) == set()

    async def test_a_second_delete_does_nothing(self, storage: Storage) -> None:
        """Whoever repeats a delete after a crash gets the same end."""
        key = await kept(storage, LONG)
        other = await kept(storage, LONG)
        await storage.delete(key)
        await storage.delete(key)

        assert await keys_of(storage) == {other}

    @pytest.mark.parametrize(
        "key",
        ["", "../x", "0" * 31, "0" * 33, "A" * 32, "g" * 32, "0" * 31 + "\n", "0" * 32 + "\n", "٠" * 32, "../" * 11],
    )
    async def test_what_cannot_be_a_key_is_not_found(self, storage: Storage, key: str) -> None:
        """A key is checked before it becomes a path; the answer is that for a key that never existed."""
        with pytest.raises(StorageNotFound):
            await anext(storage.read(key))
        with pytest.raises(StorageNotFound):
            await storage.size_of(key)
        with pytest.raises(StorageNotFound):
            await storage.delete(key)

    async def test_keys_come_with_their_times(self, storage: Storage) -> None:
        """The sweeper spares what is young: the time is that of the writing, in unix seconds."""
        keys = {await kept(storage, b"x") for _ in range(20)}
        listed = {key: time_ async for key, time_ in storage.keys()}  # noqa: SIM118 (no dict)

        assert set(listed) == keys
        assert all(abs(time.time() - time_) < 60 for time_ in listed.values())

    async def test_many_can_keep_at_once(self, storage: Storage) -> None:
        """Fifty uploads at the same time do not disturb one another."""
        contents = [bytes([number]) * 300_000 for number in range(50)]
        keys = await asyncio.gather(*(kept(storage, content) for content in contents))

        assert await asyncio.gather(*(content_of(storage, key) for key in keys)) == contents

    async def test_opening_again_keeps_the_files(self, storage: Storage) -> None:
        """A restart loses nothing that was kept, and takes what was only staged."""
        staged = await staged_file(storage, LONG)
        key = await kept(storage, b"kept")
        await storage.open()

        assert await content_of(storage, key) == b"kept"
        assert not staged.path.exists()
        await staged.discard()

    async def test_a_storage_keeps_its_first_identity_until_it_gets_a_new_one(self, storage: Storage) -> None:
        """Of many at once one stays; it outlives a restart and is no file."""
        nobody = await storage.identity()
        given = await asyncio.gather(*(storage.identify(f"{number:032x}") for number in range(10)))
        await storage.open()
        first = await storage.identity()
        second = await storage.identify("f" * 32, is_new=True)

        assert nobody is None
        assert {*given} == {first}
        assert (second, await storage.identity()) == ("f" * 32, "f" * 32)
        assert await keys_of(storage) == set()

    async def test_an_open_storage_is_ready(self, storage: Storage) -> None:
        """The check for readiness changes nothing."""
        await storage.check()

        assert await keys_of(storage) == set()

    async def test_an_open_storage_has_room(self, storage: Storage) -> None:
        """For something; asking changes nothing."""
        assert await storage.has_room(1)
        assert await keys_of(storage) == set()

    async def test_it_takes_bytes_from_clients_or_says_that_it_does_not(self, storage: Storage) -> None:
        """A URL for one number and a while where it does; nothing is there before somebody has put it there."""
        if not self.takes_from_clients:
            assert storage.direct_uploads is None
            return
        assert storage.direct_uploads is not None
        url = await storage.direct_uploads.url_of(7, 60)

        assert url.startswith("http")
        assert await storage.direct_uploads.size_of(7) is None
        assert [batch async for batch in storage.direct_uploads.sizes() if batch] == []
        await storage.direct_uploads.delete(7)

    async def test_what_a_client_puts_is_read_once_it_is_there_and_is_no_file(self, storage: Storage) -> None:
        """Every byte, by its number; it is neither a key nor in the way of any, and gone when it is deleted."""
        if storage.direct_uploads is None:
            return
        await put(await storage.direct_uploads.url_of(7, 60), LONG)
        await put(await storage.direct_uploads.url_of(8, 60), b"")
        read = b"".join([chunk async for chunk in storage.direct_uploads.read(7, len(LONG))])
        sizes = [batch async for batch in storage.direct_uploads.sizes()]
        await storage.direct_uploads.delete(7)
        await storage.direct_uploads.delete(7)

        assert read == LONG
        assert sizes == [{7: len(LONG), 8: 0}]
        assert await keys_of(storage) == set()
        assert await storage.direct_uploads.size_of(7) is None
        with pytest.raises(StorageNotFound):
            await anext(storage.direct_uploads.read(7, len(LONG)))
        with pytest.raises(StorageFailed, match="another size"):
            await anext(storage.direct_uploads.read(8, 1))
