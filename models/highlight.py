"""Highlights: where a search matches in texts, as found by FTS5 itself in a table in memory.

The full-text index could mark its own texts, but for a beginning of a word FTS5 would collect, once for each text, all
messages of the server that have such a word.
"""

import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from itertools import islice

TOKENIZER = "unicode61 remove_diacritics 2"  # that of message_fts
PIECE = 500  # characters: the time FTS5 needs to mark a text grows with the square of its length
_OPEN, _CLOSE = "\x01", "\x02"  # which no message can contain
_SEPARATOR = re.compile("[^\\w\u0300-\u036f]")

Place = tuple[int, int]  # where it begins and ends, in code points


def places_of(texts: Mapping[int, str], match: str, most: int) -> dict[int, list[Place]]:
    """The first `most` places in each text that `match` finds, by the key of the text.

    `match` is an expression of FTS5, an OR of words: it is compared with pieces of the texts.
    """
    pieces = [(key, at, part) for key, text in texts.items() for at, part in _pieces(text)]
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(f"CREATE VIRTUAL TABLE text USING fts5(body, tokenize = '{TOKENIZER}')")
        connection.executemany("INSERT INTO text (rowid, body) VALUES (?, ?)", enumerate(part for *_, part in pieces))
        found: dict[int, list[Place]] = {}
        sql = "SELECT rowid, highlight(text, 0, ?, ?) FROM text WHERE text MATCH ? ORDER BY rowid"
        for number, marked in connection.execute(sql, (_OPEN, _CLOSE, match)):
            key, at, _ = pieces[number]
            places = found.setdefault(key, [])
            places += islice(_places(marked, at), most - len(places))
    return found


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """Parts of the text, cut between words, with their beginnings."""
    start = 0
    while cut := _SEPARATOR.search(text, start + PIECE):
        yield start, text[start : cut.start()]
        start = cut.start()
    yield start, text[start:]


def _places(marked: str, at: int) -> Iterator[Place]:
    before, *parts = marked.split(_OPEN)
    at += len(before)
    for part in parts:
        matched, _, rest = part.partition(_CLOSE)
        yield at, at + len(matched)
        at += len(matched) + len(rest)
