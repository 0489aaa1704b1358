"""The time of a search, as the number of messages on the server grows and the viewer's own stay as they are.

Run: .venv/bin/python -m bench.search [--messages 20000 200000] [--conversations 10 300] [--rounds 15]. Prints a
Markdown table: the median CPU time, in ms, of `models.search.find` for a page of 20 on a warm cache, for a viewer with
so many conversations; then the bytes of the index and the CPU time of indexing, for each message. With `--former`, also
for the index of earlier versions.

Each viewer has conversations of 40 messages; the rest of the server has 100 in each. Words are as frequent as in
English: the n-th has a share of 1 / n.
"""

import argparse
import bisect
import itertools
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import peewee

from models import former_index, word
from models.base import message_id
from models.migration import migrate
from models.search import Wanted, find
from models.transaction import Transaction

COUNT = 21
BATCH = 200  # messages that are indexed in one transaction
SEARCHES = {
    "a rare word": ("harbour",), "a frequent word": ("people",), "a beginning of many words": ("th",),
    "two words": ("the", "peo"), "no result": ("nothing",),
}  # fmt: skip
FREQUENT = "the of to and in is it you that he was for on are with as his they be at one have this from or had by hot "
FREQUENT += "but some what there we can out other were all your when up use word how said each she which their people"


class Text:
    """Texts of 3 to 15 words."""

    def __init__(self, chance: random.Random) -> None:
        syllables = [consonant + vowel for consonant in "bcdfghjklmnprstvwz" for vowel in "aeiou"]
        made = ("".join(chance.choices(syllables, k=chance.randrange(2, 5))) for _ in itertools.count())
        unique = dict.fromkeys([*FREQUENT.split(), *itertools.islice(made, 2_000), "harbour"])
        self._words = [*unique, *(each for each in itertools.islice(made, 40_000) if each not in unique)]
        self._shares = list(itertools.accumulate(1 / (place + 3) for place in range(len(self._words))))
        self._chance = chance

    def make(self) -> str:
        return " ".join(
            self._words[bisect.bisect(self._shares, self._chance.random() * self._shares[-1])]
            for _ in range(self._chance.randrange(3, 16))
        )


def conversations(viewers: dict[int, int], total: int) -> Iterator[tuple[int, int]]:
    """The member and the number of messages of each conversation."""
    for viewer, count in viewers.items():
        yield from ((viewer, 40) for _ in range(count))
    for other in range(max(0, (total - 40 * sum(viewers.values())) // 100)):
        yield 1_000 + other, 100


def fill(database: peewee.SqliteDatabase, viewers: dict[int, int], total: int) -> list[int]:
    """Puts members and messages into the tables; returns the ids of the messages."""
    chance = random.Random(1)
    text, start, ids = Text(chance), 1_700_000_000_000, []
    execute = database.connection().executemany
    drawn = chance.sample(range(1, 1 << 36), k=total // 40 + sum(viewers.values()))
    for conversation, (member, length) in zip(drawn, conversations(viewers, total), strict=False):
        first = start + chance.randrange(30 * 86_400_000)
        rows = [(message_id(conversation, seq), first + seq * 60_000, text.make()) for seq in range(1, length + 1)]
        execute("INSERT INTO message (id, sender_id, created_at, kind, body, revision) VALUES (?, 1, ?, 0, ?, 1)", rows)
        execute(
            "INSERT INTO member (user_id, conversation_id, joined_at, last_seq, activity) VALUES (?, ?, 0, ?, ?)",
            [(member, conversation, length, rows[-1][1])],
        )
        ids += [row[0] for row in rows]
    return ids


def index(database: peewee.SqliteDatabase, ids: list[int], *, former: bool) -> tuple[float, float]:
    """Indexes all messages in batches that come from everywhere; returns µs and bytes for each."""
    random.Random(2).shuffle(ids)
    before, began = size_of(database), time.process_time()
    for at in range(0, len(ids), BATCH):
        with database.atomic():
            transaction = Transaction(database)
            marks = ",".join("?" * len(ids[at : at + BATCH]))
            texts = database.connection().execute(
                f"SELECT id, body FROM message WHERE id IN ({marks}) ORDER BY id", ids[at : at + BATCH]
            )
            if former:
                for id_, body in texts:
                    transaction.run(former_index.INDEX, id=id_, body=body)
            else:
                word.put(transaction, texts)
    return (time.process_time() - began) / len(ids) * 1e6, (size_of(database) - before) / len(ids)


def size_of(database: peewee.SqliteDatabase) -> int:
    """Bytes of the database."""
    return int(database.pragma("page_count")) * int(database.pragma("page_size"))


def measure(database: peewee.SqliteDatabase, viewer: int, words: tuple[str, ...], rounds: int) -> float:
    """The median of a search, in ms, after one that warms the cache."""
    transaction, times = Transaction(database), []
    wanted = Wanted(words, has_beginning=True, match=" ".join(f'"{each}"' for each in words) + "*")
    for _ in range(rounds + 1):
        began = time.process_time()
        find(transaction, viewer, wanted, COUNT)
        times.append((time.process_time() - began) * 1000)
    return statistics.median(times[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, nargs="+", default=[20_000, 200_000])
    parser.add_argument("--conversations", type=int, nargs="+", default=[10, 300])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--former", action="store_true")
    options = parser.parse_args()
    viewers = {number + 1: count for number, count in enumerate(options.conversations)}
    print(f"| messages | index | conversations | {' | '.join(SEARCHES)} | median | bytes | µs to index |")
    print(f"|---|---|---|{'---|' * len(SEARCHES)}---|---|---|")
    for total, former in itertools.product(options.messages, [False, True] if options.former else [False]):
        with tempfile.TemporaryDirectory(dir=".", prefix="bench-") as folder:
            path = Path(folder) / "sotto.db"
            pragmas = {"journal_mode": "wal", "synchronous": "off", "cache_size": -65536, "wal_autocheckpoint": 4000}
            database = peewee.SqliteDatabase(str(path), pragmas=pragmas)
            with database.connection_context():
                migrate(database)
                with database.atomic():
                    ids = fill(database, viewers, total)
                micros, size = index(database, ids, former=former)
                if former:
                    Transaction(database).run(former_index.BEGIN)
                for viewer, count in viewers.items():
                    times = [measure(database, viewer, words, options.rounds) for words in SEARCHES.values()]
                    cells = [f"{each:.2f}" for each in (*times, statistics.median(times))]
                    name = "former" if former else "words"
                    row = [len(ids), name, count, *cells, f"{size:.0f}", f"{micros:.0f}"]
                    print(f"| {' | '.join(map(str, row))} |", flush=True)


if __name__ == "__main__":
    main()
