"""Files on their way: received with a request or uploaded before, stored and waiting for their rows, or going out."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.attachment import AttachmentRow, NewUploadRow, UploadRow
from services.file import media_type
from services.file.media_type import AttachmentKind
from services.file.picture import THUMBNAIL_MIME_TYPE
from services.rejection import AttachmentRejectionReason
from storage.base import TempFile


@dataclass(slots=True, eq=False)
class ReceivedFile:
    """A part of a request, on the disk and in nobody's message yet; `rejection` says why it cannot be attached."""

    filename: str
    temp_file: TempFile | None = None
    byte_size: int = 0
    sha256: str = ""
    mime_type: str = media_type.OCTET_STREAM
    rejection: tuple[AttachmentRejectionReason, str] | None = None
    duration_ms: int | None = None
    frame: tuple[int, int] | None = None  # of a film: width and height in pixels

    @property
    def kind(self) -> AttachmentKind:
        """By the content, as it was detected."""
        return media_type.kind_of(self.mime_type)


@dataclass(frozen=True, slots=True)
class AttachedUpload:
    """A finished upload that a message names."""

    upload_id: int


@dataclass(frozen=True, slots=True)
class ResolvedUpload:
    """What a message finds under the id of an upload: its row, if it is ready, and why it cannot be attached."""

    upload_id: int
    row: UploadRow | None
    rejection: tuple[AttachmentRejectionReason, str] | None

    @property
    def filename(self) -> str:
        """As it was given when the upload began."""
        return "" if self.row is None else self.row.filename

    @property
    def sha256(self) -> str:
        """What makes a repeated request the same: the upload, whatever it holds."""
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

    `new_rows` are of those that came with the request: the transaction of the send puts them. `whole_keys` are where
    equal bytes can be relied upon.
    """

    upload_ids: Sequence[int] = ()
    picture_ids: frozenset[int] = frozenset()
    new_rows: Sequence[NewUploadRow] = ()
    whole_keys: frozenset[str] = frozenset()

    @property
    def new_keys(self) -> list[str]:
        """Where the bytes are that came with the request."""
        return [row.storage_key for row in self.new_rows]


@dataclass(frozen=True, slots=True)
class Download:
    """A file that the bearer of a URL may read now; `is_inline` only for a decoded picture asked for as such."""

    row: AttachmentRow
    is_inline: bool
    thumbnail_bytes: int | None = None  # the size of the thumbnail, where that is what was asked for

    @property
    def storage_key(self) -> str:
        """Where the bytes are."""
        return self.row.storage_key if self.thumbnail_bytes is None else self.row.thumbnail_key or ""

    @property
    def byte_size(self) -> int:
        """How many there are."""
        return self.row.byte_size if self.thumbnail_bytes is None else self.thumbnail_bytes

    @property
    def mime_type(self) -> str:
        """What they are."""
        return self.row.mime_type if self.thumbnail_bytes is None else THUMBNAIL_MIME_TYPE

    @property
    def etag(self) -> str:
        """What names these bytes and no others."""
        return self.row.sha256.hex() if self.thumbnail_bytes is None else self.storage_key
