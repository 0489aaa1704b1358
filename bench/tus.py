"""Memory and time of a large resumable upload with ten interruptions.

Run: .venv/bin/python -m bench.tus [--mib 2048]. Reads the resident memory of the server while it receives the file and
while it computes the hash at the end. The client verifies the size and the hash.
"""

import argparse
import asyncio
import hashlib
import os
import random
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp

from bench.account import SIGN_UP, ask
from bench.attack import serve
from bench.endurance import memory_of

CREATE = (
    "mutation ($input: CreateUploadInput!) { createUpload(input: $input) "
    "{ ... on CreateUploadSuccess { upload { uploadUrl } } } }"
)
HEADERS = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}
CHUNK = random.Random(1).randbytes(1 << 20)
CUTS = 10


async def part(url: str, token: str, offset: int, size: int, promised: int) -> None:
    """Sends bytes from an offset, fewer than announced, and drops the connection."""
    host, port = url.split("/")[2].split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    head = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
    path = "/" + url.split("/", 3)[3]
    writer.write(
        f"PATCH {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n{head}"
        f"Upload-Offset: {offset}\r\nContent-Length: {promised}\r\n\r\n".encode()
    )
    left = size
    while left:
        at = offset % len(CHUNK)
        piece = CHUNK[at : at + min(left, len(CHUNK) - at)]
        writer.write(piece)
        await writer.drain()
        offset, left = offset + len(piece), left - len(piece)
    writer.transport.abort()


async def offset_of(http: aiohttp.ClientSession, url: str, token: str) -> int:
    """The offset to resume at; waits until the last part is stored."""
    headers = {"Tus-Resumable": "1.0.0", "Authorization": f"Bearer {token}"}
    async with http.head(url, headers=headers, timeout=aiohttp.ClientTimeout(total=300)) as response:
        assert response.status == 200, response.status
        return int(response.headers["Upload-Offset"])


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--mib", type=int, default=2048)
    options = parser.parse_args()
    size = options.mib << 20
    digest = hashlib.sha256()
    for _ in range(options.mib):
        digest.update(CHUNK)
    os.environ |= {"SOTTO_MAX_ATTACHMENT_BYTES": str(size), "SOTTO_ATTACHMENT_TYPES": "any"}
    with tempfile.TemporaryDirectory() as folder:
        process, url = serve(str(Path(folder) / "data"))
        try:
            async with aiohttp.ClientSession() as http:
                made = await ask(http, url, SIGN_UP, username="alice", password="correct horse")
                token = made.decode().split('"token":"')[1].split('"')[0]
                form = {"filename": "large.bin", "byteSize": size, "sha256": digest.hexdigest()}
                created = (await ask(http, url, CREATE, token, **form)).decode()
                address = created.split('"uploadUrl":"')[1].split('"')[0]
                before = peak = memory_of(process.pid)

                async def watch() -> None:
                    nonlocal peak
                    while True:
                        peak = max(peak, memory_of(process.pid))
                        await asyncio.sleep(0.05)

                watching, began = asyncio.create_task(watch()), time.perf_counter()
                places = sorted(random.Random(2).sample(range(1, size), CUTS))
                for place in places:
                    offset = await offset_of(http, address, token)
                    if offset < place:
                        await part(address, token, offset, place - offset, size - offset)
                offset = await offset_of(http, address, token)

                async def rest(start: int = offset) -> AsyncIterator[bytes]:
                    for at in range(start, size, len(CHUNK)):
                        inner = at % len(CHUNK)
                        yield (CHUNK[inner:] + CHUNK[:inner])[: min(len(CHUNK), size - at)]

                headers = {**HEADERS, "Authorization": f"Bearer {token}", "Upload-Offset": str(offset)}
                patience = aiohttp.ClientTimeout(total=600)
                async with http.patch(address, data=rest(), headers=headers, timeout=patience) as response:
                    assert response.status == 204, await response.text()
                watching.cancel()
                seconds = time.perf_counter() - began
                figures = f"{before:.1f} to {peak:.1f} MiB (+{peak - before:.1f})"
                print(f"{options.mib} MiB with {CUTS} cuts: {figures}, {seconds:.1f} s")
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    asyncio.run(main())
