"""Malformed multipart requests, each with one fault: refused with a code or a reason, leaving nothing stored.

In addition to the table of test_upload.py, this one covers the pieces in order: boundary, framing, part headers,
`operations`, `map`, files; and requests that look malformed but are valid.
"""

import json
import re
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.gql.conftest import SEND, Site
from tests.gql.wire.test_malformed import errors_in
from tests.gql.wire.test_upload import BOUNDARY, FILE, GOOD, MULTIPART, body, map_of, operations, part

PLACE = "variables.input.attachments.0.file"
OPERATIONS, MAP = part("operations", operations()), part("map", map_of())
B = BOUNDARY.encode()


def mapped(value: object) -> bytes:
    """A request with this `map`."""
    return body(OPERATIONS, part("map", json.dumps(value)), FILE)


def path(*keys: str) -> bytes:
    """A request with its file at this path."""
    return mapped({"0": [".".join(keys)]})


def asked(value: object) -> bytes:
    """A request with these `operations`."""
    return body(part("operations", json.dumps(value)), MAP, FILE)


def filed(more: str = "", head: str = "", content: bytes = b"hello", name: str = "0") -> bytes:
    """A request with this file."""
    return body(OPERATIONS, MAP, part(name, content, more, head))


def raw(head: bytes) -> bytes:
    """A request whose file has this head, byte by byte."""
    return body(OPERATIONS, MAP, b"--" + B + b"\r\n" + head + b"\r\n\r\nhello\r\n")


def typed(boundary: str) -> dict[str, str]:
    """The Content-Type with this parameter."""
    return {"Content-Type": f"multipart/form-data{boundary}"}


