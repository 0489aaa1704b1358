"""Attachments: the types for files of messages and lists of them, and the input that attaches one."""

from enum import Enum
from typing import TYPE_CHECKING, Annotated

import strawberry

from gql.connection import Connection, Edge
from gql.enum import described
from gql.id import Kind, encode, number_of
from gql.node import Info, Node, given
from gql.scalar import URL, ByteSize, Upload
from models.attachment import AttachmentRow, FileState
from models.message import MessageKind
from services.file.file import AttachedFile, AttachedUpload, ReceivedFile
from services.file.media_type import AttachmentKind

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
    url: URL = strawberry.field(
        description="A signed URL for this viewer, like `Attachment.url` with the maximum lifetime."
    )
    width: int = strawberry.field(description="The width of the image in pixels.")
    height: int = strawberry.field(description="The height of the image in pixels.")


@strawberry.type(description="A file attached to a message. It is deleted with its message.")
class Attachment(Node):
    """Built from an AttachmentRow; whoever may see the message may see it."""

    kind: AttachmentKind = strawberry.field(description="The kind of file, detected from its content.")
    filename: str = strawberry.field(
        description="The file name given by the sender, without a path or control characters."
    )
    mime_type: str = strawberry.field(description="The media type, detected from the content.")
    byte_size: ByteSize = strawberry.field(description="The size of the file in bytes.")
    sha256: str = strawberry.field(
        description="The SHA-256 of the stored file, as 64 lowercase hexadecimal digits. It differs from the "
        "original's if the server removed metadata from an image."
    )
    width: int | None = strawberry.field(
        description="The display width in pixels. Null unless the file is an image or a video of known size; always "
        "null for files sent with `type: FILE`."
    )
    height: int | None = strawberry.field(
        description="The display height in pixels. Null unless the file is an image or a video of known size; always "
        "null for files sent with `type: FILE`."
    )
    is_animated: bool | None = strawberry.field(
        description="Whether the image is animated. Null unless the file is an image; always null for files sent with "
        "`type: FILE`."
    )
    state: FileState = strawberry.field(
        description="Whether the server has finished processing the file. Thumbnails are made after sending."
    )
    duration_seconds: float | None = strawberry.field(
        description="The duration in seconds. Null if neither the file nor its sender states one."
    )
    blurhash: str | None = strawberry.field(
        description="A BlurHash to show while the image loads. Null unless the server has made a thumbnail of the file."
    )
    row: strawberry.Private[AttachmentRow]

    @classmethod
    def of(cls, row: AttachmentRow) -> "Attachment":
        return cls(
            id=encode(Kind.ATTACHMENT, row.message_id, row.position),
            kind=KIND_OF[row.kind],
            filename=row.filename,
            mime_type=row.mime_type,
            byte_size=ByteSize(row.byte_size),
            sha256=row.sha256.hex(),
            width=row.width,
            height=row.height,
            is_animated=None if row.is_animated is None else bool(row.is_animated),
            state=FileState(row.state),
            duration_seconds=None if row.duration_ms is None else row.duration_ms / 1000,
            blurhash=row.blurhash,
            row=row,
        )

    @strawberry.field(
        description="A small preview image: a WebP made by the server, or an image supplied by the sender. Null until "
        "`state` is READY, and if the file has none."
    )
    def thumbnail(self, info: Info) -> "Thumbnail | None":
        """Reads nothing."""
        row = self.row
        if row.thumbnail_key is None or row.thumbnail_width is None or row.thumbnail_height is None:
            return None
        context = info.context
        seconds = context.services.limits.url_life_seconds
        path = context.services.attachment.url_path(context.signed_in(), row, seconds, inline=True, is_thumbnail=True)
        url = URL(f"{context.base_url}{path}")
        return Thumbnail(url=url, width=row.thumbnail_width, height=row.thumbnail_height)

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
        files = context.services.attachment
        seconds = context.services.limits.url_life_seconds if expires_in_seconds is None else expires_in_seconds
        path = files.url_path(
            context.signed_in(), self.row, seconds, inline=disposition is not ContentDisposition.ATTACHMENT
        )
        return URL(f"{context.base_url}{path}")


@strawberry.type(description="An edge of a list of files: a file with its message.")
class AttachmentEdge(Edge[Attachment]):
    node: Attachment = strawberry.field(description="The file of this edge.")
    message: Annotated["Message", strawberry.lazy("gql.message")] = strawberry.field(
        description="The message that the file is attached to."
    )


@strawberry.type(description="A page of a conversation's files.")
class AttachmentConnection(Connection[AttachmentEdge, Attachment]):
    edges: list[AttachmentEdge] = strawberry.field(description="The edges of this page, with cursors and messages.")
    nodes: list[Attachment] = strawberry.field(description="The files of this page.")


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
