"""Files: staged ones that wait for their message, and those that a message carries."""

from collections.abc import Iterable
from typing import NamedTuple

from peewee import BigIntegerField, BlobField, CompositeKey, Expression, IntegerField, TextField, fn

from models.base import SEQ_BITS, Base
from models.hidden import Hidden
from models.member import Member
from models.prepared import IdList, Param, Prepared, id_list
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

    class Meta:
        primary_key = CompositeKey("message_id", "position")


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
)
IS_SHOWN = ~fn.EXISTS(
    Hidden.select(Hidden.message_id).where(
        Hidden.user_id == Param("viewer"), Hidden.message_id == Attachment.message_id
    )
)
_CONTENT = ("storage_key", "kind", "filename", "mime_type", "byte_size", "sha256", "width", "height", "is_animated")

PUT_UPLOAD = Prepared[StagedRow](
    Upload.insert(
        {
            Upload.id: Param("id"),
            Upload.owner_id: Param("owner"),
            Upload.expires_at: Param("expires_at"),
            **{getattr(Upload, name): Param(name) for name in _CONTENT},
        }
    )
)
# The row count is the answer: each of these files is the sender's and unused.
CLAIM = Prepared[StagedRow](
    Upload.update({Upload.message_id: Param("message")}).where(
        Upload.id.in_(IdList("ids")), Upload.owner_id == Param("owner"), Upload.message_id.is_null()
    )
)
PUT = Prepared[AttachmentRow](
    Attachment.insert_from(
        Upload.select(Param("message"), Param("position"), *(getattr(Upload, name) for name in _CONTENT)).where(
            Upload.id == Param("upload")
        ),
        [Attachment.message_id, Attachment.position, *(getattr(Attachment, name) for name in _CONTENT)],
    )
)
OF_MESSAGES = Prepared(
    Attachment.select(*_ALL)
    .where(Attachment.message_id.in_(IdList("ids")))
    .order_by(Attachment.message_id, Attachment.position),
    AttachmentRow,
)
# The right to see a file is the right to see its message.
VISIBLE = Prepared(
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
IN_CONVERSATION = Prepared(
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
EXPIRED = Prepared(
    Upload.select(Upload.id, Upload.storage_key)
    .where(Upload.message_id.is_null(), Upload.expires_at < Param("now"))
    .order_by(Upload.expires_at)
    .limit(100),
    StagedRow,
)
DELETE_STAGED = Prepared[StagedRow](Upload.delete().where(Upload.id.in_(IdList("ids")), Upload.message_id.is_null()))
DELETE = Prepared[AttachmentRow](Attachment.delete().where(Attachment.message_id == Param("message")))
# Several messages may share bytes: those of the keys that some message still has.
IN_USE = Prepared[AttachmentRow](
    Attachment.select(Attachment.storage_key).where(Attachment.storage_key.in_(IdList("keys")))
)
DELETE_UPLOADS = Prepared[StagedRow](Upload.delete().where(Upload.storage_key.in_(IdList("keys"))))
KNOWN_KEYS = Prepared[StagedRow](Upload.select(Upload.storage_key).where(Upload.storage_key.in_(IdList("keys"))))


def of_messages(transaction: Transaction, message_ids: Iterable[int]) -> dict[int, list[AttachmentRow]]:
    """The files of each message, in their order."""
    files: dict[int, list[AttachmentRow]] = {}
    for row in transaction.all(OF_MESSAGES, ids=id_list(message_ids)):
        files.setdefault(row.message_id, []).append(row)
    return files


def take_expired(transaction: Transaction, now: int) -> list[StagedRow]:
    """Deletes up to 100 staged files past their time and returns them: their bytes are the caller's to delete."""
    rows = transaction.all(EXPIRED, now=now)
    transaction.run(DELETE_STAGED, ids=id_list(row.id for row in rows))
    return rows
