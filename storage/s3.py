"""Storage in a bucket, over obstore (S3 and compatible servers); temporary files are on the local disk."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from obstore import sign_async
from obstore.exceptions import AlreadyExistsError, GenericError, NotFoundError, NotSupportedError
from obstore.store import S3Store

from storage.base import (
    CHUNK_BYTES,
    PARTIAL_SUFFIX,
    Storage,
    StorageFailed,
    StorageFull,
    StorageNotFound,
    check_room_in,
    failing_as,
    is_key,
    new_key,
)
from storage.bucket import bucket_failing_as
from storage.direct_upload import DirectUploads
from storage.partial import PartialFiles
from storage.temp_file import TempFile

PART_BYTES = 8 * 1024**2  # per part of a multipart upload; one part per file is in memory
TIMEOUT = timedelta(seconds=30)
_IDENTITY = "identity"
# For browsers with a presigned URL: nothing is executed or displayed as a page.
_HARMLESS: Any = {"Content-Type": "application/octet-stream", "Content-Disposition": "attachment"}


class S3Storage(Storage):
    """Stores a file as `<prefix>/<key>`. S3 completes a PUT when the object is durable, complete and visible."""

    def __init__(self, url: str, folder: Path) -> None:
        """`s3://bucket/prefix?endpoint=…&region=…`; credentials come from the environment, as with the AWS CLI."""
        parts = urlsplit(url)
        options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        endpoint = options.get("endpoint", "")
        config: dict[str, Any] = {"bucket": parts.netloc, "region": options.get("region", "us-east-1")}
        client: dict[str, Any] = {"timeout": TIMEOUT}
        if endpoint:
            config |= {"endpoint": endpoint, "virtual_hosted_style_request": False}
            client["allow_http"] = endpoint.startswith("http://")
        retry: Any = {"max_retries": 3, "retry_timeout": TIMEOUT}
        prefix = parts.path.strip("/")
        self._store = S3Store(**config, prefix=prefix or None, client_options=cast("Any", client), retry_config=retry)
        self.name = f"s3://{parts.netloc}{f'/{prefix}' if prefix else ''}"
        self._temp = folder / "staging"
        self._partials = PartialFiles(folder / "partial")
        self._direct_uploads = DirectUploads(self._store)

    @property
    def partials(self) -> PartialFiles:
        """See `Storage.partials`."""
        return self._partials

    @property
    def direct_uploads(self) -> DirectUploads:
        """See `Storage.direct_uploads`."""
        return self._direct_uploads

    async def open(self) -> None:
        """See `Storage.open`: writes and deletes an object."""
        try:
            with failing_as(f"The folder {self._temp} cannot be used"):
                await asyncio.to_thread(self._prepare)
            await self._partials.open()
        except StorageFull as error:  # without its folders nothing works
            raise StorageFailed(str(error)) from error
        with bucket_failing_as(f"The bucket {self.name} cannot be used"):
            await self._store.put_async("probe", b"0")
            await self._store.delete_async("probe")

    async def check(self) -> None:
        """See `Storage.check`: sends one small request to the bucket."""
        sentence = f"The bucket {self.name} cannot be used"
        with bucket_failing_as(sentence), suppress(NotFoundError, FileNotFoundError):  # also a response
            await self._store.head_async("probe")
        with failing_as("The disk of the temporary files has no room for files"):
            await asyncio.to_thread(check_room_in, self._temp)

    async def has_room(self, byte_size: int) -> bool:  # noqa: ARG002 - a bucket does not tell its free space
        """See `Storage.has_room`: deleting objects makes no room on the disk of the temporary files."""
        return True

    async def identity(self) -> str | None:
        """See `Storage.identity`: an object whose name is not a key."""
        with bucket_failing_as("The storage's identity could not be read"):
            try:
                found = await self._store.get_async(_IDENTITY)
                return bytes(await found.bytes_async()).decode("ascii", errors="replace").strip()
            except (NotFoundError, FileNotFoundError):
                return None

    async def identify(self, identity: str, *, is_new: bool = False) -> str | None:
        """See `Storage.identify`: with a conditional PUT; on servers without it, reads before writing."""
        content = f"{identity}\n".encode()
        with bucket_failing_as("The storage's identity could not be written"):
            if is_new:
                await self._store.put_async(_IDENTITY, content)
            else:
                with suppress(AlreadyExistsError):
                    await self._put_first(content)
        return await self.identity()

    async def _put_first(self, content: bytes) -> None:
        try:
            await self._store.put_async(_IDENTITY, content, mode="create")
        except AlreadyExistsError:
            raise
        except (NotSupportedError, GenericError):
            if await self.identity() is None:
                await self._store.put_async(_IDENTITY, content)

    async def create_temp(self) -> TempFile:
        """See `Storage.create_temp`."""
        return TempFile(self._temp)

    async def store(self, temp: TempFile) -> str:
        """See `Storage.store`: the object is stored completely or not at all."""
        await temp.finish()
        key = new_key()
        with bucket_failing_as("The file could not be stored"):
            await self._store.put_async(key, temp.path, attributes=_HARMLESS, chunk_size=PART_BYTES, max_concurrency=1)
        await temp.discard()
        return key

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        """See `Storage.read`: with one request, unless the range is empty."""
        if start < 0:
            raise ValueError("`start` must not be negative.")
        _check(key)
        if end is not None and end <= start:
            await self.size_of(key)
            return
        with bucket_failing_as("The file could not be read"):
            try:
                found = await self._store.get_async(key, options={"range": (start, end) if end else {"offset": start}})
            except GenericError:  # also 416: there is no byte after `start`
                if start < await self.size_of(key):
                    raise
                return
            left = found.range[1] - found.range[0]
            async for chunk in found.stream(min_chunk_size=CHUNK_BYTES):
                content = bytes(chunk)
                left -= len(content)
                for at in range(0, len(content), CHUNK_BYTES):
                    yield content[at : at + CHUNK_BYTES]
        if left:
            raise StorageFailed("The file ended early.")

    async def open_file(self, key: str, start: int, end: int) -> None:  # noqa: ARG002
        """See `Storage.open_file`: the bytes are not on this machine."""
        _check(key)

    async def size_of(self, key: str) -> int:
        """See `Storage.size_of`."""
        _check(key)
        with bucket_failing_as("The size could not be read"):
            return int((await self._store.head_async(key))["size"])

    async def delete(self, key: str) -> None:
        """See `Storage.delete`."""
        _check(key)
        try:
            with bucket_failing_as("The file could not be deleted"):
                await self._store.delete_async(key)
        except StorageNotFound:
            return

    async def presigned(self, key: str, seconds: int) -> str | None:
        """See `Storage.presigned`."""
        _check(key)
        with bucket_failing_as("The URL could not be signed"):
            return str(await sign_async(self._store, "GET", key, timedelta(seconds=seconds)))

    async def keys(self) -> AsyncIterator[tuple[str, float]]:
        """See `Storage.keys`: a thousand at a time."""
        with bucket_failing_as("The files could not be listed"):
            async for batch in self._store.list(chunk_size=1000):
                for each in batch:
                    name = each["path"]
                    if is_key(name):  # deeper paths may belong to another server
                        yield name, each["last_modified"].timestamp()

    def _prepare(self) -> None:
        self._temp.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in self._temp.glob(f"*{PARTIAL_SUFFIX}"):
            left.unlink(missing_ok=True)


def _check(key: str) -> None:
    if not is_key(key):
        raise StorageNotFound("There is no such file.")
