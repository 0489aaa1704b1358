"""Authentication: turns a session token, an API key or a token of the host application into a viewer."""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from models import api_key as keys
from models import device as devices
from models import session as sessions
from models.base import now_ms
from models.transaction import Transaction
from pubsub.base import Hint, PubSub
from services.account.credentials import Credentials
from services.account.host_user import HostUsers
from services.account.key_holder import KeyHolders
from services.credential_status import CredentialStatus, credential_status_of, session_status_of
from services.error import Forbidden, SottoError, Unauthenticated
from services.guard import GuardedDatabase
from services.limit import DeviceTrust, Limits
from services.person.user import Reference
from services.revocation import RevocationReason
from services.viewer import CredentialKind, Right, Viewer

SESSION_TOKEN = re.compile(r"sot_[A-Za-z0-9_-]{43}")
BAD_TOKEN = "The token is not valid: sign in again."  # noqa: S105 - a sentence, no password
MOST_KNOWN = 20_000
FRESH_MS = 30_000  # how long a checked credential is cached; ending it in this process invalidates it at once
LOOKS = 5  # attempts to read without an invalidation in between; one is nearly always enough
SEEN_MS = 300_000  # `lastSeenAt` and `lastUsedAt` are accurate to this
DAY_MS = 86_400_000

_Shown = tuple[bytes, str | None, Reference | None]  # the token's hash, the owner's name, the person it acts for


class _Fresh(NamedTuple):
    """A credential that need not be read again before `until`; `owner_id` owns a key that acts for somebody else."""

    until: int
    expires_at: int
    owner_id: int


