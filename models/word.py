"""The search index: the words of each conversation, and the messages that have them.

A conversation's words are together and apart from everybody else's, so that the cost of a search depends on the
viewer's conversations and never on the size of the server.
"""

import re
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing

from peewee import SQL, BigIntegerField, CompositeKey, IntegerField, Select, TextField, fn

from models.base import Base, conversation_of, seq_of
from models.highlight import TOKENIZER
from models.prepared import Command, IdList, Param, text_list
from models.transaction import Transaction

_ASCII_WORD = re.compile("[a-z0-9]+")


class MessageWord(Base):
    """A word of a message's text; filled by a job, see models/job.py."""

    conversation_id = BigIntegerField()
    word = TextField()
    seq = IntegerField()

    class Meta:
        primary_key = CompositeKey("conversation_id", "word", "seq")


# The words are a JSON array. A word that is there already stays: indexing twice does no harm.
PUT = Command(
    MessageWord.insert_from(
        Select([fn.json_each(Param("words"))], [Param("conversation"), SQL("value"), Param("seq")]),
        [MessageWord.conversation_id, MessageWord.word, MessageWord.seq],
    ).on_conflict_ignore()
)
REMOVE = Command(
    MessageWord.delete().where(
        MessageWord.conversation_id == Param("conversation"),
        MessageWord.word.in_(IdList("words")),
        MessageWord.seq == Param("seq"),
    )
)


def words_of(texts: Mapping[int, str]) -> dict[int, list[str]]:
    """The words of each text in their order, without case and accents, as FTS5 separates and folds them."""
    words = {key: _ASCII_WORD.findall(text.lower()) for key, text in texts.items() if text.isascii()}
    others = {key: text for key, text in texts.items() if key not in words}
    return words | _words_by_fts5(others) if others else words


def put(transaction: Transaction, texts: Iterable[tuple[int, str]]) -> None:
    """Adds the words of texts, each with the id of its message."""
    for id_, words in sorted(words_of(dict(texts)).items()):
        transaction.run(PUT, conversation=conversation_of(id_), words=text_list(sorted(set(words))), seq=seq_of(id_))


def remove(transaction: Transaction, message_id: int, text: str) -> None:
    """Removes the words of a message's former text, as far as they are in the index."""
    words = words_of({message_id: text})[message_id]
    transaction.run(
        REMOVE, conversation=conversation_of(message_id), words=text_list(set(words)), seq=seq_of(message_id)
    )


def _words_by_fts5(texts: Mapping[int, str]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {key: [] for key in texts}
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(f"CREATE VIRTUAL TABLE text USING fts5(body, content = '', tokenize = '{TOKENIZER}')")
        connection.execute("CREATE VIRTUAL TABLE word USING fts5vocab(text, instance)")
        connection.executemany("INSERT INTO text (rowid, body) VALUES (?, ?)", texts.items())
        for key, word in connection.execute("SELECT doc, term FROM word ORDER BY doc, offset"):
            found[key].append(word)
    return found
