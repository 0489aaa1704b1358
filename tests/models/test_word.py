"""The words of texts: as FTS5 separates and folds them, whichever way they are found."""

import random
import sqlite3

from models import word

ASCII = "".join(map(chr, range(1, 128)))
OTHERS = "éÉñçŁßİıſ²½٣हिन्दी今天天שלוםنمل\u0301\u0308\u200d\U0001f600\U0001f1e6\u00ad\ufeff\U00010400ﬁǅ"


def test_words_are_those_of_fts5() -> None:
    """ASCII texts are separated without it, which is many times as fast."""
    chance = random.Random(5)
    texts = {key: "".join(chance.choices(ASCII, k=30)) for key in range(300)}
    other = {key + 300: "".join(chance.choices(ASCII[31:] + OTHERS, k=12)) for key in range(200)}

    assert word.words_of(texts) == word._words_by_fts5(texts)
    assert word.words_of(texts | other) == word._words_by_fts5(texts | other)
    assert word.words_of({}) == {}
    assert word.words_of({1: "Zoë's foo_bar FOO", 2: "", 3: "…"}) == {
        1: ["zoe", "s", "foo", "bar", "foo"],
        2: [],
        3: [],
    }


def test_a_words_beginning_finds_what_fts5_finds() -> None:
    """The range of words with a beginning is that of FTS5's prefix search."""
    words = sorted({each for text in ("ab abc abd abé ab\U0001d7ff ac b", "今天 今天天 今") for each in text.split()})
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE word (word TEXT PRIMARY KEY)")
    connection.executemany("INSERT INTO word VALUES (?)", [(each,) for each in words])
    for beginning in ("ab", "abc", "今天", "今", "b"):
        found = connection.execute(
            "SELECT word FROM word WHERE word >= ? AND word < ?", (beginning, beginning + "\U0010ffff")
        )
        assert {each for (each,) in found} == {each for each in words if each.startswith(beginning)}
    connection.close()
