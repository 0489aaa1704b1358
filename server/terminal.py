"""The terminal: what others wrote, in a form that cannot steer it."""

from datetime import UTC, datetime


def harmless(text: str) -> str:
    """Printable characters as they are, line breaks as a mark, all else as U+FFFD."""
    return "".join(each if each.isprintable() else "⏎" if each == "\n" else "\ufffd" for each in text)


def moment(ms: int | None) -> str:
    """A time in ms since 1970, to the minute, UTC; None is never."""
    return "never" if ms is None else datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
