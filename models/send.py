"""What decides a send: the people whom it names, and the members of the conversation that it goes to."""

from typing import NamedTuple

from peewee import JOIN, fn

from models.block import is_blocked
from models.conversation import Conversation, Direct
from models.member import Member
from models.prepared import IdList, Param, Query
from models.user import SEEN, User, select_seen


class RecipientRow(NamedTuple):
    """Somebody whom the viewer writes to: what decides whether they may, as in `UserRow`.

    `conversation_id` is the direct conversation of the two, None if there is none, and `last_seq` its newest message;
    the columns after these are the viewer's in it.
    """

    id: int
    display_name: str
    state: int
    has_blocked: int
    is_blocked_by: int
    is_followed: int
    is_following: int
    accept_from: int | None
    from_others: int | None
    add_to_groups: int | None
    request: int | None
    waiting: int
    has_declined: int
    conversation_id: int | None
    last_seq: int | None
    own_request: int | None
    own_read_seq: int | None
    own_last_seq: int | None


class AddresseeRow(NamedTuple):
    """A member of the conversation that a message goes to, whose newest message is `conversation_seq`.

    `is_blocker`: they have blocked the viewer.
    """

    conversation_id: int
    kind: int
    conversation_seq: int
    user_id: int
    request_state: int
    read_seq: int
    last_seq: int
    is_blocker: int


_VIEWER = Param("viewer")
_OWN = Member.alias("own")
_IS_OWN = (_OWN.user_id == _VIEWER) & (_OWN.conversation_id == Direct.conversation_id)
_RECIPIENT = (
    select_seen(
        *(SEEN[name] for name in RecipientRow._fields[:13]),
        Direct.conversation_id,
        Conversation.last_seq,
        _OWN.request_state,
        _OWN.read_seq,
        _OWN.last_seq,
    )
    .join(Conversation, JOIN.LEFT_OUTER, on=(Conversation.id == Direct.conversation_id), src=Direct)
    .join(_OWN, JOIN.LEFT_OUTER, on=_IS_OWN, src=Direct)
)
BY_IDS = Query(_RECIPIENT.where(User.id.in_(IdList("ids"))), RecipientRow)
BY_ID = Query(_RECIPIENT.where(User.id == Param("key")), RecipientRow)
BY_USERNAME = Query(_RECIPIENT.where(User.username_key == Param("key")), RecipientRow)
BY_EMAIL = Query(_RECIPIENT.where(User.email_key == Param("key")), RecipientRow)
BY_EXTERNAL_ID = Query(_RECIPIENT.where(User.external_id == Param("key")), RecipientRow)

_MEMBERS = (
    Member.select(
        Member.conversation_id,
        Conversation.kind,
        Conversation.last_seq,
        Member.user_id,
        Member.request_state,
        Member.read_seq,
        Member.last_seq,
        is_blocked(Member.user_id, _VIEWER),
    )
    .join(Conversation, on=(Conversation.id == Member.conversation_id))
    .order_by(Member.user_id)
)
# By the id of one of the viewer's conversations, or by the unique key of a group.
MEMBERS = Query(
    _MEMBERS.where(
        Member.conversation_id == Param("conversation"),
        fn.EXISTS(
            _OWN.select(_OWN.user_id).where(_OWN.user_id == _VIEWER, _OWN.conversation_id == Param("conversation"))
        ),
    ),
    AddresseeRow,
)
MEMBERS_OF_GROUP = Query(_MEMBERS.where(Conversation.member_hash == Param("hash")), AddresseeRow)
