"""Sessions: valid tokens, stored as hashes, each with its device."""

from typing import NamedTuple

from peewee import BigIntegerField, BlobField

from models import device
from models.base import Base, new_id, now_ms
from models.device import Device
from models.prepared import Command, Param, Query, Value
from models.transaction import Transaction
from models.user import User


class Session(Base):
    """A sign-in; `token_hash` is the SHA-256 of the token, which itself is not stored."""

    token_hash = BlobField(primary_key=True)
    user_id = BigIntegerField()
    device_id = BigIntegerField()
    created_at = BigIntegerField()
    expires_at = BigIntegerField()


class SessionRow(NamedTuple):
    """A session with its device and the state of its account."""

    user_id: int
    device_id: int
    created_at: int
    expires_at: int
    is_trusted: int
    last_seen_at: int
    state: int


PUT = Command(
    Session.insert(
        {
            Session.token_hash: Param("token_hash"),
            Session.user_id: Param("user"),
            Session.device_id: Param("device"),
            Session.created_at: Param("created_at"),
            Session.expires_at: Param("expires_at"),
        }
    )
)
FIND = Query(
    Session.select(
        Session.user_id,
        Session.device_id,
        Session.created_at,
        Session.expires_at,
        Device.is_trusted,
        Device.last_seen_at,
        User.state,
    )
    .join(User, on=(User.id == Session.user_id))
    .join(Device, on=(Device.id == Session.device_id), src=Session)
    .where(Session.token_hash == Param("token_hash")),
    SessionRow,
)
DELETE = Command(
    Device.delete().where(
        Device.id.in_(Session.select(Session.device_id).where(Session.token_hash == Param("token_hash")))
    )
)
EXTEND = Command(
    Session.update({Session.expires_at: Param("expires_at")}).where(Session.token_hash == Param("token_hash"))
)
OF_DEVICE = Value[bytes](
    Session.select(Session.token_hash).where(Session.user_id == Param("user"), Session.device_id == Param("device"))
)
# The sessions beyond the first `most`: trusted devices come first, then those seen last. So somebody who only has the
# password cannot displace a trusted device.
BEYOND = Value[bytes](
    Session.select(Session.token_hash)
    .join(Device, on=(Device.id == Session.device_id))
    .where(Session.user_id == Param("user"))
    .order_by(Device.is_trusted.desc(), Device.last_seen_at.desc(), Device.id)
    .limit(-1)
    .offset(Param("most"))
)
DELETE_EXPIRED = Command(
    Device.delete().where(
        Device.id.in_(
            Session.select(Session.device_id).where(Session.expires_at < Param("now"))
        )  # its session is deleted with it
    )
)


def make_room(transaction: Transaction, user_id: int, most: int) -> list[bytes]:
    """Ends the sessions of a user beyond `most`, with their devices; returns the hashes of their tokens."""
    hashes = transaction.values(BEYOND, user=user_id, most=most)
    for token_hash in hashes:
        transaction.run(DELETE, token_hash=token_hash)
    return hashes


def put(
    transaction: Transaction,
    user_id: int,
    token_hash: bytes,
    expires_at: int,
    *,
    device_name: str | None = None,
    is_trusted: bool = True,
) -> int:
    """Stores a session with a new device and returns the device's id."""
    device_id, now = new_id(), now_ms()
    transaction.run(device.PUT, id=device_id, user=user_id, name=device_name, is_trusted=int(is_trusted), now=now)
    transaction.run(PUT, token_hash=token_hash, user=user_id, device=device_id, created_at=now, expires_at=expires_at)
    return device_id
