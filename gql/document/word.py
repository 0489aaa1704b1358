"""Words: the tokens of documents in ASCII, without comments, block strings, escapes and numbers with a fraction."""

import re
from typing import NamedTuple

END = ""  # the word after the last one

_IGNORED = " \t\n\r,"
_WORD = (
    r"[A-Za-z_][A-Za-z0-9_]*|[{}()\[\]:=!$@]|\.\.\.|-?(?:0|[1-9][0-9]*)(?![A-Za-z0-9_.])|"
    r'"[^"\\\x00-\x1f\x7f]*"(?!")'
)
_KNOWN = re.compile(_WORD)
# Where no word begins, the rest is one. So each match begins where the last one ended: a search for the next word would
# begin at every character of what is ignored, which takes minutes for 90,000 spaces before a comment.
_WORDS = re.compile(rf"([{_IGNORED}]*+)({_WORD}|.+)", re.DOTALL)


class Words(NamedTuple):
    """The words of a document, with END behind them, and where each begins and ends."""

    words: list[str]
    starts: list[int]
    ends: list[int]


def words_in(text: str, most: int) -> Words | None:
    """The words; None if there are none, more than this, or other tokens."""
    found = split(text)
    if not found or len(found) > most or not _KNOWN.fullmatch(found[-1][1]):
        return None
    starts, ends = [0] * len(found), [0] * len(found)
    end = 0
    for number, (ignored, word) in enumerate(found):
        starts[number] = start = end + len(ignored)
        ends[number] = end = start + len(word)
    return Words([*(word for _, word in found), END], starts, ends)


def split(text: str) -> list[tuple[str, str]]:
    """All but what is ignored at the end: what is ignored before each word, and the word; the last can be unknown."""
    return _WORDS.findall(text.rstrip(_IGNORED))
