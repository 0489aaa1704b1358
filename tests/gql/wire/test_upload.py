"""The GraphQL multipart request: streamed, in order; a malformed one is refused and leaves nothing stored."""

import asyncio
import hashlib
import io
import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from PIL import Image
from structlog.testing import capture_logs

from server.setting.settings import Settings
from services.file.media_type import PRESETS
from services.limit import Limits
from tests.gql.conftest import SEND, Site, site_in

BOUNDARY = "b0undary"
MULTIPART = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def operations(files: int = 1, **draft: Any) -> str:
    """A send to bob with null in place of the files."""
    draft = {"to": {"users": [{"username": "bob"}]}, "attachments": [{"file": None}] * files, **draft}
    return json.dumps({"query": SEND, "variables": {"input": draft}})


def map_of(files: int = 1) -> str:
    """One part for each place."""
    return json.dumps({str(n): [f"variables.input.attachments.{n}.file"] for n in range(files)})


def part(name: str, content: bytes | str, more: str = "", head: str = "") -> bytes:
    """One part; `more` follows the name, `head` are further header lines."""
    raw = content.encode() if isinstance(content, str) else content
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n{head}\r\n'.encode() + raw + b"\r\n"


def body(*parts: bytes, end: bytes = f"--{BOUNDARY}--\r\n".encode()) -> bytes:
    """The request."""
    return b"".join(parts) + end


FILE = part("0", "hello", '; filename="a.txt"')
GOOD = body(part("operations", operations()), part("map", map_of()), FILE)


async def test_files_arrive_with_name_type_size_and_hash(site: Site) -> None:
    """OSSN: an attachment inside the request. The type is detected from the content; a part needs no filename."""
    alice = await site.token_of("alice")
    await site.token_of("bob")
    data = body(
        part("operations", operations(2)),
        part("map", map_of(2)),
        part("0", b"%PDF-1.7\n%%EOF\n", "; filename*=UTF-8''r%C3%A9sum%C3%A9.pdf; filename=\"x.pdf\""),
        part("1", "plain"),
    )

    status, answer = await site.post(token=alice, data=data, headers=MULTIPART)

    assert status == 200
    files = answer["data"]["sendPrivateMessage"]["message"]["attachments"]
    assert [(each["mimeType"], each["byteSize"]) for each in files] == [("application/pdf", 15), ("text/plain", 5)]
    assert files[1] == {
        "filename": "file",
        "mimeType": "text/plain",
        "byteSize": 5,
        "sha256": hashlib.sha256(b"plain").hexdigest(),
    }
    assert files[0]["filename"] in {"résumé.pdf", "x.pdf"}


