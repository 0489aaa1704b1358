"""The link of database and storage: what keeps a server from sweeping the files of another database."""

import structlog

from models import storage_link as links
from models import stored_file as stored_files
from models.transaction import Transaction
from services.error import StorageFull as DatabaseFull
from services.file.stored_file import StoredState, states_of
from services.guard import GuardedDatabase
from storage.base import Storage, StorageError, StorageFull, new_key

_log = structlog.get_logger("sotto.storage")

WAY_OUT = (
    "give DATABASE_URL and STORAGE_URL that belong together, or let this database have the files by "
    "`./sotto storage adopt`"
)


class StorageMismatch(StorageError):
    """The storage and the database do not belong together, as far as can be seen; nothing was changed."""


class StorageLink:
    """One random text, the identity, lies in the storage and in its database; only where both agree is anything swept.

    Keys are random as well: a storage that holds a single file that the database names is the database's. That is how
    installations of earlier versions are linked, and copies of a database that are older than its link.
    """

    def __init__(self, database: GuardedDatabase, storage: Storage) -> None:
        self._database = database
        self._storage = storage

    async def check(self) -> bool:
        """Whether they belong together; links them if that is safe, that is, the first time.

        False only where the disk had no room for the link. The database is written first: a crash in between leaves a
        storage without an identity, to which this database is linked by the next call, and a storage that others have
        begun to use meanwhile is not. Raises StorageMismatch, with nothing changed, and StorageFailed.
        """
        identity = await self._storage.identity()
        linked = await self._database.read(links.find)
        if linked is not None and linked == identity:
            return True
        if (linked is not None and identity is not None) or not await self._is_ours(identity):
            raise StorageMismatch(f"{self._storage.name} {await self._why(linked, identity)}; {WAY_OUT}.")
        try:
            linked = await self._database.write(links.get_or_put, linked or identity or new_key())
            identity = identity or await self._storage.identify(linked)
        except (StorageFull, DatabaseFull):
            _log.warning("storage not linked", error="The disk is full.")
            return False
        if linked != identity:
            raise StorageMismatch(f"{self._storage.name} belongs to another database; {WAY_OUT}.")
        return True

    async def adopt(self) -> None:
        """Links them whatever they are, by a new identity: another database that had this storage has it no more."""
        identity = new_key()
        await self._storage.identify(identity, is_new=True)
        await self._database.write(links.replace, identity)

    async def _is_ours(self, identity: str | None) -> bool:
        """Whether nothing of another database's could be there: a file of ours is, or nothing at all."""
        sizes = await self._database.read(_named)
        if sizes:
            return StoredState.WHOLE in (await states_of(self._storage, sizes)).values()
        return identity is None and not await self._has_files()

    async def _has_files(self) -> bool:
        async for _ in self._storage.keys():
            return True
        return False

    async def _why(self, linked: str | None, identity: str | None) -> str:
        if identity is not None:
            return "belongs to another database"
        if await self._has_files():
            return "holds files of which this database knows none"
        return "holds none of the files that this database names" + (", nor its identity" if linked else "")


def _named(tx: Transaction) -> dict[str, int]:
    """Some of the files that rows name, with their sizes."""
    rows = tx.all(stored_files.SOME_UPLOADS) + tx.all(stored_files.SOME_FILES)
    return {row.storage_key: row.byte_size for row in rows}
