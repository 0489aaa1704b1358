"""Search in texts: the words of a query, and the excerpt of a text that shows where they are."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import islice

from models.highlight import Place, places_of
from services.error import BadRequest
from services.text import is_border

MAX_QUERY = 1000  # code points; the rest is ignored
MAX_WORDS = 32
MAX_EXCERPT = 200  # code points of the text, without the ellipses
LEAD = 40  # of them before the first match, if the text is longer
NEAR = 40  # how far a cut moves to a grapheme's border: the longest emoji and 32 marks are shorter
MOST_STARTS = 30  # matches of a text among which the excerpt is chosen
MOST_PLACES = MOST_STARTS + MAX_EXCERPT  # more cannot be in it
MOST_COMPARED = 40  # code points of a match that are compared with those of another
MOST_EXAMINED = 500_000  # code points of the texts of a page, about 0.1 s of CPU; beyond them beginnings are shown
SLICE = 25_000  # of them at once, so that pages take turns
ELLIPSIS = "…"

_WORD = re.compile("[\\w\u0300-\u036f]+")


@dataclass(frozen=True)
class SearchQuery:
    """The words of a search, at least one; the last one is a beginning of a word if it has two characters."""

    words: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "SearchQuery":
        """The words of a text that a user typed, whatever its punctuation; raises BadRequest if it has none."""
        words = [word for word in _WORD.findall(unicodedata.normalize("NFC", text[:MAX_QUERY])) if folded(word)]
        if not words:
            raise BadRequest("`query` needs at least one letter or digit.")
        *others, last = words[:MAX_WORDS]
        return cls((*{folded(word): word for word in others}.values(), last))

    @property
    def match(self) -> str:
        """The expression for FTS5. A single letter is not a beginning: it would match nearly every message."""
        return " ".join(self._phrases)

    @property
    def match_any(self) -> str:
        """The expression for texts with any of the words."""
        return " OR ".join(self._phrases)

    @property
    def has_beginning(self) -> bool:
        return len(self.beginning) > 1

    @property
    def _phrases(self) -> list[str]:
        *others, last = (f'"{word}"' for word in self.words)
        return [*others, last + "*" * self.has_beginning]

    @cached_property
    def whole(self) -> frozenset[str]:
        """The words that are searched whole, as they are compared."""
        return frozenset(map(folded, self.words[:-1] if self.has_beginning else self.words))

    @cached_property
    def beginning(self) -> str:
        """The last word, as it is compared."""
        return folded(self.words[-1])

    def is_whole(self, word: str) -> bool:
        """Whether this word is searched whole; a longer one than any that is searched is not read to its end."""
        return folded(word, self._longest + 1) in self.whole

    @cached_property
    def _longest(self) -> int:
        return max(map(len, self.whole), default=0)


@dataclass(frozen=True, slots=True)
class TextSpan:
    """A part of an excerpt."""

    text: str
    is_match: bool = False


def folded(word: str, most: int | None = None) -> str:
    """A word without case and accents, as the full-text index compares them; `most` code points of it at most."""
    if word.isascii():
        return word[:most].lower()
    return "".join(islice((char for each in word for char in _folded(each)), most))


def slices_of(texts: Mapping[int, str]) -> Iterator[dict[int, str]]:
    """The texts in parts for `excerpts_of`, in their order, until MOST_EXAMINED code points are in them."""
    part: dict[int, str] = {}
    size = examined = 0
    for key, text in texts.items():
        if examined >= MOST_EXAMINED:
            break
        part[key] = text
        size, examined = size + len(text), examined + len(text)
        if size >= SLICE:
            yield part
            part, size = {}, 0
    if part:
        yield part


def beginning_of(text: str) -> list[TextSpan]:
    """The excerpt of a text in which nothing was searched, or nothing found."""
    start, end = _window(text, [])
    return _joined([TextSpan(text[start:end]), TextSpan(ELLIPSIS * (end < len(text)))])


def excerpts_of(texts: Mapping[int, str], query: SearchQuery) -> dict[int, list[TextSpan]]:
    """The excerpts of these texts, by key: the part of at most MAX_EXCERPT characters with most of the words.

    A text in which the query matches nothing has its beginning as its excerpt.
    """
    found = places_of(texts, query.match_any, MOST_PLACES)
    return {key: _excerpt(text, query, found.get(key, [])) for key, text in texts.items()}


@lru_cache(maxsize=4096)
def _folded(char: str) -> str:
    return "".join(each for each in unicodedata.normalize("NFD", char.lower()) if not unicodedata.combining(each))


def _excerpt(text: str, query: SearchQuery, found: list[Place]) -> list[TextSpan]:
    start, end = _window(text, found[:MOST_STARTS])
    spans = [TextSpan(ELLIPSIS * (start > 0))]
    at = start
    for first, beyond in found:
        if at <= first < end:
            matched = min(_end_of_match(text, query, first, beyond), end)
            spans += [TextSpan(text[at:first]), TextSpan(text[first:matched], is_match=True)]
            at = matched
    spans += [TextSpan(text[at:end]), TextSpan(ELLIPSIS * (end < len(text)))]
    return _joined(spans)


def _joined(spans: list[TextSpan]) -> list[TextSpan]:
    """The spans without empty ones; neighbours of the same kind become one."""
    joined: list[TextSpan] = []
    for span in spans:
        if joined and span.is_match == joined[-1].is_match:
            joined[-1] = TextSpan(joined[-1].text + span.text, span.is_match)
        elif span.text:
            joined.append(span)
    return joined


def _end_of_match(text: str, query: SearchQuery, start: int, end: int) -> int:
    """The end of what matched: of a word of which only the beginning was searched, the end of that beginning."""
    end = _border(text, end, 1)
    if not query.has_beginning or query.is_whole(text[start:end]):
        return end
    left = query.beginning
    for place in range(start, end):
        part = _folded(text[place])
        if not left.startswith(part):
            return end  # of several words, or compared in another way
        left = left[len(part) :]
        if not left:
            return min(_border(text, place + 1, 1), end)
    return end


def _window(text: str, places: list[Place]) -> Place:
    """The part of the text to show, cut between words where it has any, else between graphemes."""
    if len(text) <= MAX_EXCERPT:
        return 0, len(text)
    first, beyond = _densest(text, places) if places else (0, 0)
    start = max(0, min(first - LEAD, len(text) - MAX_EXCERPT))
    if beyond - start > MAX_EXCERPT:
        start = first
    if start and start < first:
        gap = re.search(r"\s+", text[start - 1 : first])
        start = min(_border(text, start - 1 + gap.end() if gap else start, 1), first)
    end = min(start + MAX_EXCERPT, len(text))
    if end < len(text):
        shown = min(max(beyond, start + MAX_EXCERPT // 2), end)
        gaps = list(re.finditer(r"\s+", text[shown : end + 1]))
        end = _border(text, shown + gaps[-1].start() if gaps else end, -1)
    return start, end


def _densest(text: str, places: list[Place]) -> Place:
    """The match from which most different words lie in one excerpt; the first of several."""
    words = [folded(text[start:end], MOST_COMPARED) for start, end in places]
    seen: Counter[str] = Counter()
    best, most, beyond = 0, 0, 0
    for number, (start, _) in enumerate(places):
        while beyond < len(places) and places[beyond][1] <= start + MAX_EXCERPT - LEAD:
            seen[words[beyond]] += 1
            beyond += 1
        if len(seen) > most:
            best, most = number, len(seen)
        if beyond > number:
            seen[words[number]] -= 1
            if not seen[words[number]]:
                del seen[words[number]]
        else:
            beyond = number + 1
    return places[best]


def _border(text: str, place: int, step: int) -> int:
    """The next place in this direction at which no grapheme is cut; `place` itself if none is near."""
    for near in range(place, place + step * NEAR, step):
        if near <= 0 or near >= len(text) or is_border(text, near):
            return max(0, min(near, len(text)))
    return place
