"""Reactions: emoji of users on messages."""

from typing import NamedTuple

from peewee import BigIntegerField, CompositeKey, Expression, TextField, fn

from models.base import SEQ_BITS, Base
from models.block import is_blocked
from models.member import Member
from models.prepared import Command, IdList, OneValue, Param, Query


class Reaction(Base):
    message_id = BigIntegerField()
    user_id = BigIntegerField()
    emoji = TextField()
    at = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("message_id", "user_id", "emoji")


class ReactionRow(NamedTuple):
    message_id: int
    user_id: int
    emoji: str
    at: int


PUT = Command(
    Reaction.insert(
        {
            Reaction.message_id: Param("message"),
            Reaction.user_id: Param("user"),
            Reaction.emoji: Param("emoji"),
            Reaction.at: Param("at"),
        }
    ).on_conflict_ignore()
)
DELETE = Command(
    Reaction.delete().where(
        Reaction.message_id == Param("message"), Reaction.user_id == Param("user"), Reaction.emoji == Param("emoji")
    )
)
DELETE_ALL = Command(Reaction.delete().where(Reaction.message_id == Param("message")))
COUNT = OneValue[int](
    Reaction.select(fn.COUNT(Reaction.emoji.distinct())).where(Reaction.message_id == Param("message"))
)
# On messages between two ids, both inclusive, which may be more than the viewer sees; the rest as in OF_MESSAGES.
BETWEEN = Query(
    Reaction.select(Reaction.message_id, Reaction.user_id, Reaction.emoji, Reaction.at).where(
        Reaction.message_id >= Param("first"),
        Reaction.message_id <= Param("last"),
        ~is_blocked(Param("viewer"), Reaction.user_id),
    ),
    ReactionRow,
)
# On messages of the viewer's conversations that they have not cleared; without reactions of users they have blocked.
OF_MESSAGES = Query(
    Reaction.select(Reaction.message_id, Reaction.user_id, Reaction.emoji, Reaction.at).where(
        Reaction.message_id.in_(IdList("ids")),
        fn.EXISTS(
            Member.select(Member.user_id).where(
                Member.user_id == Param("viewer"),
                Member.conversation_id == Expression(Reaction.message_id, ">>", SEQ_BITS),
                Reaction.message_id > Expression(Member.conversation_id, "<<", SEQ_BITS) + Member.floor_seq,
            )
        ),
        ~is_blocked(Param("viewer"), Reaction.user_id),
    ),
    ReactionRow,
)
