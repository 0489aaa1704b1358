"""Sessions: tokens that are good, kept as hashes."""

from typing import NamedTuple

from peewee import BigIntegerField, BlobField, TextField

from models.base import Base
from models.prepared import Param, Prepared
from models.user import User


class Session(Base):
    """A sign-in; `token_hash` is the sha256 of the token, which is kept nowhere."""

    token_hash = BlobField(primary_key=True)
    user_id = BigIntegerField()
    device_name = TextField(null=True)
    created_at = BigIntegerField()
    expires_at = BigIntegerField()


class SessionRow(NamedTuple):
    """A session with the state of its account."""

    user_id: int
    expires_at: int
    state: int


PUT = Prepared[SessionRow](
    Session.insert(
        {
            Session.token_hash: Param("token_hash"),
            Session.user_id: Param("user"),
            Session.device_name: Param("device_name"),
            Session.created_at: Param("created_at"),
            Session.expires_at: Param("expires_at"),
        }
    )
)
FIND = Prepared(
    Session.select(Session.user_id, Session.expires_at, User.state)
    .join(User, on=(User.id == Session.user_id))
    .where(Session.token_hash == Param("token_hash")),
    SessionRow,
)
EXTEND = Prepared[SessionRow](
    Session.update({Session.expires_at: Param("expires_at")}).where(Session.token_hash == Param("token_hash"))
)
DELETE = Prepared[SessionRow](
    Session.delete().where(Session.token_hash == Param("token_hash"), Session.user_id == Param("user"))
)
DELETE_ALL = Prepared[SessionRow](Session.delete().where(Session.user_id == Param("user")))
DELETE_EXPIRED = Prepared[SessionRow](Session.delete().where(Session.expires_at < Param("now")))
