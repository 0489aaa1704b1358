"""The inbox: the conversations of one member under a filter, by activity, in pages."""

from enum import IntEnum
from functools import cache
from typing import Any

from peewee import SQL, fn

from models.conversation import MINE, Conversation, ConversationRow
from models.member import IS_LISTED, IS_REQUEST, IS_UNREAD, Member
from models.prepared import OneValue, Param, Query
from models.user import User


class Folder(IntEnum):
    """The lists that a member's conversations are in; one that the member declined is in none of them."""

    INBOX = 0
    ARCHIVE = 1
    REQUESTS = 2
    ALL = 3


_OTHER = Member.alias("other")
_IS_ARCHIVED = Member.is_archived == SQL("1")
_CONDITIONS: dict[Folder, tuple[Any, ...]] = {
    Folder.INBOX: (IS_LISTED, ~_IS_ARCHIVED),
    Folder.ARCHIVE: (IS_LISTED, _IS_ARCHIVED),
    Folder.REQUESTS: (IS_REQUEST,),
    Folder.ALL: (IS_LISTED | IS_REQUEST,),
}


@cache
def page(
    *,
    newest_first: bool,
    folder: Folder,
    is_unread: bool | None = None,
    with_kind: bool = False,
    with_participant: bool = False,
    words: int = 0,
) -> Query[ConversationRow]:
    """The viewer's conversations beyond (`activity`, `conversation`), exclusive, by activity; at most `count`.

    `is_unread` and the parameter `is_pinned` are None for both. Each `with_…` adds the parameter of that name, and
    `words` adds `word0`, `word1` …: words, with a space before each, that begin a word of the names of other members.
    A cleared conversation is listed again after its next message.
    """
    order: tuple[Any, Any]
    at, of = Param("activity"), Param("conversation")
    if newest_first:
        beyond = (Member.activity <= at) & ((Member.activity < at) | (Member.conversation_id < of))
        order = (Member.activity.desc(), Member.conversation_id.desc())
    else:
        beyond = (Member.activity >= at) & ((Member.activity > at) | (Member.conversation_id > of))
        order = (Member.activity, Member.conversation_id)
    query = MINE.where(Member.user_id == Param("viewer"), beyond)
    query = _filtered(query, folder, is_unread, with_kind, with_participant, words)
    return Query(query.order_by(*order).limit(Param("count")), ConversationRow)


@cache
def count(
    *,
    folder: Folder,
    is_unread: bool | None = None,
    with_kind: bool = False,
    with_participant: bool = False,
    words: int = 0,
) -> OneValue[int]:
    """The number of conversations that `page` lists on all pages."""
    query = (
        Member.select(fn.COUNT(Member.conversation_id))
        .join(Conversation, on=(Conversation.id == Member.conversation_id))
        .where(Member.user_id == Param("viewer"))
    )
    return OneValue(_filtered(query, folder, is_unread, with_kind, with_participant, words))


def _filtered(
    query: Any, folder: Folder, is_unread: bool | None, with_kind: bool, with_participant: bool, words: int
) -> Any:
    query = query.where(Member.last_seq > Member.floor_seq, *_CONDITIONS[folder])
    query = query.where(Member.is_pinned == fn.COALESCE(Param("is_pinned"), Member.is_pinned))
    if is_unread is not None:
        query = query.where(IS_UNREAD if is_unread else ~IS_UNREAD)
    if with_kind:
        query = query.where(Conversation.kind == Param("kind"))
    if with_participant:
        same = (_OTHER.conversation_id == Member.conversation_id) & (_OTHER.user_id == Param("participant"))
        query = query.where(fn.EXISTS(_OTHER.select(_OTHER.user_id).where(same)))
    return query.where(*(_is_named(Param(f"word{number}")) for number in range(words)))


def _is_named(word: Param) -> Any:
    """Whether a word begins a word of another member's name.

    Reads the members of the viewer's conversations and not an index of names: its cost does not grow with the number of
    people on the server.
    """
    return fn.EXISTS(
        _OTHER.select(_OTHER.user_id)
        .join(User, on=(User.id == _OTHER.user_id))
        .where(
            _OTHER.conversation_id == Member.conversation_id,
            _OTHER.user_id != Param("viewer"),
            fn.INSTR(User.name_key, word) > 0,  # STRPOS in PostgreSQL
        )
    )
