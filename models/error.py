"""What the data layer refuses or fails with; no driver's exception crosses this line.

DatabaseError
├── Unavailable        nothing was stored; the same call may be tried again
│   ├── Busy           the queue is full
│   ├── DeadlineExceeded  the job waited or ran too long
│   └── NotCommitted   the transaction could not be committed
├── DatabaseFull       the disk is full; nothing was stored
├── DatabaseInUse      another process holds the database
├── DatabaseUnreadable the file is damaged, or no database
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
    """The job was not begun in time (a write) or was interrupted (a read)."""


class NotCommitted(Unavailable):
    """COMMIT failed: of this batch nothing is acknowledged."""


class DatabaseFull(DatabaseError):
    """The disk that holds the database is full; nothing was stored."""


class DatabaseInUse(DatabaseError):
    """Another process has opened this database; the embedded mode is one process."""


class DatabaseUnreadable(DatabaseError):
    """The file is damaged, is no database, or is one of another program."""


class SchemaTooNew(DatabaseError):
    """The database holds migrations that this program does not know."""
