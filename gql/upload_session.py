"""Uploads: created here, then sent in parts over tus 1.0 or as a whole to the storage, and attached by id."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from gql.enum import described
from gql.id import Kind, encode, number_of
from gql.node import Info, Node, given, moment_of
from gql.refusal import (
    AttachmentsRejectedError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    RateLimitedError,
)
from gql.scalar import URL, ByteSize
from services.file.upload_session import UploadForm, UploadState, UploadView

if TYPE_CHECKING:
    from gql.context import Context

UNSET = strawberry.UNSET

described(
    UploadState,
    "UploadState",
    "How far an upload is.",
    {
        "PENDING": "No byte has come yet.",
        "UPLOADING": "Some bytes have come.",
        "READY": "It can be attached to a message.",
        "FAILED": "It is not what was said, or not accepted here; begin again.",
        "EXPIRED": "Its time is over; begin again.",
    },
)


@strawberry.type(description="A file on its way: it belongs to its uploader, is used once, and expires.")
class UploadSession(Node):
    view: strawberry.Private[UploadView]
    state: UploadState = strawberry.field(description="How far it is.")
    upload_url: URL = strawberry.field(
        description="A tus 1.0 resource, for the same bearer: HEAD tells the offset, PATCH takes bytes, DELETE cancels."
    )
    received_bytes: ByteSize = strawberry.field(description="How many bytes have come.")
    byte_size: ByteSize = strawberry.field(description="How many there will be.")
    mime_type: str | None = strawberry.field(
        description="What it is, told by its content; null before its last byte has come. A message whose files are "
        "all `image/…`, `video/…` or `audio/…` has that `type` (but `image/svg+xml` is a FILE)."
    )
    expires_at: datetime = strawberry.field(description="When it is forgotten unless a message has it.")

    @strawberry.field(
        description="Where the whole file can be put past this server, for whoever has the URL: `PUT` it there without "
        "a bearer, then call `completeUpload`. The PUT must begin within an hour; ask again for another URL. Null "
        "where this server takes all files itself, and when the upload is no longer PENDING."
    )
    async def direct_upload_url(self, info: Info) -> URL | None:
        url = await info.context.services.upload.direct_url(info.context.signed_in(), self.view)
        return None if url is None else URL(url)

    @classmethod
    def of(cls, view: UploadView, context: "Context") -> "UploadSession":
        id_ = encode(Kind.UPLOAD, view.id)
        return cls(
            id=id_,
            view=view,
            state=view.state,
            upload_url=URL(f"{context.base_url}/uploads/{id_}"),
            received_bytes=ByteSize(view.received_bytes),
            byte_size=ByteSize(view.byte_size),
            mime_type=view.mime_type,
            expires_at=moment_of(view.expires_at),
        )


@strawberry.input(description="A file that will come in parts.")
class CreateUploadInput:
    filename: str = strawberry.field(description="Its name, to show and to save under.")
    byte_size: ByteSize = strawberry.field(description="How many bytes it has; as many must come.")
    mime_type: str | None = strawberry.field(
        default=UNSET, description="What it is believed to be, to be refused early; its bytes decide at the end."
    )
    sha256: str | None = strawberry.field(
        default=UNSET, description="Its SHA-256 as 64 hexadecimal digits; checked with the last byte."
    )
    duration_seconds: float | None = strawberry.field(
        default=UNSET, description="How long it lasts; used where its container does not say."
    )
    thumbnail_for: strawberry.ID | None = strawberry.field(
        default=UNSET, description="The upload of the viewer's whose thumbnail this picture is."
    )


@strawberry.type(description="The upload has begun.")
class CreateUploadSuccess:
    upload: UploadSession = strawberry.field(description="Where to send the bytes.")


@strawberry.input(description="Which upload is whole.")
class CompleteUploadInput:
    upload_id: strawberry.ID = strawberry.field(description="An upload of the viewer's, put at `directUploadUrl`.")


@strawberry.type(description="The file was fetched, and is what was said of it.")
class CompleteUploadSuccess:
    upload: UploadSession = strawberry.field(description="The upload, READY to be attached.")


@strawberry.input(description="Which upload to forget.")
class CancelUploadInput:
    upload_id: strawberry.ID = strawberry.field(description="An upload of the viewer's that no message has.")


@strawberry.type(description="The upload is forgotten, with its bytes.")
class CancelUploadSuccess:
    upload_id: strawberry.ID = strawberry.field(description="The upload that is gone.")


CreateUploadResult = Annotated[
    CreateUploadSuccess | InvalidInputError | AttachmentsRejectedError | RateLimitedError,
    strawberry.union("CreateUploadResult", description="What becomes of `createUpload`."),
]
CompleteUploadResult = Annotated[
    CompleteUploadSuccess | NotFoundError | AttachmentsRejectedError | ConflictError | RateLimitedError,
    strawberry.union("CompleteUploadResult", description="What becomes of `completeUpload`."),
]
CancelUploadResult = Annotated[
    CancelUploadSuccess | NotFoundError,
    strawberry.union("CancelUploadResult", description="What becomes of `cancelUpload`."),
]


@strawberry.mutation(
    description="Begins a file that comes in parts and goes on where it broke off: for large ones, for bad lines."
)
async def create_upload(
    info: Info, input: Annotated[CreateUploadInput, strawberry.argument(description="The file.")]
) -> CreateUploadResult:
    thumbnail_for = given(input.thumbnail_for)
    form = UploadForm(
        filename=input.filename,
        byte_size=int(input.byte_size),
        mime_type=given(input.mime_type),
        sha256=given(input.sha256),
        duration_seconds=given(input.duration_seconds),
        thumbnail_for=None if thumbnail_for is None else number_of(Kind.UPLOAD, thumbnail_for),
    )
    view = await info.context.services.upload.create(info.context.signed_in(), form)
    return CreateUploadSuccess(upload=UploadSession.of(view, info.context))


@strawberry.mutation(
    description="Says that a file is whole at its `directUploadUrl`: the server fetches and checks it. Needed for "
    "no other upload, and the same again when it is called again."
)
async def complete_upload(
    info: Info, input: Annotated[CompleteUploadInput, strawberry.argument(description="The upload.")]
) -> CompleteUploadResult:
    viewer, id_ = info.context.signed_in(), number_of(Kind.UPLOAD, input.upload_id)
    view = await info.context.services.upload.complete(viewer, id_)
    return CompleteUploadSuccess(upload=UploadSession.of(view, info.context))


@strawberry.mutation(description="Forgets an upload of the viewer's.")
async def cancel_upload(
    info: Info, input: Annotated[CancelUploadInput, strawberry.argument(description="The upload.")]
) -> CancelUploadResult:
    await info.context.services.upload.cancel(info.context.signed_in(), number_of(Kind.UPLOAD, input.upload_id))
    return CancelUploadSuccess(upload_id=input.upload_id)
