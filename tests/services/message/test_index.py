"""The search index and its outbox: in whatever order texts come, change and go, it says what they say."""

import random

import pytest

from models.base import conversation_of, seq_of
from models.job import index_messages
from models.transaction import Transaction
from models.word import words_of
from services.error import SottoError
from services.message.message import SearchFilter
from tests.full import amount, full
from tests.services.conftest import World

WORDS = ("harbour", "tide", "sail", "anchor", "gull", "Zoë's", "foo_bar", "café au lait", "tide, tide")


def is_sound(tx: Transaction) -> bool:
    """Whether the index has each word of each text once, and nothing else."""
    connection = tx.database.connection()
    texts = dict(connection.execute("SELECT id, body FROM message WHERE body IS NOT NULL").fetchall())
    expected = {(conversation_of(id_), word, seq_of(id_)) for id_, words in words_of(texts).items() for word in words}
    return set(connection.execute("SELECT conversation_id, word, seq FROM message_word").fetchall()) == expected


@full
@pytest.mark.parametrize("seed", range(amount(6, 60)))
async def test_the_index_says_what_the_texts_say(world: World, seed: int) -> None:
    """Forty operations in random order, indexed in batches of random size; then each word finds its messages."""
    chance = random.Random(seed)
    alice, bob = await world.people("alice", "bob")
    texts: dict[int, str | None] = {}
    for _ in range(40):
        operation = chance.choice(["send", "file", "edit", "edit", "delete", "index", "index"])
        known = [id_ for id_, text in texts.items() if text != ""]
        if operation == "send":
            text = chance.choice(WORDS)
            texts[await world.send(alice, "bob", text=text)] = text
        elif operation == "file":
            texts[await world.send(alice, "bob", text=None, files=[await world.file(b"x")])] = None
        elif operation == "edit" and known:
            id_, text = chance.choice(known), chance.choice(WORDS)
            try:
                await world.services.edit.edit(alice, id_, text, None)
                texts[id_] = text
            except SottoError:
                pass
        elif operation == "delete" and known:
            id_ = chance.choice(known)
            await world.services.deletion.delete_for_everyone(alice, id_)
            texts[id_] = ""
        elif operation == "index":
            await world.services.database.write(index_messages, chance.randrange(1, 4))
    await world.services.sweeper.index()

    assert await world.services.database.read(is_sound)
    for word in ("harbour", "tide", "sail", "zoe", "cafe", "lait"):
        page = await world.services.message.search(bob, word, SearchFilter(), 200, None)
        found = {id_ for id_, text in texts.items() if text and word in words_of({1: text})[1]}
        assert {view.row.id for view in page.items} == found
