"""Fills the database of the measurements, once: Sotto's tables, with people who have written to each other.

- 256 pairs of a sender and a recipient, with 60 messages each that both have read: who sends during a measurement.
- `viewer`, with 50 conversations of 60 messages, up to three of them unread. Every tenth has a file, and every fifth
  two reactions.
- A group of `viewer` and 49 recipients.
- Further conversations of 100 messages of other people, until there are `total` messages.

The folder is the data folder of a server; `people.json` in it has the tokens and ids that the measurements need.
"""

import asyncio
import hashlib
import json
import random
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models import session as sessions
from models import user as users
from models import word
from models.base import message_id, now_ms
from models.conversation import member_hash
from models.transaction import Transaction
from pubsub.memory import MemoryPubSub
from services.guard import GuardedDatabase
from services.id import Kind, encode
from storage.local import LocalStorage

PAIRS, INBOX, LENGTH, OTHER_LENGTH, OTHERS = 256, 50, 60, 100, 200
GROUP_SIZE = 50
DAY_MS = 86_400_000
FILE = b"A file of the measurements.\n" * 400
FREQUENT = (
    "hello how are you the a of to and in it is that was for on at with as his they be this have from or had by not"
)
Row = Mapping[str, Any]


@dataclass
class Person:
    """A user; those who sign in have a token."""

    id: int
    username: str
    token: str


@dataclass
class Tables:
    """The rows of some conversations, by table."""

    rows: dict[str, list[Row]] = field(default_factory=dict)

    def add(self, table: str, **row: Any) -> None:
        self.rows.setdefault(table, []).append(row)

    def put(self, transaction: Transaction) -> None:
        """Stores the rows, and the words of the messages."""
        for table, rows in self.rows.items():
            columns = ", ".join(rows[0])
            marks = ", ".join("?" * len(rows[0]))
            transaction.database.connection().executemany(
                f"INSERT INTO {table} ({columns}) VALUES ({marks})", [tuple(row.values()) for row in rows]
            )
        word.put(transaction, [(row["id"], row["body"]) for row in self.rows["message"]])


class Filling:
    """The conversations, in the order in which their ids are drawn; the same for the same seed."""

    def __init__(self, storage_key: str) -> None:
        self._random = random.Random(7)
        self._storage_key = storage_key
        self._start = now_ms() - 40 * DAY_MS
        self._event_numbers: dict[int, int] = {}
        syllables = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
        made = ("".join(self._random.choices(syllables, k=self._random.randrange(2, 5))) for _ in range(8_000))
        self._words = [*FREQUENT.split(), *dict.fromkeys(made)]
        self._shares = [1 / (place + 3) for place in range(len(self._words))]

    def texts(self, count: int) -> list[str]:
        """Texts of 4 to 14 words; the n-th word of the language has a share of 1 / n."""
        lengths = [self._random.randint(4, 14) for _ in range(count)]
        words = iter(self._random.choices(self._words, self._shares, k=sum(lengths)))
        return [" ".join(next(words) for _ in range(length)) for length in lengths]

    def conversation(self, tables: Tables, member_ids: Sequence[int], length: int, *, is_rich: bool = False) -> int:
        """Adds a conversation to which all members have written in turn; returns its id."""
        id_, ids = self._random.randrange(1 << 20, 1 << 36), sorted(member_ids)
        is_direct = len(ids) == 2
        at = began = self._start + self._random.randrange(30 * DAY_MS)
        hash_ = None if is_direct else member_hash(ids)
        tables.add("conversation", id=id_, kind=not is_direct, member_hash=hash_, last_seq=length, created_at=began)
        if is_direct:
            tables.add("direct", user_lo=ids[0], user_hi=ids[1], conversation_id=id_)
        for seq, text in enumerate(self.texts(length), start=1):
            at += self._random.randrange(1_000, 60_000)
            self._message(tables, message_id(id_, seq), seq, at, text, ids, is_rich=is_rich)
        for user_id in ids:
            seen = length - (self._random.randint(0, 3) if is_rich else 0)
            tables.add(
                "member", user_id=user_id, conversation_id=id_, joined_at=began, last_seq=length, read_seq=seen,
                delivered_seq=seen, activity=at, seen_seq=seen, unread=length - seen, read_at=at, delivered_at=at,
            )  # fmt: skip
        return id_

    def _message(
        self, tables: Tables, id_: int, seq: int, at: int, text: str, member_ids: Sequence[int], *, is_rich: bool
    ) -> None:
        sender, has_file = member_ids[seq % len(member_ids)], is_rich and seq % 10 == 0
        tables.add(
            "message", id=id_, sender_id=sender, created_at=at, kind=4 if has_file else 0, body=text,
            attachments=int(has_file), revision=1,
        )  # fmt: skip
        if has_file:
            tables.add(
                "attachment", message_id=id_, position=0, storage_key=self._storage_key, kind=4,
                filename=f"notes {seq}.txt", mime_type="text/plain", byte_size=len(FILE),
                sha256=hashlib.sha256(FILE).digest(), state=1,
            )  # fmt: skip
        if is_rich and seq % 5 == 0:
            for place, (user_id, emoji) in enumerate(zip(member_ids, "👍🎉", strict=True)):
                tables.add("reaction", message_id=id_, user_id=user_id, emoji=emoji, at=at + place)
        for user_id in member_ids:
            n = self._event_numbers[user_id] = self._event_numbers.get(user_id, 0) + 1
            tables.add("event", user_id=user_id, n=n, kind=0, subject_id=id_, at=at)