DISPOSITION = b'Content-Disposition: form-data; name="0"'
VARIABLES = json.loads(operations())["variables"]
BOUNDARIES = {
    "no parameters": "",
    "another parameter": f"; border={BOUNDARY}",
    "an empty boundary": '; boundary=""',
    "71 characters": f"; boundary={'b' * 71}",
    "4,000 characters": f"; boundary={'b' * 4_000}",
    "another boundary": "; boundary=b0undarY",
    "a prefix of the boundary": f"; boundary={BOUNDARY[:-1]}x",
    "an unclosed quote": f'; boundary="{BOUNDARY}',
    "a quote inside": f'; boundary={BOUNDARY[:3]}"{BOUNDARY[3:]}',
    "a space at the end": f'; boundary="{BOUNDARY} "',
    "a comma behind": f"; boundary={BOUNDARY}, text/plain",
    "the dashes in the boundary": f"; boundary=--{BOUNDARY}",
    "an umlaut": "; boundary=b\u00fcndary",
    "an extended boundary": f"; boundary*=utf-8''{BOUNDARY}",
}
FRAMINGS = {
    "LF only": GOOD.replace(b"\r\n", b"\n"),
    "CR only": GOOD.replace(b"\r\n", b"\r"),
    "an endless preamble": b"x" * 2_000 + b"\r\n" + GOOD,
    "no dashes before the first": GOOD[2:],
    "one dash before the first": GOOD[1:],
    "three dashes before the first": b"-" + GOOD,
    "one dash at the end": GOOD[:-3],
    "the end at the beginning": b"--" + B + b"--\r\n" + GOOD,
    "the end before the file": body(OPERATIONS, MAP, b"--" + B + b"--\r\n", FILE),
    "text behind a boundary": GOOD.replace(b"--" + B + b"\r\n", b"--" + B + b" x\r\n"),
    "1 kB of padding": GOOD.replace(b"--" + B + b"\r\n", b"--" + B + b" " * 1_000 + b"\r\n"),
    "no break after the content": GOOD.replace(b"hello\r\n--", b"hello--"),
    "only boundaries": (b"--" + B + b"\r\n") * 1_000,
    "UTF-16": GOOD.decode().encode("utf-16"),
    "a byte-order mark": b"\xef\xbb\xbf" + GOOD,
    "gzip": b"\x1f\x8b\x08\x00" + GOOD,
    "JSON": operations().encode(),
    "URL-encoded": b"operations=%7B%7D&map=%7B%7D",
    "NUL bytes": b"\0" * 10_000,
    "1,000 parts": body(OPERATIONS, MAP, FILE, *(part(str(n), "x") for n in range(1, 1_000))),
    "1,000 parts of operations": body(*[OPERATIONS] * 1_000),
}
HEADS = {
    "no headers": raw(b""),
    "no empty line": raw(DISPOSITION).replace(b'"0"\r\n\r\n', b'"0"\r\n'),
    "64 kB of one header": filed(head="X: " + "y" * 65_536 + "\r\n"),
    "64 kB of many headers": filed(head="".join(f"X-{n}: {'y' * 50}\r\n" for n in range(1_200))),
    "a name of 64 kB": filed(name="0" * 65_536),
    "a filename of 64 kB": filed(f'; filename="{"x" * 65_536}"'),
    "base64": filed(head="Content-Transfer-Encoding: base64\r\n", content=b"aGVsbG8="),
    "quoted-printable": filed(head="Content-Transfer-Encoding: quoted-printable\r\n"),
    "no name": raw(b"Content-Disposition: form-data"),
    "an empty name": filed(name=""),
    "two names": filed('; name="1"'),
    "two filenames": filed('; filename="a"; filename="b"'),
    "another disposition": raw(b'Content-Disposition: attachment; name="0"'),
    "two dispositions": raw(DISPOSITION + b"\r\n" + DISPOSITION.replace(b"0", b"1")),
    "two types": filed(head="Content-Type: text/plain\r\nContent-Type: image/png\r\n"),
    "a folded header": raw(DISPOSITION + b"\r\n ; filename=a"),
    "no colon": raw(DISPOSITION + b"\r\nnonsense"),
    "a space before the colon": raw(b'Content-Disposition : form-data; name="0"'),
    "an unclosed name": raw(b'Content-Disposition: form-data; name="0'),
    "latin-1 bytes": raw(DISPOSITION + b'; filename="\xfc.txt"'),
    "NUL in a filename": raw(DISPOSITION + b'; filename="a\0.txt"'),
    "LF in a filename": raw(DISPOSITION + b'; filename="a\n.txt"'),
    "CRLF in a filename": raw(DISPOSITION + b'; filename="a\r\n.txt"'),
    "filename* in latin-1": filed("; filename*=iso-8859-1'en'%A3.txt"),
    "filename* without a charset": filed("; filename*=x.txt"),
    "a name that is mapped nowhere": filed(name="1"),
    "a name with a space": filed(name=" 0"),
    "a name in full width": filed(name="\uff10"),
}
ASKED = {
    "no operations": body(MAP, FILE),
    "operations twice": body(OPERATIONS, OPERATIONS, MAP, FILE),
    "operations last": body(MAP, FILE, OPERATIONS),
    "operations after the file": body(FILE, OPERATIONS, MAP),
    "operations in capitals": body(part("Operations", operations()), MAP, FILE),
    "a number": asked(1),
    "a string": asked(operations()),
    "an array": asked([json.loads(operations())]),
    "no query": asked({"variables": VARIABLES}),
    "a query of the wrong type": asked({"query": [SEND], "variables": VARIABLES}),
    "variables of the wrong type": asked({"query": SEND, "variables": [VARIABLES]}),
    "no variables": asked({"query": SEND}),
    "a name of the wrong type": asked({"query": SEND, "variables": VARIABLES, "operationName": 1}),
    "extensions of the wrong type": asked({"query": SEND, "variables": VARIABLES, "extensions": 1}),
    "NaN": body(part("operations", operations()[:-1] + ', "extensions": {"a": NaN}}'), MAP, FILE),
    "half a character": body(part("operations", operations(text="|").replace("|", "\\ud83d")), MAP, FILE),
    "100,000 brackets": body(part("operations", "[" * 100_000), MAP, FILE),
    "2,000 levels": body(part("operations", '{"a":' * 2_000 + "1" + "}" * 2_000), MAP, FILE),
    "260 KiB": body(part("operations", operations(text="x" * 266_240)), MAP, FILE),
    "two values": body(part("operations", operations() * 2), MAP, FILE),
    "a comment": body(part("operations", operations() + " // x"), MAP, FILE),
    "latin-1": body(part("operations", operations(text="|").replace("|", "\u00fc").encode("latin-1")), MAP, FILE),
    "UTF-16": body(part("operations", operations().encode("utf-16")), MAP, FILE),
}
MAPS = {
    "no map": body(OPERATIONS, FILE),
    "map twice": body(OPERATIONS, MAP, MAP, FILE),
    "map after the file": body(OPERATIONS, FILE, MAP),
    "a string": mapped("0"),
    "a number": mapped(0),
    "false": mapped(value=False),
    "a list of pairs": mapped([["0", [PLACE]]]),
    "empty, and a file": mapped({}),
    "null": mapped({"0": None}),
    "an object": mapped({"0": {"0": PLACE}}),
    "a list of lists": mapped({"0": [[PLACE]]}),
    "a path as a list": mapped({"0": PLACE.split(".")}),
    "one path twice": mapped({"0": [PLACE, PLACE]}),
    "two places, one of them nowhere": body(part("operations", operations(2)), part("map", json.dumps({"0": [
        PLACE, PLACE.replace("0", "2")]})), FILE),
    "two parts for one place": mapped({"0": [PLACE], "1": [PLACE]}),
    "a part that does not come": mapped({"0": [PLACE], "1": ["variables.input.text"]}),
    "1,000 parts": mapped({str(n): [PLACE] for n in range(1_000)}),
    "20 kB": mapped({"0": [PLACE], "x" * 20_000: [PLACE]}),
    "part names that are paths": mapped({"../../0": [PLACE]}),
    "the whole of variables": path("variables"),
    "another parameter": path("extensions", "file"),
    "the query": path("query"),
    "without variables": path(*PLACE.split(".")[1:]),
    "in batches": path("0", *PLACE.split(".")),
    "only dots": path("", "", ""),
    "a dot at the end": path(*PLACE.split("."), ""),
    "a dot at the beginning": path("", *PLACE.split(".")),
    "brackets": mapped({"0": ["variables.input.attachments[0].file"]}),
    "slashes": mapped({"0": [PLACE.replace(".", "/")]}),
    "into a string": path("variables", "input", "to", "users", "0", "username", "0"),
    "a value that is there": path("variables", "input", "to", "users", "0", "username"),
    "behind the null": path(*PLACE.split("."), "file"),
    "index -1": path("variables", "input", "attachments", "-1", "file"),
    "index 1": path("variables", "input", "attachments", "1", "file"),
    "index 00000000": path("variables", "input", "attachments", "00000000", "file"),
    "index 10^4000": path("variables", "input", "attachments", "1" + "0" * 4_000, "file"),
    "an index in Arabic digits": path("variables", "input", "attachments", "\u0660", "file"),
    "an index in superscript": path("variables", "input", "attachments", "\u2070", "file"),
    "index +0": path("variables", "input", "attachments", "+0", "file"),
    "index 0.0": path("variables", "input", "attachments", "0.0", "file"),
    "index 0 with a space": path("variables", "input", "attachments", " 0", "file"),
    "index 0x0": path("variables", "input", "attachments", "0x0", "file"),
    "a key of a list": path("variables", "input", "attachments", "length"),
    "__proto__": path("variables", "__proto__", "polluted"),
    "constructor": path("variables", "constructor", "prototype"),
    "__class__": path("variables", "input", "__class__"),
    "NUL": path("variables", "input", "\0"),
    "4,000 keys": path("variables", *["a"] * 4_000),
}  # fmt: skip
REFUSED: list[Any] = [
    *(pytest.param(GOOD, typed(value), id=f"boundary: {name}") for name, value in BOUNDARIES.items()),
    *(
        pytest.param(data, MULTIPART, id=f"{kind}: {name}")
        for kind, table in (("framing", FRAMINGS), ("head", HEADS), ("operations", ASKED), ("map", MAPS))
        for name, data in table.items()
    ),
]


