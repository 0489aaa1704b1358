"""Key holders: programs that authenticate with an API key, for its owner or for another person."""

import re

from models import api_key as keys
from models import user as users
from models.api_key import FoundKeyRow, Scope
from models.base import now_ms
from models.transaction import Transaction
from services.account.credentials import Credentials
from services.credential_status import check_state
from services.error import ActAsNotFound, Forbidden, Unauthenticated
from services.guard import GuardedDatabase
from services.limit import Limits
from services.person.user import Reference, ReferenceKind, UserService, not_found
from services.revocation import RevocationReason
from services.viewer import CredentialKind, Right, Viewer

KEY = re.compile(r"sok_[A-Za-z0-9_-]{43}")
NEVER = 2**53  # the expiry of a key that does not expire, in ms since 1970
_BAD_KEY = "The API key is not valid."
_NAME_SOMEBODY = "This API key acts for other people: send the header `X-Act-As` with the person in each request."


class KeyHolders:
    """Turns an API key into a viewer."""

    def __init__(self, database: GuardedDatabase, people: UserService, limits: Limits) -> None:
        self._database = database
        self._people = people
        self._limits = limits

    def check_way(self, credentials: Credentials) -> None:
        """Raises Forbidden for a key sent by a page, which its visitors can read, or one that acts on a WebSocket."""
        if credentials.is_from_page:
            raise Forbidden("A page must not use an API key: call from your server, without an Origin header.")
        if credentials.act_as is not None and credentials.is_from_socket:
            raise Forbidden("A key cannot act for somebody on a WebSocket: they must connect with their own token.")

    async def authenticate(self, credentials: Credentials, session: bytes) -> Viewer:
        """The key's owner, or the person it acts for, as a viewer; `session` is the key's hash.

        Raises Unauthenticated (Zulip: a wrong key is refused), AccountSuspended, AccountDeactivated; Forbidden if the
        key lacks the scope, or has it but the request lacks a name that this server requires; ActAsNotFound.
        """
        if not KEY.fullmatch(credentials.token):
            raise Unauthenticated(_BAD_KEY)
        row, acted = await self._database.read(self._find, session, credentials.act_as)
        if row is None or not _is_owner(row, credentials.name):
            raise Unauthenticated(_BAD_KEY)
        if row.expires_at is not None and row.expires_at <= now_ms():
            raise Unauthenticated(_BAD_KEY, RevocationReason.TOKEN_EXPIRED)
        check_state(row.state)
        rights = rights_of(Scope(row.scopes))
        expires_at = NEVER if row.expires_at is None else row.expires_at
        can_act = bool(Scope(row.scopes) & Scope.ACT_AS_ANY_USER)
        if credentials.act_as is None:
            if can_act and self._limits.act_as_required:
                raise Forbidden(_NAME_SOMEBODY)
            return Viewer(row.user_id, session, expires_at, CredentialKind.API_KEY, rights, key_id=row.id)
        if not can_act:
            raise Forbidden("This API key lacks the scope ACT_AS_ANY_USER.")
        if acted is None:
            raise ActAsNotFound(f"{not_found(credentials.act_as).removesuffix('.')}: check `X-Act-As`.")
        check_state(acted.state)
        return Viewer(
            acted.id,
            session,
            expires_at,
            CredentialKind.API_KEY,
            rights & ~Right.STREAM,
            key_id=row.id,
            acting_id=row.user_id,
        )

    def _find(
        self, tx: Transaction, session: bytes, act_as: Reference | None
    ) -> tuple[FoundKeyRow | None, users.UserRow | None]:
        row = tx.first(keys.FIND, secret_hash=session)
        if row is None or act_as is None:
            return row, None
        if act_as.kind is ReferenceKind.EMAIL:  # even if people cannot be found by email
            return row, tx.first(users.BY_EMAIL, viewer=row.user_id, key=users.fold(act_as.text))
        person = self._people.resolve(tx, row.user_id, [act_as])[0]
        return row, None if person is None else person.relation


def _is_owner(row: FoundKeyRow, name: str | None) -> bool:
    """Whether a Basic username is the owner's email address (Zulip) or username; None with a bearer token."""
    return name is None or users.fold(name) in {row.username_key, None if row.email is None else users.fold(row.email)}


def rights_of(scopes: Scope) -> Right:
    """The rights of a key with these scopes; ADMIN is reserved for the operator's part of the API."""
    rights = Right(0)
    if scopes & Scope.READ_MESSAGES:
        rights |= Right.PEOPLE | Right.READ | Right.STREAM
    if scopes & Scope.SEND_MESSAGES:
        rights |= Right.PEOPLE | Right.SEND
    if rights & Right.READ and rights & Right.SEND:
        rights |= Right.WRITE
    return rights
