"""Attachments: the types for files of messages and lists of them, and the input that attaches one."""

from enum import Enum
from typing import TYPE_CHECKING, Annotated, TypeAlias

import strawberry

from gql.connection import Connection, Edge, cursor_field, page_info_field
from gql.enum import described
from gql.id import Kind, encode, number_of
from gql.loader import type_of
from gql.node import Info, Node, given
from gql.scalar import URL, ByteSize, Upload
from models.attachment import AttachmentRow, FileState
from models.message import MessageKind
from services.file.file import AttachedFile, AttachedUpload, ReceivedFile
from services.file.media_type import AttachmentKind
from services.message.message_view import MessageView

if TYPE_CHECKING:
    from gql.message import Message

described(
    AttachmentKind,
    "AttachmentKind",
    "The kind of a file, detected from its content, not its name.",
    {
        "IMAGE": "A PNG, JPEG, GIF or WebP image that the server can decode.",
        "VIDEO": "A video, such as MP4 or WebM.",
        "AUDIO": "An audio file.",
        "FILE": "Anything else, and every file of a message that was sent with `type: FILE`.",
    },
)
KIND_OF = {
    int(MessageKind.IMAGE): AttachmentKind.IMAGE,
    int(MessageKind.VIDEO): AttachmentKind.VIDEO,
    int(MessageKind.AUDIO): AttachmentKind.AUDIO,
    int(MessageKind.FILE): AttachmentKind.FILE,
}


FileItem: TypeAlias = tuple[AttachmentRow, MessageView]


@strawberry.enum(description="Whether a browser shows or saves a file.")
class ContentDisposition(Enum):
    """RFC 6266."""

    INLINE = strawberry.enum_value(
        "inline", description="Show it in the browser. Applies only to images; other files are always saved."
    )
    ATTACHMENT = strawberry.enum_value("attachment", description="Save it under its `filename`.")


described(
    FileState,
    "AttachmentState",
    "Whether the server has finished processing a file.",
    {
        "PROCESSING": "The thumbnail is being made. The file can already be downloaded; a `MessageUpdated` event with "
        "ATTACHMENTS follows.",
        "READY": "Processing is complete.",
        "FAILED": "No thumbnail could be made. The file can still be downloaded.",
    },
)


@strawberry.type(description="A small preview image of a file.")
class Thumbnail:
    row: strawberry.Private[AttachmentRow]
    size: strawberry.Private[tuple[int, int]]

    @strawberry.field(description="A signed URL for this viewer, like `Attachment.url` with the maximum lifetime.")
    def url(self, info: Info) -> URL:
        context = info.context
        seconds = context.services.limits.url_life_seconds
        url_path = context.services.download.url_path
        path = url_path(context.signed_in(), self.row, seconds, inline=True, is_thumbnail=True)
        return URL(f"{context.base_url}{path}")

    @strawberry.field(description="The width of the image in pixels.")
    def width(self) -> int:
        return self.size[0]

    @strawberry.field(description="The height of the image in pixels.")
    def height(self) -> int:
        return self.size[1]


