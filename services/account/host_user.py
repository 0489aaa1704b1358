"""Users of the host application: each person with a token of a trusted issuer, created at the first request."""

import re
import secrets

import structlog

from models import user as users
from models.transaction import Transaction
from services import audit
from services.account.issuer import Claims, Issuers, TokenRefused
from services.credential_status import check_state
from services.error import Unauthenticated
from services.guard import GuardedDatabase
from services.limit import Limits
from services.revocation import RevocationReason
from services.text import name_issue
from services.viewer import CredentialKind, Right, Viewer

log = structlog.get_logger("sotto.token")

USERNAME = re.compile(r"[A-Za-z0-9_.-]{3,32}")
RIGHTS = Right.PEOPLE | Right.READ | Right.SEND | Right.WRITE | Right.DEVICES | Right.STREAM


class HostUsers:
    """Turns a token of the host application into a viewer."""

    def __init__(self, database: GuardedDatabase, issuers: Issuers, limits: Limits) -> None:
        self._database = database
        self._issuers = issuers
        self._limits = limits

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
        is_renamed = row is not None and name not in (None, row.display_name) and claims.issued_at >= row.named_at
        if row is None or is_renamed:
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

    def _name_of(self, claims: Claims) -> str | None:
        """The display name, if the token has one that can be displayed."""
        name = claims.display_name
        is_good = name is not None and not name_issue(("name",), name, self._limits.max_display_name_length)
        return name if is_good else None


def _put(tx: Transaction, claims: Claims, name: str | None) -> users.CredentialStatusRow:
    """Finds or creates the user in one transaction, so that two simultaneous first requests create one user.

    A user name that is taken or not valid is replaced by a random one.
    """
    row = tx.first(users.CREDENTIAL_STATUS_BY_EXTERNAL_ID, key=claims.external_id)
    if row is not None:
        if name is not None:  # a token older than the one that set the name does not change it back
            tx.run(users.SET_DISPLAY_NAME, id=row.id, display_name=name, named_at=claims.issued_at)
        return row
    wanted = claims.username if claims.username and USERNAME.fullmatch(claims.username) else None
    for username in [wanted, *(f"user-{secrets.token_hex(6)}" for _ in range(3))]:
        if username is not None:
            user_id = users.put(
                tx, username, display_name=name or username, password_hash=None, external_id=claims.external_id
            )
            if user_id is not None:
                tx.run(users.SET_DISPLAY_NAME, id=user_id, display_name=name or username, named_at=claims.issued_at)
                audit.note("user made", user_id, by="token")
                break
    row = tx.first(users.CREDENTIAL_STATUS_BY_EXTERNAL_ID, key=claims.external_id)
    assert row is not None
    return row
