"""Files: received with a request, attached by upload ID, stored for a message, or downloaded."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.attachment import AttachmentRow, NewUploadRow, UploadRow
from models.base import now_ms
from services.file import media_type
from services.file.media_type import AttachmentKind
from services.file.picture import THUMBNAIL_MIME_TYPE
from services.rejection import AttachmentRejectionReason
from storage.base import TempFile


@dataclass(slots=True, eq=False)
class ReceivedFile:
    """A file of a multipart request, in a temp file; `rejection` says why it cannot be attached."""

    filename: str
    temp_file: TempFile | None = None
    byte_size: int = 0
    sha256: str = ""
    mime_type: str = media_type.OCTET_STREAM
    rejection: tuple[AttachmentRejectionReason, str] | None = None
    duration_ms: int | None = None
    frame: tuple[int, int] | None = None  # of a video: width and height in pixels

    @property
    def kind(self) -> AttachmentKind:
        """By the content, as it was detected."""
        return media_type.kind_of(self.mime_type)


@dataclass(frozen=True, slots=True)
class AttachedUpload:
    """A ready upload that a message refers to."""

    upload_id: int


@dataclass(frozen=True, slots=True)
class ResolvedUpload:
    """An upload that a message refers to: its row, if it is ready, and why it cannot be attached."""

    upload_id: int
    row: UploadRow | None
    rejection: tuple[AttachmentRejectionReason, str] | None

    @property
    def filename(self) -> str:
        """As given when the upload was created."""
        return "" if self.row is None else self.row.filename

    @property
    def sha256(self) -> str:
        """Identifies the file when a request is repeated: the upload ID stands for the content."""
        return f"upload:{self.upload_id}"

    @property
    def kind(self) -> AttachmentKind:
        """By the content, as it was detected."""
        return media_type.kind_of("" if self.row is None else self.row.mime_type)


AttachedFile = ReceivedFile | AttachedUpload
ResolvedFile = ReceivedFile | ResolvedUpload


@dataclass(frozen=True, slots=True)
class StoredFiles:
    """The files of a message, whose bytes are all in the storage; `upload_ids` in the order of the message.

    `new_rows` are the files that came with the request: the transaction of the send inserts them. `whole_keys` are the
    keys of equal bytes that are stored already.
    """

    upload_ids: Sequence[int] = ()
    picture_ids: frozenset[int] = frozenset()
    new_rows: Sequence[NewUploadRow] = ()
    whole_keys: frozenset[str] = frozenset()

    @property
    def new_keys(self) -> list[str]:
        """The keys of the files that came with the request."""
        return [row.storage_key for row in self.new_rows]


@dataclass(frozen=True, slots=True)
class Download:
    """A file that the bearer of a URL may read now; `is_inline` only for decoded pictures, if requested."""

    row: AttachmentRow
    is_inline: bool
    expires_at: int  # of the URL, in s since 1970
    thumbnail_bytes: int | None = None  # the size of the thumbnail, if it is requested

    @property
    def seconds_left(self) -> int:
        """How long the URL is still valid."""
        return max(0, self.expires_at - now_ms() // 1000)

    @property
    def storage_key(self) -> str:
        """The key of the bytes."""
        return self.row.storage_key if self.thumbnail_bytes is None else self.row.thumbnail_key or ""

    @property
    def byte_size(self) -> int:
        """The number of bytes."""
        return self.row.byte_size if self.thumbnail_bytes is None else self.thumbnail_bytes

    @property
    def mime_type(self) -> str:
        """The MIME type of the bytes."""
        return self.row.mime_type if self.thumbnail_bytes is None else THUMBNAIL_MIME_TYPE

    @property
    def etag(self) -> str:
        """Identifies these bytes and no others."""
        return self.row.sha256.hex() if self.thumbnail_bytes is None else self.storage_key
