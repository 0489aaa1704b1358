"""Cursors and other signed tokens: opaque, bound to one user and one purpose."""

import base64
import binascii
import hashlib
import hmac
import struct

from services.error import CursorInvalid

_TAG_BYTES = 12


class Signer:
    """Signs small tuples of integers with the server's secret (keyed BLAKE2b, 96 bits)."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def sign(self, purpose: str, user_id: int, *numbers: int) -> str:
        """A token of URL-safe characters; `purpose` is at most 16 bytes, the numbers fit 64 bits signed."""
        payload = struct.pack(f">{len(numbers)}q", *numbers)
        return base64.urlsafe_b64encode(payload + self._tag(purpose, user_id, payload)).rstrip(b"=").decode()

    def verify(self, purpose: str, user_id: int, token: str, count: int) -> tuple[int, ...]:
        """The `count` numbers; raises CursorInvalid when a bit was changed or another user or purpose was meant."""
        raw = _decode(token)
        payload, tag = raw[:-_TAG_BYTES], raw[-_TAG_BYTES:]
        if len(payload) != 8 * count or not hmac.compare_digest(tag, self._tag(purpose, user_id, payload)):
            raise CursorInvalid("This server did not issue this cursor to you.")
        return struct.unpack(f">{count}q", payload)

    def _tag(self, purpose: str, user_id: int, payload: bytes) -> bytes:
        return hashlib.blake2b(
            payload, digest_size=_TAG_BYTES, key=self._secret, salt=user_id.to_bytes(16), person=purpose.encode()
        ).digest()


def _decode(token: str) -> bytes:
    """Accepts only what `Signer.sign` produces: no other encoding of the same bytes."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""
    return raw if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() == token else b""
