"""The share of one operation in the queue of the readers."""

import asyncio
from contextvars import ContextVar

READS_AT_ONCE = 16  # keeps the readers busy, and leaves room in the queue for 30 more such operations

_share: ContextVar[asyncio.Semaphore | None] = ContextVar("sotto_share", default=None)


def begin_share() -> None:
    """Gives the operation that begins in this task a share of its own, for this task and those that it starts.

    Reads beyond READS_AT_ONCE wait for the earlier ones of the same operation, outside the queue and its deadline.
    Reads outside of any operation have no share and do not wait here.
    """
    _share.set(asyncio.Semaphore(READS_AT_ONCE))


def share() -> asyncio.Semaphore | None:
    """The share of the operation that this task belongs to; None if it belongs to none."""
    return _share.get()
