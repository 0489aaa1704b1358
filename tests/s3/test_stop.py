"""A server that ends while it fetches a file from a bucket: half of nothing is left, and the next one completes it."""

import asyncio
import io
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from tests.flow.client import Person, running
from tests.s3.test_direct_upload import COMPLETE, CREATE, NODE
from tests.storage.contract import put

CONTENT = b"The tide is out. " * 600_000  # two requests to the bucket: more than 8 MiB
KEPT = {"etag", "last-modified", "content-range", "content-type"}
SIGN_UP = """mutation ($input: SignUpInput!) { signUp(input: $input) { ... on SignUpSuccess { token } } }"""


class Line:
    """The way to the bucket, on which the second part of a file, or one put, hangs until it is mended."""

    def __init__(self, endpoint: str) -> None:
        self.is_broken = True
        self.slow = "GET"
        self.is_reached = asyncio.Event()
        self._endpoint = endpoint

    async def pass_on(self, request: web.Request) -> web.Response:
        """As it came, but for what hangs."""
        is_second = request.method == "GET" and not request.headers.get("Range", "bytes=0-").startswith("bytes=0-")
        if self.is_broken and request.method == self.slow and (is_second or request.method == "PUT"):
            self.is_reached.set()
            while self.is_broken:
                await asyncio.sleep(0.05)
        headers = {name: value for name, value in request.headers.items() if name not in {"Host", "Content-Length"}}
        url, body = URL(self._endpoint + request.raw_path, encoded=True), await request.read()
        async with (
            aiohttp.ClientSession() as http,
            http.request(request.method, url, data=io.BytesIO(body), headers=headers) as found,
        ):
            kept = {name: value for name, value in found.headers.items() if name.lower() in KEPT}
            if request.method == "HEAD":
                size = found.headers.get("Content-Length", "0")
                return web.Response(status=found.status, headers={**kept, "Content-Length": size})
            return web.Response(status=found.status, body=await found.read(), headers=kept)


@pytest.fixture
async def line(url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Line]:
    """Between a server that is yet to be started, and a bucket."""
    parts = urlsplit(url)
    made = Line(parse_qs(parts.query)["endpoint"][0])
    app = web.Application(client_max_size=2**26)
    app.router.add_route("*", "/{path:.*}", made.pass_on)
    async with TestServer(app) as server:
        monkeypatch.setenv("STORAGE_URL", f"s3://{parts.netloc}/files?endpoint={str(server.make_url('/')).rstrip('/')}")
        monkeypatch.setenv("SOTTO_PRESIGNED_UPLOADS", "true")
        yield made


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_a_fetch_under_way_holds_up_no_stop_and_leaves_nothing(
    line: Line, tmp_path: Path, number: signal.Signals
) -> None:
    """SIGTERM does not wait for it, and tells its client; after either the upload is as it was, and completed anew."""
    data = tmp_path / "data"

    def local() -> list[Path]:
        return [path for path in (data / "files").rglob("*") if path.is_file()]

    async with aiohttp.ClientSession() as http:
        async with running("serve", data=data) as server:
            body = {"query": SIGN_UP, "variables": {"input": {"username": "alice", "password": "correct horse"}}}
            async with http.post(server.graphql, json=body) as response:
                alice = Person(server, http, (await response.json())["data"]["signUp"]["token"])
            upload = (await ask(alice, CREATE, input={"filename": "a.txt", "byteSize": len(CONTENT)}))["upload"]
            await put(upload["directUploadUrl"], CONTENT)
            asking = asyncio.create_task(ask(alice, COMPLETE, input={"uploadId": upload["id"]}))
            async with asyncio.timeout(30):
                await line.is_reached.wait()
            half = [path.stat().st_size for path in local()]
            began = time.monotonic()
            server.process.send_signal(number)
            status = await asyncio.wait_for(server.process.wait(), 15)
            seconds = time.monotonic() - began
            answers = await asyncio.gather(asking, return_exceptions=True)
        left = local()
        line.is_broken = False
        async with running("serve", data=data) as server:
            again = Person(server, http, alice.token)
            before, swept = await ask(again, NODE, id=upload["id"]), local()
            done = await ask(again, COMPLETE, input={"uploadId": upload["id"]})

    assert half[0] > 2**22
    assert (status, seconds < 5) == (0 if number == signal.SIGTERM else -number, True)
    assert isinstance(answers[0], Exception)
    assert ("UNAVAILABLE" in str(answers[0])) == (number == signal.SIGTERM)
    assert (number == signal.SIGKILL) or left == []
    assert (before["state"], swept) == ("PENDING", [])
    assert (done["upload"]["state"], done["upload"]["receivedBytes"]) == ("READY", len(CONTENT))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_a_put_under_way_holds_up_no_stop_and_what_came_in_parts_stays(
    line: Line, tmp_path: Path, number: signal.Signals
) -> None:
    """The bucket is slow at the last part: the server ends in its time, and the next one has every byte."""
    data = tmp_path / "data"
    async with aiohttp.ClientSession() as http:
        async with running("serve", data=data) as server:
            body = {"query": SIGN_UP, "variables": {"input": {"username": "alice", "password": "correct horse"}}}
            async with http.post(server.graphql, json=body) as response:
                alice = Person(server, http, (await response.json())["data"]["signUp"]["token"])
            upload = (await ask(alice, CREATE, input={"filename": "a.txt", "byteSize": len(CONTENT)}))["upload"]
            line.slow = "PUT"
            patching = asyncio.create_task(append(alice, upload["id"], CONTENT))
            async with asyncio.timeout(30):
                await line.is_reached.wait()
            began = time.monotonic()
            server.process.send_signal(number)
            status = await asyncio.wait_for(server.process.wait(), 15)
            seconds = time.monotonic() - began
            [answer] = await asyncio.gather(patching, return_exceptions=True)
        line.is_broken = False
        async with running("serve", data=data) as server:
            again = Person(server, http, alice.token)
            before = await ask(again, NODE, id=upload["id"])
            done = await ask(again, COMPLETE, input={"uploadId": upload["id"]})

    assert (status, seconds < 5) == (0 if number == signal.SIGTERM else -number, True)
    assert answer != 204
    assert (before["state"], before["receivedBytes"]) == ("UPLOADING", len(CONTENT))
    assert done["upload"]["state"] == "READY"


async def append(person: Person, id_: str, content: bytes) -> int:
    """All of it in one part; the status."""
    headers = {
        "Authorization": f"Bearer {person.token}",
        "Tus-Resumable": "1.0.0",
        "Content-Type": "application/offset+octet-stream",
        "Upload-Offset": "0",
    }
    url = f"{person.server.url}/uploads/{id_}"
    async with person.http.patch(url, data=io.BytesIO(content), headers=headers) as response:
        return response.status


async def ask(person: Person, document: str, **variables: object) -> Any:
    """The one field's value."""
    [value] = (await person.query(document, **variables)).values()
    return value
