"""What every table shares: an unbound Peewee model, the clock, and ids that reveal no counts."""

import secrets
import time

import peewee

SEQ_BITS = 27
MAX_INTEGER = (1 << 63) - 1  # SQLite's largest INTEGER, greater than every id and time
_SEQ_MASK = (1 << SEQ_BITS) - 1


class Base(peewee.Model):
    """A table. Bound to no database: a prepared statement compiles its queries, a `Transaction` runs them."""

    class Meta:
        database = peewee.DatabaseProxy()
        legacy_table_names = False


def now_ms() -> int:
    """Milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


def new_id() -> int:
    """A random positive id for a user or an upload: 62 bits, so that ids reveal no counts and do not collide."""
    return secrets.randbits(62) | 1


def new_conversation_id() -> int:
    """A random positive id of 36 bits; the caller draws again if it is taken."""
    return secrets.randbelow((1 << 36) - 1) + 1


def message_id(conversation_id: int, seq: int) -> int:
    """`conversation << 27 | seq`: sorts by conversation, then by position in it."""
    return conversation_id << SEQ_BITS | seq


def conversation_of(message_id: int) -> int:
    return message_id >> SEQ_BITS


def seq_of(message_id: int) -> int:
    """The position of a message in its conversation, from 1."""
    return message_id & _SEQ_MASK
