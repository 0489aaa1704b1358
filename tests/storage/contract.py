"""The contract of `storage/base.py`; every backend runs these tests."""

import asyncio
import hashlib
import io
import os
import time
from collections.abc import AsyncIterator
from contextlib import aclosing

import aiohttp
import pytest

from storage.base import CHUNK_BYTES, Storage, StorageFailed, StorageNotFound, is_key
from storage.temp_file import TempFile

LONG = bytes(range(256)) * (CHUNK_BYTES // 256) * 2 + b"the end"


async def temp_file(storage: Storage, content: bytes) -> TempFile:
    """Writes a temporary file in uneven chunks."""
    temp = await storage.create_temp()
    for start in range(0, len(content), 100_001):
        await temp.write(content[start : start + 100_001])
    return temp


async def stored(storage: Storage, content: bytes) -> str:
    """Stores a file and returns its key."""
    return await storage.store(await temp_file(storage, content))


async def content_of(storage: Storage, key: str, start: int = 0, end: int | None = None) -> bytes:
    """Reads a whole range."""
    return b"".join([chunk async for chunk in storage.read(key, start, end)])


async def put(url: str, content: bytes) -> None:
    """Uploads as a client does, without credentials."""
    async with aiohttp.ClientSession() as http, http.put(url, data=io.BytesIO(content)) as response:
        assert response.status == 200


async def keys_of(storage: Storage) -> set[str]:
    """Lists all keys without their times."""
    return {key async for key, _ in storage.keys()}  # noqa: SIM118 (no dict)


class StorageContract:
    """The test class of a backend inherits this and defines a fixture `storage`, which is open and empty."""

    takes_from_clients = False
    is_local = False

    @pytest.mark.parametrize("content", [b"", b"a", LONG], ids=["empty", "one byte", "several chunks"])
    async def test_stored_bytes_can_be_read(self, storage: Storage, content: bytes) -> None:
        """All bytes are returned in order, and the size is known."""
        key = await stored(storage, content)

        assert await content_of(storage, key) == content
        assert await storage.size_of(key) == len(content)

    async def test_a_finished_file_knows_its_size_and_hash(self, storage: Storage) -> None:
        """The hash does not depend on the chunks."""
        temp = await temp_file(storage, LONG)
        await temp.finish()

        assert (temp.byte_size, temp.sha256) == (len(LONG), hashlib.sha256(LONG).hexdigest())
        await temp.discard()

    async def test_the_hash_is_not_known_before_the_end(self, storage: Storage) -> None:
        """The hash of a part would look like the hash of the file."""
        temp = await temp_file(storage, LONG)

        with pytest.raises(ValueError, match="not known before the file is finished"):
            temp.sha256  # noqa: B018 (it is the question that is refused)
        await temp.discard()

    async def test_a_finished_file_takes_no_more_bytes(self, storage: Storage) -> None:
        """A finished file never changes."""
        temp = await temp_file(storage, b"whole")
        await temp.finish()
        await temp.finish()

        with pytest.raises(StorageFailed, match="nothing can be added"):
            await temp.write(b"more")
        assert await content_of(storage, await storage.store(temp)) == b"whole"

    async def test_a_file_is_listed_only_after_it_is_stored(self, storage: Storage) -> None:
        """A temporary file is not listed."""
        temp = await temp_file(storage, LONG)
        await temp.finish()
        before = await keys_of(storage)
        key = await storage.store(temp)

        assert before == set()
        assert await keys_of(storage) == {key}

    async def test_a_discarded_file_leaves_nothing(self, storage: Storage) -> None:
        """A second discard does nothing."""
        temp = await temp_file(storage, LONG)
        await temp.discard()
        await temp.discard()

        assert not temp.path.exists()
        assert await keys_of(storage) == set()

    async def test_a_discarded_file_cannot_be_stored(self, storage: Storage) -> None:
        """Otherwise a key would refer to deleted bytes."""
        temp = await temp_file(storage, LONG)
        await temp.discard()

        with pytest.raises(StorageFailed):
            await storage.store(temp)
        assert await keys_of(storage) == set()

    async def test_a_file_is_stored_once(self, storage: Storage) -> None:
        """Two keys never share bytes, because deleting one would delete both."""
        temp = await temp_file(storage, b"once")
        key = await storage.store(temp)

        with pytest.raises(StorageFailed):
            await storage.store(temp)
        assert await keys_of(storage) == {key}

    async def test_discarding_a_stored_file_does_nothing(self, storage: Storage) -> None:
        """Callers can always discard at the end."""
        temp = await temp_file(storage, b"safe")
        key = await storage.store(temp)
        await temp.discard()

        assert await content_of(storage, key) == b"safe"

    async def test_storing_a_partial_file_does_not_delete_it(self, storage: Storage) -> None:
        """It can be stored again until it is deleted; the stored file gets the current time, however old its parts."""

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
        """Keys are random: they reveal nothing about the bytes and cannot be guessed."""
        keys = [await stored(storage, b"same") for _ in range(3)]

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
        """The end is exclusive and limited to the size."""
        key = await stored(storage, LONG)

        assert await content_of(storage, key, start, end) == expected

    async def test_a_negative_start_is_refused(self, storage: Storage) -> None:
        """It is an error of the caller; it never means the last bytes."""
        key = await stored(storage, LONG)

        with pytest.raises(ValueError, match="must not be negative"):
            await content_of(storage, key, -1)

    async def test_no_chunk_is_larger_than_promised(self, storage: Storage) -> None:
        """The memory of a reader does not depend on the size of the file."""
        key = await stored(storage, LONG)
        sizes = [len(chunk) async for chunk in storage.read(key)]

        assert sum(sizes) == len(LONG)
        assert max(sizes) <= CHUNK_BYTES

    async def test_a_reader_can_stop_early(self, storage: Storage) -> None:
        """A client that disconnects leaves no open file."""
        key = await stored(storage, LONG)
        async with aclosing(storage.read(key)) as chunks:
            first = await anext(chunks)

        assert LONG.startswith(first)

    async def test_a_file_can_be_opened_for_sending_if_it_is_local(self, storage: Storage) -> None:
        """All of the range is loaded, or the beginning of it; what is deleted meanwhile can be sent to the end."""
        key = await stored(storage, LONG)
        file = await storage.open_file(key, 5, len(LONG))
        await storage.delete(key)
        if file is None:
            assert not self.is_local
            return

        assert self.is_local
        assert 5 < file.loaded <= len(LONG)
        with file.file:
            assert file.file.read() == LONG
            with pytest.raises(StorageFailed, match="ended early"):
                await file.load(0, len(LONG) + 1)

    async def test_a_deleted_file_is_gone(self, storage: Storage) -> None:
        """It cannot be read, measured or listed."""
        key = await stored(storage, LONG)
        await storage.delete(key)

        with pytest.raises(StorageNotFound):
            await anext(storage.read(key))
        with pytest.raises(StorageNotFound):
            await storage.size_of(key)
        assert await keys_of(storage) == set()

    async def test_a_second_delete_does_nothing(self, storage: Storage) -> None:
        """A delete can be repeated after a crash."""
        key = await stored(storage, LONG)
        other = await stored(storage, LONG)
        await storage.delete(key)
        await storage.delete(key)

        assert await keys_of(storage) == {other}

    @pytest.mark.parametrize(
        "key",
        ["", "../x", "0" * 31, "0" * 33, "A" * 32, "g" * 32, "0" * 31 + "\n", "0" * 32 + "\n", "٠" * 32, "../" * 11],
    )
    async def test_a_malformed_key_is_not_found(self, storage: Storage, key: str) -> None:
        """A key is validated before it becomes a path; the error is the same as for an unknown key."""
        with pytest.raises(StorageNotFound):
            await anext(storage.read(key))
        with pytest.raises(StorageNotFound):
            await storage.size_of(key)
        with pytest.raises(StorageNotFound):
            await storage.open_file(key, 0, 1)
        with pytest.raises(StorageNotFound):
            await storage.delete(key)

    async def test_keys_come_with_their_times(self, storage: Storage) -> None:
        """The sweeper spares recent files: the time is the modification time in Unix seconds."""
        keys = {await stored(storage, b"x") for _ in range(20)}
        listed = {key: time_ async for key, time_ in storage.keys()}  # noqa: SIM118 (no dict)

        assert set(listed) == keys
        assert all(abs(time.time() - time_) < 60 for time_ in listed.values())

    async def test_many_files_can_be_stored_concurrently(self, storage: Storage) -> None:
        """Fifty concurrent uploads do not affect each other."""
        contents = [bytes([number]) * 300_000 for number in range(50)]
        keys = await asyncio.gather(*(stored(storage, content) for content in contents))

        assert await asyncio.gather(*(content_of(storage, key) for key in keys)) == contents

    async def test_opening_again_keeps_the_files(self, storage: Storage) -> None:
        """A restart keeps stored files and deletes temporary ones."""
        temp = await temp_file(storage, LONG)
        key = await stored(storage, b"kept")
        await storage.open()

        assert await content_of(storage, key) == b"kept"
        assert not temp.path.exists()
        await temp.discard()

    async def test_a_storage_keeps_its_first_identity_until_it_gets_a_new_one(self, storage: Storage) -> None:
        """Of several concurrent ones, one wins; it survives a restart and is not a file."""
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
        """The readiness check changes nothing."""
        await storage.check()

        assert await keys_of(storage) == set()

    async def test_an_open_storage_has_room(self, storage: Storage) -> None:
        """The check changes nothing."""
        assert await storage.has_room(1)
        assert await keys_of(storage) == set()

    async def test_direct_uploads_are_supported_or_none(self, storage: Storage) -> None:
        """A backend with direct uploads gives a URL per number; there is no object before the upload."""
        if not self.takes_from_clients:
            assert storage.direct_uploads is None
            return
        assert storage.direct_uploads is not None
        url = await storage.direct_uploads.url_of(7, 60)

        assert url.startswith("http")
        assert await storage.direct_uploads.size_of(7) is None
        assert [batch async for batch in storage.direct_uploads.sizes() if batch] == []
        await storage.direct_uploads.delete(7)

    async def test_a_direct_upload_can_be_read_and_is_not_a_file(self, storage: Storage) -> None:
        """All bytes are returned; the object is not listed as a file, and is gone after it is deleted."""
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
        with pytest.raises(StorageFailed, match="a different size"):
            await anext(storage.direct_uploads.read(8, 1))
