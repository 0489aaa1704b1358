"""The reader of parts: exact bytes however they arrive, bounded memory, and strict about everything else."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gql.error import HttpRefusal
from gql.wire.multipart import MAX_HEADER_BYTES, MultipartReader, PartHead

BOUNDARY = "b0undary"
DELIMITER = f"\r\n--{BOUNDARY}".encode()


class Source:
    """A body in given chunks; records how much the reader has requested."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)

    async def read(self) -> bytes:
        """The next chunk that is not empty; empty at the end."""
        return next((piece for piece in self._pieces if piece), b"")


def encoded(contents: list[bytes], headers: str = "") -> bytes:
    """A body of parts named by their number."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{number}"\r\n{headers}\r\n'.encode() + content + b"\r\n"
        for number, content in enumerate(contents)
    ]
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


async def read_all(body: bytes, pieces: Iterable[bytes] | None = None) -> list[tuple[PartHead, bytes]]:
    """Every part with its content."""
    reader = MultipartReader(Source(pieces or [body]).read, BOUNDARY)
    found = []
    while (head := await reader.next_part()) is not None:
        found.append((head, b"".join([chunk async for chunk in reader.chunks()])))
    return found


async def head_of(headers: str) -> PartHead:
    """The head of the only part, which has these headers."""
    ((head, content),) = await read_all(f"--{BOUNDARY}\r\n{headers}\r\n\r\nx\r\n--{BOUNDARY}--".encode())
    assert content == b"x"
    return head


def split(body: bytes, places: list[int]) -> list[bytes]:
    """The body, cut at these places."""
    cuts = sorted({0, len(body), *(place % (len(body) + 1) for place in places)})
    return [body[start:end] for start, end in itertools.pairwise(cuts)]


# Parts of boundaries are what may confuse a reader.
CONTENT = st.lists(
    st.sampled_from([b"\r", b"\n", b"\r\n", b"-", b"--", BOUNDARY.encode()[:4], DELIMITER[:-1], b"\0", b"x" * 70]),
    max_size=12,
).map(b"".join)


@given(contents=st.lists(CONTENT, max_size=4), places=st.lists(st.integers(0, 10_000), max_size=30))
def test_bytes_arrive_as_they_were_sent_wherever_the_network_cuts(contents: list[bytes], places: list[int]) -> None:
    """RFC 2046 section 5.1.1: only a whole delimiter ends a part; the line break before it is not content."""
    contents = [content for content in contents if DELIMITER not in b"\r\n" + content + b"\r\n"]
    body = encoded(contents)

    found = asyncio.run(read_all(body, split(body, places)))

    assert [(head.name, content) for head, content in found] == [(str(n), each) for n, each in enumerate(contents)]


@given(body=st.binary(max_size=400) | CONTENT, places=st.lists(st.integers(0, 1_000), max_size=10))
def test_any_bytes_are_parts_or_a_refusal(body: bytes, places: list[int]) -> None:
    """No other exception for any input; also within a valid body, and after it."""
    good = encoded([b"x"])
    for data in (body, good[:20] + body + good[20:], good + body):
        with suppress(HttpRefusal):
            asyncio.run(read_all(data, split(data, places)))


async def test_a_large_part_is_never_held() -> None:
    """Each chunk is passed on as soon as it cannot begin a delimiter."""
    chunk = b"\r\n-" * 20_000
    count = 64
    head, _, tail = encoded([b"|"]).partition(b"|")
    reader = MultipartReader(Source([head, *[chunk] * count, tail]).read, BOUNDARY)
    await reader.next_part()

    sizes = [(len(piece), len(reader._buffer) - reader._at) async for piece in reader.chunks()]

    assert sum(size for size, _ in sizes) == len(chunk) * count
    assert max(held for _, held in sizes) < len(DELIMITER)


async def test_a_chunk_of_a_large_part_is_not_copied() -> None:
    """Unless it ends with what may begin a delimiter, it is passed on as it came."""
    chunks = [bytes([number]) * 1_000 for number in range(64)]
    head, _, tail = encoded([b"|"]).partition(b"|")
    reader = MultipartReader(Source([head, *chunks, tail]).read, BOUNDARY)
    await reader.next_part()

    pieces = [piece async for piece in reader.chunks()]

    assert b"".join(pieces) == b"".join(chunks)
    assert sum(any(piece is chunk for chunk in chunks) for piece in pieces) >= 62


async def test_every_prefix_of_a_body_is_refused() -> None:
    """Cut anywhere before the closing boundary."""
    body = encoded([b"one", b"two"])
    last = body.rindex(b"--") + 2

    for length in range(last):
        with pytest.raises(HttpRefusal) as caught:
            await read_all(body[:length])
        assert caught.value.code == "BAD_MULTIPART"
    assert len(await read_all(body[:last])) == 2


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ('Content-Disposition: form-data; name="a"', PartHead("a", None, None)),
        ("Content-Disposition: form-data; name=a", PartHead("a", None, None)),
        ("CONTENT-DISPOSITION:FORM-DATA;NAME=a;FILENAME=b.txt", PartHead("a", "b.txt", None)),
        ('Content-Disposition: form-data; name="a"; filename=""', PartHead("a", None, None)),
        ('Content-Disposition: form-data; name="a"; filename="r\\"s%22.txt"', PartHead("a", 'r"s".txt', None)),
        ('Content-Disposition: form-data; name="a"; filename="C:\\new\\t.txt"', PartHead("a", "C:\\new\\t.txt", None)),
        ('Content-Disposition: form-data; name="a"; filename="Grüße; x=y.pdf"', PartHead("a", "Grüße; x=y.pdf", None)),
        (
            "Content-Disposition: form-data; name=a; filename=x; filename*=UTF-8''Gr%C3%BC%C3%9Fe.pdf",
            PartHead("a", "Grüße.pdf", None),
        ),
        (
            'Content-Type: image/png\r\nContent-Disposition: form-data; name="a"\r\nX-Else: 1',
            PartHead("a", None, "image/png"),
        ),
        ("Content-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: Binary", PartHead("a", None, None)),
    ],
)
async def test_a_head_is_read_as_browsers_and_libraries_write_it(headers: str, expected: PartHead) -> None:
    """RFC 7578 section 4.2, RFC 8187, and the escapes of the HTML standard."""
    assert await head_of(headers) == expected


@pytest.mark.parametrize(
    "headers",
    [
        "",
        "Content-Type: text/plain",
        "Content-Disposition: attachment; name=a",
        "Content-Disposition: form-data",
        'Content-Disposition: form-data; name=""',
        'Content-Disposition: form-data; name="a',
        "Content-Disposition: form-data; name=a; name=b",
        "Content-Disposition: form-data; name=a; junk",
        "Content-Disposition: form-data; name=a;;",
        "Content-Disposition: form-data; name=a; filename*=latin-1''x",
        "Content-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b",
        "Content-Disposition: form-data; name=a\r\n folded: yes",
        "Content-Disposition: form-data; name=a\r\nno colon",
        "Content-Disposition: form-data; name=a\r\nX: \x00",
        "Content-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64",
        "Content-Disposition: form-data; name=a\r\nX: " + "y" * MAX_HEADER_BYTES,
        "Content-Disposition: form-data; name=a" + "; b" * 2_000,
        'Content-Disposition: form-data; name="' + "\\" * 8_000,
    ],
)
async def test_a_head_that_cannot_be_read_is_refused(headers: str) -> None:
    """It is not guessed: two readers of one request must agree about it."""
    with pytest.raises(HttpRefusal) as caught:
        await head_of(headers)

    assert caught.value.code == "BAD_MULTIPART"


@pytest.mark.parametrize("boundary", [None, "", " ", "x" * 71, "a\r\nb", "ü", 'a"b', "a "])
def test_a_boundary_has_the_characters_of_rfc_2046(boundary: str | None) -> None:
    """1 to 70 of them, the last no space."""
    with pytest.raises(HttpRefusal) as caught:
        MultipartReader(Source([]).read, boundary)

    assert caught.value.code == "BAD_MULTIPART"


async def test_a_preamble_an_epilogue_and_padding_are_passed_over() -> None:
    """RFC 2046 section 5.1.1; reading stops within an endless preamble."""
    body = encoded([b"x"]).replace(f"--{BOUNDARY}\r\n".encode(), f"--{BOUNDARY} \t\r\n".encode())

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1_000

    assert [content for _, content in await read_all(b"This is MIME.\r\n" + body + b"the end")] == [b"x"]
    with pytest.raises(HttpRefusal):
        await MultipartReader(endless().__anext__, BOUNDARY).next_part()
    with pytest.raises(HttpRefusal):
        await read_all(encoded([b"x"]).replace(f"--{BOUNDARY}\r\n".encode(), f"--{BOUNDARY}x\r\n".encode()))
