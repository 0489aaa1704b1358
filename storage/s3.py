"""Bytes as objects of a bucket, over obstore (S3, and what speaks it); on their way in they wait on the local disk."""

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
    StagedFile,
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
from storage.direct_upload import IncomingObjects
from storage.partial import PartialFiles

PART_BYTES = 8 * 1024**2  # of a multipart upload: memory for one file at a time
TIMEOUT = timedelta(seconds=30)
_IDENTITY = "identity"
# What a browser is told that comes by a presigned URL: nothing of it runs or is shown as a page.
_HARMLESS: Any = {"Content-Type": "application/octet-stream", "Content-Disposition": "attachment"}


class S3Storage(Storage):
    """Keeps a file as `<prefix>/<key>`. S3 answers a PUT when the object is durable, whole, and visible to all."""

    def __init__(self, url: str, folder: Path) -> None:
        """`s3://bucket/prefix?endpoint=…&region=…`; credentials come from the environment, as S3's own programs do."""
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
        self._staging = folder / "staging"
        self._partials = PartialFiles(folder / "partial")
        self._incoming = IncomingObjects(self._store)

    @property
    def partials(self) -> PartialFiles:
        """Fulfil `Storage.partials`."""
        return self._partials

    @property
    def incoming(self) -> IncomingObjects:
        """Fulfil `Storage.incoming`."""
        return self._incoming

    async def open(self) -> None:
        """Fulfil `Storage.open`: proves it by an object that is written and deleted."""
        try:
            with failing_as(f"The folder {self._staging} cannot be used"):
                await asyncio.to_thread(self._prepare)
            await self._partials.open()
        except StorageFull as error:  # without its folders nothing else works either
            raise StorageFailed(str(error)) from error
        with bucket_failing_as(f"The bucket {self.name} cannot be used"):
            await self._store.put_async("probe", b"0")
            await self._store.delete_async("probe")

    async def check(self) -> None:
        """Fulfil `Storage.check`: one small question to the bucket."""
        sentence = f"The bucket {self.name} cannot be used"
        with bucket_failing_as(sentence), suppress(NotFoundError, FileNotFoundError):  # which is an answer
            await self._store.head_async("probe")
        with failing_as("The disk of files on their way in has no room for them"):
            await asyncio.to_thread(check_room_in, self._staging)

    async def has_room(self, byte_size: int) -> bool:  # noqa: ARG002 - a bucket does not say how much it takes
        """Fulfil `Storage.has_room`: deleting there makes no room on the disk of files on their way in."""
        return True

    async def identity(self) -> str | None:
        """Fulfil `Storage.identity`: an object whose name is no key."""
        with bucket_failing_as("The storage's identity could not be read"):
            try:
                found = await self._store.get_async(_IDENTITY)
                return bytes(await found.bytes_async()).decode("ascii", errors="replace").strip()
            except (NotFoundError, FileNotFoundError):
                return None

    async def identify(self, identity: str, *, is_new: bool = False) -> str | None:
        """Fulfil `Storage.identify`: by a conditional PUT; a server that knows none is asked before."""
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

    async def stage(self) -> StagedFile:
        """Fulfil `Storage.stage`."""
        return await StagedFile.create(self._staging)

    async def keep(self, staged: StagedFile) -> str:
        """Fulfil `Storage.keep`: the object is there whole or not at all."""
        await staged.finish()
        key = new_key()
        with bucket_failing_as("The file could not be kept"):
            await self._store.put_async(
                key, staged.path, attributes=_HARMLESS, chunk_size=PART_BYTES, max_concurrency=1
            )
        await staged.discard()
        return key

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        """Fulfil `Storage.read`."""
        if start < 0:
            raise ValueError("A range starts at 0 or later.")
        size = await self.size_of(key)
        left = (size if end is None else min(end, size)) - start
        if left <= 0:
            return
        with bucket_failing_as("The file could not be read"):
            found = await self._store.get_async(key, options={"range": (start, start + left)})
            async for chunk in found.stream(min_chunk_size=CHUNK_BYTES):
                content = bytes(chunk)
                left -= len(content)
                for at in range(0, len(content), CHUNK_BYTES):
                    yield content[at : at + CHUNK_BYTES]
        if left:
            raise StorageFailed("The file ended before its size.")

    async def size_of(self, key: str) -> int:
        """Fulfil `Storage.size_of`."""
        _check(key)
        with bucket_failing_as("The size could not be read"):
            return int((await self._store.head_async(key))["size"])

    async def delete(self, key: str) -> None:
        """Fulfil `Storage.delete`."""
        _check(key)
        try:
            with bucket_failing_as("The file could not be deleted"):
                await self._store.delete_async(key)
        except StorageNotFound:
            return

    async def presigned(self, key: str, seconds: int) -> str | None:
        """Fulfil `Storage.presigned`."""
        _check(key)
        with bucket_failing_as("The URL could not be signed"):
            return str(await sign_async(self._store, "GET", key, timedelta(seconds=seconds)))

    async def keys(self) -> AsyncIterator[tuple[str, float]]:
        """Fulfil `Storage.keys`: a thousand at a time."""
        with bucket_failing_as("The files could not be listed"):
            async for batch in self._store.list(chunk_size=1000):
                for each in batch:
                    name = each["path"]
                    if is_key(name):  # not what lies deeper: that may be another server's
                        yield name, each["last_modified"].timestamp()

    def _prepare(self) -> None:
        self._staging.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in self._staging.glob(f"*{PARTIAL_SUFFIX}"):
            left.unlink(missing_ok=True)


def _check(key: str) -> None:
    if not is_key(key):
        raise StorageNotFound("There is no such file.")
