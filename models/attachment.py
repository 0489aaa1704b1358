"""Files: uploads that no message has yet, and the attachments of messages."""

from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple

from peewee import BigIntegerField, BlobField, CompositeKey, Expression, IntegerField, TextField, fn
from peewee import Value as Constant

from models.base import SEQ_BITS, Base
from models.deletion import DeletedFile
from models.hidden import Hidden
from models.member import Member
from models.message import MessageKind
from models.prepared import Command, IdList, OneValue, Param, Query, Value, id_list, text_list
from models.transaction import Transaction


class Upload(Base):
    """A stored file of its uploader; pending until one message claims it."""

    id = BigIntegerField(primary_key=True)
    owner_id = BigIntegerField()
    storage_key = TextField()
    kind = IntegerField()
    filename = TextField()
    mime_type = TextField()
    byte_size = BigIntegerField()
    sha256 = BlobField()
    width = IntegerField(null=True)
    height = IntegerField(null=True)
    is_animated = IntegerField(null=True)
    duration_ms = IntegerField(null=True)
    thumbnail_for = BigIntegerField(null=True)
    message_id = BigIntegerField(null=True)
    expires_at = BigIntegerField()


class Attachment(Base):
    """A file of a message; `position` counts from 0 in the sender's order."""

    message_id = BigIntegerField()
    position = IntegerField()
    storage_key = TextField()
    kind = IntegerField()
    filename = TextField()
    mime_type = TextField()
    byte_size = BigIntegerField()
    sha256 = BlobField()
    width = IntegerField(null=True)
    height = IntegerField(null=True)
    is_animated = IntegerField(null=True)
    duration_ms = IntegerField(null=True)
    state = IntegerField()
    blurhash = TextField(null=True)
    thumbnail_key = TextField(null=True)
    thumbnail_width = IntegerField(null=True)
    thumbnail_height = IntegerField(null=True)

    class Meta:
        primary_key = CompositeKey("message_id", "position")


class FileState(IntEnum):
    """How far the processing of a file has come."""

    PROCESSING = 0  # its thumbnail is being made
    READY = 1
    FAILED = 2  # no thumbnail could be made; the file itself can be used


class AttachmentRow(NamedTuple):
    """An attachment; `width` and `height` are in pixels, None for content without dimensions."""

    message_id: int
    position: int
    storage_key: str
    kind: int
    filename: str
    mime_type: str
    byte_size: int
    sha256: bytes
    width: int | None
    height: int | None
    is_animated: int | None
    duration_ms: int | None
    state: int
    blurhash: str | None
    thumbnail_key: str | None
    thumbnail_width: int | None
    thumbnail_height: int | None


class UploadRow(NamedTuple):
    """An upload of one owner; `message_id` is the message that has claimed it, None while it is pending."""

    id: int
    storage_key: str
    kind: int
    filename: str
    mime_type: str
    byte_size: int
    width: int | None
    height: int | None
    thumbnail_for: int | None
    message_id: int | None
    expires_at: int


class NewUploadRow(NamedTuple):
    """A file that is about to be stored."""

    id: int
    owner_id: int
    storage_key: str
    kind: int
    filename: str
    mime_type: str
    byte_size: int
    sha256: bytes
    width: int | None
    height: int | None
    is_animated: int | None
    duration_ms: int | None
    thumbnail_for: int | None
    expires_at: int


class ExpiredUploadRow(NamedTuple):
    """A pending upload past its time."""

    id: int
    storage_key: str


_ALL = (
    Attachment.message_id,
    Attachment.position,
    Attachment.storage_key,
    Attachment.kind,
    Attachment.filename,
    Attachment.mime_type,
    Attachment.byte_size,
    Attachment.sha256,
    Attachment.width,
    Attachment.height,
    Attachment.is_animated,
    Attachment.duration_ms,
    Attachment.state,
    Attachment.blurhash,
    Attachment.thumbnail_key,
    Attachment.thumbnail_width,
    Attachment.thumbnail_height,
)
IS_SHOWN = ~fn.EXISTS(
    Hidden.select(Hidden.message_id).where(
        Hidden.user_id == Param("viewer"), Hidden.message_id == Attachment.message_id
    )
)
_CONTENT = (
    "storage_key", "kind", "filename", "mime_type", "byte_size", "sha256", "width", "height", "is_animated",
    "duration_ms",
)  # fmt: skip

