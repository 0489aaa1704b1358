"""Credentials from request headers or from the payload of connection_init, in the form that services expect."""

import base64
import binascii
import re
from collections.abc import Mapping

from gql.context import HOW_TO_SIGN_IN, Context
from gql.id import Kind, number_of
from services.account.credentials import Credentials
from services.error import BadRequest, Unauthenticated
from services.person.user import Reference, ReferenceKind

ACT_AS = "X-Act-As"
MAX_LENGTH = 10_000  # characters of a header's value, or of a value in connection_init

_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*) *", re.ASCII | re.IGNORECASE)  # RFC 6750 §2.1: b64token
_BASIC = re.compile(r"basic +([A-Za-z0-9+/_-]+=*) *", re.ASCII | re.IGNORECASE)  # RFC 7617 §2
_WAYS = {
    "id": ReferenceKind.ID,
    "username": ReferenceKind.USERNAME,
    "email": ReferenceKind.EMAIL,
    "externalId": ReferenceKind.EXTERNAL_ID,
}


async def authenticate(context: Context) -> None:
    """Identify the viewer by the request headers; raises the RequestError for invalid credentials."""
    context.credentials = credentials_of(
        context.authorization, context.act_as, is_from_page=context.is_from_page, is_from_socket=False
    )
    await refresh(context)


async def authenticate_socket(context: Context) -> None:
    """Identify the viewer of a socket; raises the RequestError whose `close_code` closes the socket."""
    payload = context.connection_params or {}
    context.credentials = of_socket(payload, context.authorization, context.act_as, is_from_page=context.is_from_page)
    await refresh(context)


async def refresh(context: Context) -> None:
    """Check the credentials again; raises the RequestError if the session has ended."""
    context.viewer = await context.services.authenticator.authenticate(context.credentials)


def credentials_of(
    authorization: str | None, act_as: str | None, *, is_from_page: bool, is_from_socket: bool
) -> Credentials | None:
    """The credentials sent, or None. Raises Unauthenticated for a scheme other than Bearer or Basic."""
    if authorization is None:
        if act_as is not None:
            raise Unauthenticated(f"`{ACT_AS}` needs an API key with the scope ACT_AS_ANY_USER.")
        return None
    whom = None if act_as is None else reference_of(act_as)
    name, token = None, None
    if len(authorization) <= MAX_LENGTH:
        if match := _BEARER.fullmatch(authorization):
            token = match[1]
        elif match := _BASIC.fullmatch(authorization):
            name, token = _basic_of(match[1])
    if token is None:
        raise Unauthenticated(f"The credentials cannot be read: {HOW_TO_SIGN_IN}.")
    return Credentials(token, name, whom, is_from_page, is_from_socket)


def of_socket(
    payload: Mapping[str, object], authorization: str | None, act_as: str | None, *, is_from_page: bool
) -> Credentials | None:
    """As `credentials_of`; the payload of connection_init takes precedence over the headers of the handshake."""
    found = payload.get("authorization", payload.get("Authorization", authorization))
    if found is not None and not isinstance(found, str):
        raise Unauthenticated(f"The credentials must be a string: {HOW_TO_SIGN_IN}.")
    whom = payload.get(ACT_AS, payload.get(ACT_AS.lower(), act_as))
    if whom is not None and not isinstance(whom, str):
        raise Unauthenticated(f"`{ACT_AS}` must be a string.")
    return credentials_of(found, whom, is_from_page=is_from_page, is_from_socket=True)


def reference_of(act_as: str) -> Reference:
    """A username, or `id:`, `username:`, `email:` or `externalId:` with a value; raises BadRequest if it is empty."""
    way, colon, rest = act_as.strip().partition(":")
    kind, text = (_WAYS[way], rest) if colon and way in _WAYS else (ReferenceKind.USERNAME, act_as.strip())
    if not text:
        raise BadRequest(f"`{ACT_AS}` is empty: name a person as in `externalId:42`, or leave the header out.")
    return Reference(kind, text, number_of(Kind.USER, text) if kind is ReferenceKind.ID else None)


def _basic_of(encoded: str) -> tuple[str | None, str | None]:
    """The two halves of Basic credentials: the name, and an API key as the password (Zulip)."""
    try:
        padded = encoded.translate(str.maketrans("-_", "+/")) + "=" * (-len(encoded) % 4)
        name, colon, key = base64.b64decode(padded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None, None
    return (name, key) if colon and key else (None, None)
