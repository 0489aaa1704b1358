"""Searches for multipart bodies that cost the parser the most CPU time.

Run: .venv/bin/python -m bench.multipart [--bodies 3000] [--seed 1]. Sends random bodies and Content-Type headers, made
of tokens that are hard to parse, to a server without credentials, and measures the CPU time of its event loop thread.
Prints the costliest requests with descriptions to reproduce them; the first request is a warm-up.
"""

import argparse
import asyncio
import random
import tempfile
from collections.abc import Callable
from pathlib import Path

import aiohttp

from bench.attack import serve, worked

SHOWN = 8
FORM = "multipart/form-data"
PIECES = [
    ";",
    "; ",
    "a=b;",
    '"',
    '\\"',
    "(",
    "=",
    " ",
    "\t",
    "*0=",
    "%41",
    "=?utf-8?q?",
    ",",
    "é",
    "a",
    "--b",
    "\r",
    "--",
]
MAX_LENGTH = {  # of repeated tokens, by their place in the body
    "header": 8_000, "name": 8_000, "parameter": 8_000, "many headers": 100, "operations": 250_000, "map": 16_000,
    "preamble": 1_000, "file": 500_000,
}  # fmt: skip
HEAD = 'Content-Disposition: form-data; name="{name}"'


class Maker:
    """Generates bodies, reproducibly for a seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def run(self, most: int) -> tuple[str, str]:
        """One or two tokens repeated, with a description."""
        pieces = self._random.sample(PIECES, self._random.choice((1, 1, 2)))
        times = self._random.choice((10, 1_000, most)) // len("".join(pieces)) + 1
        return "".join(pieces) * times, f"{'+'.join(map(repr, pieces))} x {times:,}"

    def content_type(self) -> tuple[str, str]:
        """A Content-Type, valid in most cases, with a description."""
        if self._random.random() < 0.6:
            return f"{FORM}; boundary=b", "plain"
        text, words = self.run(7_000)
        return f"{FORM}; boundary=b; {text}".replace("\r", " ").encode("latin-1", "replace").decode("latin-1"), words

    def body(self) -> tuple[bytes, str]:
        """A body with `operations`, `map` and a file, with repeated tokens in one place; and a description."""
        runs = {key: self.run(limit) for key, limit in MAX_LENGTH.items()}
        place = self._random.choice([*runs])
        text, words = runs[place]
        head = {
            "header": f"X: {text}\x01",
            "name": HEAD.format(name=text),
            "parameter": f"{HEAD.format(name='operations')}; {text}",
            "many headers": "\r\n".join(f"{text[:3]}{number}: x" for number in range(400)),
        }.get(place, HEAD.format(name="operations"))
        operations = text if place == "operations" else '{"query": "{ a }", "variables": {"f": null}}'
        paths = f'{{"0": ["variables.{text}"]}}' if place == "map" else '{"0": ["variables.f"]}'
        preamble = text if place == "preamble" else ""
        parts = ((head, operations), (HEAD.format(name="map"), paths), (HEAD.format(name="0"), text))
        raw = preamble + "".join(f"--b\r\n{each}\r\n\r\n{content}\r\n" for each, content in parts) + "--b--"
        return raw.encode(), f"{place}: {words}"


async def measure(url: str, process_id: int, make: Callable[[], tuple[bytes, str, str, str]], count: int) -> None:
    """Sends the bodies sequentially, and prints the costliest."""
    found: list[tuple[float, int, str]] = []
    async with aiohttp.ClientSession() as http:
        for _ in range(count):
            body, shape, content_type, words = make()
            headers = {"Content-Type": content_type, "GraphQL-Require-Preflight": "1"}
            before = worked(process_id)
            try:
                async with http.post(url, data=body, headers=headers) as response:
                    assert response.status < 500, (shape, words)
                    await response.read()
            except aiohttp.ClientError:
                pass  # the server closed the connection during the upload
            found.append((worked(process_id) - before, len(body), f"{shape}; Content-Type: {words}"))
    print("| CPU ms | bytes | shape |\n|---|---|---|")
    for cpu, size, shape in sorted(found[1:], reverse=True)[:SHOWN]:
        print(f"| {cpu:.1f} | {size:,} | {shape} |")


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bodies", type=int, default=3_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    maker = Maker(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        process, url = serve(str(Path(folder) / "data"))
        try:
            await measure(url, process.pid, lambda: (*maker.body(), *maker.content_type()), options.bodies)
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    asyncio.run(main())
