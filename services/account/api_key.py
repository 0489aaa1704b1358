"""API keys: credentials for the viewer's programs; a key is shown once and stored as a hash."""

import hashlib
import secrets

from models import api_key as keys
from models.api_key import ApiKeyRow, Scope
from models.base import new_id, now_ms
from models.event import Part
from models.prepared import id_list
from models.transaction import Transaction
from services import audit
from services.account.authentication import Authenticator
from services.credential_status import credential_status_of
from services.error import InvalidInput, NotFound, PermissionDenied
from services.guard import GuardedDatabase
from services.limit import Limits
from services.person.contact import append_viewer_updated
from services.person.user import get_id
from services.rejection import Issue, IssueReason
from services.revocation import RevocationReason
from services.text import name_issue
from services.transaction import WriteTransaction
from services.viewer import Right, Viewer

# These scopes give power over other people: only the operator creates such keys, with `./sotto key create`.
OPERATORS = Scope.ACT_AS_ANY_USER | Scope.ADMIN


class ApiKeyService:
    """Creates, lists and revokes keys, each of which belongs to a person or a bot.

    A change appends an event for the owner's devices.
    """

    def __init__(self, database: GuardedDatabase, authenticator: Authenticator, limits: Limits) -> None:
        self._database = database
        self._authenticator = authenticator
        self._limits = limits

    async def list_of(self, viewer: Viewer) -> list[ApiKeyRow]:
        """The viewer's keys, newest first; `last_used_at` is accurate to five minutes."""
        viewer.check(Right.DEVICES)
        return await self._database.read(lambda tx: tx.all(keys.OF_USER, user=viewer.user_id))

    async def find_many(self, viewer: Viewer, ids: list[int]) -> dict[int, ApiKeyRow]:
        """The viewer's keys with these ids."""
        viewer.check(Right.DEVICES)
        rows = await self._database.read(lambda tx: tx.all(keys.BY_IDS, user=viewer.user_id, ids=id_list(ids)))
        return {row.id: row for row in rows}

    async def create(self, viewer: Viewer, name: str, scopes: Scope, expires_at: int | None) -> tuple[ApiKeyRow, str]:
        """Creates a key for the viewer; returns it with its secret. `expires_at` is in ms since 1970, None for never.

        Raises InvalidInput, and PermissionDenied for a scope that only the operator can grant, or for too many keys.
        """
        viewer.check(Right.ACCOUNT)
        self.check(name, scopes, expires_at)
        if scopes & OPERATORS:
            raise PermissionDenied(
                "Only the operator creates keys with ACT_AS_ANY_USER or ADMIN: `./sotto key create`."
            )

        def write(tx: WriteTransaction) -> tuple[ApiKeyRow, str]:
            credential_status_of(tx, viewer)
            return self.put(tx, viewer.user_id, name, scopes, expires_at)

        return await self._database.write(write)

    async def revoke(self, viewer: Viewer, id_: int) -> None:
        """Revokes a key of the viewer; raises NotFound."""
        viewer.check(Right.ACCOUNT)

        def write(tx: WriteTransaction) -> list[bytes]:
            credential_status_of(tx, viewer)
            return _delete(tx, viewer.user_id, id_)

        hashes = await self._database.write(write)
        audit.note("key revoked", viewer.user_id, key_id=id_)
        self._authenticator.invalidate(viewer.user_id, RevocationReason.TOKEN_REVOKED, sessions=hashes)

    def rows_of(self, tx: Transaction, username: str) -> list[ApiKeyRow]:
        """A person's keys, for the operator; runs inside a transaction. Raises NotFound."""
        return tx.all(keys.OF_USER, user=get_id(tx, username))

    async def remove(self, username: str, id_: int) -> None:
        """Revokes a person's key, for the operator; raises NotFound."""

        def write(tx: WriteTransaction) -> tuple[int, list[bytes]]:
            user_id = get_id(tx, username)
            return user_id, _delete(tx, user_id, id_)

        user_id, hashes = await self._database.write(write)
        audit.note("key revoked", user_id, key_id=id_, by="operator")
        self._authenticator.invalidate(user_id, RevocationReason.TOKEN_REVOKED, sessions=hashes)

    def check(self, name: str, scopes: Scope, expires_at: int | None) -> None:
        """Raises InvalidInput with every issue."""
        issues = [name_issue(("name",), name, self._limits.max_display_name_length)]
        if not scopes:
            issues.append(Issue(("scopes",), IssueReason.EMPTY, "A key needs at least one scope."))
        if expires_at is not None and expires_at <= now_ms():
            issues.append(Issue(("expiresAt",), IssueReason.OUT_OF_RANGE, "`expiresAt` must be in the future."))
        if found := [issue for issue in issues if issue]:
            raise InvalidInput(found)

    def put(
        self, tx: WriteTransaction, user_id: int, name: str, scopes: Scope, expires_at: int | None
    ) -> tuple[ApiKeyRow, str]:
        """Stores a checked key; runs inside `Database.write`. Raises PermissionDenied if there are too many."""
        if tx.value(keys.COUNT, user=user_id) >= self._limits.max_api_keys:
            raise PermissionDenied(f"At most {self._limits.max_api_keys} API keys: revoke one first.")
        secret = f"sok_{secrets.token_urlsafe(32)}"
        row = ApiKeyRow(new_id(), name, int(scopes), now_ms(), expires_at, None)
        tx.run(
            keys.PUT,
            id=row.id,
            secret_hash=hashlib.sha256(secret.encode()).digest(),
            user=user_id,
            name=name,
            scopes=row.scopes,
            created_at=row.created_at,
            expires_at=expires_at,
        )
        append_viewer_updated(tx, user_id, Part.ACCESS)
        audit.note("key made", user_id, key_id=row.id, scopes=row.scopes)
        return row, secret


def _delete(tx: WriteTransaction, user_id: int, id_: int) -> list[bytes]:
    """Deletes a key and returns its hash; raises NotFound."""
    hashes = tx.values(keys.HASH, user=user_id, id=id_)
    if not tx.run(keys.DELETE, user=user_id, id=id_):
        raise NotFound("There is no such API key.")
    append_viewer_updated(tx, user_id, Part.ACCESS)
    return hashes
