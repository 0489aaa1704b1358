"""Users of the host application: each person with a token of a trusted issuer, created at the first request."""

import re
import secrets

import structlog

from models import user as users
from models.event import Part
from services import audit
from services.account.issuer import Claims, Issuers, TokenRefused
from services.credential_status import check_state
from services.error import Unauthenticated
from services.guard import GuardedDatabase
from services.limit import Limits
from services.person.contact import append_user_updated, append_viewer_updated
from services.rate import RateLimiter
from services.revocation import RevocationReason
from services.text import name_issue
from services.transaction import WriteTransaction
from services.viewer import CredentialKind, Right, Viewer

log = structlog.get_logger("sotto.token")

USERNAME = re.compile(r"[A-Za-z0-9_.-]{3,32}")
RENAMES = 1  # of a person, per minute: each one appends an event to up to 1,001 logs
RIGHTS = Right.PEOPLE | Right.READ | Right.SEND | Right.WRITE | Right.DEVICES | Right.STREAM


class HostUsers:
    """Turns a token of the host application into a viewer.

    A token with another display name renames the person at most once a minute. A later name is not lost: the token sets
    it when it is next checked after that minute.
    """

    def __init__(self, database: GuardedDatabase, issuers: Issuers, limits: Limits) -> None:
        self._database = database
        self._issuers = issuers
        self._limits = limits
        self._renames = RateLimiter(RENAMES, "changes of a name")

    @property
    def are_known(self) -> bool:
        """Whether any issuer is configured."""
        return self._issuers.are_known

    async def authenticate(self, token: str, session: bytes) -> Viewer:
        """The viewer with the external id in the token; `session` is the token's hash.

        Raises Unauthenticated, AccountSuspended, AccountDeactivated, ServerUnavailable.
        """
        try:
            claims = await self._issuers.verify(token)
        except TokenRefused as error:
            log.info("token refused", reason=error.cause, issuer=error.issuer)
            raise
        row = await self._database.read(
            lambda tx: tx.first(users.CREDENTIAL_STATUS_BY_EXTERNAL_ID, key=claims.external_id)
        )
        if row is not None:
            check_state(row.state)
            if claims.issued_at <= row.tokens_ended_at:
                reason = RevocationReason.SIGNED_OUT
                raise Unauthenticated("The token was revoked: get a new one from your application.", reason)
        name = self._name_of(claims)
        if row is None or self._may_rename(row, name, claims):
            row = await self._database.write(_put, claims, name)
            check_state(row.state)
        return Viewer(
            row.id,
            session,
            claims.expires_at,
            CredentialKind.TOKEN,
            RIGHTS,
            issued_at=claims.issued_at,
        )

    def _may_rename(self, row: users.CredentialStatusRow, name: str | None, claims: Claims) -> bool:
        """Whether the token has another name, and is newer than the one that set the name; counts it as a rename."""
        if name in (None, row.display_name) or claims.issued_at <= row.named_at or self._renames.left(row.id) < 1:
            return False
        self._renames.take(row.id)
        return True

    def _name_of(self, claims: Claims) -> str | None:
        """The display name, if the token has one that can be displayed."""
        name = claims.display_name
        is_good = name is not None and not name_issue(("name",), name, self._limits.max_display_name_length)
        return name if is_good else None


def _put(tx: WriteTransaction, claims: Claims, name: str | None) -> users.CredentialStatusRow:
    """Finds or creates the user in one transaction, so that two simultaneous first requests create one user.

    A username that is taken or not valid is replaced by a random one. Another display name appends events.
    """
    row = tx.first(users.CREDENTIAL_STATUS_BY_EXTERNAL_ID, key=claims.external_id)
    if row is not None:
        if name is not None:  # a token no newer than the one that set the name does not change it
            is_set = users.set_display_name(tx, row.id, row.username, name, claims.issued_at)
            if is_set and name != row.display_name:
                append_user_updated(tx, row.id)
                append_viewer_updated(tx, row.id, Part.PROFILE)
        return row
    wanted = claims.username if claims.username and USERNAME.fullmatch(claims.username) else None
    for username in [wanted, *(f"user-{secrets.token_hex(6)}" for _ in range(3))]:
        if username is not None:
            user_id = users.put(
                tx, username, display_name=name or username, password_hash=None, external_id=claims.external_id
            )
            if user_id is not None:
                users.set_display_name(tx, user_id, username, name or username, claims.issued_at)
                audit.note("user made", user_id, by="token")
                break
    row = tx.first(users.CREDENTIAL_STATUS_BY_EXTERNAL_ID, key=claims.external_id)
    assert row is not None
    return row
