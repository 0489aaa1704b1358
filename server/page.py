"""The chat page at `/`, static files, and `/page.json` with facts about the server for the pages."""

import base64
import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Self

from aiohttp import web

ROOT = Path(__file__).parent.parent
CHAT = ROOT / "chat"
EXPLORER = ROOT / "explorer" / "dist"

# No other hosts, no inline code, no markup from strings (W3C Trusted Types), no framing. `blob:` is for previews of
# images before they are sent.
CHAT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
_SMALL_BYTES = 64 * 1024
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".woff2": "font/woff2",
}


def csp_hash_of(text: str) -> str:
    """The source that allows exactly this inline script or style in a Content-Security-Policy."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


class Text:
    """A small text that does not change while the server runs, compressed at the first request that accepts gzip."""

    def __init__(self, plain: bytes) -> None:
        self._plain = plain
        self._etag = f'W/"{hashlib.sha256(plain).hexdigest()[:32]}"'

    @classmethod
    def compressed(cls, plain: bytes) -> Self:
        """The text, compressed at once: for a thread, because a long one takes milliseconds."""
        text = cls(plain)
        _ = text._gzipped
        return text

    def respond(self, request: web.Request, headers: Mapping[str, str]) -> web.Response:
        """Responds with the text; 304 if the client has it."""
        headers = {**headers, "ETag": self._etag, "Vary": "Accept-Encoding"}
        if request.headers.get("If-None-Match") == self._etag:
            return web.Response(status=304, headers=headers)
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            return web.Response(body=self._gzipped, headers={**headers, "Content-Encoding": "gzip"})
        return web.Response(body=self._plain, headers=headers)

    @cached_property
    def _gzipped(self) -> bytes:
        return gzip.compress(self._plain, mtime=0)


class Folder:
    """Static files of one folder, listed once at startup, so that no request can name another path.

    Small files are kept in memory, also compressed; larger ones are sent from the disk.
    """

    def __init__(self, folder: Path, policy: str, cache_control: str = "no-cache") -> None:
        self._headers = {"Content-Security-Policy": policy, "Cache-Control": cache_control}
        paths = (path for path in folder.rglob("*") if path.suffix in _TYPES)
        self._files = {path.relative_to(folder).as_posix(): path for path in paths}
        small = {name: path for name, path in self._files.items() if path.stat().st_size < _SMALL_BYTES}
        self._texts = {name: Text(path.read_bytes()) for name, path in small.items()}

    def __contains__(self, name: str) -> bool:
        return name in self._files

    async def get(self, request: web.Request) -> web.StreamResponse:
        """The handler of routes that end in `{name}`."""
        return self.file(request, request.match_info["name"])

    def file(self, request: web.Request, name: str) -> web.StreamResponse:
        """Responds with the file; 304 if the client has it. Raises 404 if there is none."""
        path = self._files.get(name)
        if path is None:
            raise web.HTTPNotFound
        headers = {**self._headers, "Content-Type": _TYPES[path.suffix]}
        text = self._texts.get(name)
        if text is None:
            return web.FileResponse(path, headers=headers)
        return text.respond(request, headers)


@dataclass(slots=True)
class PageInfo:
    """What the pages need to know before sign-in; `demo` has the public logins of the demo.

    `explorer` is whether our own build of GraphiQL is served: the chat page never links to the one from a CDN.
    """

    explorer: bool
    demo: dict[str, object] | None = field(default=None)

    async def get(self, _request: web.Request) -> web.Response:
        """`/page.json`."""
        content = {"explorer": self.explorer, "demo": self.demo}
        return web.json_response(content, headers={"Cache-Control": "no-store"})


class ChatPage:
    """The chat page at `/`: the files in `chat/`, a client of the API without a framework."""

    def __init__(self) -> None:
        self._folder = Folder(CHAT, CHAT_POLICY)

    def add_to(self, router: web.UrlDispatcher) -> None:
        router.add_get("/", self._index)
        router.add_get("/chat/{name:.+}", self._folder.get)

    async def _index(self, request: web.Request) -> web.StreamResponse:
        return self._folder.file(request, "index.html")
