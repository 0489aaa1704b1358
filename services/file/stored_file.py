"""Stored files: checks that the bytes of a row are stored before they are used again."""

import asyncio
from collections.abc import Collection, Mapping
from enum import Enum

from models import stored_file as stored_files
from models.transaction import Transaction
from services.guard import GuardedDatabase
from storage.base import Storage, StorageError, StorageNotFound

AT_ONCE = 32  # requests to the storage


class StoredState(Enum):
    """What the storage has of a file."""

    WHOLE = "whole"
    CUT = "cut"  # another size
    GONE = "gone"


async def states_of(storage: Storage, sizes: Mapping[str, int]) -> dict[str, StoredState]:
    """The state of each file, by its key; `sizes` are the expected numbers of bytes. Reads no content.

    Raises StorageFailed; then the state of no file is known.
    """
    slots = asyncio.Semaphore(AT_ONCE)

    async def state_of(key: str, byte_size: int) -> StoredState:
        async with slots:
            try:
                size = await storage.size_of(key)
            except StorageNotFound:
                return StoredState.GONE
        return StoredState.WHOLE if size == byte_size else StoredState.CUT

    states = await asyncio.gather(*(state_of(key, size) for key, size in sizes.items()))
    return dict(zip(sizes, states, strict=True))


async def whole_copies(
    database: GuardedDatabase, storage: Storage, contents: Collection[tuple[bytes, int]]
) -> frozenset[str]:
    """Keys under which bytes of these hashes and sizes are stored completely; see `put_uploads`.

    Keys whose bytes are missing are left out, and if the storage fails, all are: the bytes are then stored again.
    """

    def find(tx: Transaction) -> dict[str, int]:
        return {key: size for sha256, size in contents for key in stored_files.same_keys(tx, sha256, size)}

    sizes = await database.read(find)
    try:
        states = await states_of(storage, sizes)
    except StorageError:
        return frozenset()
    return frozenset(key for key, state in states.items() if state is StoredState.WHOLE)
