"""Users, found by id, username, email address or external id."""

from collections.abc import Iterable
from functools import partial
from typing import Any, NamedTuple

from peewee import JOIN, BigIntegerField, IntegerField, TextField, fn

from models import request as requests
from models.base import Base, new_id, now_ms
from models.block import is_blocked
from models.conversation import Direct
from models.follow import is_following
from models.member import Member
from models.mute import Mute
from models.name import key_of
from models.prepared import Command, IdList, Param, Query, Value, id_list
from models.setting import Setting
from models.transaction import Transaction

ACTIVE, SUSPENDED, DEACTIVATED = 0, 1, 2


class User(Base):
    """An account; `username_key` and `email_key` are case-folded and unique. `name_key` is described in models/name.py.

    `email` is not verified, so several users may have the same one: only the first has its `email_key`.
    """

    id = BigIntegerField(primary_key=True)
    username = TextField()
    username_key = TextField()
    display_name = TextField()
    name_key = TextField()
    email = TextField(null=True)
    email_key = TextField(null=True)
    external_id = TextField(null=True)
    avatar_url = TextField(null=True)
    password_hash = TextField(null=True)
    is_bot = IntegerField()
    state = IntegerField()
    created_at = BigIntegerField()
    tokens_ended_at = BigIntegerField()
    has_had_device = IntegerField()
    named_at = BigIntegerField()


class UserRow(NamedTuple):
    """A user as one viewer sees them: `has_blocked` is the viewer's block, `is_blocked_by` the user's.

    The settings are the user's, None for the server's default. `request` is the user's request state in the direct
    conversation with the viewer, None if there is none. `waiting` counts the messages in all requests of the viewer
    that the user has not answered, groups included; `has_declined`: they have declined one.
    """

    id: int
    username: str
    display_name: str
    email: str | None
    external_id: str | None
    avatar_url: str | None
    is_bot: int
    state: int
    has_blocked: int
    is_blocked_by: int
    has_muted: int
    is_followed: int
    is_following: int
    accept_from: int | None
    from_others: int | None
    add_to_groups: int | None
    send_read_receipts: int
    send_delivery_receipts: int
    share_presence: int
    request: int | None
    waiting: int
    has_declined: int

    @property
    def is_active(self) -> bool:
        """Neither suspended nor deactivated."""
        return self.state == ACTIVE


class CredentialRow(NamedTuple):
    """What a sign-in checks."""

    id: int
    password_hash: str | None
    state: int


class CredentialStatusRow(NamedTuple):
    """What decides whether a credential is still valid.

    Host tokens issued at or before `tokens_ended_at` (ms) are not.
    """

    id: int
    state: int
    tokens_ended_at: int
    username: str
    display_name: str
    named_at: int


class AccountRow(NamedTuple):
    """A user in the operator's list."""

    id: int
    username: str
    display_name: str
    email: str | None
    external_id: str | None
    state: int
    is_bot: int


def fold(name: str) -> str:
    """The form in which usernames and email addresses are unique."""
    return name.casefold()


_VIEWER = Param("viewer")
_THEIRS = Member.alias("theirs")
# The columns of a user as a viewer sees them, by the fields of `UserRow`.
SEEN = {
    **{name: getattr(User, name) for name in UserRow._fields[:8]},
    "has_blocked": is_blocked(_VIEWER, User.id),
    "is_blocked_by": is_blocked(User.id, _VIEWER),
    "has_muted": fn.EXISTS(Mute.select(Mute.at).where(Mute.muter_id == _VIEWER, Mute.muted_id == User.id)),
    "is_followed": is_following(_VIEWER, User.id),
    "is_following": is_following(User.id, _VIEWER),
    "accept_from": Setting.accept_from,
    "from_others": Setting.from_others,
    "add_to_groups": Setting.add_to_groups,
    "send_read_receipts": fn.COALESCE(Setting.send_read_receipts, 1),
    "send_delivery_receipts": fn.COALESCE(Setting.send_delivery_receipts, 1),
    "share_presence": fn.COALESCE(Setting.share_presence, 1),
    "request": _THEIRS.request_state,
    "waiting": requests.waiting(_VIEWER, User.id),
    "has_declined": requests.is_declined(_VIEWER, User.id),
}


def select_seen(*columns: Any) -> Any:
    """A SELECT from the users, with their settings and, if there is one, their direct conversation with the viewer."""
    query = User.select(*columns).join(Setting, JOIN.LEFT_OUTER, on=(Setting.user_id == User.id))
    # SQLite's MIN and MAX of two values are LEAST and GREATEST in PostgreSQL
    is_theirs = (Direct.user_lo == fn.MIN(User.id, _VIEWER)) & (Direct.user_hi == fn.MAX(User.id, _VIEWER))
    query = query.join(Direct, JOIN.LEFT_OUTER, on=is_theirs, src=User)
    is_member = (_THEIRS.user_id == User.id) & (_THEIRS.conversation_id == Direct.conversation_id)
    return query.join(_THEIRS, JOIN.LEFT_OUTER, on=is_member, src=Direct)