BROKEN: list[tuple[bytes, dict[str, str]]] = [
    (data, MULTIPART)
    for data in (
        b"",
        b"nonsense",
        body(),
        body(part("operations", operations())),
        body(part("operations", operations()), part("map", map_of())),
        body(part("map", map_of()), part("operations", operations()), FILE),
        body(part("operations", operations()), FILE, part("map", map_of())),
        body(FILE, part("operations", operations()), part("map", map_of())),
        body(part("operations", operations()), part("map", map_of()), FILE, FILE),
        body(part("operations", operations()), part("map", map_of()), part("9", "stray", '; filename="b"'), FILE),
        body(part("operations", "{"), part("map", map_of()), FILE),
        body(part("operations", "[]"), part("map", map_of()), FILE),
        body(part("operations", f"[{operations()}]"), part("map", map_of()), FILE),
        body(part("operations", b"\xff\xfe"), part("map", map_of()), FILE),
        body(part("operations", operations()), part("map", "{"), FILE),
        body(part("operations", operations()), part("map", "[]"), FILE),
        body(part("operations", operations()), part("map", '{"0": "variables.input.attachments.0.file"}'), FILE),
        body(part("operations", operations()), part("map", '{"0": []}'), FILE),
        body(part("operations", operations()), part("map", '{"0": [1]}'), FILE),
        body(part("operations", operations()), part("map", '{"0": ["variables.nowhere"]}'), FILE),
        body(part("operations", operations()), part("map", '{"0": ["variables.input.attachments.7.file"]}'), FILE),
        body(part("operations", operations()), part("map", '{"0": ["variables.input.attachments.-1.file"]}'), FILE),
        body(part("operations", operations()), part("map", '{"0": ["variables.input.to"]}'), FILE),
        body(part("operations", operations()), part("map", '{"0": ["query"]}'), FILE),
        body(part("operations", operations()), part("map", '{"0": [""]}'), FILE),
        body(part("operations", operations()), part("map", '{"0": ["variables.__proto__.x"]}'), FILE),
        body(part("operations", operations(11)), part("map", map_of(11)), FILE),
        *(
            body(part("operations", operations()), part("map", f'{{"0": {value}, {map_of()[1:]}'), FILE)
            for value in ("[" * 1_000 + "]" * 1_000, '["variables.input.attachments.0.file"]', "1" * 300, "null")
        ),
        body(part("operations", operations()), part("map", "null"), FILE),
        body(part("operations", operations()), part("map", '{"0": ["variables.input.attachments"]}'), FILE),
        body(part("operations", operations()), part("map", '{"0": ["variables"]}'), FILE),
        body(part("operations", operations()), part("map", '{"0": ["variables.input.attachments.٠.file"]}'), FILE),
        body(part("operations", operations()), part("map", '{"0": ["a", "variables.input.attachments.0.file"]}'), FILE),
        body(
            part("operations", operations()),
            part("map", json.dumps({key: ["variables.input.attachments.0.file"] for key in "01"})),
            FILE,
            part("1", "x"),
        ),
        body(part("operations", '{"query": 1}'), part("map", map_of()), FILE),
        body(part("operations", "null"), part("map", map_of()), FILE),
        body(part("operations", ""), part("map", map_of()), FILE),
        body(part("operations", operations()), part("map", ""), FILE),
        GOOD[:-20],
        GOOD[: len(GOOD) // 2],
        body(part("operations", operations()), part("map", map_of()), FILE, end=b""),
        body(
            part("operations", operations()), part("map", map_of()), part("0", "x", head="X: " + "y" * 20_000 + "\r\n")
        ),
        body(part("operations", operations()), part("map", map_of()), part("0", "x", head="nonsense\r\n")),
        body(b"--" + BOUNDARY.encode() + b"\r\n\r\nno headers\r\n"),
        body(part("operations", "x" * 300_000), part("map", map_of()), FILE),
        body(part("operations", operations()), part("map", "x" * 300_000), FILE),
    )
] + [
    (GOOD, {"Content-Type": "multipart/form-data"}),
    (GOOD, {"Content-Type": "multipart/form-data; boundary="}),
    (GOOD, {"Content-Type": "multipart/form-data; boundary=other"}),
    (GOOD, {"Content-Type": f"multipart/form-data; boundary={'x' * 500}"}),
    (GOOD, {"Content-Type": f"multipart/mixed; boundary={BOUNDARY}"}),
    (GOOD, {**MULTIPART, "Content-Encoding": "gzip"}),
]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("data", "headers"), BROKEN, ids=range(len(BROKEN)))
async def test_a_broken_multipart_request_leaves_nothing(
    module_site: Site, data: bytes, headers: dict[str, str]
) -> None:
    """A 4xx status, one JSON error with a code; no row, no file left; the server keeps running."""
    alice = await module_site.token_of("alice")
    await module_site.token_of("bob")
    before = await module_site.stored()

    with capture_logs() as logs:
        status, answer = await module_site.post(token=alice, data=data, headers=headers)

    assert 400 <= status < 500, answer
    (error,) = answer["errors"]
    assert error["extensions"]["code"] in {"BAD_MULTIPART", "BAD_REQUEST", "PAYLOAD_TOO_LARGE"}
    assert "data" not in answer
    assert [line for line in logs if line["log_level"] in {"error", "critical"}] == []
    assert await module_site.stored() == before
    assert (await module_site.post(token=alice, data=GOOD, headers=MULTIPART))[0] == 200


@pytest.mark.parametrize("length", [True, False])
async def test_a_request_that_is_too_large_is_refused(site: Site, length: bool) -> None:
    """413, from its Content-Length before a byte is read, or while streaming."""
    alice = await site.token_of("alice")
    await site.token_of("bob")
    before = await site.stored()
    content = body(part("operations", operations()), part("map", map_of()), part("0", b"x" * (33 << 20)))

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 1 << 20):
            yield content[start : start + (1 << 20)]

    headers = {**MULTIPART, **({"Content-Length": str(len(content))} if length else {})}
    try:
        status, answer = await site.post(token=alice, data=chunks(), headers=headers)
        assert (status, answer["errors"][0]["extensions"]["code"]) == (413, "PAYLOAD_TOO_LARGE")
    except aiohttp.ClientError:
        pass  # the server answered and closed while this client was still sending

    assert await site.stored() == before