@strawberry.type(description="A file attached to a message. It is deleted with its message.")
class Attachment(Node):
    """Shows an AttachmentRow; whoever may see the message may see it."""

    row: strawberry.Private[AttachmentRow]

    def global_id(self) -> strawberry.ID:
        return encode(Kind.ATTACHMENT, self.row.message_id, self.row.position)

    @strawberry.field(description="The kind of file, detected from its content.")
    def kind(self) -> AttachmentKind:
        return KIND_OF[self.row.kind]

    @strawberry.field(description="The file name given by the sender, without a path or control characters.")
    def filename(self) -> str:
        return self.row.filename

    @strawberry.field(description="The media type, detected from the content.")
    def mime_type(self) -> str:
        return self.row.mime_type

    @strawberry.field(description="The size of the file in bytes.")
    def byte_size(self) -> ByteSize:
        return ByteSize(self.row.byte_size)

    @strawberry.field(
        description="The SHA-256 of the stored file, as 64 lowercase hexadecimal digits. It differs from the "
        "original's if the server removed metadata from an image."
    )
    def sha256(self) -> str:
        return self.row.sha256.hex()

    @strawberry.field(
        description="The display width in pixels. Null unless the file is an image or a video of known size; always "
        "null for files sent with `type: FILE`."
    )
    def width(self) -> int | None:
        return self.row.width

    @strawberry.field(
        description="The display height in pixels. Null unless the file is an image or a video of known size; always "
        "null for files sent with `type: FILE`."
    )
    def height(self) -> int | None:
        return self.row.height

    @strawberry.field(
        description="Whether the image is animated. Null unless the file is an image; always null for files sent with "
        "`type: FILE`."
    )
    def is_animated(self) -> bool | None:
        return None if self.row.is_animated is None else bool(self.row.is_animated)

    @strawberry.field(
        description="Whether the server has finished processing the file. Thumbnails are made after sending."
    )
    def state(self) -> FileState:
        return FileState(self.row.state)

    @strawberry.field(description="The duration in seconds. Null if neither the file nor its sender states one.")
    def duration_seconds(self) -> float | None:
        return None if self.row.duration_ms is None else self.row.duration_ms / 1000

    @strawberry.field(
        description="A BlurHash to show while the image loads. Null unless the server has made a thumbnail of the file."
    )
    def blurhash(self) -> str | None:
        return self.row.blurhash

    @strawberry.field(
        description="A small preview image: a WebP made by the server, or an image supplied by the sender. Null until "
        "`state` is READY, and if the file has none."
    )
    def thumbnail(self) -> Thumbnail | None:
        row = self.row
        if row.thumbnail_key is None or row.thumbnail_width is None or row.thumbnail_height is None:
            return None
        return Thumbnail(row=row, size=(row.thumbnail_width, row.thumbnail_height))

    @strawberry.field(
        description="A signed URL with which this viewer can download the file; it supports Range requests. The field "
        "returns the same URL for up to `expiresInSeconds`, so that browsers can cache the file, and the URL works for "
        "one to two times as long. It stops working at once if the viewer can no longer see the message; a browser's "
        "cache may show the file for up to five minutes more. Null only if an error occurs."
    )
    def url(
        self,
        info: Info,
        expires_in_seconds: Annotated[
            int | None,
            strawberry.argument(
                description="The minimum number of seconds for which the URL works: at least 1, and reduced to "
                "`ServerLimits.urlLifetimeSeconds` if larger. 300 if omitted, the maximum if null."
            ),
        ] = 300,
        disposition: Annotated[
            ContentDisposition | None,
            strawberry.argument(description="Whether a browser shows or saves the file. INLINE if omitted or null."),
        ] = ContentDisposition.INLINE,
    ) -> URL | None:
        """Reads nothing."""
        context = info.context
        files = context.services.download
        seconds = context.services.limits.url_life_seconds if expires_in_seconds is None else expires_in_seconds
        path = files.url_path(
            context.signed_in(), self.row, seconds, inline=disposition is not ContentDisposition.ATTACHMENT
        )
        return URL(f"{context.base_url}{path}")


@strawberry.type(description="An edge of a list of files: a file with its message.")
class AttachmentEdge(Edge[FileItem]):
    cursor = cursor_field()

    @strawberry.field(description="The file of this edge.")
    def node(self) -> Attachment:
        return Attachment(row=self.view[0])

    @strawberry.field(description="The message that the file is attached to.")
    def message(self) -> Annotated["Message", strawberry.lazy("gql.message")]:
        message: Message = type_of(self.view[1])
        return message


@strawberry.type(description="A page of a conversation's files.")
class AttachmentConnection(Connection[FileItem]):
    @strawberry.field(description="The edges of this page, with cursors and messages.")
    def edges(self) -> list[AttachmentEdge]:
        return [AttachmentEdge(view=item, cursor_of=self.cursor_of) for item in self.page.items]

    @strawberry.field(description="The files of this page.")
    def nodes(self) -> list[Attachment]:
        return [Attachment(row=row) for row, _message in self.page.items]

    page_info = page_info_field()


@strawberry.input(one_of=True, description="A file to attach: exactly one of `file` or `uploadId`.")
class AttachmentInput:
    file: Upload | None = strawberry.field(
        default=strawberry.UNSET,
        description="A file in this request, as defined by the GraphQL multipart request specification.",
    )
    upload_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET,
        description="The id of one of the viewer's finished uploads, from `createUpload`. Each upload can be attached "
        "only once.",
    )

    def to_file(self) -> AttachedFile:
        """The received part or the upload; the schema ensures that there is exactly one."""
        upload_id = given(self.upload_id)
        if upload_id is not None:
            return AttachedUpload(number_of(Kind.UPLOAD, upload_id))
        received: ReceivedFile = given(self.file)
        return received
