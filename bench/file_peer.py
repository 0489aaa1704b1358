"""The baseline of bench/file.py: downloads and uploads written by hand with aiohttp, and as durable as ours.

`GET /files/{name}` is aiohttp's FileResponse. `POST /files` stores the file of a multipart form, `PATCH /files/{name}`
appends a body to a file, as a part over tus: both hash what they store, sync it, and insert a row.
"""

import argparse
import asyncio
import hashlib
import os
import secrets
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

from aiohttp import BodyPartReader, web

CHUNK_BYTES = 256 * 1024


class Files:
    """The handlers, over one folder and one database."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rows = sqlite3.connect(folder / "rows.db", isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode=wal", "synchronous=full"):
            self._rows.execute(f"PRAGMA {pragma}")
        self._rows.execute("CREATE TABLE IF NOT EXISTS file (name TEXT PRIMARY KEY, size INTEGER, sha256 BLOB)")
        self._writer = ThreadPoolExecutor(1)

    async def download(self, request: web.Request) -> web.StreamResponse:
        return web.FileResponse(self._folder / request.match_info["name"])

    async def upload(self, request: web.Request) -> web.Response:
        """Stores the part `0`, and skips the others."""
        form = await request.multipart()
        while isinstance(part := await form.next(), BodyPartReader):
            if part.name != "0":
                await part.read()
                continue
            partial, digest = self._folder / f"{secrets.token_hex(16)}.partial", hashlib.sha256()
            with await asyncio.to_thread(partial.open, "xb") as file:
                while chunk := await part.read_chunk(CHUNK_BYTES):
                    await asyncio.to_thread(_write, file, digest, chunk)
                size = await self._finish(file, partial, partial.with_suffix(""), digest.digest())
            return web.json_response({"size": size, "sha256": digest.hexdigest()})
        raise web.HTTPBadRequest

    async def append(self, request: web.Request) -> web.Response:
        """Appends the body; hashes the whole file at the end."""
        partial, buffer = self._folder / f"{request.match_info['name']}.partial", bytearray()
        with await asyncio.to_thread(partial.open, "ab") as file:
            async for chunk in request.content.iter_any():
                buffer += chunk
                if len(buffer) >= CHUNK_BYTES:
                    await asyncio.to_thread(file.write, buffer)
                    buffer = bytearray()
            await asyncio.to_thread(file.write, buffer)
            file.flush()
            sha256 = await asyncio.to_thread(_hash, partial)
            await self._finish(file, partial, partial.with_suffix(""), sha256)
        return web.Response(status=204)

    async def _finish(self, file: BinaryIO, partial: Path, name: Path, sha256: bytes) -> int:
        size = await asyncio.to_thread(_keep, file, partial, name)
        row = (name.name, size, sha256)
        await asyncio.get_running_loop().run_in_executor(
            self._writer, self._rows.execute, "INSERT OR REPLACE INTO file VALUES (?, ?, ?)", row
        )
        return size


def _write(file: BinaryIO, digest: "hashlib._Hash", chunk: bytes) -> None:
    file.write(chunk)
    digest.update(chunk)


def _hash(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _keep(file: BinaryIO, partial: Path, name: Path) -> int:
    """Syncs the file, renames it and syncs its folder."""
    file.flush()
    os.fsync(file.fileno())
    partial.rename(name)
    folder = os.open(name.parent, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(folder)
    os.close(folder)
    return name.stat().st_size


def main() -> None:
    """Serves a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    files = Files(parser.parse_args().folder)
    app = web.Application(client_max_size=1 << 40)
    app.router.add_get("/files/{name}", files.download)
    app.router.add_post("/files", files.upload)
    app.router.add_patch("/files/{name}", files.append)
    web.run_app(app, host="127.0.0.1", port=0, access_log=None, print=lambda text: print(text, flush=True))


if __name__ == "__main__":
    main()
