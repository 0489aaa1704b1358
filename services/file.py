"""Files on their way: received and in nobody's message yet, kept and waiting to be claimed, or going out."""

from dataclasses import dataclass, field

from models.attachment import AttachmentRow
from services import media_type
from services.error import AttachmentRejectionReason
from services.media_type import AttachmentKind
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

    @property
    def kind(self) -> AttachmentKind:
        """By the content, as it was detected."""
        return media_type.kind_of(self.mime_type)


@dataclass(slots=True)
class KeptFiles:
    """Files whose bytes are in the storage and whose rows are staged, in the order of the message."""

    upload_ids: list[int] = field(default_factory=list)
    storage_keys: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Download:
    """A file that the bearer of a URL may read now; `is_inline` only for a decoded picture asked for as such."""

    row: AttachmentRow
    is_inline: bool
