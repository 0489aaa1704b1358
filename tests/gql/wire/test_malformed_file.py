"""Files that look wrong: refused with a reason if they are, accepted with a harmless name if they are not."""

import io
import json
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.file.media_type import PRESETS
from services.limit import Limits
from tests.gql.conftest import Site
from tests.gql.wire.test_malformed import errors_in
from tests.gql.wire.test_upload import BOUNDARY, FILE, GOOD, MULTIPART, body, map_of, operations, part

OPERATIONS, MAP = part("operations", operations()), part("map", map_of())
NESTED = (
    b"--inner\r\nContent-Disposition: form-data; name=operations\r\n\r\n{}\r\n"
    b"--inner\r\nContent-Disposition: form-data; name=map\r\n\r\n{}\r\n--inner--\r\n"
)


def filed(more: str = "", head: str = "", content: bytes = b"hello") -> bytes:
    """A request with this file."""
    return body(OPERATIONS, MAP, part("0", content, more, head))


def placed(path: str, draft: dict[str, Any]) -> bytes:
    """A request with its file at this path, and the draft's statement about it."""
    return body(part("operations", operations(**draft)), part("map", json.dumps({"0": [path]})), FILE)


# A file where none is expected, and another value where a file is expected: GraphQL §3.5, coercion.
MISPLACED = {
    "in the text": placed("variables.input.text", {"text": None}),
    "among the recipients": placed("variables.input.to.users.0", {"to": {"users": [None]}}),
    "as a username": placed("variables.input.to.users.0.username", {"to": {"users": [{"username": None}]}}),
    "as the key": placed("variables.input.clientMessageId", {"clientMessageId": None}),
    "as an attachment": placed("variables.input.attachments.0", {"attachments": [None]}),
    "as all attachments": placed("variables.input.attachments", {"attachments": None}),
    "as an unknown field": placed("variables.input.colour", {"colour": None}),
    "a path as Upload": placed("variables.input.attachments.0.file", {"attachments": [{"file": None}, {"file": "/x"}]}),
    "an object as Upload": placed(
        "variables.input.attachments.0.file", {"attachments": [{"file": None}, {"file": {"filename": "x"}}]}
    ),
    "a list as Upload": placed("variables.input.attachments.0.file.0", {"attachments": [{"file": [None]}]}),
    "a number as Upload": placed("variables.input.attachments.0.file", {"attachments": [{"file": None}, {"file": 0}]}),
    "a second null": placed("variables.input.attachments.0.file", {"attachments": [{"file": None}, {"file": None}]}),
}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("data", MISPLACED.values(), ids=MISPLACED.keys())
async def test_a_file_where_none_is_wanted_is_refused(
    module_site: Site, caplog: pytest.LogCaptureFixture, data: bytes
) -> None:
    """BAD_REQUEST without `data`: nothing was executed, and the received file is deleted."""
    alice = await module_site.token_of("alice")
    await module_site.token_of("bob")
    before = await module_site.stored()
    headers = {**MULTIPART, "Accept": "application/graphql-response+json"}

    with capture_logs() as logs:
        status, answer = await module_site.post(token=alice, data=data, headers=headers)

    assert status == 400
    assert "data" not in answer
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"BAD_REQUEST"}
    assert " at 0x" not in json.dumps(answer)  # the `repr` of an object
    assert errors_in(logs, caplog) == []
    assert await module_site.stored() == before
    assert (await module_site.post(token=alice, data=GOOD, headers=MULTIPART))[0] == 200


REJECTED = {
    "0 bytes": (b"", "EMPTY"),
    "26 MiB": (b"x" * (26 << 20), "TOO_LARGE"),
    "a program": (b"\x7fELF\x02\x01\x01" + bytes(100), "TYPE_NOT_ALLOWED"),
    "a program for Windows": (b"MZ" + bytes(100), "TYPE_NOT_ALLOWED"),
    "half a PNG": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(17), "UNSAFE"),
}


