"""Credential status: whether a credential is still valid; read again inside every transaction that writes for it."""

from typing import NamedTuple

from models import api_key as keys
from models import session as sessions
from models import user as users
from models.base import now_ms
from models.session import SessionRow
from models.transaction import Transaction
from services.error import AccountDeactivated, AccountSuspended, Unauthenticated
from services.revocation import RevocationReason
from services.viewer import CredentialKind, Viewer

ENDED = "The session has ended: sign in again."


class CredentialStatus(NamedTuple):
    """The stored status of a credential; times in ms since 1970."""

    expires_at: int
    created_at: int = 0
    last_seen_at: int | None = None
    is_trusted: bool = True


def credential_status_of(tx: Transaction, viewer: Viewer) -> CredentialStatus:
    """Raises Unauthenticated, AccountSuspended or AccountDeactivated; runs inside a transaction."""
    if viewer.kind is CredentialKind.SESSION:
        return session_status_of(tx.first(sessions.FIND, token_hash=viewer.session))
    return _unexpired(_of_key(tx, viewer) if viewer.kind is CredentialKind.API_KEY else _of_token(tx, viewer))


def session_status_of(row: SessionRow | None) -> CredentialStatus:
    """The status of a session row; raises as `credential_status_of` does."""
    if row is None:
        raise Unauthenticated(ENDED)
    check_state(row.state)
    return _unexpired(CredentialStatus(row.expires_at, row.created_at, row.last_seen_at, bool(row.is_trusted)))


def check_state(state: int | None) -> None:
    """Raises unless the account's state is active; None means that there is no account."""
    if state is None:
        raise Unauthenticated(ENDED)
    if state == users.SUSPENDED:
        raise AccountSuspended("This account is suspended.")
    if state == users.DEACTIVATED:
        raise AccountDeactivated("This account was deactivated.")


def _unexpired(status: CredentialStatus) -> CredentialStatus:
    if status.expires_at <= now_ms():
        raise Unauthenticated(ENDED, RevocationReason.TOKEN_EXPIRED)
    return status


def _of_key(tx: Transaction, viewer: Viewer) -> CredentialStatus:
    """A key that acts for another person is valid as long as both accounts are active."""
    row = tx.first(keys.FIND, secret_hash=viewer.session)
    if row is None:
        raise Unauthenticated("The API key is not valid.")
    check_state(row.state)
    if viewer.acting_id:
        check_state(tx.value(users.STATE, id=viewer.user_id))
    return CredentialStatus(viewer.expires_at, last_seen_at=row.last_used_at)


def _of_token(tx: Transaction, viewer: Viewer) -> CredentialStatus:
    row = tx.first(users.CREDENTIAL_STATUS, id=viewer.user_id)
    check_state(None if row is None else row.state)
    if row is not None and viewer.issued_at <= row.tokens_ended_at:
        raise Unauthenticated(ENDED, RevocationReason.SIGNED_OUT)
    return CredentialStatus(viewer.expires_at)
