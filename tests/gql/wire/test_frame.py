"""Frames by hand: what RFC 6455 forbids closes the socket with its code, and affects nobody else."""

import asyncio
import json
import struct

import pytest
from structlog.testing import capture_logs

from tests.gql.conftest import Site
from tests.gql.raw_socket import BINARY, CLOSE, PING, PONG, TEXT, frame, masked, wire
from tests.gql.witness import HEAR, is_usable, listeners, subscribe, undisturbed

CONTINUATION = 0
MIB = 1024 * 1024
SAYS_PING = b'{"type": "ping"}'


def closes(code: int, reason: bytes = b"") -> bytes:
    """A close frame."""
    return frame(struct.pack("!H", code) + reason, CLOSE)


BROKEN: dict[str, tuple[bytes, int]] = {
    "text that is not UTF-8": (frame(b"\xff\xfe"), 1007),
    "half a character": (frame("é".encode()[:1]), 1007),
    "an overlong NUL": (frame(b"\xc0\x80"), 1007),
    "a surrogate in UTF-8": (frame(b"\xed\xa0\x80"), 1007),
    "not UTF-8 over two frames": (frame(b"a", fin=False) + frame(b"\xff", CONTINUATION), 1007),
    "another mask than it says": (frame(masked(SAYS_PING, b"\xff\xff\xff\xff")), 1007),
    "a mask that was not applied": (frame(masked(b"\x01\x02\x03\x04")), 4400),
    "binary": (frame(SAYS_PING, BINARY), 4400),
    "binary and empty": (frame(b"", BINARY), 4400),
    "binary in fragments": (frame(SAYS_PING[:5], BINARY, fin=False) + frame(SAYS_PING[5:], CONTINUATION), 4400),
    "text and empty": (frame(b""), 4400),
    "the first reserved bit": (frame(SAYS_PING, reserved=0x40), 1002),
    "the second reserved bit": (frame(SAYS_PING, reserved=0x20), 1002),
    "the third reserved bit": (frame(SAYS_PING, reserved=0x10), 1002),
    "a reserved bit on a ping": (frame(b"", PING, reserved=0x20), 1002),
    "opcode 3": (frame(b"x", 3), 1002),
    "opcode 7": (frame(b"", 7), 1002),
    "opcode 11": (frame(b"", 11), 1002),
    "opcode 15": (frame(b"x", 15), 1002),
    "a continuation of nothing": (frame(b"x", CONTINUATION), 1002),
    "text within text": (frame(b"{", fin=False) + frame(b"}"), 1002),
    "binary within text": (frame(b"{", fin=False) + frame(b"}", BINARY, fin=False), 1002),
    "a ping in fragments": (frame(b"x", PING, fin=False), 1002),
    "a long ping": (frame(b"x" * 126, PING), 1002),
    "a long pong": (frame(b"x" * 65_536, PONG), 1002),
    "a close of one byte": (frame(b"\x03", CLOSE), 1002),
    "a close in fragments": (frame(b"\x03\xe8", CLOSE, fin=False), 1002),
    "a close that is too long": (closes(1000, b"x" * 124), 1002),
    "a close with bad UTF-8": (closes(1000, b"\xff"), 1007),
    "close code 0": (closes(0), 1002),
    "close code 999": (closes(999), 1002),
    "close code 1004": (closes(1004), 1002),
    "close code 1005": (closes(1005), 1002),
    "close code 1015": (closes(1015), 1002),
    "close code 1016": (closes(1016), 1002),
    "close code 2999": (closes(2999), 1002),
    "1 MiB": (frame(b" " * MIB), 1009),
    "1 MiB in fragments": (
        frame(b" " * 65_536, fin=False) + frame(b" " * 65_536, CONTINUATION, fin=False) * 15,
        1009,
    ),
    "5 MiB": (frame(b"x" * 5 * MIB), 1009),
    "5 MiB of binary": (frame(b"x" * 5 * MIB, BINARY), 1009),
    "the promise of 1 TiB": (b"\x81\xff" + struct.pack("!Q", 2**40), 1009),
    "the promise of 2**63 bytes": (b"\x81\xff" + struct.pack("!Q", 2**63), 1009),
    "the promise of 2**64 - 1 bytes": (b"\x81\xff" + b"\xff" * 8, 1009),
    "text without a mask": (frame(SAYS_PING, mask=b""), 1002),
    "nothing without a mask": (frame(b"", mask=b""), 1002),
    "a ping without a mask": (frame(b"", PING, mask=b""), 1002),
    "a close without a mask": (frame(b"\x03\xe8", CLOSE, mask=b""), 1002),
    "64 kB without a mask": (frame(b"x" * 65_536, mask=b""), 1002),
    "one of two without a mask": (frame(SAYS_PING) + frame(SAYS_PING, mask=b""), 1002),
    "the last of many without a mask": (
        frame(b"x" * 125, PONG) + frame(b"x" * 70_000) + frame(b"x" * 300) * 3 + frame(b"", PONG, mask=b""),
        1002,
    ),
}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_frame_closes_with_the_code_of_the_rfc(
    module_site: Site, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """RFC 6455 §7.4.1, never 1006; its subscription ends too."""
    sent, code = BROKEN[name]
    async with undisturbed(module_site, caplog) as token, wire(module_site.graphql, token=token) as socket:
        socket.send(subscribe(HEAR))
        await listeners(module_site, 2)
        socket.writer.write(sent)

        assert await socket.closing() == code


WHOLE: dict[str, bytes] = {
    "one frame": frame(SAYS_PING),
    "three frames": frame(SAYS_PING[:3], fin=False)
    + frame(SAYS_PING[3:9], CONTINUATION, fin=False)
    + frame(SAYS_PING[9:], CONTINUATION),
    "a frame for each byte": frame(SAYS_PING[:1], fin=False)
    + b"".join(frame(SAYS_PING[at : at + 1], CONTINUATION, fin=False) for at in range(1, len(SAYS_PING)))
    + frame(b"", CONTINUATION),
    "many empty fragments": frame(SAYS_PING, fin=False)
    + frame(b"", CONTINUATION, fin=False) * 5_000
    + frame(b"", CONTINUATION),
    "a pong between fragments": frame(SAYS_PING[:3], fin=False)
    + frame(b"x" * 125, PONG)
    + frame(SAYS_PING[3:], CONTINUATION),
    "another mask": frame(SAYS_PING, mask=b"\xff\x00\xa5\x5a"),
    "a mask of zeros": frame(SAYS_PING, mask=b"\0\0\0\0"),
    "one byte less than 1 MiB": frame(SAYS_PING.ljust(MIB - 1)),
}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", WHOLE)
async def test_a_message_may_come_in_any_frames(module_site: Site, caplog: pytest.LogCaptureFixture, name: str) -> None:
    """RFC 6455 §5.4: fragments have no meaning, and control frames may come between them."""
    async with undisturbed(module_site, caplog) as token, wire(module_site.graphql, token=token) as socket:
        socket.writer.write(WHOLE[name])

        assert await socket.read() == (TEXT, b'{"type":"pong"}')
        assert await is_usable(socket)


async def test_a_frame_may_come_byte_by_byte(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """Cut within a character and within a header; the last frame has no mask."""
    message = '{"type": "ping", "payload": {"é": "😀 and so on, for 126 bytes need two more for their length: '
    message = message.ljust(140, ".") + '"}}'
    async with undisturbed(site, caplog) as token, wire(site.graphql, token=token) as socket:
        for byte in frame(message.encode()) + frame(b"", PONG) + frame(b"", PING, mask=b""):
            socket.writer.write(bytes([byte]))
            await socket.writer.drain()
            await asyncio.sleep(0)

        assert await socket.message() == {**json.loads(message), "type": "pong"}
        assert await socket.closing() == 1002


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("payload", [b"", b"x", b"\xff" * 125])
async def test_a_ping_of_the_rfc_brings_its_payload_back(
    module_site: Site, caplog: pytest.LogCaptureFixture, payload: bytes
) -> None:
    """RFC 6455 §5.5.3, also before connection_init."""
    async with undisturbed(module_site, caplog), wire(module_site.graphql, init=False) as socket:
        socket.writer.write(frame(payload, PING))

        assert await socket.read() == (PONG, payload)


@pytest.mark.parametrize("ping", [frame(b"", PING), frame(SAYS_PING)], ids=["of the RFC", "of the protocol"])
async def test_others_have_their_turn_between_the_frames_of_a_burst(site: Site, ping: bytes) -> None:
    """2,000 pings in one write: after every 64 of them the event loop runs other tasks."""
    rounds = 0

    async def count() -> None:
        nonlocal rounds
        while True:
            rounds += 1
            await asyncio.sleep(0)

    async with wire(site.graphql) as socket:
        socket.writer.write(ping)
        size = 2 + len((await socket.read())[1])
        other = asyncio.create_task(count())
        socket.writer.write(ping * 2_000)
        async with asyncio.timeout(5):
            await socket.reader.readexactly(2_000 * size)
        other.cancel()

    assert rounds >= 2_000 // 64


@pytest.mark.asyncio(loop_scope="module")
async def test_a_thousand_messages_at_once_are_all_answered(
    module_site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """They arrive in one chunk."""
    async with undisturbed(module_site, caplog) as token, wire(module_site.graphql, token=token) as socket:
        socket.writer.write(frame(SAYS_PING) * 1_000)

        assert [await socket.message() for _ in range(1_000)] == [{"type": "pong"}] * 1_000


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("sent", [closes(1000), closes(1001, "tschüß".encode()), closes(4999), frame(b"", CLOSE)])
async def test_a_close_is_answered_and_nothing_after_it_is_read(
    module_site: Site, caplog: pytest.LogCaptureFixture, sent: bytes
) -> None:
    """RFC 6455 §5.5.1; then the server ends the connection."""
    async with undisturbed(module_site, caplog) as token, wire(module_site.graphql, token=token) as socket:
        socket.writer.write(sent + frame(SAYS_PING))

        assert await socket.read() == (CLOSE, b"\x03\xe8")
        assert await socket.reader.read() == b""


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(b"null"), 4400),
        (frame(b"x" * 2 * MIB), 1009),
        (frame(b"\xff"), 1007),
        (frame(b"", 7), 1002),
        (closes(1000), 1000),
        (closes(4321), 4321),
        (frame(b"", CLOSE), 1005),
        (None, 1006),
    ],
)
async def test_the_log_has_the_code_that_closed_the_socket(site: Site, sent: bytes | None, code: int) -> None:
    """The closing side chose the code: aiohttp remembers the other side's echo of it."""
    with capture_logs() as lines:
        async with wire(site.graphql) as socket:
            if sent is None:
                socket.abort()
            else:
                socket.writer.write(sent)
                await socket.closing()
                socket.writer.write(closes(1000))
            async with asyncio.timeout(5):
                while "socket_closed" not in (line["event"] for line in lines):
                    await asyncio.sleep(0.005)

    found = [line["code"] for line in lines if line["event"] == "socket_closed"]
    assert [(type(each), each) for each in found] == [(int, code)]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("sent", [b"", b"\x81", frame(b"x" * 100)[:50], frame(b"{", fin=False), frame(b"x" * MIB)[:-1]])
