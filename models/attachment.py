"""Files: staged ones that wait for their message, and those that a message carries."""

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
    """Bytes that lie in the storage and belong to their uploader until one message claims them."""

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
    """A file of a message, at its position: 0, 1, 2 … as the sender ordered them."""

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
    """Whether all is known of a file."""

    PROCESSING = 0  # its thumbnail is being made
    READY = 1
    FAILED = 2  # there will be no thumbnail; the file itself is good


class AttachmentRow(NamedTuple):
    """A file as it is stored; `width` and `height` in pixels, None where the content has none."""

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
    """A staged file of its owner's; `message_id` is the message that has claimed it."""

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


class StagedRow(NamedTuple):
    """A staged file that nobody claimed in time."""

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

PUT_UPLOAD = Command(
    Upload.insert(
        {
            Upload.id: Param("id"),
            Upload.owner_id: Param("owner"),
            Upload.expires_at: Param("expires_at"),
            Upload.thumbnail_for: Param("thumbnail_for"),
            **{getattr(Upload, name): Param(name) for name in _CONTENT},
        }
    )
)
# The row count is the answer: each of these files is the sender's and unused.
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
# Without what makes it a picture, a film or sound: to be saved, and not shown.
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
# The right to see a file is the right to see its message.
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
# Newest first, inside one message by position from the last; both bounds are exclusive.
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
    StagedRow,
)
PENDING_KEYS = Value[str](
    Upload.select(Upload.storage_key).where(Upload.id.in_(IdList("ids")), Upload.message_id.is_null())
)
DELETE_STAGED = Command(Upload.delete().where(Upload.id.in_(IdList("ids")), Upload.message_id.is_null()))
DELETE = Command(Attachment.delete().where(Attachment.message_id == Param("message")))
DELETE_UPLOADS = Command(Upload.delete().where(Upload.message_id == Param("message")))
UPLOAD_KEYS = Value[str](Upload.select(Upload.storage_key).where(Upload.message_id == Param("message")))
_OF_UPLOADS = Upload.select(Upload.storage_key).where(Upload.storage_key.in_(IdList("keys")))
_OF_FILES = Attachment.select(Attachment.storage_key).where(Attachment.storage_key.in_(IdList("keys")))
_OF_THUMBNAILS = Attachment.select(Attachment.thumbnail_key).where(Attachment.thumbnail_key.in_(IdList("keys")))
# Those of the keys that anything still points at: a pending file, a message, a thumbnail, a message that was deleted.
_OF_DELETED = DeletedFile.select(DeletedFile.storage_key).where(DeletedFile.storage_key.in_(IdList("keys")))
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
    """The files of each message, in their order."""
    files: dict[int, list[AttachmentRow]] = {}
    for row in transaction.all(OF_MESSAGES, ids=id_list(message_ids)):
        files.setdefault(row.message_id, []).append(row)
    return files


def delete_expired(transaction: Transaction, now: int) -> int:
    """Deletes up to 100 pending files past their time, and returns how many; bytes that nobody has now stay."""
    return transaction.run(DELETE_STAGED, ids=id_list(row.id for row in transaction.all(EXPIRED, now=now)))


def unused(transaction: Transaction, keys: Iterable[str]) -> list[str]:
    """Those of the keys that nothing points at."""
    wanted = set(keys)
    return sorted(wanted - set(transaction.values(KNOWN_KEYS, keys=text_list(wanted)))) if wanted else []
