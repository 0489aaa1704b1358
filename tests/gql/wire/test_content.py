"""The Content-Type: how it is parsed, and what a hostile one costs."""

import time

import pytest

from gql.error import HttpRefusal
from gql.wire.content import ContentType, parse
from gql.wire.multipart import MultipartReader
from tests.gql.conftest import Site

FORM = "multipart/form-data"


@pytest.mark.parametrize(
    ("value", "media_type", "parameters"),
    [
        ("application/json", "application/json", {}),
        ("Application/JSON ; Charset=UTF-8", "application/json", {"charset": "UTF-8"}),
        ("application/json;charset=utf-8;", "application/json", {"charset": "utf-8"}),
        (f"{FORM}; boundary=----WebKitFormBoundaryA1", FORM, {"boundary": "----WebKitFormBoundaryA1"}),
        (f'{FORM}; boundary="a b;c=\\"d\\""', FORM, {"boundary": 'a b;c="d"'}),
        (f"{FORM};boundary=a/b=c'd(e)f", FORM, {"boundary": "a/b=c'd(e)f"}),
        (f"{FORM}; a=1; boundary=", FORM, {"a": "1", "boundary": ""}),
        (f"\t{FORM}\t;\tboundary=x\t", FORM, {"boundary": "x"}),
        ("application/jsonx", "application/jsonx", {}),
        (FORM + " " * (1_000 - len(FORM)), FORM, {}),
        ("application/vnd.a+json", "application/vnd.a+json", {}),
        *(
            (value, "", {})
            for value in (
                "", ";", "/", "json", "application/", "/json", "application/json x", "application/json, text/plain",
                f"{FORM}; boundary", f"{FORM}; boundary=a b", f'{FORM}; boundary="a', f"{FORM}; boundary=a; boundary=a",
                f"{FORM}; boundary = a", f"{FORM}; =a", f'{FORM}; boundary=a"b"', "a/b/c", f"{FORM}; é=1",
                f"{FORM}; boundary*=utf-8''a",
                FORM + ";" * 1_000, FORM + " " * (1_001 - len(FORM)),
            )
        ),
    ],
)  # fmt: skip
def test_a_content_type_is_a_type_and_its_parameters(value: str, media_type: str, parameters: dict[str, str]) -> None:
    """RFC 9110 §8.3.1; a malformed header gives no type."""
    assert parse(value) == ContentType(media_type, parameters)


HOSTILE = {
    "semicolons": FORM + ";" * 8_000,
    "parameters": FORM + "; a=b" * 1_500,
    "brackets": FORM + "; " + "(" * 8_000,
    "quotes": FORM + "; a=" + '";' * 4_000,
    "an open quote": FORM + '; a="' + ";" * 8_000,
    "pieces": FORM + "".join(f"; a*{number}=b" for number in range(800)),
}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("path", ["/graphql", "/uploads/x"])
async def test_a_hostile_content_type_costs_nothing(module_site: Site, name: str, path: str) -> None:
    """aiohttp's parser takes 1.1 s for 8 kB of semicolons, and fails on brackets; no account is needed for that."""
    began = time.process_time()
    headers = {"Content-Type": HOSTILE[name], "GraphQL-Require-Preflight": "1", "Tus-Resumable": "1.0.0"}
    method = "POST" if path == "/graphql" else "PATCH"
    async with module_site.http.request(method, module_site.url + path, headers=headers, data=b"x") as response:
        status = response.status

    assert status == (415 if path == "/graphql" else 401)
    assert time.process_time() - began < 0.1


@pytest.mark.parametrize(
    "line", [b"a:" + b" " * 8_000 + b"\x01", b"a:" + b"\t " * 4_000 + b"\x7f", b"a: b" + b" " * 8_000 + b"\0"]
)
async def test_a_header_of_a_part_is_read_in_one_pass(line: bytes) -> None:
    """8 kB of blanks before an invalid character blocked the event loop for 275 ms."""
    pieces = [b"--b\r\n" + line + b"\r\n\r\nx\r\n--b--", b""]

    async def read() -> bytes:
        return pieces.pop(0)

    began = time.process_time()
    with pytest.raises(HttpRefusal):
        await MultipartReader(read, "b").next_part()

    assert time.process_time() - began < 0.05


async def test_a_long_accept_is_not_read_to_its_end(site: Site) -> None:
    """Its beginning decides."""
    long = "application/graphql-response+json, " + "a/b;q=1, " * 800 + "text/event-stream;q=2"
    async with site.http.post(site.graphql, json={"query": "{ __typename }"}, headers={"Accept": long}) as response:
        assert (response.status, response.content_type) == (200, "application/graphql-response+json")
