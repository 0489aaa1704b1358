"""The errors of the data layer; no exception of a driver leaves models.

DatabaseError
├── Unavailable        nothing was stored; the same call may be tried again
│   ├── Busy           the queue is full
│   ├── DeadlineExceeded  the call waited or ran too long
│   ├── DatabaseLocked another program has locked the file
│   ├── NotCommitted   the transaction could not be committed
│   └── DatabaseFailed the disk fails
│       ├── DatabaseDamaged  the file is corrupt
│       └── DatabaseLost     the file is not the one that was opened
├── OutcomeUnknown     COMMIT failed, and recovery after a crash may still apply the transaction
├── DatabaseFull       the disk is full; nothing was stored
├── DatabaseInUse      another process holds the database
├── DatabaseUnreadable the file is corrupt or not a database of Sotto
│   ├── LogForeign     the write-ahead log beside it belongs to another one
│   └── DatabaseMissing  there is a write-ahead log, but no database
└── SchemaTooNew       a newer version has written the database
"""


class DatabaseError(Exception):
    """The base class; its text contains no SQL and no parameter, so it is safe to log."""


class Unavailable(DatabaseError):
    """Nothing was stored; the caller may try again with the same idempotency key."""

    retry_after_seconds = 1.0


class Busy(Unavailable):
    """The queue of writes or reads is full."""


class DeadlineExceeded(Unavailable):
    """A write did not start in time, or a read was interrupted."""


class DatabaseLocked(Unavailable):
    """Another program has locked the file for longer than the busy timeout."""


class NotCommitted(Unavailable):
    """COMMIT failed: nothing of the batch is stored, and no recovery after a crash will apply it."""


class DatabaseFailed(Unavailable):
    """The disk fails, or the file cannot be used: nothing was stored or read."""

    retry_after_seconds = 5.0


class DatabaseDamaged(DatabaseFailed):
    """The file is corrupt."""


class DatabaseLost(DatabaseFailed):
    """The file was moved, deleted or replaced: what was written to it now would be lost at the next start."""


class OutcomeUnknown(DatabaseError):
    """COMMIT failed while writing: nothing is visible now, but until a later COMMIT a crash may bring it back.

    A second call with the same idempotency key gives the outcome.
    """

    retry_after_seconds = 5.0


class DatabaseFull(DatabaseError):
    """The disk that holds the database is full; nothing was stored."""


class DatabaseInUse(DatabaseError):
    """Another process has opened this database; only one may."""


class DatabaseUnreadable(DatabaseError):
    """The file is corrupt, is not a database, or belongs to another program."""


class LogForeign(DatabaseUnreadable):
    """The write-ahead log belongs to another database, for example because the file was restored from a backup."""


class DatabaseMissing(DatabaseUnreadable):
    """The file is missing or empty, while its write-ahead log exists."""


class SchemaTooNew(DatabaseError):
    """The database has migrations that this version does not know."""