_SEEN = select_seen(*SEEN.values())
BY_ID = Query(_SEEN.where(User.id == Param("key")), UserRow)
BY_IDS = Query(_SEEN.where(User.id.in_(IdList("ids"))), UserRow)
BY_USERNAME = Query(_SEEN.where(User.username_key == Param("key")), UserRow)
BY_EMAIL = Query(_SEEN.where(User.email_key == Param("key")), UserRow)
BY_EXTERNAL_ID = Query(_SEEN.where(User.external_id == Param("key")), UserRow)
BY_PREFIX = Query(
    _SEEN.where(
        User.username_key >= Param("prefix"), User.username_key < Param("beyond"), User.username_key > Param("after")
    )
    .order_by(User.username_key)
    .limit(Param("count")),
    UserRow,
)
CREDENTIAL = Query(
    User.select(User.id, User.password_hash, User.state).where(User.username_key == Param("key")), CredentialRow
)
STATE = Value[int](User.select(User.state).where(User.id == Param("id")))
ALL = Query(
    User.select(
        User.id, User.username, User.display_name, User.email, User.external_id, User.state, User.is_bot
    ).order_by(User.username_key),
    AccountRow,
)
PUT = Command(
    User.insert(
        {
            User.id: Param("id"),
            User.username: Param("username"),
            User.username_key: Param("username_key"),
            User.display_name: Param("display_name"),
            User.name_key: Param("name_key"),
            User.email: Param("email"),
            User.email_key: Param("email_key"),
            User.external_id: Param("external_id"),
            User.avatar_url: Param("avatar_url"),
            User.password_hash: Param("password_hash"),
            User.is_bot: Param("is_bot"),
            User.state: ACTIVE,
            User.created_at: Param("created_at"),
            User.tokens_ended_at: 0,
            User.has_had_device: 0,
            User.named_at: 0,
        }
    ).on_conflict_ignore()
)
SET_PASSWORD = Command(User.update({User.password_hash: Param("password_hash")}).where(User.id == Param("id")))
REHASH = Command(  # unless the password has changed since it was checked
    User.update({User.password_hash: Param("password_hash")}).where(
        User.id == Param("id"), User.password_hash == Param("known")
    )
)
SET_STATE = Command(User.update({User.state: Param("state")}).where(User.id == Param("id")))
SET_DISPLAY_NAME = Command(
    User.update(
        {
            User.display_name: Param("display_name"),
            User.name_key: Param("name_key"),
            User.named_at: Param("named_at"),
        }
    ).where(User.id == Param("id"), User.named_at < Param("named_at"))
)
TAKE_FIRST_DEVICE = Command(
    User.update({User.has_had_device: 1}).where(User.id == Param("id"), User.has_had_device == 0)
)
GIVE_FIRST_DEVICE = Command(User.update({User.has_had_device: 0}).where(User.id == Param("id")))
END_TOKENS = Command(User.update({User.tokens_ended_at: Param("now")}).where(User.id == Param("id")))
_CREDENTIAL_STATUS = User.select(
    User.id, User.state, User.tokens_ended_at, User.username, User.display_name, User.named_at
)
CREDENTIAL_STATUS = Query(_CREDENTIAL_STATUS.where(User.id == Param("id")), CredentialStatusRow)
CREDENTIAL_STATUS_BY_EXTERNAL_ID = Query(
    _CREDENTIAL_STATUS.where(User.external_id == Param("key")), CredentialStatusRow
)
CREDENTIAL_BY_ID = Query(
    User.select(User.id, User.password_hash, User.state).where(User.id == Param("id")), CredentialRow
)


def put(
    transaction: Transaction,
    username: str,
    *,
    display_name: str,
    password_hash: str | None,
    email: str | None = None,
    external_id: str | None = None,
    avatar_url: str | None = None,
    is_bot: bool = False,
    shares_email: bool = False,
) -> int | None:
    """Stores a new user and returns their id, or None if the username, email address or external id is taken.

    With `shares_email` a taken email address is stored too, but the new user is not found by it.
    """
    user_id = new_id()
    email_key = None if email is None else fold(email)
    put_with = partial(
        transaction.run,
        PUT,
        id=user_id,
        username=username,
        username_key=fold(username),
        display_name=display_name,
        name_key=key_of(display_name, username),
        email=email,
        external_id=external_id,
        avatar_url=avatar_url,
        password_hash=password_hash,
        is_bot=int(is_bot),
        created_at=now_ms(),
    )
    is_stored = put_with(email_key=email_key) or (shares_email and email_key and put_with(email_key=None))
    return user_id if is_stored else None


def set_display_name(transaction: Transaction, user_id: int, username: str, display_name: str, named_at: int) -> int:
    """Sets the display name, unless a token issued later or at the same time has set it.

    Returns 1, or 0 if it was not set.
    """
    name_key = key_of(display_name, username)
    return transaction.run(
        SET_DISPLAY_NAME, id=user_id, display_name=display_name, name_key=name_key, named_at=named_at
    )


def find_many(transaction: Transaction, viewer_id: int, ids: Iterable[int]) -> dict[int, UserRow]:
    """The users among `ids`, as the viewer sees them."""
    wanted = list(ids)
    if len(wanted) == 1:
        rows = transaction.all(BY_ID, viewer=viewer_id, key=wanted[0])
    else:
        rows = transaction.all(BY_IDS, viewer=viewer_id, ids=id_list(wanted))
    return {row.id: row for row in rows}
