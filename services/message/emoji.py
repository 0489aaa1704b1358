"""Emoji: which texts are one, and how each of them is written (UTS #51)."""

import asyncio
from collections.abc import Collection
from functools import cache

MAX_EMOJI_LENGTH = 32  # code points; the longest of Unicode's list has 10
_PRESENTATION_SELECTOR = "\ufe0f"


async def qualified(text: str) -> str | None:
    """The fully qualified form of an emoji, because keyboards differ in the presentation selector of the same one.

    None if the text is not exactly one emoji. The first call loads Unicode's list in a thread, which takes 20 ms.
    """
    if len(text) > MAX_EMOJI_LENGTH:
        return None
    emojis, forms = _emojis() if _emojis.cache_info().currsize else await asyncio.to_thread(_emojis)
    return forms.get(text.replace(_PRESENTATION_SELECTOR, ""), text) if text in emojis else None


@cache
def _emojis() -> tuple[Collection[str], dict[str, str]]:
    """All emoji, and the fully qualified ones by their characters without presentation selectors."""
    from emoji import EMOJI_DATA, STATUS  # noqa: PLC0415 - most of the 20 ms, which no start of a server needs

    known = (each for each, facts in EMOJI_DATA.items() if facts["status"] == STATUS["fully_qualified"])
    return EMOJI_DATA, {each.replace(_PRESENTATION_SELECTOR, ""): each for each in known}
