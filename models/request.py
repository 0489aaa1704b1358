"""Message requests: unanswered and declined ones."""

from typing import Any, NamedTuple

from peewee import SQL, fn

from models.conversation import Conversation
from models.member import IS_REQUEST, Member, RequestState
from models.prepared import IdList, Query


class WaitingRow(NamedTuple):
    """A member who has not answered; `messages` counts those in all unanswered requests of the same requester."""

    conversation_id: int
    user_id: int
    messages: int


_ASKED = Member.alias("asked")


def _requests(query: Any, requester: Any, user: Any, state: RequestState) -> Any:
    # A literal instead of a parameter: with a partial index on the column, SQLite would prepare the statement again for
    # every value, at seven times its cost.
    is_so = _ASKED.request_state == SQL(str(int(state)))
    return query.where(_ASKED.requester_id == requester, _ASKED.user_id == user, is_so)


def waiting(requester: Any, user: Any) -> Any:
    """The number of messages in all unanswered requests of one user to another."""
    query = _ASKED.select(fn.COALESCE(fn.SUM(Conversation.last_seq), 0))
    query = query.join(Conversation, on=(Conversation.id == _ASKED.conversation_id))
    return _requests(query, requester, user, RequestState.PENDING)


def is_declined(requester: Any, user: Any) -> Any:
    """Whether `user` has declined a request of `requester` and not accepted it since."""
    return fn.EXISTS(_requests(_ASKED.select(_ASKED.user_id), requester, user, RequestState.DECLINED))


# The members of the conversations who have not answered.
WAITING = Query(
    Member.select(Member.conversation_id, Member.user_id, waiting(Member.requester_id, Member.user_id)).where(
        Member.conversation_id.in_(IdList("ids")), IS_REQUEST
    ),
    WaitingRow,
)
