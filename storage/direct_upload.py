"""Direct uploads: objects that clients put into the bucket with signed URLs, until the server has fetched them."""

import re
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import timedelta
from typing import Any

from obstore import sign_async
from obstore.store import S3Store

from storage.base import CHUNK_BYTES, StorageFailed, StorageNotFound
from storage.bucket import bucket_failing_as

READ_BYTES = 8 * 1024**2  # per request to the bucket, so that each stays within its timeout

_FOLDER = "incoming"
_NAME = re.compile(r"[0-9a-f]{16}", re.ASCII)


class DirectUploads:
    """One object per number, at `<prefix>/incoming/<number>`. Anyone with the URL can write it, even repeatedly.

    So an object cannot be trusted: it can have any size, because the URL of a PUT to S3 does not limit it, and it can
    be replaced at any time.
    """

    def __init__(self, store: S3Store) -> None:
        self._store = store

    async def url_of(self, number: int, seconds: int) -> str:
        """A URL for one PUT that starts within `seconds`. Raises StorageFailed."""
        with bucket_failing_as("The URL could not be signed"):
            return str(await sign_async(self._store, "PUT", _path_of(number), timedelta(seconds=seconds)))

    async def size_of(self, number: int) -> int | None:
        """The size of the object without reading it; None if there is none. Raises StorageFailed."""
        with bucket_failing_as("The size could not be read"):
            try:
                return int((await self._head(number))["size"])
            except StorageNotFound:
                return None

    async def read(self, number: int, size: int) -> AsyncGenerator[bytes, None]:
        """Yields the bytes of an object of this size, CHUNK_BYTES at a time.

        Raises StorageNotFound if there is none, and StorageFailed if it has a different size or is replaced meanwhile,
        so that the bytes of two objects are never mixed.
        """
        found = await self._head(number)
        if found["size"] != size:
            raise StorageFailed("The object has a different size.")
        for start in range(0, size, READ_BYTES):
            left = min(READ_BYTES, size - start)
            options: Any = {"range": (start, start + left), "if_match": found["e_tag"]}
            with bucket_failing_as("The object could not be read"):
                part = await self._store.get_async(_path_of(number), options=options)
                async for chunk in part.stream(min_chunk_size=CHUNK_BYTES):
                    content = bytes(chunk)
                    left -= len(content)
                    for at in range(0, len(content), CHUNK_BYTES):
                        yield content[at : at + CHUNK_BYTES]
            if left:
                raise StorageFailed("The object ended early.")

    async def delete(self, number: int) -> None:
        """Deletes the object; a second delete does nothing. Raises StorageFailed."""
        with bucket_failing_as("The object could not be deleted"):
            try:
                await self._store.delete_async(_path_of(number))
            except FileNotFoundError:
                return

    async def sizes(self) -> AsyncIterator[dict[int, int]]:
        """Yields the sizes of all objects by number, in batches of a thousand. Raises StorageFailed."""
        with bucket_failing_as("The objects could not be listed"):
            async for batch in self._store.list(f"{_FOLDER}/", chunk_size=1000):
                named = ((each["path"].rsplit("/", 1)[-1], each["size"]) for each in batch)
                yield {int(name, 16): size for name, size in named if _NAME.fullmatch(name)}

    async def _head(self, number: int) -> Any:
        with bucket_failing_as("The size could not be read"):
            return await self._store.head_async(_path_of(number))


def _path_of(number: int) -> str:
    return f"{_FOLDER}/{number:016x}"
