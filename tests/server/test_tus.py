"""tus 1.0 over HTTP: the protocol, interruptions and errors."""

import asyncio
import base64
import hashlib
import itertools
import random
from contextlib import suppress
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.flow.client import Person, running
from tests.gql.conftest import SEND, Site, module_site, settings, site  # noqa: F401 - fixtures

CREATE = """mutation ($input: CreateUploadInput!) { createUpload(input: $input) { __typename
  ... on CreateUploadSuccess { upload { id state uploadUrl receivedBytes byteSize expiresAt } }
  ... on UserError { code detail } ... on InvalidInputError { issues { path reason } }
  ... on AttachmentsRejectedError { attachmentRejections { reason limitBytes allowedMimeTypes } } } }"""
TUS = {"Tus-Resumable": "1.0.0"}
PATCH = {**TUS, "Content-Type": "application/offset+octet-stream"}
NUMBERS = itertools.count()  # for names of people with one upload each
TEXT = b"The tide is out. " * 100


class Tus:
    """An upload of a user."""

    def __init__(self, site_: Site, token: str) -> None:
        self.site = site_
        self.token = token
        self.id = ""
        self.url = ""

    @property
    def headers(self) -> dict[str, str]:
        """The headers with the token."""
        return {"Authorization": f"Bearer {self.token}"}

    async def create(self, content: bytes = TEXT, **form: Any) -> Any:
        """The result of `createUpload`."""
        given = {"filename": "tide.txt", "byteSize": len(content), **form}
        _, answer = await self.site.post({"query": CREATE, "variables": {"input": given}}, self.token)
        result = answer["data"]["createUpload"]
        if "upload" in result:
            self.id, self.url = result["upload"]["id"], result["upload"]["uploadUrl"]
        return result

    async def ask(self, method: str, body: bytes | None = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body; keyword arguments are headers with underscores, an empty value removes one."""
        every = {**(PATCH if method == "PATCH" else TUS), **self.headers}
        every |= {name.replace("_", "-"): value for name, value in headers.items()}
        every = {name: value for name, value in every.items() if value}
        async with self.site.http.request(method, self.url, data=body, headers=every) as response:
            return response.status, dict(response.headers), await response.read()

    async def patch(self, offset: int, body: bytes, **headers: str) -> tuple[int, str | None]:
        """Status and offset of the next part."""
        status, found, _ = await self.ask("PATCH", body, Upload_Offset=str(offset), **headers)
        return status, found.get("Upload-Offset")

    async def offset(self) -> int:
        """The offset, by HEAD."""
        status, headers, _ = await self.ask("HEAD")
        assert status == 200
        return int(headers["Upload-Offset"])


@pytest.fixture
async def tus(site: Site) -> Tus:  # noqa: F811
    """An upload of alice."""
    return Tus(site, await site.token_of("alice"))


async def test_options_lists_the_capabilities(tus: Tus) -> None:
    """OPTIONS needs no token; every response has the version."""
    await tus.create()
    status, headers, _ = await tus.ask("OPTIONS", Authorization="")

    assert status == 204
    assert headers["Tus-Version"] == headers["Tus-Resumable"] == "1.0.0"
    assert set(headers["Tus-Extension"].split(",")) == {"checksum", "expiration", "termination"}
    assert {"sha1", "sha256"} <= set(headers["Tus-Checksum-Algorithm"].split(","))
    assert headers["Tus-Max-Size"] == str(25 * 1024**2)


async def test_a_file_comes_in_parts_and_goes_with_a_message(tus: Tus) -> None:
    """HEAD and PATCH return the offset of the next part; `node` shows the same."""
    created = await tus.create(sha256=hashlib.sha256(TEXT).hexdigest())
    bob = await tus.site.token_of("bob")
    offsets = [await tus.offset(), await tus.patch(0, TEXT[:1000]), await tus.offset()]
    query = "query ($id: ID!) { node(id: $id) { ... on UploadSession { state receivedBytes byteSize mimeType } } }"
    _, before = await tus.site.post({"query": query, "variables": {"id": tus.id}}, tus.token)
    offsets.append(await tus.patch(1000, TEXT[1000:]))
    status, headers, body = await tus.ask("HEAD")
    seen = [(await tus.site.post({"query": query, "variables": {"id": tus.id}}, t))[1] for t in (tus.token, bob)]
    draft = {"to": {"users": [{"username": "bob"}]}, "attachments": [{"uploadId": tus.id}]}
    _, sent = await tus.site.post({"query": SEND, "variables": {"input": draft}}, tus.token)

    assert created["upload"]["state"] == "PENDING"
    assert offsets == [0, (204, "1000"), 1000, (204, "1700")]
    assert (status, headers["Upload-Length"], headers["Cache-Control"], body) == (200, "1700", "no-store", b"")
    assert parsedate_to_datetime(headers["Upload-Expires"])
    assert seen[0]["data"]["node"] == {
        "state": "READY", "receivedBytes": 1700, "byteSize": 1700, "mimeType": "text/plain"
    }  # fmt: skip
    assert before["data"]["node"]["mimeType"] is None
    assert seen[1]["data"]["node"] is None
    [file] = sent["data"]["sendPrivateMessage"]["message"]["attachments"]
    assert (file["filename"], file["sha256"]) == ("tide.txt", hashlib.sha256(TEXT).hexdigest())
    assert (await tus.ask("HEAD"))[0] == 404


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("method", "headers", "expected"),
    [
        ("HEAD", {"Tus_Resumable": ""}, 412),
        ("PATCH", {"Tus_Resumable": "0.2.2"}, 412),
        ("PATCH", {"Upload_Offset": ""}, 400),
        ("PATCH", {"Upload_Offset": "-1"}, 400),
        ("PATCH", {"Upload_Offset": "1e3"}, 400),
        ("PATCH", {"Upload_Offset": "٣"}, 400),
        ("PATCH", {"Upload_Offset": "9" * 19}, 400),
        ("PATCH", {"Upload_Offset": "1"}, 409),
        ("PATCH", {"Upload_Offset": "0", "Content_Type": "text/plain"}, 415),
        ("PATCH", {"Upload_Offset": "0", "Content_Type": "application/json"}, 415),
        ("PATCH", {"Upload_Offset": "0", "Upload_Checksum": "crc32 AAAA"}, 400),
        ("PATCH", {"Upload_Offset": "0", "Upload_Checksum": "sha1"}, 400),
        ("PATCH", {"Upload_Offset": "0", "Upload_Checksum": "sha1 !!!"}, 400),
        ("PATCH", {"Upload_Offset": "0", "Upload_Checksum": "sha1 " + base64.b64encode(bytes(20)).decode()}, 460),
        ("PATCH", {"Upload_Offset": "0", "Authorization": ""}, 401),
        ("HEAD", {"Authorization": "Bearer sot_" + "x" * 43}, 401),
        ("DELETE", {"Authorization": ""}, 401),
        ("GET", {}, 405),
        ("POST", {}, 405),
        ("PUT", {}, 405),
    ],
)
async def test_protocol_violations_are_refused(
    module_site: Site,  # noqa: F811
    method: str,
    headers: dict[str, str],
    expected: int,
) -> None:
    """With the status of the protocol and a JSON error; no byte is stored."""
    tus = Tus(module_site, await module_site.token_of(f"alice{next(NUMBERS)}"))
    await tus.create()
    before = await tus.site.stored()
    headers = {name: value.encode().decode("latin-1") for name, value in headers.items()}

    status, found, body = await tus.ask(method, b"x" * 10 if method == "PATCH" else None, **headers)

    assert status == expected
    assert method == "HEAD" or b'"code"' in body
    assert b"Traceback" not in body
    assert expected != 412 or found["Tus-Version"] == "1.0.0"
    assert await tus.offset() == 0
    assert await tus.site.stored() == before


async def test_a_stranger_finds_nothing(tus: Tus) -> None:
    """Another user's upload, an unknown one and a malformed ID get the same response."""
    await tus.create()
    await tus.patch(0, TEXT[:10])
    mallory, other = Tus(tus.site, await tus.site.token_of("mallory")), tus.url.rsplit("/", 1)[0]
    answers = set()
    for url in (tus.url, f"{other}/cwAAAAAAAAAB", f"{other}/x", f"{other}/{'x' * 500}"):
        mallory.url = url
        for method in ("HEAD", "PATCH", "DELETE"):
            more = {"Upload_Offset": "10"} if method == "PATCH" else {}
            status, _, body = await mallory.ask(method, b"evil" if method == "PATCH" else None, **more)
            answers.add((method, status, body))

    assert len(answers) == 3
    assert {status for _, status, _ in answers} == {404}
    assert await tus.offset() == 10


async def test_a_file_that_fails_inspection_is_refused_at_its_last_byte(tus: Tus) -> None:
    """422 with the name of the reason, also for later requests."""
    await tus.create(sha256="0" * 64)
    status, _, body = await tus.ask("PATCH", TEXT, Upload_Offset="0")

    assert (status, b"CHECKSUM_MISMATCH" in body) == (422, True)
    assert (await tus.ask("HEAD"))[0] == 422
    assert (await tus.ask("PATCH", b"", Upload_Offset=str(len(TEXT))))[0] == 422
    assert (await tus.ask("DELETE"))[0] == 204


async def test_a_checksum_guards_a_part(tus: Tus) -> None:
    """tus 1.0, checksum: the part is dropped and can be sent again."""
    await tus.create()
    good = "sha256 " + base64.b64encode(hashlib.sha256(TEXT[:100]).digest()).decode()

    assert await tus.patch(0, TEXT[1:101], Upload_Checksum=good) == (460, None)
    assert await tus.offset() == 0
    assert await tus.patch(0, TEXT[:100], Upload_Checksum=good) == (204, "100")


async def test_more_than_declared_is_413(tus: Tus) -> None:
    """Nothing of the part is stored."""
    await tus.create()

    assert (await tus.patch(0, TEXT + b"x"))[0] == 413
    assert await tus.offset() == 0


async def test_a_cancelled_upload_is_gone(tus: Tus) -> None:
    """By DELETE and by `cancelUpload`."""
    await tus.create()
    await tus.patch(0, TEXT[:100])

    assert (await tus.ask("DELETE"))[0] == 204
    assert (await tus.ask("HEAD"))[0] == 404
    assert (await tus.site.stored())["files"] == 0


async def test_a_page_of_an_allowed_origin_can_upload(tus: Tus) -> None:
    """The preflight succeeds, and the headers of the protocol are exposed."""
    await tus.create()
    origin = "https://app.example.org"
    ask = {
        "Origin": origin,
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "upload-offset",
    }
    async with tus.site.http.options(tus.url, headers=ask) as response:
        allowed = response.headers["Access-Control-Allow-Methods"], response.headers["Access-Control-Allow-Headers"]
    _, headers, _ = await tus.ask("HEAD", Origin=origin)

    assert "PATCH" in allowed[0]
    assert "Upload-Offset" in allowed[1]
    assert "Upload-Offset" in headers["Access-Control-Expose-Headers"]


async def cut(tus: Tus, offset: int, content: bytes, seconds: float) -> int:
    """Sends a part and drops the connection after a pause; returns the offset to resume at."""
    host, port = tus.url.split("/")[2].split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    head = "".join(f"{name}: {value}\r\n" for name, value in {**PATCH, **tus.headers}.items())
    size = len(content) + 1000
    path = "/" + tus.url.split("/", 3)[3]
    writer.write(
        f"PATCH {path} HTTP/1.1\r\nHost: x\r\n{head}Upload-Offset: {offset}\r\nContent-Length: {size}\r\n\r\n".encode()
    )
    writer.write(content)
    await writer.drain()
    await asyncio.sleep(seconds)
    writer.transport.abort()
    async with asyncio.timeout(seconds):
        while (found := await tus.offset()) == offset:
            await asyncio.sleep(0.001)
    return found


async def test_ten_interruptions_lose_no_byte(tus: Tus) -> None:
    """Bytes received before an interruption are kept: HEAD returns the offset, and the file is complete in the end."""
    content = random.Random(5).randbytes(300_000)
    await tus.create(content, filename="data.bin", sha256=hashlib.sha256(content).hexdigest())
    places = sorted(random.Random(6).sample(range(1, len(content)), 10))
    offset, offsets = 0, []
    for place in places:
        for patience in (0.05, 0.2, 0.8):  # a machine that is busy has not read all of it yet
            with suppress(TimeoutError):
                offset = await cut(tus, offset, content[offset:place], patience)
            if offset == place:
                break
        offsets.append(offset)

    assert offsets == places
    assert await tus.patch(offset, content[offset:]) == (204, str(len(content)))
    assert (await tus.ask("HEAD"))[0] == 200


async def test_a_restart_in_the_middle_loses_no_byte(tmp_path: Path) -> None:
    """The bytes are in a file; the URL and the offset are unchanged."""
    content = random.Random(7).randbytes(100_000).hex().encode()
    form = {"filename": "data.txt", "byteSize": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    async with aiohttp.ClientSession() as http:
        async with running("demo", data=tmp_path / "data") as server:
            alice = await Person.sign_in(server, http, "alice", "demo")
            created = (await alice.query(CREATE, input=form))["createUpload"]
            path = "/" + created["upload"]["uploadUrl"].split("/", 3)[3]
            headers = {**PATCH, **alice.headers, "Upload-Offset": "0"}
            async with http.patch(f"{server.url}{path}", data=content[:120_000], headers=headers) as response:
                assert response.status == 204
        async with running("demo", data=tmp_path / "data") as server:
            url = f"{server.url}{path}"
            async with http.head(url, headers={**TUS, **alice.headers}) as response:
                offset = int(response.headers["Upload-Offset"])
            headers["Upload-Offset"] = str(offset)
            async with http.patch(url, data=content[offset:], headers=headers) as response:
                status = response.status

    assert offset == 120_000
    assert status == 204
