"""Bytes on their way to a file: collected without copies, and written in one call of a thread."""

import os
from collections.abc import Sequence

from storage.base import CHUNK_BYTES, check_room

Part = bytes | bytearray

_SMALL_BYTES = 16 * 1024  # smaller chunks are collected in one part: writev(2) takes 1,024 parts at most


class WriteBuffer:
    """Chunks that wait to be written; holds at most CHUNK_BYTES and one chunk if it is taken when it is full."""

    def __init__(self) -> None:
        self._parts: list[Part] = []
        self._byte_size = 0

    @property
    def is_full(self) -> bool:
        """Whether it is time to write."""
        return self._byte_size >= CHUNK_BYTES

    def add(self, chunk: bytes) -> None:
        """Appends a chunk; only a small one is copied."""
        self._byte_size += len(chunk)
        last = self._parts[-1] if self._parts else b""
        if len(chunk) >= _SMALL_BYTES:
            self._parts.append(chunk)
        elif isinstance(last, bytearray):
            last += chunk
        else:
            self._parts.append(bytearray(chunk))

    def take(self) -> list[Part]:
        """Empties the buffer."""
        parts, self._parts, self._byte_size = self._parts, [], 0
        return parts


def write_parts(descriptor: int, parts: Sequence[Part]) -> None:
    """Writes all parts, for threads. Raises OSError; ENOSPC also if only the reserve of the disk is left."""
    left = sum(map(len, parts))
    if left:
        check_room(descriptor, left)
    rest: list[Part | memoryview] = [*parts]
    while left:
        written = os.writev(descriptor, rest)
        left -= written
        while rest and written >= len(rest[0]):
            written -= len(rest.pop(0))
        if written:
            rest[0] = memoryview(rest[0])[written:]
