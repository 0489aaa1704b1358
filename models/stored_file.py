"""Stored files: the keys under which rows expect bytes in the storage."""

from typing import NamedTuple

from models.attachment import Attachment, Upload
from models.prepared import Param, Query, Value
from models.transaction import Transaction

SAMPLE = 50
SAME_KEYS = 4  # of equal bytes: more than one only if they were sent at the same time, or one was lost


class StoredRow(NamedTuple):
    storage_key: str
    byte_size: int


# Equal bytes are normally stored once; `after` finds further keys.
SAME = Value[str](
    Upload.select(Upload.storage_key)
    .where(
        Upload.sha256 == Param("sha256"), Upload.byte_size == Param("byte_size"), Upload.storage_key > Param("after")
    )
    .order_by(Upload.storage_key)
    .limit(1)
)
# Sample files; upload ids are random, so this is a random sample of them.
SOME_UPLOADS = Query(Upload.select(Upload.storage_key, Upload.byte_size).order_by(Upload.id).limit(SAMPLE), StoredRow)
SOME_FILES = Query(
    Attachment.select(Attachment.storage_key, Attachment.byte_size).order_by(Attachment.message_id).limit(SAMPLE),
    StoredRow,
)


def same_keys(transaction: Transaction, sha256: bytes, byte_size: int) -> list[str]:
    """Up to SAME_KEYS keys of equal bytes."""
    keys: list[str] = []
    while len(keys) < SAME_KEYS:
        after = keys[-1] if keys else ""
        key = transaction.value(SAME, sha256=sha256, byte_size=byte_size, after=after)
        if key is None:
            break
        keys.append(key)
    return keys
