"""The upper bound in bench/send.py: our SQL directly on sqlite3, without server, threads and checks."""

import itertools
import sqlite3
import time
from pathlib import Path
from typing import Any

import peewee

from models import conversation, event, idempotency, job, member, message, user
from models.base import message_id
from models.prepared import Compiled, Prepared, id_list

_PUT_MEMBER = "INSERT INTO member (user_id, conversation_id, joined_at, activity) VALUES (?, ?, 1, 1)"


class Raw:
    """A connection with the compiled statements of a send."""

    def __init__(self, path: Path) -> None:
        self._dialect = peewee.SqliteDatabase(None)
        self._connection = sqlite3.connect(path, isolation_level=None, cached_statements=256)
        for pragma in ("journal_mode=wal", "synchronous=full", "wal_autocheckpoint=4000", "cache_size=-65536"):
            self._connection.execute(f"PRAGMA {pragma}")
        names: dict[str, Prepared] = {
            "key": idempotency.FIND, "user": user.BY_USERNAME, "direct": conversation.DIRECT,
            "seq": conversation.NEXT_SEQ, "message": message.PUT, "advance": member.ADVANCE,
            "sender": member.ADVANCE_SENDER, "event": event.PUT, "job": job.PUT, "put_key": idempotency.PUT,
        }  # fmt: skip
        self._compiled: dict[str, Compiled] = {name: query.compiled_for(self._dialect) for name, query in names.items()}

    def _run(self, name: str, **params: Any) -> sqlite3.Cursor:
        compiled = self._compiled[name]
        return self._connection.execute(compiled.sql, compiled.bind(params))

    def send(self, sender: int, recipient: int, name: str, conversation_id: int, key: str) -> None:
        """Runs the statements of one send in an existing conversation."""
        now = time.time_ns() // 1_000_000
        self._run("key", key=key, other=key, user=sender).fetchone()
        self._run("user", viewer=sender, key=name).fetchone()
        self._run("direct", lo=min(sender, recipient), hi=max(sender, recipient)).fetchone()
        seq = self._run("seq", conversation=conversation_id).fetchone()[0]
        id_ = message_id(conversation_id, seq)
        row = message.MessageRow(id_, sender, now, 0, "Hello, how are you?", 0, None, key, None, 1, None, None)
        self._run("message", **row._asdict())
        self._run("sender", conversation=conversation_id, sender=sender, at=now)
        self._run("advance", conversation=conversation_id, sender=sender, seq=seq, at=now)
        users = id_list([sender, recipient])
        self._run("event", users=users, kind=0, subject=id_, at=now, actor=0, detail=0).fetchall()
        self._run("job", kind=0, ref=id_)
        self._run("put_key", key=key, user=sender, request_hash=b"x" * 32, result=f"[[0,{id_},null]]", at=now)

    def measure(self, people: list[tuple[int, int, str]], batch: int, seconds: float) -> float:
        """Messages per second with `batch` messages per COMMIT, in conversations between these pairs."""
        places = []
        self._connection.execute("BEGIN IMMEDIATE")
        for number, (sender, recipient, name) in enumerate(people, start=1):
            now = 1
            self._connection.execute("INSERT INTO conversation VALUES (?, 0, NULL, 0, ?)", (number, now))
            pair = (min(sender, recipient), max(sender, recipient), number)
            self._connection.execute("INSERT INTO direct VALUES (?, ?, ?)", pair)
            for each in (sender, recipient):
                self._connection.execute(_PUT_MEMBER, (each, number))
            places.append((sender, recipient, name, number))
        self._connection.execute("COMMIT")
        keys, places_in_turn, sent = itertools.count(), itertools.cycle(places), 0
        began = time.perf_counter()
        while time.perf_counter() - began < seconds:
            self._connection.execute("BEGIN IMMEDIATE")
            for _ in range(batch):
                self.send(*next(places_in_turn), key=f"k{next(keys):012}")
            self._connection.execute("COMMIT")
            sent += batch
        rate = sent / (time.perf_counter() - began)
        self._connection.close()
        return rate