class Authenticator:
    """Authenticates credentials, and notices when they end."""

    def __init__(
        self,
        database: GuardedDatabase,
        pubsub: PubSub,
        host_users: HostUsers,
        key_holders: KeyHolders,
        limits: Limits,
    ) -> None:
        self._database = database
        self._pubsub = pubsub
        self._host_users = host_users
        self._key_holders = key_holders
        self._limits = limits
        self._known: OrderedDict[_Shown, Viewer] = OrderedDict()
        self._fresh: OrderedDict[tuple[bytes, int], _Fresh] = OrderedDict()
        self._reasons: OrderedDict[bytes, RevocationReason] = OrderedDict()
        self._invalidations = 0
        self.on_invalidate: list[Callable[[int], None]] = []  # called with the user's id, to check again

    async def authenticate(self, credentials: Credentials | None) -> Viewer | None:
        """The viewer with these credentials; None only without credentials.

        Raises Unauthenticated, AccountSuspended, AccountDeactivated; Forbidden if a key may not be used in this way,
        BadRequest if it acts for nobody; ServerUnavailable while the keys of a token's issuer cannot be fetched.
        """
        if credentials is None:
            return None
        session = hashlib.sha256(credentials.token.encode(errors="surrogatepass")).digest()
        shown = (session, credentials.name, credentials.act_as)
        if credentials.token.startswith("sok_"):
            self._key_holders.check_way(credentials)
        elif credentials.act_as is not None:
            raise Forbidden("`X-Act-As` needs an API key with the scope ACT_AS_ANY_USER.")
        elif credentials.name is not None:
            raise Unauthenticated("Basic credentials must be an email address or username, and an API key.")
        known = self._known.get(shown)
        if known is not None and self._find_fresh(known) is not None:
            self._known.move_to_end(shown)
            return known
        for _ in range(LOOKS):
            invalidations = self._invalidations
            viewer = await self._look(credentials, session)
            if invalidations == self._invalidations:  # otherwise the credential may have ended since it was read
                self._known[shown] = viewer
                self._trust(viewer, viewer.expires_at)
                break
        return viewer

    async def _look(self, credentials: Credentials, session: bytes) -> Viewer:
        if credentials.token.startswith("sok_"):
            viewer = await self._key_holders.authenticate(credentials, session)
        elif SESSION_TOKEN.fullmatch(credentials.token) or not self._host_users.are_known:
            return await self._find_session(session)
        else:
            viewer = await self._host_users.authenticate(credentials.token, session)
        return await self._renew(viewer)

    async def check_live(self, viewer: Viewer) -> int:
        """When the viewer's credential expires, in ms since 1970; raises as `authenticate` does if it has ended."""
        if (fresh := self._find_fresh(viewer)) is not None:
            return fresh.expires_at
        invalidations = self._invalidations
        expires_at = (await self._renew(viewer)).expires_at
        if invalidations == self._invalidations:
            self._trust(viewer, expires_at)
        return expires_at

    def find_expiry(self, viewer: Viewer) -> int | None:
        """As `check_live`, without reading: None if the credential may have ended, so that it must be checked again."""
        fresh = self._find_fresh(viewer)
        return None if fresh is None else fresh.expires_at

    def remember(self, token: str, viewer: Viewer) -> None:
        """Caches a session that was just opened."""
        self._known[hashlib.sha256(token.encode()).digest(), None, None] = viewer
        self._trust(viewer, viewer.expires_at)

    def invalidate(
        self,
        user_id: int,
        reason: RevocationReason | None,
        *,
        sessions: Collection[bytes] | None = None,
        except_session: bytes | None = None,
    ) -> None:
        """Forgets cached credentials of a user, all or these `sessions`; their streams and sockets check them again.

        `reason` is why they have ended; None if they may still be valid.
        """
        self._invalidations += 1
        for key, fresh in list(self._fresh.items()):
            session = key[0]
            is_meant = (sessions is None or session in sessions) and session != except_session
            if user_id in (key[1], fresh.owner_id) and is_meant:
                del self._fresh[key]
                if reason is not None:
                    self._reasons[session] = reason
        while len(self._reasons) > MOST_KNOWN:
            self._reasons.popitem(last=False)
        self._pubsub.publish([Hint(user_id, 0)])
        for check in self.on_invalidate:
            check(user_id)

    def _find_fresh(self, viewer: Viewer) -> _Fresh | None:
        fresh = self._fresh.get((viewer.session, viewer.user_id))
        now = now_ms()
        return fresh if fresh is not None and fresh.until > now and fresh.expires_at > now else None

    def _trust(self, viewer: Viewer, expires_at: int) -> None:
        self._fresh[viewer.session, viewer.user_id] = _Fresh(now_ms() + FRESH_MS, expires_at, viewer.acting_id)
        for cache in (self._fresh, self._known):
            while len(cache) > MOST_KNOWN:
                cache.popitem(last=False)

    async def _find_session(self, session: bytes) -> Viewer:
        row = await self._database.read(lambda tx: tx.first(sessions.FIND, token_hash=session))
        if row is None:
            raise Unauthenticated(BAD_TOKEN, self._reasons.get(session, RevocationReason.TOKEN_REVOKED))
        viewer = Viewer(row.user_id, session, row.expires_at, device_id=row.device_id)
        with self._reason_given(session):
            status = session_status_of(row)
        return await self._use(viewer, status)

    async def _renew(self, viewer: Viewer) -> Viewer:
        """Reads the credential's status again and stores that it is used; returns the viewer with its new expiry."""
        with self._reason_given(viewer.session):
            status = await self._database.read(credential_status_of, viewer)
        return await self._use(viewer, status)

    @contextmanager
    def _reason_given(self, session: bytes) -> Iterator[None]:
        """Adds the reason to Unauthenticated, if the session was ended in this process."""
        try:
            yield
        except Unauthenticated as error:
            error.reason = self._reasons.get(session, error.reason)
            raise

    async def _use(self, viewer: Viewer, status: CredentialStatus) -> Viewer:
        now = now_ms()
        expires_at = self._expiry_of(viewer, status, now)
        is_seen = status.last_seen_at is not None and now - status.last_seen_at < SEEN_MS
        if expires_at != status.expires_at or not (is_seen or viewer.kind is CredentialKind.TOKEN):
            with suppress(SottoError):  # a full disk must not prevent authentication
                await self._database.write(_note_use, viewer, expires_at, now)
        if viewer.kind is not CredentialKind.SESSION:
            return viewer
        device = viewer.device_id
        return session_viewer(self._limits, viewer.user_id, viewer.session, expires_at, device, status.is_trusted)

    def _expiry_of(self, viewer: Viewer, status: CredentialStatus, now: int) -> int:
        """Extends a session that is used to its full life, at most once a day to save writes; no other credential."""
        if viewer.kind is not CredentialKind.SESSION:
            return status.expires_at
        life = self._limits.session_life_seconds * 1000
        if status.expires_at >= now + life - min(DAY_MS, life // 10):
            return status.expires_at
        last = status.created_at + self._limits.session_max_life_seconds * 1000
        return max(status.expires_at, min(now + life, last))


def session_viewer(
    limits: Limits, user_id: int, session: bytes, expires_at: int, device_id: int, is_trusted: bool
) -> Viewer:
    """The viewer of a session; without rights if this server requires trusted devices and this one is not trusted."""
    is_restricted = limits.device_trust is DeviceTrust.REQUIRE and not is_trusted
    rights = Right(0) if is_restricted else Right.ALL
    return Viewer(user_id, session, expires_at, rights=rights, device_id=device_id, is_restricted=is_restricted)


def _note_use(tx: Transaction, viewer: Viewer, expires_at: int, now: int) -> None:
    if viewer.kind is CredentialKind.SESSION:
        tx.run(sessions.EXTEND, token_hash=viewer.session, expires_at=expires_at)
        tx.run(devices.SEE, id=viewer.device_id, now=now)
    else:
        tx.run(keys.USE, id=viewer.key_id, now=now)
