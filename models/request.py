"""Requests: what one person has sent to another who has not answered it, or has declined it."""

from typing import Any, NamedTuple

from peewee import SQL, fn

from models.conversation import Conversation
from models.member import IS_REQUEST, Member, RequestState
from models.prepared import IdList, Query


class WaitingRow(NamedTuple):
    """A member who has not answered, and how many messages all the requests of the same person to them hold."""

    conversation_id: int
    user_id: int
    messages: int


_ASKED = Member.alias("asked")


def _requests(query: Any, requester: Any, user: Any, state: RequestState) -> Any:
    # Written out, not bound: compared with a parameter, the condition of a partial index makes SQLite prepare anew for
    # every value, which costs seven times what the statement does.
    is_so = _ASKED.request_state == SQL(str(int(state)))
    return query.where(_ASKED.requester_id == requester, _ASKED.user_id == user, is_so)


def waiting(requester: Any, user: Any) -> Any:
    """How many messages all the unanswered requests of one person to another hold."""
    query = _ASKED.select(fn.COALESCE(fn.SUM(Conversation.last_seq), 0))
    query = query.join(Conversation, on=(Conversation.id == _ASKED.conversation_id))
    return _requests(query, requester, user, RequestState.PENDING)


def is_declined(requester: Any, user: Any) -> Any:
    """Whether one person has declined a request of another's, and has not accepted it since."""
    return fn.EXISTS(_requests(_ASKED.select(_ASKED.user_id), requester, user, RequestState.DECLINED))


# The members of these conversations who have not answered.
WAITING = Query(
    Member.select(Member.conversation_id, Member.user_id, waiting(Member.requester_id, Member.user_id)).where(
        Member.conversation_id.in_(IdList("ids")), IS_REQUEST
    ),
    WaitingRow,
)
