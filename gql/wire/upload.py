"""Uploads: a multipart request read in one pass, its files streamed to the service that stores them.

The GraphQL multipart request specification (jaydenseric, version 2): the part `operations` with null in place of files,
the part `map` from the names of the file parts to those places, then the files.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from aiohttp import web

from gql.context import Context
from gql.error import HttpRefusal, mask
from gql.scalar import UploadedPart
from gql.wire.body import Body, decode
from gql.wire.content import content_type_of
from gql.wire.multipart import MultipartReader, PartHead, malformed
from gql.wire.operation import Operation, Resolve, operation_of
from services.error import BadRequest

if TYPE_CHECKING:
    from services.file.file import ReceivedFile

MAX_MAP_BYTES = 16_384
PREFLIGHT_HEADER = "GraphQL-Require-Preflight"


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """Bytes of the part `operations` and of the whole request with its files; seconds without data and in total.

    A file that has several places counts once for each, in number and in bytes.
    """

    operations_bytes: int
    request_bytes: int
    files: int
    idle_seconds: float
    total_seconds: float


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a file: an item of a list, or a member of an object, that is null in `operations`."""

    parent: list[object] | dict[str, object]
    key: int | str

    def is_free(self) -> bool:
        """Whether it still holds null, and no file."""
        if isinstance(self.parent, list):
            return isinstance(self.key, int) and self.key < len(self.parent) and self.parent[self.key] is None
        return self.key in self.parent and self.parent[self.key] is None

    def fill(self, value: object) -> None:
        cast("dict[int | str, object]", self.parent)[self.key] = value


@dataclass(slots=True)
class MultipartRequest:
    """One multipart request being received; `files` are those received, whether or not the request succeeded.

    The caller must call `discard` at the end; files that a message has attached stay.
    """

    context: Context
    limits: UploadLimits
    resolve: Resolve
    files: "list[ReceivedFile]" = field(default_factory=list)
    _copied_bytes: int = 0

    async def receive(self, request: web.BaseRequest) -> Operation:
        """Read the request: 1 `operations`, 2 `map`, 3 each file to its place; refuses a wrong part before its content.

        Raises HttpRefusal (BAD_MULTIPART, CSRF_BLOCKED, PAYLOAD_TOO_LARGE, TIMEOUT), BadRequest, and Unauthenticated if
        an anonymous request has files, before their first byte is read.
        """
        check_preflight(request)
        limits = self.limits
        body = Body(request, limits.request_bytes, idle_seconds=limits.idle_seconds, total_seconds=limits.total_seconds)
        reader = MultipartReader(body.read, boundary_of(request))
        value = _decode_part("operations", await _text_of(reader, "operations", limits.operations_bytes))
        operation = self.resolve(operation_of(value), self.context)  # refuses it before its files are read
        places = places_of(await _text_of(reader, "map", MAX_MAP_BYTES), operation, limits.files)
        if places:
            self.context.signed_in()
        while (head := await reader.next_part()) is not None:
            targets = places.pop(head.name, None)
            if targets is None:
                raise malformed(f"The part {head.name[:64]!r} is not in `map`, or was sent before.")
            await self._fill(targets, head, reader)
        if places:
            raise malformed(f"`map` names parts that were not sent: {', '.join(sorted(places))[:200]}.")
        return operation

    async def _fill(self, places: Sequence[Place], head: PartHead, reader: MultipartReader) -> None:
        """Receive a file; put it into its first place, and a copy into each of the others.

        A file belongs to one message, which takes it from the staging folder; two places may be two messages.
        """
        service, viewer = self.context.services.attachment, self.context.signed_in()
        for _ in places:
            service.admit(viewer)
        received = await service.receive(reader.chunks(), head.filename)
        self.files.append(received)
        self._copied_bytes += received.byte_size * (len(places) - 1)
        if self._copied_bytes > self.limits.request_bytes:
            raise too_large("The files, each as often as it has places,", self.limits.request_bytes)
        places[0].fill(UploadedPart(received))
        for place in places[1:]:
            copied = await service.copy(received)
            self.files.append(copied)
            place.fill(UploadedPart(copied))

    async def discard(self) -> None:
        """Discard the files that no message attached; a failure is only logged and does not change the response."""
        while self.files:
            try:
                await self.context.services.attachment.discard(self.files.pop())
            except Exception as error:  # noqa: BLE001 -- the other files must go as well
                mask(error, self.context.request_id)


