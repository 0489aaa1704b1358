"""Files on their way: received and in nobody's message yet, kept and waiting to be claimed, or going out."""

from dataclasses import dataclass, field

from models.attachment import AttachmentRow, UploadRow
from services.file import media_type
from services.file.media_type import AttachmentKind
from services.file.picture import THUMBNAIL_MIME_TYPE
from services.rejection import AttachmentRejectionReason
from storage.base import StagedFile


@dataclass(slots=True, eq=False)
class ReceivedFile:
    """A part of a request, on the disk and in nobody's message yet; `rejection` says why it cannot be attached."""

    filename: str
    staged: StagedFile | None = None
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


@dataclass(slots=True, eq=False)
class ChosenUpload:
    """A finished upload that a message names; `row` is None where the viewer has none of this id."""

    upload_id: int
    row: UploadRow | None = None
    rejection: tuple[AttachmentRejectionReason, str] | None = None

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


ChosenFile = ReceivedFile | ChosenUpload


@dataclass(slots=True)
class KeptFiles:
    """Files whose bytes are in the storage and whose rows are staged, in the order of the message.

    `own_ids` are those that the send itself has staged, and takes back when it fails; the others stay their owner's.
    """

    upload_ids: list[int] = field(default_factory=list)
    own_ids: list[int] = field(default_factory=list)
    storage_keys: list[str] = field(default_factory=list)
    picture_ids: set[int] = field(default_factory=set)
    are_as_files: bool = False  # to be saved and not shown: no picture, no film, no sound


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
