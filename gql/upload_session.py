"""Uploads: created here, then sent in parts over tus 1.0 or as a whole to the storage, and attached by id."""

from typing import Annotated

import strawberry

from gql.enum import described
from gql.id import Kind, encode, number_of
from gql.node import Info, Node, given
from gql.refusal import (
    AttachmentsRejectedError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    RateLimitedError,
)
from gql.scalar import URL, ByteSize, Moment
from services.file.upload_session import UploadForm, UploadState, UploadView

UNSET = strawberry.UNSET

described(
    UploadState,
    "UploadState",
    "The progress of an upload.",
    {
        "PENDING": "Created; no bytes have been received yet.",
        "UPLOADING": "Some bytes have been received.",
        "READY": "Complete and accepted: it can be attached to a message.",
        "FAILED": "The file was rejected because of its size, checksum, type or content. Start a new upload.",
        "EXPIRED": "The file was not attached before `expiresAt`. Start a new upload.",
    },
)


@strawberry.type(
    description="A file that is being uploaded. Only its uploader can see it. It can be attached once, and expires if "
    "it is not."
)
class UploadSession(Node):
    view: strawberry.Private[UploadView]

    def global_id(self) -> strawberry.ID:
        return encode(Kind.UPLOAD, self.view.id)

    @strawberry.field(description="The file name that the message will show, without a path or control characters.")
    def filename(self) -> str:
        return self.view.filename

    @strawberry.field(description="The progress of the upload.")
    def state(self) -> UploadState:
        return self.view.state

    @strawberry.field(
        description="The tus 1.0 URL of this upload; it takes the same Authorization header as GraphQL requests. HEAD "
        "returns the offset, PATCH appends bytes, DELETE cancels the upload."
    )
    def upload_url(self, info: Info) -> URL:
        return URL(f"{info.context.base_url}/uploads/{self.global_id()}")

    @strawberry.field(description="The number of bytes received so far.")
    def received_bytes(self) -> ByteSize:
        return ByteSize(self.view.received_bytes)

    @strawberry.field(description="The declared size of the whole file in bytes.")
    def byte_size(self) -> ByteSize:
        return ByteSize(self.view.byte_size)

    @strawberry.field(
        description="The media type, detected from the content. Null until the upload is complete. A message whose "
        "files are all `image/…`, all `video/…` or all `audio/…` gets the corresponding `type`; `image/svg+xml` "
        "counts as FILE."
    )
    def mime_type(self) -> str | None:
        return self.view.mime_type

    @strawberry.field(description="When the upload is deleted, unless a message uses it by then.")
    def expires_at(self) -> Moment:
        return Moment(self.view.expires_at)

    @strawberry.field(
        description="A presigned URL for sending the whole file directly to the storage: PUT it without an "
        "Authorization header, then call `completeUpload`. Anyone with the URL can use it. The PUT must begin within "
        "one hour; query this field again for a new URL. Null if the server receives all files itself, and when "
        "`state` is no longer PENDING."
    )
    async def direct_upload_url(self, info: Info) -> URL | None:
        url = await info.context.services.upload.direct_url(info.context.signed_in(), self.view)
        return None if url is None else URL(url)


@strawberry.input(description="The file to upload.")
class CreateUploadInput:
    filename: str = strawberry.field(
        description="The file name to show, and to save the file under. Paths and control characters are removed."
    )
    byte_size: ByteSize = strawberry.field(description="The exact size of the file in bytes, at least 1.")
    mime_type: str | None = strawberry.field(
        default=UNSET,
        description="The expected media type, so that the server can refuse it before any bytes are sent. The actual "
        "type is detected from the content. Not checked in advance if omitted or null.",
    )
    sha256: str | None = strawberry.field(
        default=UNSET,
        description="The SHA-256 of the file as 64 hexadecimal digits, verified when the last byte arrives. Not "
        "verified if omitted or null.",
    )
    duration_seconds: float | None = strawberry.field(
        default=UNSET,
        description="The duration of an audio or video file in seconds, 0 to 604,800 (a week), used if the file itself "
        "does not state one. Unknown if omitted or null.",
    )
    thumbnail_for: strawberry.ID | None = strawberry.field(
        default=UNSET,
        description="The id of another of the viewer's uploads, if this image is to be its thumbnail. A separate file "
        "if omitted or null.",
    )


@strawberry.type(description="The upload was created.")
class CreateUploadSuccess:
    upload: UploadSession = strawberry.field(description="The new upload. Send its bytes to `uploadUrl`.")


@strawberry.input(description="The direct upload to finish.")
class CompleteUploadInput:
    upload_id: strawberry.ID = strawberry.field(
        description="The id of one of the viewer's uploads whose file was sent to `directUploadUrl`."
    )


@strawberry.type(description="The server fetched and accepted the file.")
class CompleteUploadSuccess:
    upload: UploadSession = strawberry.field(description="The upload, with `state` READY.")


@strawberry.input(description="The upload to cancel.")
class CancelUploadInput:
    upload_id: strawberry.ID = strawberry.field(
        description="The id of one of the viewer's uploads that no message uses."
    )


@strawberry.type(description="The upload and its bytes were deleted.")
class CancelUploadSuccess:
    upload_id: strawberry.ID = strawberry.field(description="The id of the deleted upload.")


CreateUploadResult = Annotated[
    CreateUploadSuccess | InvalidInputError | AttachmentsRejectedError | RateLimitedError,
    strawberry.union("CreateUploadResult", description="The result of `createUpload`."),
]
CompleteUploadResult = Annotated[
    CompleteUploadSuccess | NotFoundError | AttachmentsRejectedError | ConflictError | RateLimitedError,
    strawberry.union("CompleteUploadResult", description="The result of `completeUpload`."),
]
CancelUploadResult = Annotated[
    CancelUploadSuccess | NotFoundError,
    strawberry.union("CancelUploadResult", description="The result of `cancelUpload`."),
]


@strawberry.mutation(description="Starts a resumable (tus) upload, for large files and unreliable connections.")
async def create_upload(
    info: Info, input: Annotated[CreateUploadInput, strawberry.argument(description="The input of `createUpload`.")]
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
    return CreateUploadSuccess(upload=UploadSession(view=view))


@strawberry.mutation(
    description="Finishes an upload whose file was sent to `directUploadUrl`: the server fetches and checks the "
    "file. Other uploads do not need this. Calling it again returns the same result."
)
async def complete_upload(
    info: Info, input: Annotated[CompleteUploadInput, strawberry.argument(description="The input of `completeUpload`.")]
) -> CompleteUploadResult:
    viewer, id_ = info.context.signed_in(), number_of(Kind.UPLOAD, input.upload_id)
    view = await info.context.services.upload.complete(viewer, id_)
    return CompleteUploadSuccess(upload=UploadSession(view=view))


@strawberry.mutation(description="Cancels one of the viewer's uploads and deletes its bytes.")
async def cancel_upload(
    info: Info, input: Annotated[CancelUploadInput, strawberry.argument(description="The input of `cancelUpload`.")]
) -> CancelUploadResult:
    await info.context.services.upload.cancel(info.context.signed_in(), number_of(Kind.UPLOAD, input.upload_id))
    return CancelUploadSuccess(upload_id=input.upload_id)