# Before and after every line break, in the middle of every boundary, and in the middle of every line.
CUTS = sorted(
    {end for found in re.finditer(rb"\r\n", GOOD) for end in (found.start(), found.start() + 1, found.end())}
    | {found.start() + 6 for found in re.finditer(B, GOOD)}
    | {found.start() + len(found[0]) // 2 for found in re.finditer(rb"[^\r\n]+", GOOD)}
)
LAST = GOOD.rindex(b"--")  # only the two dashes after it end the body, and need no line break
REFUSED += [pytest.param(GOOD[:cut], MULTIPART, id=f"cut at {cut}") for cut in CUTS if cut <= LAST]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("data", "headers"), REFUSED)
async def test_what_is_broken_is_refused_with_one_error(
    module_site: Site, caplog: pytest.LogCaptureFixture, data: bytes, headers: dict[str, str]
) -> None:
    """GraphQL multipart request specification, RFC 7578, RFC 2046: 4xx, one code, and no file is stored."""
    alice = await module_site.token_of("alice")
    await module_site.token_of("bob")
    before = await module_site.stored()

    with capture_logs() as logs:
        status, answer = await module_site.post(token=alice, data=data, headers=headers)

    assert 400 <= status < 500, answer
    assert "data" not in answer
    (error,) = answer["errors"]
    assert error["extensions"]["code"] in {"BAD_MULTIPART", "BAD_REQUEST", "PAYLOAD_TOO_LARGE"}
    assert errors_in(logs, caplog) == []
    assert await module_site.stored() == before
    status, answer = await module_site.post(token=alice, data=GOOD, headers=MULTIPART)
    assert answer["data"]["sendPrivateMessage"]["__typename"] == "SendPrivateMessageSuccess"
