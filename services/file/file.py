"""Files: received with a request, attached by upload ID, or stored for a message."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.attachment import NewUploadRow, UploadRow
from services.file import media_type
from services.file.media_type import AttachmentKind
from services.rejection import AttachmentRejectionReason
from storage.temp_file import TempFile


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