PUT_UPLOAD = Command(Upload.insert({getattr(Upload, name): Param(name) for name in NewUploadRow._fields}))
# The caller compares the row count with the number of ids: each must be the sender's, pending and not expired.
CLAIM = Command(
    Upload.update({Upload.message_id: Param("message")}).where(
        Upload.id.in_(IdList("ids")),
        Upload.owner_id == Param("owner"),
        Upload.message_id.is_null(),
        Upload.expires_at > Param("now"),
    )
)
CLAIM_THUMBNAILS = Command(
    Upload.update({Upload.message_id: Param("message")}).where(
        Upload.thumbnail_for.in_(IdList("ids")), Upload.owner_id == Param("owner"), Upload.message_id.is_null()
    )
)
_HERE = (Param("message"), Param("position"), Param("state"))
_PLACE = (Attachment.message_id, Attachment.position, Attachment.state)
PUT = Command(
    Attachment.insert_from(
        Upload.select(*_HERE, *(getattr(Upload, name) for name in _CONTENT)).where(Upload.id == Param("upload")),
        [*_PLACE, *(getattr(Attachment, name) for name in _CONTENT)],
    )
)
# As a plain file, without dimensions and duration: clients offer it for download and do not display it.
_BARE = ("storage_key", "filename", "mime_type", "byte_size", "sha256")
PUT_AS_FILE = Command(
    Attachment.insert_from(
        Upload.select(*_HERE, Constant(int(MessageKind.FILE)), *(getattr(Upload, name) for name in _BARE)).where(
            Upload.id == Param("upload")
        ),
        [*_PLACE, Attachment.kind, *(getattr(Attachment, name) for name in _BARE)],
    )
)
OF_MESSAGES = Query(
    Attachment.select(*_ALL)
    .where(Attachment.message_id.in_(IdList("ids")))
    .order_by(Attachment.message_id, Attachment.position),
    AttachmentRow,
)
# Who may see the message may see its files.
VISIBLE = Query(
    Attachment.select(*_ALL)
    .join(Member, on=(Member.conversation_id == Expression(Attachment.message_id, ">>", SEQ_BITS)))
    .where(
        Attachment.message_id == Param("message"),
        Attachment.position == Param("position"),
        Member.user_id == Param("viewer"),
        Attachment.message_id > Expression(Member.conversation_id, "<<", SEQ_BITS) + Member.floor_seq,
        IS_SHOWN,
    ),
    AttachmentRow,
)
# Newest message first, last position first; both bounds are exclusive.
IN_CONVERSATION = Query(
    Attachment.select(*_ALL)
    .where(
        Attachment.message_id > Param("floor"),
        Attachment.message_id <= Param("before"),
        (Attachment.message_id < Param("before")) | (Attachment.position < Param("before_position")),
        Attachment.kind.in_(IdList("kinds")),
        IS_SHOWN,
    )
    .order_by(Attachment.message_id.desc(), Attachment.position.desc())
    .limit(Param("count")),
    AttachmentRow,
)
EXPIRED = Query(
    Upload.select(Upload.id, Upload.storage_key)
    .where(Upload.message_id.is_null(), Upload.expires_at < Param("now"))
    .order_by(Upload.expires_at)
    .limit(100),
    ExpiredUploadRow,
)
DELETE_PENDING = Command(Upload.delete().where(Upload.id.in_(IdList("ids")), Upload.message_id.is_null()))
DELETE = Command(Attachment.delete().where(Attachment.message_id == Param("message")))
DELETE_UPLOADS = Command(Upload.delete().where(Upload.message_id == Param("message")))
UPLOAD_KEYS = Value[str](Upload.select(Upload.storage_key).where(Upload.message_id == Param("message")))
_OF_UPLOADS = Upload.select(Upload.storage_key).where(Upload.storage_key.in_(IdList("keys")))
_OF_FILES = Attachment.select(Attachment.storage_key).where(Attachment.storage_key.in_(IdList("keys")))
_OF_THUMBNAILS = Attachment.select(Attachment.thumbnail_key).where(Attachment.thumbnail_key.in_(IdList("keys")))
_OF_DELETED = DeletedFile.select(DeletedFile.storage_key).where(DeletedFile.storage_key.in_(IdList("keys")))
# The keys that an upload, an attachment, a thumbnail or a deleted message still refers to.
KNOWN_KEYS = Value[str](_OF_UPLOADS | _OF_FILES | _OF_THUMBNAILS | _OF_DELETED)
USED_BYTES = OneValue[int](
    Upload.select(fn.COALESCE(fn.SUM(Upload.byte_size), 0)).where(Upload.owner_id == Param("owner"))
)
_MINE = Upload.select(
    Upload.id,
    Upload.storage_key,
    Upload.kind,
    Upload.filename,
    Upload.mime_type,
    Upload.byte_size,
    Upload.width,
    Upload.height,
    Upload.thumbnail_for,
    Upload.message_id,
    Upload.expires_at,
).where(Upload.owner_id == Param("owner"))
MINE = Query(_MINE.where(Upload.id.in_(IdList("ids"))), UploadRow)
THUMBNAILS_FOR = Query(_MINE.where(Upload.thumbnail_for.in_(IdList("ids"))), UploadRow)
CANCEL = Command(
    Upload.delete().where(Upload.id == Param("id"), Upload.owner_id == Param("owner"), Upload.message_id.is_null())
)
SET_THUMBNAIL = Command(
    Attachment.update(
        {
            Attachment.state: Param("state"),
            Attachment.blurhash: Param("blurhash"),
            Attachment.thumbnail_key: Param("key"),
            Attachment.thumbnail_width: Param("width"),
            Attachment.thumbnail_height: Param("height"),
        }
    ).where(Attachment.message_id == Param("message"), Attachment.position == Param("position"))
)


def of_messages(transaction: Transaction, message_ids: Iterable[int]) -> dict[int, list[AttachmentRow]]:
    """The files of each message, by position."""
    files: dict[int, list[AttachmentRow]] = {}
    for row in transaction.all(OF_MESSAGES, ids=id_list(message_ids)):
        files.setdefault(row.message_id, []).append(row)
    return files


def delete_expired(transaction: Transaction, now: int) -> int:
    """Deletes the rows of up to 100 expired uploads and returns how many; their bytes stay in the storage."""
    return transaction.run(DELETE_PENDING, ids=id_list(row.id for row in transaction.all(EXPIRED, now=now)))


def unused(transaction: Transaction, keys: Iterable[str]) -> list[str]:
    """The keys that no row refers to, sorted."""
    wanted = set(keys)
    return sorted(wanted - set(transaction.values(KNOWN_KEYS, keys=text_list(wanted)))) if wanted else []
