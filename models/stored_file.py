"""Stored files: under which keys bytes should be in the storage, as rows name them."""

from typing import NamedTuple

from models.attachment import Attachment, Upload
from models.prepared import Param, Query, Value
from models.transaction import Transaction

SAMPLE = 50
SAME_KEYS = 4  # of equal bytes: more than one only where they were sent at once, or were lost


class StoredRow(NamedTuple):
    """Bytes that a row names."""

    storage_key: str
    byte_size: int


# Equal bytes are stored once; this finds the next key behind `after` in case there are several.
SAME = Value[str](
    Upload.select(Upload.storage_key)
    .where(
        Upload.sha256 == Param("sha256"), Upload.byte_size == Param("byte_size"), Upload.storage_key > Param("after")
    )
    .order_by(Upload.storage_key)
    .limit(1)
)
# A few files that rows name, by ids that are random.
SOME_UPLOADS = Query(Upload.select(Upload.storage_key, Upload.byte_size).order_by(Upload.id).limit(SAMPLE), StoredRow)
SOME_FILES = Query(
    Attachment.select(Attachment.storage_key, Attachment.byte_size).order_by(Attachment.message_id).limit(SAMPLE),
    StoredRow,
)


def same_keys(transaction: Transaction, sha256: bytes, byte_size: int) -> list[str]:
    """Up to SAME_KEYS keys under which equal bytes should be stored."""
    keys: list[str] = []
    while len(keys) < SAME_KEYS:
        after = keys[-1] if keys else ""
        key = transaction.value(SAME, sha256=sha256, byte_size=byte_size, after=after)
        if key is None:
            break
        keys.append(key)
    return keys
