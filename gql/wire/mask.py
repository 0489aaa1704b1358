"""The masks of a client's frames (RFC 6455 §5.1): aiohttp takes frames without one, so they are looked for here."""

from collections.abc import Callable
from typing import Protocol

from aiohttp import WebSocketError, WSCloseCode

_CLOSE = 8  # the opcode of a close frame
_LENGTH_BYTES = {126: 2, 127: 8}  # RFC 6455 §5.2: how many bytes hold the length, where seven bits do not
_MASK_BYTES = 4


class FrameReader(Protocol):
    """aiohttp's parser of frames."""

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Take the next bytes; (True, …) where nothing more is to come."""
        ...

    def feed_eof(self) -> None:
        """The client has ended its half."""
        ...


class MaskCheck:
    """Stands before aiohttp's reader: passes bytes on as far as all frames are masked, and sees the client's Close.

    Looks at the heads of frames alone and copies nothing but a head that is cut in two.
    """

    def __init__(self, reader: FrameReader, refuse: Callable[[Exception], None]) -> None:
        self._reader = reader
        self._refuse = refuse
        self._head = b""  # the beginning of a head whose end has not come
        self._rest_bytes = 0  # of the frame that the last bytes belonged to
        self._is_refused = False
        self.has_closed = False  # whether the client's Close has begun to arrive

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Pass the bytes on; the first frame without a mask ends the socket with 1002."""
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
