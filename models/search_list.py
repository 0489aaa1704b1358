"""The statements of a search, see models/search.py."""

from functools import cache
from typing import Any, NamedTuple

from peewee import SQL, Expression, Select, fn

from models.base import SEQ_BITS
from models.member import Member
from models.message import IS_SHOWN, Message
from models.prepared import Param, Query
from models.word import MessageWord


class ConversationRow(NamedTuple):
    conversation_id: int
    floor_seq: int
    activity: int


class WordRow(NamedTuple):
    """`number` counts the words of the conversation, from 1."""

    conversation_id: int
    number: int
    word: str


class PlaceRow(NamedTuple):
    """A message, and the list in which it was found."""

    list: int
    id: int
    created_at: int


class WordList(NamedTuple):
    """The messages of a conversation between two positions, exclusive, that have a word; without it, any of them."""

    conversation_id: int
    word: str | None
    after: int
    before: int


IN_RANGE = (MessageWord.word >= Param("low")) & (MessageWord.word < Param("high"))


def _has_whole(conversation: Any, *conditions: Any) -> Any:
    """Whether no word of the list `whole` is missing in a conversation under these conditions."""
    other = MessageWord.alias("other")
    is_there = fn.EXISTS(
        Select([other], [SQL("1")]).where(
            other.conversation_id == conversation, other.word == SQL("json_each.value"), *conditions
        )
    )
    return ~fn.EXISTS(Select([fn.json_each(Param("whole"))], [SQL("1")]).where(~is_there))


@cache
def conversations(*, with_conversation: bool) -> Query[ConversationRow]:
    """The viewer's conversations that have all of the words, in any of their messages, newest activity first."""
    has_word = fn.EXISTS(
        MessageWord.select(SQL("1")).where(MessageWord.conversation_id == Member.conversation_id, IN_RANGE)
    )
    query = Member.select(Member.conversation_id, Member.floor_seq, Member.activity).where(
        Member.user_id == Param("viewer"), has_word, _has_whole(Member.conversation_id)
    )
    if with_conversation:
        query = query.where(Member.conversation_id == Param("conversation"))
    return Query(query.order_by(Member.activity.desc(), Member.conversation_id.desc()), ConversationRow)


def _words() -> Query[WordRow]:
    """A recursion from each word of a conversation to its next one: it never reads the messages that have them.

    At most `count` words of each conversation.
    """
    least = fn.MIN(MessageWord.word)
    listed = SQL("json_each.value")
    first = Select(
        [fn.json_each(Param("conversations"))],
        [listed, 1, MessageWord.select(least).where(MessageWord.conversation_id == listed, IN_RANGE)],
    ).cte("found", recursive=True, columns=("conversation_id", "number", "word"))
    following = MessageWord.select(least).where(
        MessageWord.conversation_id == first.c.conversation_id,
        MessageWord.word > first.c.word,
        MessageWord.word < Param("high"),
    )
    step = Select([first], [first.c.conversation_id, first.c.number + 1, following]).where(
        first.c.word.is_null(False), first.c.number < Param("count")
    )
    found = first.union_all(step)
    columns = found.c.conversation_id, found.c.number, found.c.word
    return Query(found.select_from(*columns).where(found.c.word.is_null(False)), WordRow)


WORDS = _words()


def conditions(
    *, with_sender: bool, with_attachment: bool | None, with_since: bool, with_until: bool
) -> list[Expression]:
    """What a message must be besides; `with_attachment` None for both. The bounds of time are exclusive."""
    found = [Message.sender_id == Param("sender")] if with_sender else []
    if with_attachment is not None:
        found.append(Message.attachments > 0 if with_attachment else Message.attachments == 0)
    if with_since:
        found.append(Message.created_at > Param("since"))
    if with_until:
        found.append(Message.created_at < Param("until"))
    return found


@cache
def newest(
    *, in_range: bool, with_sender: bool, with_attachment: bool | None, with_since: bool, with_until: bool
) -> Query[PlaceRow]:
    """The newest messages of each list that the viewer may see, at most `count` of each, in any order.

    `in_range`: the lists have no word; a message has any word of the range, all of which are read and sorted.
    `with_attachment`: None for both.
    """
    conversation_id, word, after, before = (
        fn.json_extract(SQL("lists.value"), f"$[{place}]") for place in range(len(WordList._fields))
    )
    places = (
        MessageWord.select()
        .where(MessageWord.conversation_id == conversation_id, IN_RANGE if in_range else MessageWord.word == word)
        .where(MessageWord.seq > after, MessageWord.seq < before)
    )
    id_ = Expression(MessageWord.conversation_id, "<<", SEQ_BITS) + MessageWord.seq
    seq: Any = MessageWord.seq
    in_list: Any
    if in_range:
        seq = Message.id.bin_and((1 << SEQ_BITS) - 1)
        in_list = Message.select(Message.id).where(Message.id.in_(places.select(id_))).order_by(Message.id.desc())
    else:
        in_list = places.select(Message.id).join(Message, "CROSS JOIN").where(Message.id == id_).order_by(seq.desc())
    in_list = (
        in_list.where(IS_SHOWN)
        .where(Message.created_at <= Param("at"), (Message.created_at < Param("at")) | (Message.id < Param("id")))
        .where(_has_whole(conversation_id, SQL('"other"."seq"') == seq))
    )
    in_list = in_list.where(
        *conditions(
            with_sender=with_sender, with_attachment=with_attachment, with_since=with_since, with_until=with_until
        )
    )
    found = Message.alias("found")
    return Query(
        Select(
            [fn.json_each(Param("lists")).alias("lists"), found], [SQL("lists.key"), found.id, found.created_at]
        ).where(found.id.in_(in_list.limit(Param("count")))),
        PlaceRow,
    )
