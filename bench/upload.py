"""Memory of the server during an upload of 1 GiB in a GraphQL multipart request.

Run: .venv/bin/python -m bench.upload [--mib 1024]. Prints the resident memory before, and its peak.
"""

import argparse
import asyncio
import hashlib
import json
import os
import re
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

CHUNK = secrets.token_bytes(1 << 20)
SEND = """mutation ($input: SendPrivateMessageInput!) { sendPrivateMessage(input: $input) { __typename
  ... on SendPrivateMessageSuccess { message { attachments { byteSize sha256 } } } ... on UserError { detail } } }"""


def memory_of(process_id: int) -> tuple[int, int]:
    """Resident memory and its peak, in KiB."""
    status = Path(f"/proc/{process_id}/status").read_text(encoding="ascii")
    now, peak = (re.search(rf"{name}:\s+(\d+)", status) for name in ("VmRSS", "VmHWM"))
    assert now is not None
    assert peak is not None
    return int(now[1]), int(peak[1])


async def body(mib: int, boundary: str) -> AsyncIterator[bytes]:
    """The body of the request, generated while it is sent."""
    draft = {"to": {"users": [{"username": "bob"}]}, "attachments": [{"file": None}]}
    operations = json.dumps({"query": SEND, "variables": {"input": draft}})
    for name, value in (("operations", operations), ("map", '{"0":["variables.input.attachments.0.file"]}')):
        yield f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    yield f'--{boundary}\r\nContent-Disposition: form-data; name="0"; filename="large.bin"\r\n\r\n'.encode()
    for _ in range(mib):
        yield CHUNK
    yield f"\r\n--{boundary}--\r\n".encode()


async def measure(mib: int, folder: Path) -> None:
    """Starts a server, warms it up with a small file, and sends the large one."""
    limit = str((mib + 1) << 20)
    environment = {
        **os.environ,
        "SOTTO_MAX_ATTACHMENT_BYTES": limit,
        "SOTTO_MAX_INLINE_REQUEST_BYTES": limit,
        "SOTTO_ATTACHMENT_TYPES": "any",
        "SOTTO_LOG_LEVEL": "error",
    }
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "server", "demo", "--port", "0", "--data", str(folder)),
        stdout=subprocess.PIPE,
        env=environment,
    )
    assert server.stdout is not None
    output = ""
    while "sot_" not in output:
        output += (await server.stdout.readline()).decode()
    url, token = re.findall(r"http://\S+/graphql", output)[0], re.findall(r"sot_[\w-]+", output)[0]
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as http:
        await send(http, url, token, 1)
        before, _ = memory_of(server.pid)
        began = time.perf_counter()
        answer = await send(http, url, token, mib)
        seconds = time.perf_counter() - began
        _, peak = memory_of(server.pid)
    server.terminate()
    await server.wait()
    expected = hashlib.sha256()
    for _ in range(mib):
        expected.update(CHUNK)
    file = answer["data"]["sendPrivateMessage"]["message"]["attachments"][0]
    assert file == {"byteSize": mib << 20, "sha256": expected.hexdigest()}, file
    print(f"{mib} MiB in {seconds:.1f} s ({mib / seconds:.0f} MiB/s), stored with the correct sha256")
    print(f"resident memory: {before / 1024:.1f} MiB before, peak {peak / 1024:.1f} MiB: {(peak - before) / 1024:+.1f}")


async def send(http: aiohttp.ClientSession, url: str, token: str, mib: int) -> dict[str, Any]:
    """Sends a request; returns the response."""
    boundary = secrets.token_hex(16)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": f"multipart/form-data; boundary={boundary}"}
    async with http.post(url, data=body(mib, boundary), headers=headers) as response:
        answer: dict[str, Any] = await response.json()
    assert response.status == 200, answer
    return answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=1024)
    with tempfile.TemporaryDirectory(dir=".") as folder:
        asyncio.run(measure(parser.parse_args().mib, Path(folder)))


if __name__ == "__main__":
    main()
