"""The search index and its outbox: in whatever order texts come, change and go, it says what they say."""

import random

import pytest

from models.job import index_messages
from models.transaction import Transaction
from services.error import SottoError
from services.message.message import SearchFilter
from tests.services.conftest import World

WORDS = ("harbour", "tide", "sail", "anchor", "gull")
CHECK = "INSERT INTO message_fts(message_fts) VALUES ('integrity-check')"


async def is_sound(world: World) -> bool:
    """FTS5's own check of itself, and no text indexed twice."""

    def check(tx: Transaction) -> bool:
        connection = tx.database.connection()
        connection.execute(CHECK)
        vocabulary = "CREATE VIRTUAL TABLE temp.words USING fts5vocab('main', 'message_fts', 'instance')"
        connection.execute("DROP TABLE IF EXISTS temp.words")
        connection.execute(vocabulary)
        seen = connection.execute("SELECT doc, count(*) FROM temp.words GROUP BY doc HAVING count(*) > 1").fetchall()
        return not seen

    return await world.services.database.write(check)


@pytest.mark.parametrize("seed", range(12))
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

    assert await is_sound(world)
    for word in WORDS:
        page = await world.services.message.search(bob, word, SearchFilter(), 200, None)
        assert {view.row.id for view in page.items} == {id_ for id_, text in texts.items() if text == word}
