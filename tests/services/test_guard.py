"""What the data layer fails with, in the words of a client, and in those of the log."""

import pytest

from models.error import (
    Busy,
    DatabaseDamaged,
    DatabaseError,
    DatabaseFailed,
    DatabaseFull,
    DatabaseLocked,
    DatabaseLost,
    DeadlineExceeded,
    NotCommitted,
    OutcomeUnknown,
)
from models.transaction import Transaction
from services.error import OutcomeUnclear, ServerUnavailable, SottoError, StorageFull
from tests.leak import Recorder
from tests.services.conftest import World

BUSY_WRITE = "The server is busy: nothing was stored. Try again, with the same `clientMessageId`."
BUSY_READ = "The server is busy; try again."
NO_WRITE = (
    "The server cannot write to its database just now: nothing was stored. Try again, with the same `clientMessageId`."
)
NO_READ = "The server cannot read its database just now; try again."
FULL = "The server's disk is full: nothing was stored. Reading goes on."
UNCLEAR = (
    "The server's disk failed while this was being stored: it may or may not be there. Try again, with the same "
    "`clientMessageId`: nothing is stored twice."
)

Row = tuple[type[DatabaseError], type[SottoError], str, str, float | None, bool]
ROWS: list[Row] = [
    (Busy, ServerUnavailable, BUSY_WRITE, BUSY_READ, 1.0, False),
    (DeadlineExceeded, ServerUnavailable, BUSY_WRITE, BUSY_READ, 1.0, False),
    (DatabaseLocked, ServerUnavailable, BUSY_WRITE, BUSY_READ, 1.0, True),
    (NotCommitted, ServerUnavailable, NO_WRITE, NO_READ, 1.0, True),
    (DatabaseFailed, ServerUnavailable, NO_WRITE, NO_READ, 5.0, True),
    (DatabaseDamaged, ServerUnavailable, NO_WRITE, NO_READ, 5.0, True),
    (DatabaseLost, ServerUnavailable, NO_WRITE, NO_READ, 5.0, True),
    (DatabaseFull, StorageFull, FULL, FULL, None, True),
    (OutcomeUnknown, OutcomeUnclear, UNCLEAR, UNCLEAR, 5.0, True),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].__name__)
@pytest.mark.parametrize("kind", ["write", "read"])
async def test_each_failure_has_a_true_sentence_and_its_line(
    world: World, recorder: Recorder, row: Row, kind: str
) -> None:
    """A disk that fails is not "busy"; what is only busy is no line of the log."""
    failure, refusal, write_words, read_words, pause_seconds, is_logged = row

    def fail(_tx: Transaction) -> None:
        raise failure("words for the log (SQLITE_IOERR)")

    before = await world.stored()
    with pytest.raises(SottoError) as caught:
        await getattr(world.services.database, kind)(fail)

    assert type(caught.value) is refusal
    assert caught.value.detail == (write_words if kind == "write" else read_words)
    assert getattr(caught.value, "retry_after_seconds", None) == pause_seconds
    assert caught.value.code == ("STORAGE_FULL" if refusal is StorageFull else "UNAVAILABLE")
    lines = [line for line in recorder.lines if b"database failed" in line]
    assert [b"words for the log (SQLITE_IOERR)" in line for line in lines] == [True] * is_logged
    assert await world.stored() == before


async def test_any_other_error_of_the_database_is_a_bug(world: World) -> None:
    """It stays as it is, to be masked for the client and whole in the log, and its causes do not lead back to it."""

    def fail(_tx: Transaction) -> None:
        raise DatabaseError("the database refused a statement")

    for submit in (world.services.database.write, world.services.database.read):
        with pytest.raises(DatabaseError) as caught:
            await submit(fail)
        assert caught.value.__cause__ is None


async def test_many_failures_of_one_kind_are_one_line_a_second(
    world: World, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the next line says how many there were meanwhile; another kind has its own."""

    def fail(_tx: Transaction, words: str) -> None:
        raise DatabaseFailed(words)

    async def attempt(words: str) -> None:
        with pytest.raises(ServerUnavailable):
            await world.services.database.write(fail, words)

    for _ in range(5):
        await attempt("one")
    await attempt("another")
    monkeypatch.setattr("services.failure.PAUSE_SECONDS", 0.0)
    await attempt("one")
    await attempt("one")

    lines = [line for line in recorder.lines if b"database failed" in line]
    assert [b'"words":"one"' in line for line in lines] == [True, False, True, True]
    assert [int(line.split(b'"more":')[1].split(b",")[0].rstrip(b"}")) for line in lines] == [0, 0, 4, 0]
