"""Formats text for a terminal."""

from datetime import UTC, datetime


def harmless(text: str) -> str:
    """The text without control characters: line breaks become ⏎, other unprintable characters U+FFFD."""
    return "".join(each if each.isprintable() else "⏎" if each == "\n" else "\ufffd" for each in text)


def moment(ms: int | None) -> str:
    """A time in ms since 1970 as UTC, to the minute; `never` for None."""
    return "never" if ms is None else datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
