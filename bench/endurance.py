"""Memory of the server before and after ten thousand bad requests.

Run: .venv/bin/python -m bench.endurance [--requests 10000]. Sends malformed bodies, the attacks of bench/attack.py,
wrong headers, malformed HTTP and malformed WebSocket frames over 8 connections. A warm-up of one fifth of the requests
fills caches of bounded size: documents (at most 32 MiB) and the arenas of the allocator.
"""

import argparse
import asyncio
import itertools
import tempfile
from pathlib import Path

import aiohttp

from bench.attack import ATTACKS, serve

JSON = {"Content-Type": "application/json"}
MULTIPART = {"Content-Type": "multipart/form-data; boundary=b", "GraphQL-Require-Preflight": "1"}
BODIES: list[tuple[bytes, dict[str, str]]] = [
    *((make(), JSON) for _name, make, _codes in ATTACKS),
    *(
        (body, JSON)
        for body in (
            b"",
            b"null",
            b"[]",
            b"{",
            b"\xff\xfe",
            b'{"query": 1}',
            b'{"query": "{"}',
            b'{"query": "\\ud800"}',
        )
    ),
    (b"{}", {"Content-Type": "text/plain"}),
    (b"{}", {**JSON, "Content-Encoding": "gzip"}),
    (b"{}", {**JSON, "Authorization": "Bearer sot_" + "x" * 43}),
    (b"{}", {**JSON, "Accept": "image/png"}),
    (b"--b\r\n", MULTIPART),
    (b'--b\r\nContent-Disposition: form-data; name="operations"\r\n\r\n{}\r\n--b--', MULTIPART),
    (b"x" * 100_000, MULTIPART),
]
RAW = [b"\0\r\n\r\n", b"GET / HTTP/9\r\n\r\n", b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"]
FRAMES = ["{", "[]", '{"type": "nothing"}', '{"type": "subscribe", "id": "1", "payload": {"query": "{"}}']


def memory_of(process_id: int) -> float:
    """Resident memory in MiB."""
    for line in Path(f"/proc/{process_id}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise AssertionError


async def send(url: str, count: int) -> None:
    """Sends bad requests; every tenth is malformed HTTP or a WebSocket frame."""
    port = int(url.rsplit(":", 1)[1].split("/", maxsplit=1)[0])
    numbers, bodies = itertools.count(), itertools.cycle(BODIES)
    async with aiohttp.ClientSession() as http:

        async def worker() -> None:
            while (number := next(numbers)) < count:
                if number % 20 == 0:
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.write(RAW[number // 20 % len(RAW)])
                    await reader.read()
                    writer.close()
                elif number % 20 == 10:
                    async with http.ws_connect(url, protocols=["graphql-transport-ws"]) as socket:
                        await socket.send_str(FRAMES[number // 20 % len(FRAMES)])
                        await socket.receive()
                else:
                    content, headers = next(bodies)
                    async with http.post(url, data=content, headers=headers) as response:
                        assert response.status < 500
                        await response.read()

        await asyncio.gather(*(worker() for _ in range(8)))


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=10_000)
    requests = parser.parse_args().requests
    with tempfile.TemporaryDirectory() as folder:
        process, url = serve(str(Path(folder) / "data"))
        try:
            fresh = memory_of(process.pid)
            await send(url, requests // 5)
            before = memory_of(process.pid)
            await send(url, requests)
            after = memory_of(process.pid)
        finally:
            process.terminate()
            process.wait()
    print(
        f"{requests:,} bad requests: MiB {fresh:.1f} fresh, {before:.1f} warm, {after:.1f} after: {after - before:+.1f}"
    )


if __name__ == "__main__":
    asyncio.run(main())
