"""Downloads: files and thumbnails by signed URLs, for those who may still see them."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass

from models import attachment as attachments
from models import user as users
from models.attachment import AttachmentRow
from models.base import now_ms
from models.message import MessageKind
from models.transaction import Transaction
from services.cursor import Signer
from services.error import BadRequest, CursorInvalid, NotFound, ServerUnavailable
from services.file.picture import THUMBNAIL_MIME_TYPE
from services.guard import GuardedDatabase
from services.limit import Limits
from services.viewer import Viewer
from storage.base import Storage, StorageError, StorageNotFound
from storage.local_file import LocalFile

PRESIGNED_SECONDS = 60  # during which access is not checked again
MOST_SIZES = 10_000  # that are remembered


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


class DownloadService:
    """Signs URLs of files, and opens and reads what they name."""

    def __init__(self, database: GuardedDatabase, storage: Storage, signer: Signer, limits: Limits) -> None:
        self._database = database
        self._storage = storage
        self._signer = signer
        self._limits = limits
        self._sizes: dict[str, int] = {}  # of thumbnails, by key: stored bytes never change

    def url_path(
        self,
        viewer: Viewer,
        row: AttachmentRow,
        expires_in_seconds: int,
        *,
        inline: bool,
        is_thumbnail: bool = False,
    ) -> str:
        """The signed path of a file or its thumbnail for this viewer; the limit caps `expires_in_seconds`.

        It is valid for at least that long and at most twice as long, and is the same for that long, so that browsers
        can cache what they have downloaded. Raises BadRequest for less than a second.
        """
        if expires_in_seconds < 1:
            raise BadRequest(f"`expiresInSeconds` must be at least 1; it is {expires_in_seconds}.")
        life = min(expires_in_seconds, self._limits.url_life_seconds)
        expires_at = _expiry_of(now_ms() // 1000, life, row.message_id)
        numbers = (viewer.user_id, row.message_id, row.position, expires_at, inline + 2 * is_thumbnail)
        return f"/files/{self._signer.sign('file', 0, *numbers)}"

    async def open(self, token: str) -> Download:
        """The file of a signed path, if its viewer may still see it.

        Raises the same NotFound if the path was changed or has expired, the message is no longer visible, or the
        account is not active.
        """
        try:
            viewer_id, message_id, position, expires_at, form = self._signer.verify("file", 0, token, 5)
        except CursorInvalid:
            raise NotFound("There is no such file.") from None
        row = await self._database.read(_find_for, viewer_id, message_id, position)
        if row is None or expires_at < now_ms() / 1000:
            raise NotFound("There is no such file.")
        if form & 2:
            thumbnail_bytes = await self._size_of(row.thumbnail_key)
            return Download(row, is_inline=True, expires_at=expires_at, thumbnail_bytes=thumbnail_bytes)
        is_picture = row.kind == MessageKind.IMAGE and row.width is not None
        return Download(row, is_inline=bool(form & 1) and is_picture, expires_at=expires_at)

    async def _size_of(self, key: str | None) -> int:
        if key is None:
            raise NotFound("There is no such file.")
        size = self._sizes.get(key)
        if size is None:
            with _failing():
                size = await self._storage.size_of(key)
            if len(self._sizes) >= MOST_SIZES:
                self._sizes.clear()
            self._sizes[key] = size
        return size

    async def presigned(self, download: Download) -> str | None:
        """A URL of the storage itself, valid for a minute; None if it has no such URLs. Raises ServerUnavailable."""
        with _failing():
            return await self._storage.presigned(download.storage_key, PRESIGNED_SECONDS)

    async def read(self, download: Download, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """The bytes from `start` to `end`, exclusive; raises ServerUnavailable, and NotFound before the first byte."""
        with _failing():
            async with aclosing(self._storage.read(download.storage_key, start, end)) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def open_file(self, download: Download, start: int, end: int) -> LocalFile | None:
        """See `Storage.open_file`; raises NotFound and ServerUnavailable."""
        with _failing():
            return await self._storage.open_file(download.storage_key, start, end)


@contextmanager
def _failing() -> Iterator[None]:
    """Turns the errors of the storage into NotFound and ServerUnavailable."""
    try:
        yield
    except StorageNotFound:
        raise NotFound("There is no such file.") from None
    except StorageError as error:
        raise ServerUnavailable("The file cannot be read just now.") from error


def _find_for(tx: Transaction, viewer_id: int, message_id: int, position: int) -> AttachmentRow | None:
    if tx.value(users.STATE, id=viewer_id) != users.ACTIVE:
        return None
    return tx.first(attachments.VISIBLE, viewer=viewer_id, message=message_id, position=position)


def _expiry_of(now: int, life: int, phase: int) -> int:
    """The time (s since 1970) at which a URL requested now expires: one to two lives ahead, and constant for one life.

    `phase` keeps the URLs of different messages from changing in the same second.
    """
    shifted = now + phase % life
    return (shifted // life + 2) * life - phase % life
