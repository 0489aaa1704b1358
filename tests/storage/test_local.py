"""The local storage: the contract, and behaviour that only a folder has."""

import asyncio
import errno
import hashlib
import os
import resource
import secrets
import select
import shutil
import stat
import threading
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest

from storage import local, local_file
from storage.base import CHUNK_BYTES, Storage, StorageFailed, StorageFull, StorageNotFound
from storage.local import LocalStorage
from storage.local_file import STEP_BYTES
from storage.temp_file import TempFile
from storage.url import storage_for
from storage.write_buffer import write_parts
from tests.storage.contract import StorageContract, content_of, keys_of, stored, temp_file


@pytest.fixture
async def storage(tmp_path: Path) -> Storage:
    """An open, empty storage."""
    storage = LocalStorage(tmp_path / "root")
    await storage.open()
    return storage


async def send_writes_to(device: str, flags: int, temp: TempFile) -> None:
    """Creates the file, and replaces that of the descriptor, so that the kernel returns an error."""
    await temp.write(bytes(CHUNK_BYTES))
    descriptor = os.open(device, flags)
    assert temp._file._file is not None
    os.dup2(descriptor, temp._file._file.fileno())
    os.close(descriptor)


class TestLocalStorage(StorageContract):
    """Runs the contract with a folder."""

    is_local = True


async def test_the_folders_are_closed_to_others(storage: Storage, tmp_path: Path) -> None:
    """Other users of the machine cannot list or read files."""
    await stored(storage, b"private")
    found = [tmp_path / "root", *(tmp_path / "root").rglob("*")]
    modes = {(path.is_dir(), stat.S_IMODE(path.stat().st_mode)) for path in found}

    assert modes == {(True, 0o700), (False, 0o600)}


async def test_temporary_files_of_the_previous_run_are_deleted(storage: Storage, tmp_path: Path) -> None:
    """After a crash, temporary files are deleted at startup, and nothing else."""
    key = await stored(storage, b"kept")
    staging = tmp_path / "root" / "staging"
    (staging / "0123.partial").write_bytes(b"half")
    (staging / "README").write_bytes(b"the operator's own")
    await storage.open()

    assert [path.name for path in staging.iterdir()] == ["README"]
    assert await keys_of(storage) == {key}


async def test_foreign_names_are_not_listed(storage: Storage, tmp_path: Path) -> None:
    """The sweeper deletes files without an owner, so it must not see files that Sotto did not create."""
    (tmp_path / "root" / "files" / "ab").mkdir()
    (tmp_path / "root" / "files" / "README").write_bytes(b"")
    (tmp_path / "root" / "files" / "ab" / "notes.txt").write_bytes(b"")
    (tmp_path / "root" / "files" / "ab" / ("c" * 32)).write_bytes(b"")

    assert await keys_of(storage) == set()


