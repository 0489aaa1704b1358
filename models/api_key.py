"""API keys: credentials of programs, stored as hashes."""

from enum import IntFlag
from typing import NamedTuple

from peewee import BigIntegerField, BlobField, IntegerField, TextField, fn

from models.base import Base
from models.prepared import Command, IdList, OneValue, Param, Query, Value
from models.user import User


class Scope(IntFlag):
    READ_MESSAGES = 1
    SEND_MESSAGES = 2
    ACT_AS_ANY_USER = 4
    ADMIN = 8


class ApiKey(Base):
    """A key of a person or a bot; `secret_hash` is the SHA-256 of the key, which itself is not stored."""

    id = BigIntegerField(primary_key=True)
    secret_hash = BlobField()
    user_id = BigIntegerField()
    name = TextField()
    scopes = IntegerField()
    created_at = BigIntegerField()
    expires_at = BigIntegerField(null=True)
    last_used_at = BigIntegerField(null=True)


class ApiKeyRow(NamedTuple):
    """A key as its owner sees it; times in ms since 1970."""

    id: int
    name: str
    scopes: int
    created_at: int
    expires_at: int | None
    last_used_at: int | None


class FoundKeyRow(NamedTuple):
    """A key with what authentication checks of its owner."""

    id: int
    user_id: int
    scopes: int
    expires_at: int | None
    last_used_at: int | None
    state: int
    username_key: str
    email: str | None


_MINE = ApiKey.user_id == Param("user")

PUT = Command(
    ApiKey.insert(
        {
            ApiKey.id: Param("id"),
            ApiKey.secret_hash: Param("secret_hash"),
            ApiKey.user_id: Param("user"),
            ApiKey.name: Param("name"),
            ApiKey.scopes: Param("scopes"),
            ApiKey.created_at: Param("created_at"),
            ApiKey.expires_at: Param("expires_at"),
        }
    )
)
_SEEN = ApiKey.select(ApiKey.id, ApiKey.name, ApiKey.scopes, ApiKey.created_at, ApiKey.expires_at, ApiKey.last_used_at)
OF_USER = Query(_SEEN.where(_MINE).order_by(ApiKey.created_at.desc(), ApiKey.id.desc()), ApiKeyRow)
BY_IDS = Query(_SEEN.where(_MINE, ApiKey.id.in_(IdList("ids"))), ApiKeyRow)
HASH = Value[bytes](ApiKey.select(ApiKey.secret_hash).where(_MINE, ApiKey.id == Param("id")))
COUNT = OneValue[int](ApiKey.select(fn.COUNT(ApiKey.id)).where(_MINE))
FIND = Query(
    ApiKey.select(
        ApiKey.id,
        ApiKey.user_id,
        ApiKey.scopes,
        ApiKey.expires_at,
        ApiKey.last_used_at,
        User.state,
        User.username_key,
        User.email,
    )
    .join(User, on=(User.id == ApiKey.user_id))
    .where(ApiKey.secret_hash == Param("secret_hash")),
    FoundKeyRow,
)
USE = Command(ApiKey.update({ApiKey.last_used_at: Param("now")}).where(ApiKey.id == Param("id")))
DELETE = Command(ApiKey.delete().where(_MINE, ApiKey.id == Param("id")))
DELETE_ALL = Command(ApiKey.delete().where(_MINE))
