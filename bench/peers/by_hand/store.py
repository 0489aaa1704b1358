"""The database of the servers by hand: SQL written by hand, on the tables of Sotto."""

import base64
import hashlib
import hmac
import json
import re
import secrets
import sqlite3
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

SQL = dict(
    re.findall(r"-- name: (\w+)\n(.*?)(?=\n-- name|\Z)", Path(__file__).with_suffix(".sql").read_text(), re.DOTALL)
)
PRAGMAS = ("journal_mode=wal", "synchronous=full", "wal_autocheckpoint=4000", "cache_size=-65536")
URL_SECONDS = 300


class Rejected(Exception):
    """The message cannot be sent to this person."""


def user_of(id_: int, username: str, display_name: str) -> dict[str, Any]:
    return {"id": f"u{id_}", "username": username, "displayName": display_name}


def moment(at: int) -> datetime:
    """Orjson writes it as in Sotto."""
    return datetime.fromtimestamp(at / 1000, UTC)


def id_list(ids: Iterable[int]) -> str:
    """JSON, for `json_each`."""
    return f"[{','.join(map(str, ids))}]"


class Store:
    """The database: what a send stores, a page and an inbox show, and a search finds."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, cached_statements=256)
        for pragma in PRAGMAS:
            self._connection.execute(f"PRAGMA {pragma}")
        self._secret = secrets.token_bytes(32)

    def run(self, statement: str) -> None:
        """Runs a statement that is no query, such as BEGIN."""
        self._connection.execute(statement)

    def _all(self, name: str, /, **params: Any) -> list[Any]:
        return self._connection.execute(SQL[name], params).fetchall()

    def _first(self, name: str, /, **params: Any) -> Any:
        return self._connection.execute(SQL[name], params).fetchone()

    def fill_index(self) -> None:
        """Fills FTS5's index."""
        self.run(SQL["fill_index"])

    def find_session(self, token_hash: bytes) -> tuple[int, int] | None:
        """The user's id, and when the session expires, in ms since 1970."""
        found: tuple[int, int] | None = self._first("session", token_hash=token_hash)
        return found

    def send(self, sender: int, name: str, text: str, key: str | None) -> dict[str, Any]:
        """Stores a message in the direct conversation with this user; raises Rejected."""
        hash_ = hashlib.sha256(f"{name}\0{text}".encode()).digest()
        if key is not None and (first := self._first("find_key", key=key, sender=sender)) is not None:
            if first[0] != hash_:
                raise Rejected
            return self._shown(json.loads(first[1])[0][1], sender)
        recipient = self._first("recipient", name=name.casefold(), sender=sender)
        if recipient is None or any(recipient[3:]):
            raise Rejected
        pair = sorted((sender, recipient[0]))
        conversation = self._first("direct", lo=pair[0], hi=pair[1])[0]
        seq = self._first("next_seq", conversation=conversation)[0]
        id_, at = (conversation << 27) + seq, time.time_ns() // 1_000_000
        self._all("put_message", id=id_, sender=sender, at=at, text=text, key=key)
        self._all("advance", conversation=conversation, sender=sender, seq=seq, at=at)
        for user in pair:
            self._all("put_event", user=user, id=id_, at=at)
        self._all("put_job", id=id_)
        if key is not None:
            self._all("put_key", key=key, sender=sender, hash=hash_, result=f"[[0,{id_},null]]", at=at)
        return self._sent(id_, text, at, sender)

    def _shown(self, id_: int, viewer: int) -> dict[str, Any]:
        row = self._first("page", after=id_ - 1, before=id_ + 1, viewer=viewer, count=1)
        return self._sent(id_, row[2], row[1], row[4])

    def _sent(self, id_: int, text: str, at: int, sender: int) -> dict[str, Any]:
        return {
            "id": f"m{id_}",
            "text": text,
            "createdAt": moment(at),
            "sender": user_of(*self._first("user", id=sender)),
            "attachments": [],
            "conversation": {"id": f"c{id_ >> 27}"},
        }

    def page(self, viewer: int, id_: str, count: int) -> dict[str, Any] | None:
        """The last `count` messages of a conversation; None if the viewer is not a member."""
        mine = self._first("conversation", viewer=viewer, conversation=int(id_[1:]))
        if mine is None:
            return None
        base = mine[0] << 27
        rows = self._all("page", after=base + mine[3], before=base + mine[2] + 1, viewer=viewer, count=count + 1)
        has_more, rows = len(rows) > count, rows[:count][::-1]
        files = self._attachments(viewer, [row[0] for row in rows if row[3]])
        reactions: dict[int, list[Any]] = {}
        for of, emoji, number, is_mine in self._all("reactions", viewer=viewer, ids=id_list(row[0] for row in rows)):
            reactions.setdefault(of, []).append({"emoji": emoji, "count": number, "viewerHasReacted": bool(is_mine)})
        nodes = [
            {
                "id": f"m{row[0]}",
                "text": row[2],
                "createdAt": moment(row[1]),
                "sender": user_of(*row[4:]),
                "attachments": files.get(row[0], []),
                "reactions": reactions.get(row[0], []),
            }
            for row in rows
        ]
        info = {"hasPreviousPage": has_more, "startCursor": nodes[0]["id"] if nodes else None}
        return {"id": id_, "messages": {"nodes": nodes, "pageInfo": info}}

    def _attachments(self, viewer: int, ids: list[int]) -> dict[int, list[Any]]:
        """By message id, with signed URLs."""
        found: dict[int, list[Any]] = {}
        if not ids:
            return found
        until = int(time.time()) + URL_SECONDS
        for message, position, filename, mime_type, byte_size in self._all("attachments", ids=id_list(ids)):
            ticket = f"{message}.{position}.{viewer}.{until}"
            digest = hmac.digest(self._secret, ticket.encode(), "sha256")
            url = f"http://127.0.0.1/files/{ticket}.{base64.urlsafe_b64encode(digest).decode()}/{filename}"
            file = {"id": f"a{message}.{position}", "filename": filename, "mimeType": mime_type}
            found.setdefault(message, []).append({**file, "byteSize": byte_size, "url": url})
        return found

    def inbox(self, viewer: int, count: int) -> dict[str, Any]:
        """The conversations with the newest messages."""
        rows = self._all("inbox", viewer=viewer, count=count + 1)
        has_more, rows = len(rows) > count, rows[:count]
        ids = id_list(row[0] for row in rows)
        others: dict[int, list[Any]] = {}
        for conversation, *user in self._all("others", ids=ids, viewer=viewer):
            if len(found := others.setdefault(conversation, [])) < 10:
                found.append({"user": user_of(*user)})
        newest = {row[0] >> 27: self._brief(row) for row in self._all("newest", viewer=viewer, ids=ids)}
        nodes = [
            {
                "id": f"c{row[0]}",
                "type": ("DIRECT", "GROUP", "SELF")[row[1]],
                "unreadCount": row[4],
                "lastActivityAt": moment(row[5]),
                "otherParticipants": others.get(row[0], []),
                "lastMessage": newest.get(row[0]),
            }
            for row in rows
        ]
        return {"nodes": nodes, "pageInfo": {"hasNextPage": has_more, "endCursor": nodes[-1]["id"] if nodes else None}}

    def search(self, viewer: int, words: str) -> dict[str, Any]:
        """The newest 20 messages with all of the words, the last of which is a beginning."""
        match = " ".join(f'"{word}"' for word in re.findall(r"\w+", words)) + "*"
        return {"nodes": [self._brief(row) for row in self._all("search", viewer=viewer, match=match, count=20)]}

    @staticmethod
    def _brief(row: Any) -> dict[str, Any]:
        sender = {"id": f"u{row[3]}", "username": row[4]}
        return {"id": f"m{row[0]}", "text": row[2], "createdAt": moment(row[1]), "sender": sender}