@pytest.mark.parametrize(("content", "reason"), REJECTED.values(), ids=REJECTED.keys())
async def test_a_file_that_is_not_taken_has_its_reason(
    site: Site, caplog: pytest.LogCaptureFixture, content: bytes, reason: str
) -> None:
    """A typed refusal that names the file; nothing is stored."""
    alice = await site.token_of("alice")
    await site.token_of("bob")
    site.services.attachment._inspector._limits = Limits(allowed_mime_types=PRESETS["default"])
    before = await site.stored()
    data = io.BytesIO(filed('; filename="a.png"', "Content-Type: image/png\r\n", content))

    with capture_logs() as logs:
        status, answer = await site.post(token=alice, data=data, headers=MULTIPART)

    sent = answer["data"]["sendPrivateMessage"]
    assert (status, sent["__typename"]) == (200, "AttachmentsRejectedError")
    assert sent["attachmentRejections"] == [{"index": 0, "reason": reason, "filename": "a.png"}]
    assert errors_in(logs, caplog) == []
    assert await site.stored() == before


HARMLESS: dict[str, tuple[bytes, str]] = {
    "a preamble": (b"This is MIME.\r\n" + GOOD, "a.txt"),
    "an epilogue": (GOOD + b"--" + BOUNDARY.encode() + b"\r\nmore", "a.txt"),
    "a second request behind the end": (GOOD + GOOD, "a.txt"),
    "no break at the end": (GOOD[:-2], "a.txt"),
    "an empty filename": (filed('; filename=""'), "file"),
    "no filename": (filed(), "file"),
    "only dots": (filed('; filename="..."'), "file"),
    "a path": (filed('; filename="../../../etc/passwd"'), "passwd"),
    "a path of Windows": (filed('; filename="C:\\\\Users\\\\a\\\\b.txt"'), "b.txt"),
    "an absolute path, encoded": (filed("; filename*=UTF-8''%2Fetc%2Fpasswd"), "passwd"),
    "NUL, encoded": (filed("; filename*=UTF-8''a%00.txt"), "a.txt"),
    "a line break, encoded": (filed("; filename*=UTF-8''a%0D%0Ab.txt"), "a b.txt"),
    "bytes that are no UTF-8, encoded": (filed("; filename*=UTF-8''a%FF.txt"), "a\ufffd.txt"),
    "a name that runs backwards": (filed("; filename*=UTF-8''a%E2%80%AEtxt.exe"), "atxt.exe"),
    "a language": (filed("; filename*=UTF-8'en'%C3%BC.txt"), "\u00fc.txt"),
    "raw UTF-8": (filed('; filename="\u00fc \U0001f600.txt"'), "\u00fc \U0001f600.txt"),
    "HTML": (filed('; filename="<script>.txt"'), "<script>.txt"),
    "a type that is a lie": (filed('; filename="a.txt"', "Content-Type: image/png\r\n"), "a.txt"),
    "a type that is none": (filed('; filename="a.txt"', "Content-Type: ;;;\r\n"), "a.txt"),
    "latin-1": (filed('; filename="a.txt"', "Content-Type: text/plain; charset=latin-1\r\n"), "a.txt"),
    "a length that is a lie": (filed('; filename="a.txt"', "Content-Length: 99999999\r\n"), "a.txt"),
    "a nested multipart": (
        filed('; filename="a.txt"', "Content-Type: multipart/mixed; boundary=inner\r\n", NESTED), "a.txt",
    ),
    "a boundary within a line": (filed('; filename="a.txt"', content=f"x --{BOUNDARY}--".encode()), "a.txt"),
    "operations as a file": (
        body(part("operations", operations(), '; filename="o.json"', "Content-Type: application/json\r\n"), MAP, FILE),
        "a.txt",
    ),
    "100 headers": (filed('; filename="a.txt"', "".join(f"X-{n}: y\r\n" for n in range(100))), "a.txt"),
    "a filename of 4,000 characters": (filed(f'; filename="{"x" * 4_000}.txt"'), "x" * 251 + ".txt"),
}  # fmt: skip


@pytest.mark.parametrize(("data", "filename"), HARMLESS.values(), ids=HARMLESS.keys())
async def test_what_only_looks_wrong_is_taken(
    site: Site, caplog: pytest.LogCaptureFixture, data: bytes, filename: str
) -> None:
    """RFC 2046 and 7578: the name is only displayed, and the declared type of a part is ignored."""
    alice = await site.token_of("alice")
    await site.token_of("bob")

    with capture_logs() as logs:
        _, answer = await site.post(token=alice, data=data, headers=MULTIPART)

    sent = answer["data"]["sendPrivateMessage"]
    assert sent["__typename"] == "SendPrivateMessageSuccess"
    (file,) = sent["message"]["attachments"]
    assert (file["filename"], file["mimeType"]) == (filename, "text/plain")
    assert errors_in(logs, caplog) == []
    stored = await site.stored()
    assert (stored["message"], stored["files"]) == (1, 1)