async def test_a_folder_of_files_lasts_before_the_first_of_them_does(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fifty concurrent files in one folder: none is renamed into it before the folder itself is synced."""
    monkeypatch.setattr(local, "new_key", lambda: f"ab{secrets.token_hex(15)}")
    files, fsync = tmp_path / "root" / "files", local._fsync_folder
    empty = []

    def watched(folder: Path) -> None:
        if folder == files:
            empty.append(list(folder.rglob("*")))
            time.sleep(0.05)  # a slow disk
            empty.append(list(folder.rglob("*")))
        fsync(folder)

    monkeypatch.setattr(local, "_fsync_folder", watched)
    keys = await asyncio.gather(*(stored(storage, b"%d" % number) for number in range(50)))

    assert empty == [[files / "ab"], [files / "ab"]]
    assert await keys_of(storage) == set(keys)


async def test_a_key_cannot_leave_the_folder(storage: Storage, tmp_path: Path) -> None:
    """A path instead of a key reads nothing, even if the path exists."""
    (tmp_path / "x").write_bytes(b"secret")

    with pytest.raises(StorageNotFound):
        await content_of(storage, "../x")


async def test_a_full_disk_is_reported_while_writing(storage: Storage) -> None:
    """ENOSPC is StorageFull; the file can only be discarded."""
    temp = await storage.create_temp()
    await send_writes_to("/dev/full", os.O_WRONLY, temp)

    with pytest.raises(StorageFull, match=r"^The bytes could not be written: No space left on device\.$"):
        await temp.write(bytes(CHUNK_BYTES))
    with pytest.raises(StorageFailed, match="create a new one"):
        await storage.store(temp)
    await temp.discard()
    assert not temp.path.exists()
    assert await keys_of(storage) == set()


async def test_a_full_disk_is_reported_at_the_end(storage: Storage) -> None:
    """The last bytes are written only when the file is finished; nothing is stored."""
    temp = await storage.create_temp()
    await send_writes_to("/dev/full", os.O_WRONLY, temp)
    await temp.write(b"the rest")

    with pytest.raises(StorageFull):
        await storage.store(temp)
    assert await keys_of(storage) == set()
    await temp.discard()


async def test_a_failed_disk_is_not_a_full_one(storage: Storage) -> None:
    """Other system errors are StorageFailed, chained to their cause."""
    temp = await storage.create_temp()
    await send_writes_to(os.devnull, os.O_RDONLY, temp)

    with pytest.raises(StorageFailed) as raised:
        await temp.write(bytes(CHUNK_BYTES))
    assert isinstance(raised.value.__cause__, OSError)
    await temp.discard()


async def test_a_short_write_goes_on(storage: Storage) -> None:
    """After a short write, the rest is written or the error is reported."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    temp = await storage.create_temp()
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (CHUNK_BYTES // 2, limits[1]))
        with pytest.raises(StorageFailed, match="File too large"):
            await temp.write(bytes(CHUNK_BYTES))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert temp.path.stat().st_size == CHUNK_BYTES // 2
    await temp.discard()


async def test_a_failed_rename_stores_nothing(storage: Storage, tmp_path: Path) -> None:
    """The temporary file is unchanged and can be discarded."""
    temp = await temp_file(storage, b"bytes")
    shutil.rmtree(tmp_path / "root" / "files")

    with pytest.raises(StorageFailed):
        await storage.store(temp)
    assert temp.path.read_bytes() == b"bytes"
    await temp.discard()
    assert not temp.path.exists()


async def test_a_cancelled_write_can_be_discarded(storage: Storage) -> None:
    """The thread of a cancelled write continues; the discard waits for it and deletes the file."""
    temp = await storage.create_temp()
    task = asyncio.create_task(temp.write(bytes(64 * CHUNK_BYTES)))
    await asyncio.sleep(0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await temp.discard()

    assert not temp.path.exists()
    with pytest.raises(StorageFailed):
        await temp.write(b"more")


async def test_a_cancelled_part_returns_after_its_thread(storage: Storage, tmp_path: Path) -> None:
    """Otherwise a late write could go to a reused descriptor. A pipe without a reader blocks the thread."""
    pipe = tmp_path / "root" / "partial" / f"{7:016x}"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    async def chunks() -> AsyncIterator[bytes]:
        yield bytes(CHUNK_BYTES)

    appending = asyncio.create_task(storage.partials.append(7, chunks()))
    while not select.select([reader], [], [], 0)[0]:
        await asyncio.sleep(0.001)
    appending.cancel()
    is_early = bool((await asyncio.wait([appending], timeout=0.1))[0])
    count = 0
    while not appending.done() or select.select([reader], [], [], 0)[0]:
        with suppress(BlockingIOError):
            if not (read := len(os.read(reader, CHUNK_BYTES))):
                break
            count += read
        await asyncio.sleep(0)
    os.close(reader)

    assert (is_early, count) == (False, CHUNK_BYTES)
    with pytest.raises(asyncio.CancelledError):
        await appending


class Held(ThreadPoolExecutor):
    """An executor whose n-th call waits for an event."""

    def __init__(self, number: int) -> None:
        super().__init__(2)
        self.left = number
        self.gate = threading.Event()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """See Executor."""
        self.left -= 1
        return super().submit(self._wait, fn, *args, **kwargs) if not self.left else super().submit(fn, *args, **kwargs)

    def _wait(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.gate.wait(5)
        return fn(*args, **kwargs)


async def ends_before_its_thread(work: Coroutine[None, None, bytes], number: int) -> bool:
    """Whether the work, cancelled during its n-th call of a thread, ends while that thread still runs."""
    threads = Held(number)
    asyncio.get_running_loop().set_default_executor(threads)
    working = asyncio.create_task(work)
    while threads.left > 0:
        await asyncio.sleep(0.001)
    working.cancel()
    is_early = bool((await asyncio.wait([working], timeout=0.05))[0])
    threads.gate.set()
    with suppress(asyncio.CancelledError):
        await working
    return is_early


def open_names() -> list[str]:
    """The names of the open files of this process."""
    return [each.readlink().name for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]


@pytest.mark.parametrize("number", range(1, 4), ids=["open", "read", "close"])
async def test_a_reader_that_is_cancelled_closes_its_file(storage: Storage, number: int) -> None:
    """Clients can disconnect at any moment, whatever a thread is doing."""
    key = await stored(storage, bytes(CHUNK_BYTES + 1))

    assert not await ends_before_its_thread(content_of(storage, key), number)
    assert [name for name in open_names() if name == key] == []


@pytest.mark.parametrize("number", range(1, 4), ids=["open", "load", "close"])
async def test_a_sender_that_is_cancelled_closes_its_file(
    storage: Storage, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """The same where the kernel sends the file."""
    monkeypatch.setattr(local_file, "LOAD_SECONDS", 0.0)
    key = await stored(storage, bytes(STEP_BYTES + 1))

    async def send() -> bytes:
        file = await storage.open_file(key, 0, STEP_BYTES + 1)
        assert file is not None
        try:
            await file.load(file.loaded, STEP_BYTES + 1)
        finally:
            await file.close()
        return b""

    assert not await ends_before_its_thread(send(), number)
    assert [name for name in open_names() if name == key] == []


async def test_a_short_range_takes_one_call_of_a_thread(storage: Storage) -> None:
    """A small file is opened, read and closed in it: each call costs more than the reading."""
    key = await stored(storage, bytes(2 * CHUNK_BYTES))
    threads = Held(2)
    threads.gate.set()
    asyncio.get_running_loop().set_default_executor(threads)
    content = await content_of(storage, key, CHUNK_BYTES)

    assert (len(content), threads.left) == (CHUNK_BYTES, 1)
    assert key not in open_names()


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOSYS])
async def test_a_file_that_the_kernel_cannot_send_is_read(
    storage: Storage, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """There are file systems without sendfile(2); any other error is one of the disk."""
    key = await stored(storage, b"bytes")
    monkeypatch.setattr(os, "sendfile", fail_with(code))
    found = await storage.open_file(key, 0, 5)
    monkeypatch.setattr(os, "sendfile", fail)

    assert found is None
    with pytest.raises(StorageFailed, match="Input/output error"):
        await storage.open_file(key, 0, 5)
    assert key not in open_names()


def fail_with(code: int) -> Callable[..., int]:
    """A function that fails with this error of the system."""

    def failing(*_: object) -> int:
        raise OSError(code, os.strerror(code))

    return failing


async def test_a_large_file_costs_constant_memory(storage: Storage) -> None:
    """64 MiB need less than 2 MiB of memory."""
    chunk = bytes(64 * 1024)
    temp = await storage.create_temp()
    tracemalloc.start()
    for _ in range(1024):
        await temp.write(chunk)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    await temp.discard()

    assert temp.byte_size == 64 * 1024 * 1024
    assert peak_bytes < 2 * 1024 * 1024


async def test_bytes_that_end_early_are_an_error(storage: Storage, tmp_path: Path) -> None:
    """A file that is truncated while it is read causes an error, not a short result."""
    key = await stored(storage, bytes(2 * CHUNK_BYTES))
    chunks = storage.read(key)
    await anext(chunks)
    os.truncate(tmp_path / "root" / "files" / key[:2] / key, CHUNK_BYTES)

    with pytest.raises(StorageFailed, match="ended early"):
        await anext(chunks)


async def test_a_deleted_file_is_read_to_its_end(storage: Storage) -> None:
    """A reader that has started is not interrupted."""
    key = await stored(storage, bytes(2 * CHUNK_BYTES))
    chunks = storage.read(key)
    await anext(chunks)
    await storage.delete(key)

    assert [len(chunk) async for chunk in chunks] == [CHUNK_BYTES]


async def test_a_folder_that_cannot_be_created_is_one_line(tmp_path: Path) -> None:
    """The operator sees what is wrong and where."""
    (tmp_path / "root").write_bytes(b"a file where the folder should be")

    with pytest.raises(StorageFailed) as raised:
        await LocalStorage(tmp_path / "root").open()
    assert str(raised.value) == f"The folder {tmp_path / 'root'} cannot be used: File exists."


async def test_a_storage_that_lost_its_folder_is_not_ready(storage: Storage, tmp_path: Path) -> None:
    """An unmounted disk fails the readiness check."""
    shutil.rmtree(tmp_path / "root")

    with pytest.raises(StorageFailed, match="missing"):
        await storage.check()


async def test_a_disk_has_room_up_to_its_reserve(storage: Storage, tmp_path: Path) -> None:
    """As many bytes as are free beyond the reserve; a missing folder is not a lack of room."""
    disk = os.statvfs(tmp_path)
    free = disk.f_bavail * disk.f_frsize

    assert not await storage.has_room(free)
    assert await storage.has_room(free // 100)
    shutil.rmtree(tmp_path / "root")
    assert await storage.has_room(free)


async def test_a_missing_folder_is_a_failure_not_a_missing_file(storage: Storage, tmp_path: Path) -> None:
    """The disk may only be unmounted, so files are not reported as missing."""
    key = await stored(storage, b"kept")
    shutil.rmtree(tmp_path / "root")

    works = (storage.size_of(key), content_of(storage, key), storage.open_file(key, 0, 4), storage.partials.size_of(7))
    for work in works:
        with pytest.raises(StorageFailed, match="No such file or directory"):
            await work


async def in_parts(storage: Storage, content: bytes) -> None:
    """Appends a part to file 7."""

    async def chunks() -> AsyncIterator[bytes]:
        yield content

    await storage.partials.append(7, chunks())


async def test_a_file_in_parts_whose_fsync_failed_begins_again(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second fsync could report success for lost bytes, so the file is deleted."""
    await in_parts(storage, b"perhaps lost")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(StorageFailed, match="Input/output error"):
            await storage.partials.finished(7)

    assert list((tmp_path / "root" / "partial").iterdir()) == []
    assert await storage.partials.size_of(7) == 0
    with pytest.raises(StorageNotFound):
        await storage.partials.finished(7)
    await in_parts(storage, b"once more")
    assert (await storage.partials.finished(7)).sha256 == hashlib.sha256(b"once more").hexdigest()


async def test_a_file_in_parts_that_cannot_be_deleted_after_a_failed_fsync_is_not_used(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The delete can fail too; it is repeated before the next access."""
    await in_parts(storage, b"perhaps lost")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        patch.setattr(Path, "unlink", fail)
        for work in (storage.partials.finished(7), storage.partials.finished(7), storage.partials.size_of(7)):
            with pytest.raises(StorageFailed):
                await work
        with pytest.raises(StorageFailed):
            await in_parts(storage, b"more")
    kept_meanwhile = [path.read_bytes() for path in (tmp_path / "root" / "partial").iterdir()]

    assert kept_meanwhile == [b"perhaps lost"]
    assert await storage.partials.size_of(7) == 0
    await in_parts(storage, b"once more")
    assert (await storage.partials.finished(7)).byte_size == 9


@pytest.mark.parametrize("name", ["writev", "close"])
async def test_a_failed_part_deletes_the_whole_file(
    storage: Storage, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The result of a failed write is unknown; close reports the loss of earlier writes, possibly as a full quota."""
    await in_parts(storage, b"before")
    real = os.close

    def fail_to_close(descriptor: int) -> None:
        real(descriptor)
        if threading.current_thread() is not threading.main_thread():
            raise OSError(errno.EDQUOT, "injected")

    with monkeypatch.context() as patch:
        patch.setattr(os, name, fail if name == "writev" else fail_to_close)
        with pytest.raises(StorageFailed):
            await in_parts(storage, b"lost")

    assert await storage.partials.size_of(7) == 0


def fail(*_: Any, **__: Any) -> None:
    """Fails like a broken disk."""
    raise OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.mark.parametrize("url", ["file:///srv/my%20files", "", "file://"])
async def test_a_url_names_its_storage(url: str, tmp_path: Path) -> None:
    """The scheme selects the backend; without a path, it is the server's data folder."""
    expected = Path("/srv/my files") if "srv" in url else tmp_path
    found = storage_for(url, tmp_path)

    assert isinstance(found, LocalStorage)
    assert found._root == expected


@pytest.mark.parametrize("url", ["ftp://me:secret@host/x", "/srv/files", "s4://bucket"])
def test_an_unknown_scheme_is_refused(url: str, tmp_path: Path) -> None:
    """The message lists the supported schemes and repeats no password."""
    with pytest.raises(ValueError, match=r"use one of file://, s3://\.$") as raised:
        storage_for(url, tmp_path)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("url", ["file://host/x", "file:relative", "file:///a%00b"])
def test_a_file_url_has_an_absolute_path(url: str, tmp_path: Path) -> None:
    """With two slashes, the first part would be a host: the most likely mistake."""
    with pytest.raises(ValueError, match="three slashes"):
        storage_for(url, tmp_path)


async def test_a_cancelled_first_write_leaves_no_file(storage: Storage, tmp_path: Path) -> None:
    """If a client disconnects while its file is created, it is deleted; and not created after that by a late thread."""
    staging = tmp_path / "root" / "staging"
    for pause in (0, 0, 0.0001, 0.0005, 0.001):
        temp = await storage.create_temp()
        writing = asyncio.create_task(temp.write(bytes(CHUNK_BYTES)))
        await asyncio.sleep(pause)
        writing.cancel()
        with suppress(asyncio.CancelledError):
            await writing
        await temp.discard()
    left = [*staging.iterdir()]
    threads, temp = Held(1), await storage.create_temp()
    asyncio.get_running_loop().set_default_executor(threads)
    writing = asyncio.create_task(temp.write(bytes(CHUNK_BYTES)))
    while threads.left > 0:
        await asyncio.sleep(0.001)
    writing.cancel()
    with suppress(asyncio.CancelledError):
        await writing
    await temp.discard()
    threads.gate.set()
    threads.shutdown()

    assert left == []
    assert [*staging.iterdir()] == []


async def test_a_small_file_takes_two_calls_of_a_thread(storage: Storage) -> None:
    """It is created, written, hashed, synced and inspected in one, and stored in another; that is all."""
    threads = Held(3)
    asyncio.get_running_loop().set_default_executor(threads)
    temp = await storage.create_temp()
    await temp.write(b"small")
    content = await temp.finish_and(Path.read_bytes)
    key = await storage.store(temp)
    await temp.discard()

    assert (content, threads.left) == (b"small", 1)
    threads.gate.set()
    assert await content_of(storage, key) == b"small"


async def test_bytes_reach_the_disk_in_the_order_of_their_chunks(storage: Storage, tmp_path: Path) -> None:
    """Of whatever size the chunks are, and however short the writes."""
    random = Random(1)
    chunks = [random.randbytes(random.choice((0, 1, 100, 20_000, 70_000, 300_000))) for _ in range(200)]
    temp = await storage.create_temp()
    for chunk in chunks:
        await temp.write(chunk)
    key = await storage.store(temp)

    async def parts() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    await storage.partials.append(7, parts())
    whole = b"".join(chunks)
    assert await content_of(storage, key) == whole
    assert (tmp_path / "root" / "partial" / f"{7:016x}").read_bytes() == whole
    assert temp.sha256 == hashlib.sha256(whole).hexdigest()


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a part and between two."""
    real, parts = os.writev, list[bytes | bytearray]([b"one", bytearray(b"two"), b"", b"three"])
    monkeypatch.setattr(os, "writev", lambda file, rest: real(file, [memoryview(b"".join(rest))[:2]]))
    with (tmp_path / "file").open("wb") as file:
        write_parts(file.fileno(), parts)

    assert (tmp_path / "file").read_bytes() == b"onetwothree"
