"""Resumable uploads over tus 1.0 (tus.io/protocols/resumable-upload): core, checksum, expiration, termination.

Uploads are created by the mutation `createUpload`, not over tus. Every request needs the usual bearer token.
"""

import asyncio
import base64
import binascii
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from email.utils import formatdate

from aiohttp import web

from gql.error import BAD_REQUEST, HttpRefusal, refusal_of
from gql.id import Kind, number_of
from gql.wire.content import content_type_of
from gql.wire.credentials import authenticate
from gql.wire.expectation import accept_body
from gql.wire.log import CONTEXT
from gql.wire.view import View
from server.refusal import refuse
from services.error import AttachmentsRejected, Conflict, NotFound, SottoError
from services.file.upload_session import ChecksumMismatch, OffsetMismatch, TooLong, UploadState, UploadView
from services.service import Services
from services.viewer import Viewer

VERSION = "1.0.0"
CONTENT_TYPE = "application/offset+octet-stream"
ALGORITHMS = ("sha1", "sha256", "sha512", "md5")
_CHECKSUM_STATUS = 460  # tus 1.0, "Checksum": Checksum Mismatch
_ALWAYS = {"Tus-Resumable": VERSION, "Cache-Control": "no-store"}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class TusHandler:
    """The handler of `/uploads/{id}`."""

    def __init__(self, services: Services, view: View, idle_seconds: float) -> None:
        self._services = services
        self._view = view
        self._idle_seconds = idle_seconds

    async def options(self, _request: web.Request) -> web.Response:
        """The capabilities of the server; needs no token."""
        return web.Response(
            status=204,
            headers={
                **_ALWAYS,
                "Tus-Version": VERSION,
                "Tus-Extension": "checksum,expiration,termination",
                "Tus-Max-Size": str(self._services.limits.max_attachment_bytes),
                "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
            },
        )

    async def head(self, request: web.Request) -> web.StreamResponse:
        """The offset of the next part."""
        return await self._answer(request, self._head)

    async def patch(self, request: web.Request) -> web.StreamResponse:
        """Appends a part."""
        return await self._answer(request, self._patch)

    async def delete(self, request: web.Request) -> web.StreamResponse:
        """Cancels the upload."""
        return await self._answer(request, self._delete)

    async def _answer(
        self, request: web.Request, operation: Callable[[web.Request, Viewer, int], Awaitable[web.Response]]
    ) -> web.StreamResponse:
        """Checks the version, authenticates and runs the operation; any error gets a status, code and message."""
        try:
            _check_version(request)
            viewer = await self._viewer_of(request)
            response = await operation(request, viewer, number_of(Kind.UPLOAD, request.match_info["id"]))
        except HttpRefusal as refusal:
            response = refuse(refusal)
        except (SottoError, OffsetMismatch, TooLong, ChecksumMismatch) as error:
            response = refuse(_refusal_of(error))
        response.headers.update(_ALWAYS)
        return response

    async def _viewer_of(self, request: web.Request) -> Viewer:
        context = request[CONTEXT] = self._view.context_of(request)
        await authenticate(context)
        return context.signed_in()

    async def _head(self, _request: web.Request, viewer: Viewer, id_: int) -> web.Response:
        return web.Response(status=200, headers=_headers_of(await self._services.upload.offset(viewer, id_)))

    async def _patch(self, request: web.Request, viewer: Viewer, id_: int) -> web.Response:
        if content_type_of(request).media_type != CONTENT_TYPE:
            raise HttpRefusal(415, BAD_REQUEST, f"Send `Content-Type: {CONTENT_TYPE}`.")
        offset = request.headers.get("Upload-Offset", "")
        if not offset.isascii() or not offset.isdigit() or len(offset) > 18:
            raise HttpRefusal(400, BAD_REQUEST, "Send `Upload-Offset`, the offset at which the part starts.")
        checksum = _checksum_of(request.headers.get("Upload-Checksum"))
        chunks = self._chunks_of(request)
        end = await self._services.upload.append(viewer, id_, int(offset), chunks, checksum)
        return web.Response(status=204, headers={"Upload-Offset": str(end)})

    async def _delete(self, _request: web.Request, viewer: Viewer, id_: int) -> web.Response:
        await self._services.upload.cancel(viewer, id_)
        return web.Response(status=204)

    async def _chunks_of(self, request: web.Request) -> AsyncIterator[bytes]:
        """The body as it arrives; if the client stops sending, the request ends, and what has arrived is kept."""
        await accept_body(request)
        content, received = request.content, 0
        while True:
            try:
                if content.total_bytes > received or content.is_eof():
                    chunk = content.read_nowait()
                else:
                    async with asyncio.timeout(self._idle_seconds):
                        chunk = await content.readany()
            except TimeoutError:
                raise HttpRefusal(408, "TIMEOUT", "The body stopped arriving: continue from the offset.") from None
            if not chunk:
                return
            received += len(chunk)
            yield chunk


def _refusal_of(error: Exception) -> HttpRefusal:
    """The status, code and message for anything that can go wrong with a part."""
    match error:
        case OffsetMismatch():
            headers = {"Upload-Offset": str(error.offset)}
            return HttpRefusal(409, Conflict.code, f"The next part must start at offset {error.offset}.", headers)
        case TooLong():
            return HttpRefusal(413, "PAYLOAD_TOO_LARGE", "The part exceeds the declared size of the upload.")
        case ChecksumMismatch():
            message = "The part does not match its checksum: send it again."
            return HttpRefusal(_CHECKSUM_STATUS, "CHECKSUM_MISMATCH", message)
        case AttachmentsRejected():
            [rejection] = error.rejections
            return HttpRefusal(503 if rejection.is_retryable else 422, rejection.reason.name, rejection.detail)
        case SottoError():
            return refusal_of(error, 404 if isinstance(error, NotFound) else None)
    raise error


def _check_version(request: web.Request) -> None:
    """tus 1.0, "Tus-Resumable": 412 for any other version, with the supported one."""
    if request.headers.get("Tus-Resumable") != VERSION:
        raise HttpRefusal(412, BAD_REQUEST, f"Send `Tus-Resumable: {VERSION}`.", {"Tus-Version": VERSION})


def _headers_of(view: UploadView) -> dict[str, str]:
    headers = {
        "Upload-Offset": str(view.received_bytes),
        "Upload-Length": str(view.byte_size),
        "Upload-Expires": formatdate(view.expires_at / 1000, usegmt=True),  # RFC 9110 §5.6.7
    }
    if view.state is UploadState.EXPIRED:
        raise HttpRefusal(410, NotFound.code, "The upload has expired: create a new one.")
    if view.state is UploadState.FAILED:
        reason = "STORAGE_FAILED" if view.failure is None else view.failure.name
        raise HttpRefusal(422, reason, "The upload failed: create a new one.")
    return headers


def _checksum_of(header: str | None) -> tuple[str, bytes] | None:
    """tus 1.0, "Upload-Checksum": the algorithm, a space, the digest in base64; raises HttpRefusal."""
    if header is None:
        return None
    algorithm, _, encoded = header.partition(" ")
    try:
        digest = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if algorithm not in ALGORITHMS or len(digest) != hashlib.new(algorithm, usedforsecurity=False).digest_size:
        raise HttpRefusal(
            400,
            BAD_REQUEST,
            f"`Upload-Checksum` must be one of {', '.join(ALGORITHMS)}, a space, and the digest in base64.",
        )
    return algorithm, digest