async def test_a_file_that_is_too_large_is_a_typed_refusal(site: Site) -> None:
    """25 MiB for a file, less than the 32 MiB for the request; nothing is stored."""
    alice = await site.token_of("alice")
    await site.token_of("bob")
    before = await site.stored()
    data = body(part("operations", operations()), part("map", map_of()), part("0", b"x" * (26 << 20)))

    status, answer = await site.post(token=alice, data=io.BytesIO(data), headers=MULTIPART)

    sent = answer["data"]["sendPrivateMessage"]
    assert (status, sent["__typename"]) == (200, "AttachmentsRejectedError")
    assert [each["reason"] for each in sent["attachmentRejections"]] == ["TOO_LARGE"]
    assert await site.stored() == before


async def test_a_refused_send_keeps_none_of_its_files(site: Site) -> None:
    """Recipients are refused after the files arrived: the files are deleted."""
    alice = await site.token_of("alice")
    before = await site.stored()

    status, answer = await site.post(token=alice, data=GOOD, headers=MULTIPART)

    assert (status, answer["data"]["sendPrivateMessage"]["code"]) == (200, "RECIPIENTS_REJECTED")
    assert await site.stored() == before


async def test_files_without_a_token_are_refused_before_they_are_read(site: Site) -> None:
    """Anonymous clients cannot fill the disk."""
    before = await site.stored()

    status, answer = await site.post(data=GOOD, headers={**MULTIPART, "GraphQL-Require-Preflight": "1"})

    assert (status, answer["errors"][0]["extensions"]["code"]) == (401, "UNAUTHENTICATED")
    assert await site.stored() == before


async def test_a_form_of_a_foreign_page_is_refused(site: Site) -> None:
    """A multipart request needs a header that a form cannot send; the refusal names it."""
    status, answer = await site.post(data=GOOD, headers=MULTIPART)

    assert status in {400, 403}
    assert answer["errors"][0]["extensions"]["code"] == "CSRF_BLOCKED"
    assert "GraphQL-Require-Preflight" in answer["errors"][0]["message"]


async def test_a_client_that_leaves_in_the_middle_leaves_nothing(site: Site) -> None:
    """The temp file is taken away."""
    alice = await site.token_of("alice")
    before = await site.stored()
    _, writer = await asyncio.open_connection("127.0.0.1", int(site.url.rsplit(":", 1)[1]))
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {alice}\r\n"
        f"Content-Type: {MULTIPART['Content-Type']}\r\nContent-Length: 9000000\r\n\r\n"
    )
    begun = part("operations", operations()) + part("map", map_of()) + part("0", b"x" * 1_000_000)
    writer.write(head.encode() + begun)
    await writer.drain()
    async with asyncio.timeout(5):
        while (await site.stored())["files"] == before["files"]:
            await asyncio.sleep(0.01)

    writer.close()

    async with asyncio.timeout(10):
        while await site.stored() != before:
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(("patience", "expected"), [(20, 200), (0.01, 408)])
async def test_a_whole_upload_has_a_time_of_its_own(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patience: float, expected: int
) -> None:
    """A few times the allowed idle time: a client that sends a little now and then is cut off, and leaves nothing."""
    monkeypatch.setattr("gql.wire.view.UPLOAD_PATIENCE", patience)

    async def slowly() -> AsyncIterator[bytes]:
        yield GOOD[:-20]
        await asyncio.sleep(0.1)  # of the 2 seconds that a body may be idle
        yield GOOD[-20:]

    async with site_in(tmp_path, settings, Limits(send_rate_per_minute=0)) as site:
        alice = await site.token_of("alice")
        await site.token_of("bob")
        before = await site.stored()
        status, answer = await site.post(data=slowly(), headers=MULTIPART, token=alice)
        after = await site.stored()

    assert (status, "TIMEOUT" in json.dumps(answer)) == (expected, expected == 408)
    assert (after == before) == (expected == 408)