def put_people(transaction: Transaction, names: Sequence[str]) -> dict[str, Person]:
    """Users with sessions."""
    found = {}
    for name in names:
        user_id = users.put(transaction, name, display_name=name.title(), password_hash=None)
        assert user_id is not None
        token = f"sot_{secrets.token_urlsafe(32)}"
        sessions.put(transaction, user_id, hashlib.sha256(token.encode()).digest(), now_ms() + 30 * DAY_MS)
        found[name] = Person(user_id, name, token)
    return found


def conversations(
    filling: Filling, people: Mapping[str, Person], pairs: int, total: int, found: dict[str, Any]
) -> Iterator[Tables]:
    """The rows of each conversation; writes what the measurements need into `found`."""
    viewer = people["viewer"]
    found["viewer"] = {"id": viewer.id, "token": viewer.token}
    found["pairs"], found["inbox"], count = [], [], 0
    for number in range(pairs):
        sender, recipient, tables = people[f"sender{number}"], people[f"recipient{number}"], Tables()
        filling.conversation(tables, [sender.id, recipient.id], LENGTH)
        pair = {"token": sender.token, "sender": sender.id, "to": recipient.username, "to_token": recipient.token}
        found["pairs"].append(pair)
        yield tables
    for number in range(min(INBOX, pairs)):
        tables = Tables()
        id_ = filling.conversation(tables, [viewer.id, people[f"recipient{number}"].id], LENGTH, is_rich=True)
        last = tables.rows["message"][-1]["body"]
        found["inbox"].append({"id": encode(Kind.CONVERSATION, id_), "number": id_, "last": last})
        yield tables
    tables = Tables()
    members = [viewer, *(people[f"recipient{number}"] for number in range(min(GROUP_SIZE - 1, pairs)))]
    id_ = filling.conversation(tables, [each.id for each in members], 10)
    found["group"] = {"id": encode(Kind.CONVERSATION, id_), "number": id_, "tokens": [each.token for each in members]}
    yield tables
    count = LENGTH * (pairs + len(found["inbox"])) + 10
    others = [each for name, each in people.items() if name.startswith("other")]
    chosen = ((one, other) for place, one in enumerate(others) for other in others[:place])
    while count < total:
        tables, pair_of_others = Tables(), next(chosen)
        filling.conversation(tables, [each.id for each in pair_of_others], OTHER_LENGTH)
        count += OTHER_LENGTH
        yield tables
    found["messages"] = count


async def fill(folder: Path, *, pairs: int = PAIRS, total: int = 0) -> None:
    """Makes the folder."""
    await asyncio.to_thread(folder.mkdir, parents=True)
    storage = LocalStorage(folder / "files")
    await storage.open()
    file = await storage.create_temp()
    await file.write(FILE)
    filling = Filling(await storage.store(file))
    names = ["viewer", *(f"{role}{number}" for role in ("sender", "recipient") for number in range(pairs))]
    names += [f"other{number}" for number in range(OTHERS if total else 0)]
    database = GuardedDatabase(folder / "sotto.db", MemoryPubSub())
    await database.open()
    found: dict[str, Any] = {}
    try:
        people = await database.write(put_people, names)
        for tables in conversations(filling, people, pairs, total, found):
            await database.write(tables.put)
    finally:
        await database.close()
    await asyncio.to_thread((folder / "people.json").write_text, json.dumps(found))


def count_of(folder: Path) -> int:
    """The number of messages."""
    people = json.loads((folder / "people.json").read_text(encoding="utf-8"))
    return int(people["messages"])
