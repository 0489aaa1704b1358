"""What the data layer refuses or fails with; no driver's exception crosses this line.

DatabaseError
├── Unavailable        nothing was stored; the same call may be tried again
│   ├── Busy           the queue is full
│   ├── DeadlineExceeded  the call waited or ran too long
│   ├── DatabaseLocked another program holds the file
│   ├── NotCommitted   the transaction could not be committed
│   └── DatabaseFailed the disk fails
│       ├── DatabaseDamaged  what the file holds makes no sense
│       └── DatabaseLost     the file is not the one that was opened
├── OutcomeUnknown     COMMIT failed, and a crash may bring back what it was to store
├── DatabaseFull       the disk is full; nothing was stored
├── DatabaseInUse      another process holds the database
├── DatabaseUnreadable the file is damaged, or no database
│   ├── LogForeign     the write-ahead log beside it belongs to another one
│   └── DatabaseMissing  a write-ahead log is there, and the database is not
└── SchemaTooNew       the database was written by a newer program
"""


class DatabaseError(Exception):
    """Anything that the data layer reports itself; its text is safe to log, and holds no SQL and no parameter."""


class Unavailable(DatabaseError):
    """Nothing was stored; the caller may try again with the same idempotency key."""

    retry_after_seconds = 1.0


class Busy(Unavailable):
    """The queue of writes or reads is full."""


class DeadlineExceeded(Unavailable):
    """The call was not begun in time (a write) or was interrupted (a read)."""


class DatabaseLocked(Unavailable):
    """Another program holds the file for longer than anybody waits for it."""


class NotCommitted(Unavailable):
    """COMMIT failed: of this batch nothing is stored, and no crash brings it back."""


class DatabaseFailed(Unavailable):
    """The disk fails, or the file cannot be used: nothing was stored, or it cannot be read."""

    retry_after_seconds = 5.0


class DatabaseDamaged(DatabaseFailed):
    """What the file holds makes no sense."""


class DatabaseLost(DatabaseFailed):
    """The path names no file any more, or another one: what would be written would be gone after a restart."""


class OutcomeUnknown(DatabaseError):
    """COMMIT failed on the way to the disk: not there now, and there again after a crash, until a later COMMIT.

    A second call with the same idempotency key tells.
    """

    retry_after_seconds = 5.0


class DatabaseFull(DatabaseError):
    """The disk that holds the database is full; nothing was stored."""


class DatabaseInUse(DatabaseError):
    """Another process has opened this database; the embedded mode is one process."""


class DatabaseUnreadable(DatabaseError):
    """The file is damaged, is no database, or is one of another program."""


class LogForeign(DatabaseUnreadable):
    """The write-ahead log beside the file was written for another one, a copy that was replaced for example."""


class DatabaseMissing(DatabaseUnreadable):
    """The file is gone, or empty, and what was still to be written into it lies beside it."""


class SchemaTooNew(DatabaseError):
    """The database holds migrations that this program does not know."""