async def test_a_large_file_costs_constant_memory(site: Site) -> None:
    """64 MiB with raised limits, from a client in the same process: less than 20 MiB (bench/upload.py: 1 GiB)."""
    alice = await site.token_of("alice")
    await site.token_of("bob")
    site.view._upload_limits = replace(site.view._upload_limits, request_bytes=65 << 20)
    site.services.attachment._inspector._limits = Limits(
        max_attachment_bytes=64 << 20, allowed_mime_types=PRESETS["any"]
    )
    chunk = secrets.token_bytes(1 << 16)
    sent = hashlib.sha256()
    peak = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal peak
        yield part("operations", operations()) + part("map", map_of())
        yield part("0", b"", '; filename="large.bin"')[:-2]
        for _ in range(1024):
            sent.update(chunk)
            yield chunk
            peak = max(peak, _resident_kib())
        yield b"\r\n" + body()

    before = _resident_kib()
    _, answer = await site.post(token=alice, data=chunks(), headers=MULTIPART)

    (file,) = answer["data"]["sendPrivateMessage"]["message"]["attachments"]
    assert (file["byteSize"], file["sha256"]) == (64 << 20, sent.hexdigest())
    assert peak - before < 20 * 1024


def _resident_kib() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmRSS:")[1].split()[0])


@pytest.mark.parametrize(("content", "filename"), [(b"hello", "a.txt"), (None, "sea.png")], ids=["text", "picture"])
async def test_one_part_serves_two_places(site: Site, content: bytes | None, filename: str) -> None:
    """GraphQL multipart request specification: the paths of a part are an array. Each place gets its own file."""
    alice = await site.token_of("alice")
    await site.token_of("bob")
    before = await site.stored()
    if content is None:
        out = io.BytesIO()
        Image.new("RGB", (8, 6), "navy").save(out, "PNG")
        content = out.getvalue()
    paths = [f"variables.{name}" for name in ("a.attachments.0.file", "b.attachments.0.file", "b.attachments.1.file")]
    sends = " ".join(
        SEND.split("{", 1)[1]
        .replace("sendPrivateMessage(input: $input)", f"{each}: sendPrivateMessage(input: ${each})")
        .rsplit("}", 1)[0]
        for each in "ab"
    )
    query = f"mutation ($a: SendPrivateMessageInput!, $b: SendPrivateMessageInput!) {{ {sends} }}"
    drafts = {
        key: {"to": {"users": [{"username": "bob"}]}, "attachments": [{"file": None}] * count}
        for key, count in (("a", 1), ("b", 2))
    }
    data = body(
        part("operations", json.dumps({"query": query, "variables": drafts})),
        part("map", json.dumps({"0": paths})),
        part("0", content, f'; filename="{filename}"'),
    )

    status, answer = await site.post(token=alice, data=data, headers=MULTIPART)

    assert status == 200, answer
    files = [file for key in "ab" for file in answer["data"][key]["message"]["attachments"]]
    digest = hashlib.sha256(content).hexdigest()
    assert [(each["filename"], each["sha256"]) for each in files] == [(filename, digest)] * 3
    after = await site.stored()
    assert after["message"] - before["message"] == 2
    assert list(site.folder.rglob("*.partial")) == []


async def test_a_file_counts_as_often_as_it_has_places(site: Site) -> None:
    """In number and in bytes: a request must not make the server write more than it received."""
    alice = await site.token_of("alice")
    await site.token_of("bob")
    before = await site.stored()
    many = json.dumps({"0": [f"variables.input.attachments.{n}.file" for n in range(11)]})
    few = json.dumps({"0": [f"variables.input.attachments.{n}.file" for n in range(3)]})
    twice = json.dumps({"0": ["variables.input.attachments.0.file"] * 2})
    site.view._upload_limits = replace(site.view._upload_limits, request_bytes=100_000)

    too_many = await site.post(
        token=alice, data=body(part("operations", operations(11)), part("map", many), FILE), headers=MULTIPART
    )
    doubled = await site.post(
        token=alice, data=body(part("operations", operations(1)), part("map", twice), FILE), headers=MULTIPART
    )
    large = body(part("operations", operations(3)), part("map", few), part("0", b"x" * 60_000))
    too_large = await site.post(token=alice, data=large, headers=MULTIPART)

    for (status, answer), expected in (
        (too_many, "BAD_MULTIPART"),
        (doubled, "BAD_MULTIPART"),
        (too_large, "PAYLOAD_TOO_LARGE"),
    ):
        assert (answer["errors"][0]["extensions"]["code"], status) == (expected, 413 if "LARGE" in expected else 400)
    assert await site.stored() == before