def check_preflight(request: web.BaseRequest) -> None:
    """Refuse what a form on a foreign page could send: browsers send a preflight before either of these headers."""
    if "Authorization" not in request.headers and PREFLIGHT_HEADER not in request.headers:
        message = f"Send the header `{PREFLIGHT_HEADER}: 1` (or `Authorization`) with a multipart request."
        raise HttpRefusal(403, "CSRF_BLOCKED", message)


def boundary_of(request: web.BaseRequest) -> str | None:
    return content_type_of(request).parameters.get("boundary")


async def _text_of(reader: MultipartReader, name: str, limit_bytes: int) -> bytes:
    """The content of the next part, which must have this name."""
    head = await reader.next_part()
    if head is None or head.name != name:
        raise malformed("Send the parts in the order `operations`, `map`, files.")
    text = bytearray()
    async for chunk in reader.chunks():
        text += chunk
        if len(text) > limit_bytes:
            raise too_large(f"The part `{name}`", limit_bytes)
    return bytes(text)


def too_large(what: str, limit_bytes: int) -> HttpRefusal:
    """413, with the limit."""
    message = f"{what} may have {limit_bytes:,} bytes at most."
    return HttpRefusal(413, "PAYLOAD_TOO_LARGE", message, extensions={"limitBytes": limit_bytes})


def _decode_part(name: str, text: bytes) -> object:
    try:
        return decode(text)
    except BadRequest as error:
        raise malformed(f"The part `{name}`: {error.detail}") from None


def places_of(text: bytes, operation: Operation, max_files: int) -> dict[str, list[Place]]:
    """Check the part `map` against the operation; returns the places of every file by the name of its part.

    Each path must lead to a null in the variables, and no two paths to the same one.
    """
    files = _decode_part("map", text)
    if not isinstance(files, dict):
        raise malformed('The part `map` must be an object, such as {"0": ["variables.input.file"]}.')
    count = sum(len(paths) if isinstance(paths, list) else 1 for paths in files.values())
    if max(count, len(files)) > max_files:
        raise malformed(f"One request may bring {max_files} files at most; `map` names places for {count}.")
    places: dict[str, list[Place]] = {}
    taken: set[tuple[int, int | str]] = set()
    for name, paths in files.items():
        if not isinstance(paths, list) or not paths or not all(isinstance(path, str) for path in paths):
            raise malformed("Every value of `map` must be a list of paths, one at least.")
        places[name] = [_place_at(path, operation) for path in paths]
        for path, place in zip(paths, places[name], strict=True):
            if (id(place.parent), place.key) in taken:
                raise malformed(f"`map` sends two files to {path[:64]!r}.")
            taken.add((id(place.parent), place.key))
    if _count_members(text) != len(files):
        raise malformed("`map` names a part twice.")
    return places


def _count_members(text: bytes) -> int:
    """The number of members with duplicate keys, of which `decode` keeps the last; -1 if nested too deeply."""
    try:
        return len(json.loads(text, object_pairs_hook=list))
    except (ValueError, RecursionError):  # only this parser refuses values under a duplicate key
        return -1


def _place_at(path: str, operation: Operation) -> Place:
    """Follow `variables.a.0.b` from the operation; raises BAD_MULTIPART if it does not lead to a null."""
    keys = path.split(".")
    target: object = {"variables": operation.variables}
    for key in keys[:-1]:
        target = _member(target, key)
    place = Place(target, _key_of(target, keys[-1])) if isinstance(target, dict | list) else None
    if place is None or keys[0] != "variables" or len(keys) < 2 or not place.is_free():
        raise malformed(f"The path {path[:64]!r} in `map` does not lead to a null in the variables of `operations`.")
    return place


def _member(target: object, key: str) -> object:
    """The value under this key; None if there is none."""
    if isinstance(target, list):
        index = _key_of(target, key)
        return target[index] if isinstance(index, int) and index < len(target) else None
    return target.get(key) if isinstance(target, dict) else None


def _key_of(target: object, key: str) -> int | str:
    """The key as its container expects it: a list index is 0 or more, in ASCII digits."""
    is_index = isinstance(target, list) and key.isascii() and key.isdigit() and len(key) < 7
    return int(key) if is_index else key
