"""Search: the viewer's newest messages that have all of the words.

1. `CONVERSATIONS` finds the viewer's conversations that have all of the words, by activity.
2. `WORDS` finds the words with the searched beginning in a batch of them: the lists of messages to be merged.
3. `newest` reads the newest messages of each list: a few first, more of a list whose last one is among the results.
   A conversation with very many such words is one list, whose messages are sorted each time.

It stops where all that remains is older than the results, so a frequent word costs no more than a rare one.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from models import former_index, search_list
from models.base import MAX_INTEGER, SEQ_BITS, seq_of
from models.former_index import FoundRow
from models.prepared import id_list, text_list
from models.search_list import ConversationRow, PlaceRow, WordList
from models.transaction import Transaction
from models.word import words_of

FIRST_BATCH = 8  # conversations; each further batch has four times as many, up to
MAX_BATCH = 128
MAX_WORDS = 4_096  # of a batch: as many of each conversation as this divided by the conversations, and at most
MAX_WORDS_OF_ONE = 2_048
FIRST_COUNT = 4  # messages of each list; four times as many when more of it are read
SLACK = 60_000  # ms by which the clock may have been set back between two messages of a conversation
_LAST = "\U0010ffff"  # a word with a beginning is less than the beginning and this
_END = 1 << SEQ_BITS


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is searched: `words`, of which the last is a beginning if `has_beginning`; times are exclusive.

    `match` says the same for the index of earlier versions. Results are beyond (`at`, `id`), exclusive.
    """

    words: Sequence[str]
    has_beginning: bool
    match: str
    conversation: int | None = None
    sender: int | None = None
    has_attachment: bool | None = None
    since: int | None = None
    until: int | None = None
    at: int = MAX_INTEGER
    id: int = MAX_INTEGER


class _Words(NamedTuple):
    """The words from `low` to `high`, exclusive, one of which a message must have, and those that it must have."""

    low: str
    high: str
    whole: list[str]


def find(transaction: Transaction, viewer_id: int, wanted: Wanted, count: int) -> list[FoundRow]:
    """The newest messages that the viewer may see and that are as `wanted`, newest first, at most `count`."""
    if former_index.is_in_use(transaction):
        return _find_in_former_index(transaction, viewer_id, wanted, count)
    words = _searched(wanted)
    if words is None:
        return []
    return _Search(transaction, viewer_id, wanted, words, count).run()


class _Search:
    """The merge of the lists, see above."""

    def __init__(self, transaction: Transaction, viewer_id: int, wanted: Wanted, words: _Words, count: int) -> None:
        self._transaction = transaction
        self._wanted = wanted
        self._words = words
        self._count = count
        self._viewer_id = viewer_id
        self._found: list[FoundRow] = []

    def run(self) -> list[FoundRow]:
        query = search_list.conversations(with_conversation=self._wanted.conversation is not None)
        waiting = self._transaction.all(
            query,
            viewer=self._viewer_id,
            conversation=self._wanted.conversation,
            low=self._words.low,
            high=self._words.high,
            whole=text_list(self._words.whole),
        )
        size = FIRST_BATCH
        while waiting and self._may_be_found(waiting[0].activity):
            lists, long_ones = self._lists(waiting[:size])
            self._read(lists, FIRST_COUNT)
            self._read(long_ones, self._count * 4, in_range=True)  # seldom twice
            waiting, size = waiting[size:], min(size * 4, MAX_BATCH)
        return self._found

    def _lists(self, rows: Sequence[ConversationRow]) -> tuple[list[WordList], list[WordList]]:
        """A list for each word; and one for each conversation that has too many words."""
        floors = {row.conversation_id: row.floor_seq for row in rows}
        most = min(MAX_WORDS // len(rows), MAX_WORDS_OF_ONE)
        found = self._transaction.all(
            search_list.WORDS, conversations=id_list(floors), low=self._words.low, high=self._words.high, count=most + 1
        )
        long_ones = {row.conversation_id for row in found if row.number > most}
        return [
            WordList(row.conversation_id, row.word, floors[row.conversation_id], _END)
            for row in found
            if row.conversation_id not in long_ones
        ], [WordList(id_, None, floors[id_], _END) for id_ in sorted(long_ones)]

    def _read(self, lists: list[WordList], size: int, *, in_range: bool = False) -> None:
        """Reads of each list as many messages as may be among the results, `size` first."""
        wanted = self._wanted
        query = search_list.newest(
            in_range=in_range,
            with_sender=wanted.sender is not None,
            with_attachment=wanted.has_attachment,
            with_since=wanted.since is not None,
            with_until=wanted.until is not None,
        )
        while lists:
            rows = self._transaction.all(
                query,
                lists=json.dumps(lists),
                low=self._words.low,
                high=self._words.high,
                viewer=self._viewer_id,
                whole=text_list(self._words.whole),
                at=wanted.at,
                id=wanted.id,
                sender=wanted.sender,
                since=wanted.since,
                until=wanted.until,
                count=size,
            )
            self._add(rows)
            by_list: dict[int, list[PlaceRow]] = {}
            for row in rows:
                by_list.setdefault(row.list, []).append(row)
            lists = [
                lists[key]._replace(before=seq_of(min(row.id for row in found)))
                for key, found in by_list.items()
                if len(found) == size and self._may_be_found(min(row.created_at for row in found))
            ]
            size *= 4

    def _add(self, rows: Sequence[PlaceRow]) -> None:
        """Adds what was read to the results; a message may be in several lists."""
        found = {*self._found, *(FoundRow(row.id, row.created_at) for row in rows)}
        self._found = sorted(found, key=lambda row: (row.created_at, row.id), reverse=True)[: self._count]

    def _may_be_found(self, newest_at: int) -> bool:
        """Whether a list may hold more results if its newest message is from this time."""
        return len(self._found) < self._count or newest_at + SLACK >= self._found[-1].created_at


def _searched(wanted: Wanted) -> _Words | None:
    """What to look for; None if FTS5 knows no character of the words."""
    parts = words_of(dict(enumerate(wanted.words)))
    words = [word for part in parts.values() for word in part]
    last = len(wanted.words) - 1
    if wanted.has_beginning and parts[last]:
        beginning = parts[last][-1]
        whole = {word for key in parts for word in parts[key][: -1 if key == last else None]}
        return _Words(beginning, beginning + _LAST, sorted(whole))
    if not words:
        return None
    longest = max(words, key=len)  # the rarest, as a rule
    return _Words(longest, f"{longest}\0", sorted(set(words) - {longest}))


def _find_in_former_index(transaction: Transaction, viewer_id: int, wanted: Wanted, count: int) -> list[FoundRow]:
    query = former_index.search(
        with_conversation=wanted.conversation is not None,
        with_sender=wanted.sender is not None,
        with_attachment=wanted.has_attachment,
        with_since=wanted.since is not None,
        with_until=wanted.until is not None,
    )
    return transaction.all(
        query,
        viewer=viewer_id,
        match=wanted.match,
        at=wanted.at,
        id=wanted.id,
        conversation=wanted.conversation,
        sender=wanted.sender,
        since=wanted.since,
        until=wanted.until,
        count=count,
    )