async def test_a_connection_lost_within_a_frame_leaves_nothing(
    module_site: Site, caplog: pytest.LogCaptureFixture, sent: bytes
) -> None:
    """Nothing in the log, no listener."""
    async with undisturbed(module_site, caplog) as token, wire(module_site.graphql, token=token) as socket:
        socket.send(subscribe(HEAR))
        await listeners(module_site, 2)
        socket.writer.write(sent)
        socket.abort()

        await listeners(module_site, 1)


async def test_a_client_that_speaks_on_still_learns_why_it_was_closed(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """It reads only after sending all of its 20 MB: closing with unread bytes would have reset the connection."""
    async with undisturbed(site, caplog) as token, wire(site.graphql, token=token) as socket:
        socket.writer.write(frame(b"x" * 20_000_000))
        await socket.writer.drain()

        assert await socket.closing() == 1009


@pytest.mark.parametrize(
    ("reason", "sent"),
    [
        ("Signed out.", "Signed out."),
        ("x" * 123, "x" * 123),
        ("x" * 200, "x" * 120 + "…"),
        ("x" + "é" * 100, "x" + "é" * 59 + "…"),
        ("word " * 24 + "123", "word " * 24 + "123"),
        ("word " * 24 + "1234", ("word " * 24)[:-1] + "…"),
        ("é" * 50 + ", (then " + "é" * 50, "é" * 50 + ", (then…"),
        ("one, " * 23 + "two three four", ("one, " * 23) + "two…"),
    ],
)
async def test_a_reason_that_is_too_long_ends_between_two_words(site: Site, reason: str, sent: str) -> None:
    """RFC 6455 §5.5: a control frame holds 125 bytes, two of them the code."""
    async with wire(site.graphql) as socket:
        closing = asyncio.create_task(site.view.sockets.close(4401, reason))
        opcode, payload = await socket.read()
        socket.writer.write(closes(4401))
        await closing

    assert (opcode, payload[:2], payload[2:].decode()) == (CLOSE, b"\x11\x31", sent)
    assert len(payload) <= 125
