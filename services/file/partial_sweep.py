"""The sweep of partial files: those of uploads that were never finished, and that nobody goes on with."""

from collections.abc import AsyncIterator, Collection

from models import upload_session as sessions
from models.transaction import Transaction
from services.file.exclusive_task import ExclusiveTasks
from services.file.quarantine import SweepCounts
from storage.partial import PartialFiles

_PREFIX = "partial/"


class PartialFilePart:
    """A `StoragePart`: partial files by `partial/` and the number of their upload."""

    def __init__(self, files: PartialFiles, tasks: ExclusiveTasks) -> None:
        self._files = files
        self._tasks = tasks

    async def batches(self, counts: SweepCounts) -> AsyncIterator[list[str]]:
        """Fulfil `StoragePart.batches`; those that somebody appends to or keeps just now are left out."""
        numbers = await self._files.numbers()
        counts.looked_at += len(numbers)
        busy = {id_ for _, id_ in self._tasks.keys}
        yield [name_of(_PREFIX, number) for number in numbers if number not in busy]

    def named_by_rows(self, tx: Transaction, names: Collection[str]) -> set[str]:
        """Fulfil `StoragePart.named_by_rows`."""
        return sessions_among(tx, _PREFIX, names)

    async def delete(self, name: str) -> None:
        """Fulfil `StoragePart.delete`."""
        await self._files.delete(number_of(name))


def name_of(prefix: str, number: int) -> str:
    """The name of what belongs to an upload."""
    return f"{prefix}{number:016x}"


def number_of(name: str) -> int:
    """The upload that a name says."""
    return int(name.rpartition("/")[2], 16)


def sessions_among(tx: Transaction, prefix: str, names: Collection[str]) -> set[str]:
    """Those of the names whose upload is on its way."""
    return {name_of(prefix, number) for number in sessions.known(tx, map(number_of, names))}
