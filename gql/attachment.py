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
    "What a file is, by its content and never by its name.",
    {
        "IMAGE": "A PNG, JPEG, GIF or WebP that was decoded.",
        "VIDEO": "A moving picture.",
        "AUDIO": "Sound.",
        "FILE": "Anything else, and whatever was sent as a file (`type` FILE of the send).",
    },
)
KIND_OF = {
    int(MessageKind.IMAGE): AttachmentKind.IMAGE,
    int(MessageKind.VIDEO): AttachmentKind.VIDEO,
    int(MessageKind.AUDIO): AttachmentKind.AUDIO,
    int(MessageKind.FILE): AttachmentKind.FILE,
}


@strawberry.enum(description="What a browser should do with a file.")
class ContentDisposition(Enum):
    """RFC 6266."""

    INLINE = strawberry.enum_value(
        "inline", description="Show it in the page; only pictures are, everything else is saved all the same."
    )
    ATTACHMENT = strawberry.enum_value("attachment", description="Save it under its name.")


described(
    FileState,
    "AttachmentState",
    "Whether all is known of a file.",
    {
        "PROCESSING": "Its thumbnail is being made; `MessageUpdated` with ATTACHMENTS follows. The file can be read.",
        "READY": "All is there.",
        "FAILED": "There will be no thumbnail. The file can be read.",
    },
)


@strawberry.type(description="A small picture of a file.")
class Thumbnail:
    url: URL = strawberry.field(description="Where to read it: signed as the file's own URL.")
    width: int = strawberry.field(description="The width in pixels.")
    height: int = strawberry.field(description="The height in pixels.")


@strawberry.type(description="A file of a message. It is there as long as its message is.")
class Attachment(Node):
    """Built from an AttachmentRow; whoever may see the message may see it."""

    kind: AttachmentKind = strawberry.field(description="What it is, by its content.")
    filename: str = strawberry.field(description="The name that its sender gave it, cleaned: no path, one line.")
    mime_type: str = strawberry.field(description="The media type, by its content.")
    byte_size: ByteSize = strawberry.field(description="The size in bytes.")
    sha256: str = strawberry.field(description="The SHA-256 of the bytes, as 64 lower-case hexadecimal digits.")
    width: int | None = strawberry.field(
        description="The width in pixels, as shown; null where it is no picture or film, or went as a file."
    )
    height: int | None = strawberry.field(
        description="The height in pixels, as shown; null where it is no picture or film, or went as a file."
    )
    is_animated: bool | None = strawberry.field(
        description="Whether a picture moves; null where it is no picture, or was sent as a file."
    )
    state: FileState = strawberry.field(description="Whether all is known of it: a picture's thumbnail comes later.")
    duration_seconds: float | None = strawberry.field(
        description="How long it lasts; null where its container does not say, and its sender did not."
    )
    blurhash: str | None = strawberry.field(
        description="A BlurHash of a picture, to show until it has come; null until `state` is READY."
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

    @strawberry.field(description="A small WebP of a picture, or what its sender gave; null until `state` is READY.")
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
        description="Where to read the file: signed, short-lived, for this viewer. The right to see the message is "
        "asked again when it is used. It answers Range requests."
    )
    def url(
        self,
        info: Info,
        expires_in_seconds: Annotated[
            int | None,
            strawberry.argument(
                description="How many seconds it works: at least 1; more than the server's limit is cut to it."
            ),
        ] = 300,
        disposition: Annotated[
            ContentDisposition | None, strawberry.argument(description="Whether a browser shows or saves it.")
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


@strawberry.type(description="A file in a list of a conversation's files.")
class AttachmentEdge(Edge[Attachment]):
    node: Attachment = strawberry.field(description="The file.")
    message: Annotated["Message", strawberry.lazy("gql.message")] = strawberry.field(
        description="The message that it came with."
    )


@strawberry.type(description="A list of files.")
class AttachmentConnection(Connection[AttachmentEdge, Attachment]):
    edges: list[AttachmentEdge] = strawberry.field(description="The files with their cursors and messages.")
    nodes: list[Attachment] = strawberry.field(description="The files alone.")


@strawberry.input(one_of=True, description="A file to attach.")
class AttachmentInput:
    file: Upload | None = strawberry.field(
        default=strawberry.UNSET,
        description="A part of this request, as the GraphQL multipart request specification has it.",
    )
    upload_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="A finished upload of the viewer's, from `createUpload`; it is used once."
    )

    def to_file(self) -> AttachedFile:
        """The received part or the upload; the schema ensures that there is exactly one."""
        upload_id = given(self.upload_id)
        if upload_id is not None:
            return AttachedUpload(number_of(Kind.UPLOAD, upload_id))
        received: ReceivedFile = given(self.file)
        return received
