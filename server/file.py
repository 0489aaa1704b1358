"""File downloads by signed URL, with headers that keep hostile files harmless."""

import re
from typing import NamedTuple
from urllib.parse import quote

from aiohttp import web

from server.transfer import Transfer
from services.file.download import PRESIGNED_SECONDS, Download, DownloadService

CACHED_SECONDS = 300  # for which a browser shows a file without asking whether it may
REDIRECT_SECONDS = PRESIGNED_SECONDS // 2  # for which a redirect is cached; the rest is for the request to the storage

_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)


class ByteRange(NamedTuple):
    """Bytes from `start` to `end`, exclusive."""

    start: int
    end: int


class Unsatisfiable(Exception):
    """RFC 9110 section 15.5.17: the range starts after the last byte."""


class FileHandler:
    """The handler of `/files/{token}`; every request checks whether the viewer can see the file.

    A file name can follow the token, for people and for programs that look at extensions; it is ignored.
    """

    def __init__(
        self, files: DownloadService, *, may_redirect: bool = False, is_for_other_origins: bool = False
    ) -> None:
        self._files = files
        # Fetch §3.7: `same-origin` blocks an <img> on any other origin, even a subdomain. The URL itself is signed.
        self._policy = "cross-origin" if is_for_other_origins else "same-origin"
        self._may_redirect = may_redirect

    async def download(self, request: web.Request) -> web.StreamResponse:
        """200, 206, 304 or 416; files that the viewer cannot see are 404, never 403."""
        download = await self._files.open(request.match_info["token"])
        headers = {**headers_of(download), "Cross-Origin-Resource-Policy": self._policy}
        if self._may_redirect and not download.is_inline and (url := await self._files.presigned(download)):
            kept = {
                "Cache-Control": f"private, max-age={min(REDIRECT_SECONDS, download.seconds_left)}",
                "Cross-Origin-Resource-Policy": self._policy,
            }
            return web.Response(status=307, headers={**kept, "Referrer-Policy": "no-referrer", "Location": url})
        if _names_etag(request.headers.get("If-None-Match"), headers["ETag"]):
            return web.Response(status=304, headers=headers)
        size = download.byte_size
        try:
            wanted = range_of(request, headers["ETag"], size)
        except Unsatisfiable:
            kept = {**headers, "Cache-Control": "no-store", "Content-Range": f"bytes */{size}"}
            return web.Response(status=416, headers=kept)
        start, end = wanted or ByteRange(0, size)
        if wanted:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        status = 206 if wanted else 200
        if request.method == "HEAD":
            return web.Response(status=status, headers={**headers, "Content-Length": str(end - start)})
        return await Transfer(self._files, download, start, end).send(request, status, headers)


def headers_of(download: Download) -> dict[str, str]:
    """Inline only for decoded images; browsers must not sniff or execute anything.

    They may cache the file for as long as its URL is valid, and ask every CACHED_SECONDS whether the viewer may still
    see it: the answer is 304 or 404.
    """
    row = download.row
    disposition = "inline" if download.is_inline else "attachment"
    # RFC 6266 section 4.3: filename* has the name, filename an ASCII fallback for old clients
    ascii_name = re.sub(r'[^ !#-\[\]-~]|[%"\\]', "_", row.filename)
    return {
        "Content-Type": download.mime_type,
        "Content-Disposition": f'{disposition}; filename="{ascii_name}"; {_extended(row.filename)}',
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": f"private, max-age={min(CACHED_SECONDS, download.seconds_left)}",
        "Accept-Ranges": "bytes",
        "ETag": f'"{download.etag}"',
    }


def _extended(filename: str) -> str:
    return f"filename*=UTF-8''{quote(filename, safe='')}"


def range_of(request: web.Request, etag: str, size: int) -> ByteRange | None:
    """The requested range; None for the whole file. Raises Unsatisfiable.

    RFC 9110 section 14.2: malformed and multiple ranges are ignored, and so is a range whose `If-Range` names another
    version.
    """
    match = _RANGE.fullmatch(request.headers.get("Range", "").strip())
    if match is None or match[1] == match[2] == "" or request.headers.get("If-Range", etag) != etag:
        return None
    first, last = (part[:20] for part in match.groups())
    if first == "":
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < start:
            return None
    if start >= size:
        raise Unsatisfiable
    return ByteRange(start, end)


def _names_etag(header: str | None, etag: str) -> bool:
    """RFC 9110 section 13.1.2: weak comparison; `*` matches any."""
    if header is None:
        return False
    return header.strip() == "*" or etag in [each.strip().removeprefix("W/") for each in header.split(",")]
