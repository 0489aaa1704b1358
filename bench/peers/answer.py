"""Answers as every server gives them: ids as the rows that they name, times in milliseconds, no signatures."""

import json
from datetime import datetime
from typing import Any

from bench.peers import load
from services.id import decode

OPAQUE = {"startCursor", "endCursor", "cursor", "url"}


def ask(port: int, request: load.Request) -> dict[str, Any]:
    """The data of the answer; raises ValueError for any other answer."""
    connection = load.Connection(port)
    try:
        connection.send(request)
        while (answer := connection.receive()) is None:
            pass
    finally:
        connection.socket.close()
    if not connection.is_right(answer):
        raise ValueError(f"{request.to_bytes()[:200]!r} was answered {answer[:1000]!r}")
    found: dict[str, Any] = json.loads(answer.partition(b"\r\n\r\n")[2])
    return found


def comparable(value: Any, *, is_sotto: bool, name: str = "") -> Any:
    """The same for every server: what depends on how it writes ids, times, cursors and URLs is taken out."""
    if isinstance(value, dict):
        return {key: comparable(each, is_sotto=is_sotto, name=key) for key, each in value.items()}
    if isinstance(value, list):
        return [comparable(each, is_sotto=is_sotto, name=name) for each in value]
    if name.endswith("At"):
        return round(datetime.fromisoformat(value).timestamp() * 1000)
    if name == "id":
        return _row_of(value, is_sotto=is_sotto)
    return True if name in OPAQUE else value


def difference(one: Any, other: Any, path: str = "") -> str | None:
    """Where two comparable answers differ first, and how; None if they say the same."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        parts = [(key, one[key], other[key]) for key in one]
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        parts = [(str(place), mine, its) for place, (mine, its) in enumerate(zip(one, other, strict=True))]
    else:
        return None if one == other else f"{path}: {str(one)[:200]} and {str(other)[:200]}"
    return next((found for key, mine, its in parts if (found := difference(mine, its, f"{path}.{key}"))), None)


def _row_of(id_: str, *, is_sotto: bool) -> tuple[str, int, int]:
    """The type and the number of an id; those of peers are a letter, the number and perhaps a position."""
    if is_sotto:
        found = decode(id_)
        assert found is not None, id_
        return found[0].value.decode(), found[1], found[2]
    number, _, part = id_[1:].partition(".")
    return id_[0], int(number), int(part or 0)
