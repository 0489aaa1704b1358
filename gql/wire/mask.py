"""The masks of client frames (RFC 6455 §5.1): aiohttp accepts unmasked frames, so they are checked here."""

from collections.abc import Callable
from typing import Protocol

from aiohttp import WebSocketError, WSCloseCode

_CLOSE = 8  # the opcode of a close frame
_LENGTH_BYTES = {126: 2, 127: 8}  # RFC 6455 §5.2: bytes of the length if it does not fit seven bits
_MASK_BYTES = 4


class FrameReader(Protocol):
    """aiohttp's parser of frames."""

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Take the next bytes; (True, …) if no more are expected."""
        ...

    def feed_eof(self) -> None:
        """The client has ended its half."""
        ...


class MaskCheck:
    """Sits in front of aiohttp's reader: passes bytes on while all frames are masked, and detects the client's Close.

    It reads only the heads of frames, and copies only a head that is split in two.
    """

    def __init__(self, reader: FrameReader, refuse: Callable[[Exception], None]) -> None:
        self._reader = reader
        self._refuse = refuse
        self._head = b""  # the beginning of an incomplete head
        self._rest_bytes = 0  # of the last frame, still to come
        self._is_refused = False
        self.has_closed = False  # whether the client's Close has begun to arrive

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Pass the bytes on; the first unmasked frame closes the socket with 1002."""
        if self._is_refused:
            return True, b""
        if not self._are_masked(data):
            self._is_refused = True
            self._refuse(WebSocketError(WSCloseCode.PROTOCOL_ERROR, "A frame of a client must be masked"))
            return True, b""
        return self._reader.feed_data(data)

    def feed_eof(self) -> None:
        self._reader.feed_eof()

    def _are_masked(self, data: bytes) -> bool:
        """Whether every frame that begins in these bytes has a mask."""
        data, self._head = (self._head + data if self._head else data), b""
        position, end = self._rest_bytes, len(data)
        while position + 2 <= end:
            if data[position] & 0x0F == _CLOSE:
                self.has_closed = True
            flag = data[position + 1]
            if flag < 0x80:
                return False
            length = flag & 0x7F
            head_bytes = 2 + _LENGTH_BYTES.get(length, 0)
            if position + head_bytes > end:
                break
            if head_bytes > 2:
                length = int.from_bytes(data[position + 2 : position + head_bytes], "big")
            position += head_bytes + _MASK_BYTES + length
        self._rest_bytes = max(0, position - end)
        self._head = data[position:] if position < end else b""
        return True
