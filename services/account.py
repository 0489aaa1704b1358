"""Accounts of our own: sign up, in and out, and whose a token is."""

import hashlib
import re
import secrets
from collections import OrderedDict
from dataclasses import dataclass

from models import session as sessions
from models import user as users
from models.base import now_ms
from models.database import Database
from models.transaction import Transaction
from pubsub.base import Hint, PubSub
from services.error import (
    AccountDeactivated,
    AccountSuspended,
    AlreadyExists,
    BadRequest,
    InvalidCredentials,
    InvalidInput,
    Issue,
    IssueReason,
    NotFound,
    PermissionDenied,
    Unauthenticated,
)
from services.limit import Limits
from services.password import Passwords, password_issue
from services.rate import RateLimiter
from services.text import name_issue
from services.viewer import Viewer

TOKEN = re.compile(r"sot_[A-Za-z0-9_-]{43}")
USERNAME = re.compile(r"[A-Za-z0-9_.-]{3,32}")
EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]{1,190}")
_CACHED_SESSIONS = 10_000
_BAD_TOKEN = "The token is not valid (any more): sign in again."  # noqa: S105 - a sentence, no password


@dataclass(frozen=True, slots=True)
class SignUp:
    """What a person says who joins; `remote` is the address they come from."""

    username: str
    password: str
    display_name: str | None = None
    email: str | None = None
    device_name: str | None = None
    remote: str = ""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A fresh session; the token is shown here and kept nowhere."""

    token: str
    viewer: Viewer


class AccountService:
    """Who somebody is, and how they prove it."""

    def __init__(self, database: Database, pubsub: PubSub, limits: Limits) -> None:
        self._database = database
        self._pubsub = pubsub
        self._limits = limits
        self._passwords = Passwords()
        self._sign_ins = RateLimiter(limits.sign_ins_per_minute, "sign-ins")
        self._sign_ups = RateLimiter(limits.sign_ups_per_minute, "sign-ups")
        self._live: OrderedDict[bytes, Viewer] = OrderedDict()
        self._revocations = 0

    def close(self) -> None:
        """Ends the threads that hash passwords."""
        self._passwords.close()

    async def sign_up(self, form: SignUp) -> SignedIn:
        """Makes an account and its first session; who signs up is signed in.

        Raises PermissionDenied where sign-up is off, RateLimited by address, InvalidInput, AlreadyExists.
        """
        if not self._limits.sign_up:
            raise PermissionDenied("This server does not let people sign up themselves; ask its operator.")
        self._sign_ups.take(form.remote)
        check_sign_up(form, self._limits)
        user_id = await self.create(form)
        return await self._open_session(user_id, form.device_name)

    async def create(self, form: SignUp, *, is_bot: bool = False, avatar_url: str | None = None) -> int:
        """Stores a checked account and returns its id; raises AlreadyExists."""
        password_hash = await self._passwords.hash(form.password)
        user_id = await self._database.write(
            users.put,
            form.username,
            display_name=form.display_name or form.username,
            password_hash=password_hash,
            email=form.email,
            avatar_url=avatar_url,
            is_bot=is_bot,
        )
        if user_id is None:
            raise AlreadyExists("This user name or e-mail address is taken.")
        return user_id

    async def set_password(self, username: str, password: str) -> None:
        """Gives somebody another password and ends all their sessions; raises NotFound. For the operator."""
        password_hash = await self._passwords.hash(password)

        def change(tx: Transaction) -> bool:
            row = tx.first(users.CREDENTIAL, key=users.fold(username))
            if row is not None:
                tx.run(users.SET_PASSWORD, id=row.id, password_hash=password_hash)
                tx.run(sessions.DELETE_ALL, user=row.id)
            return row is not None

        if not await self._database.write(change):
            raise NotFound(f"Nobody has the user name '{username[:64]}'.")
        self._revocations += 1
        self._live.clear()

    async def sign_in(self, username: str, password: str, device_name: str | None, remote: str) -> SignedIn:
        """Opens a session; an unknown name and a wrong password get the same answer after the same work.

        Raises BadRequest for a device's name that cannot be shown, RateLimited by address and by name,
        InvalidCredentials, AccountSuspended, AccountDeactivated.
        """
        if device_name is not None:  # BadRequest: the result of a sign-in has no member for a bad input
            issue = name_issue(("deviceName",), device_name, self._limits.max_display_name_length)
            if issue:
                raise BadRequest(issue.detail)
        key = users.fold(username)[:64]
        if not key.isprintable():  # nobody's, and half a character cannot be bound
            key = ""
        self._sign_ins.take(("address", remote))
        self._sign_ins.take(("name", key))
        row = await self._database.read(lambda tx: tx.first(users.CREDENTIAL, key=key))
        if not await self._passwords.verify(row.password_hash if row else None, password) or row is None:
            raise InvalidCredentials("The user name or the password is wrong.")
        _check_state(row.state)
        return await self._open_session(row.id, device_name)

    async def sign_out(self, viewer: Viewer, *, everywhere: bool) -> int:
        """Ends this session, or all of the viewer's, and returns how many; their live streams end too."""

        def end(tx: Transaction) -> int:
            if everywhere:
                return tx.run(sessions.DELETE_ALL, user=viewer.user_id)
            return tx.run(sessions.DELETE, user=viewer.user_id, token_hash=viewer.session)

        ended = await self._database.write(end)
        self._revocations += 1
        for session, known in list(self._live.items()):
            if session == viewer.session or (everywhere and known.user_id == viewer.user_id):
                del self._live[session]
        self._pubsub.publish([Hint(viewer.user_id, 0)])
        return ended

    async def authenticate(self, token: str | None) -> Viewer | None:
        """Whose the token is; None only for no token at all.

        Raises Unauthenticated, AccountSuspended or AccountDeactivated. A good session is remembered until it is
        revoked, and lives on for its full time whenever it is used (once a day at most, for the write that it costs).
        """
        if token is None:
            return None
        if not TOKEN.fullmatch(token):
            raise Unauthenticated(_BAD_TOKEN)
        session = hashlib.sha256(token.encode()).digest()
        known = self._live.get(session)
        if known is not None and not self._is_due(known.expires_at, now_ms()):
            self._live.move_to_end(session)
            return known
        return await self._look_up(session)

    async def check_live(self, viewer: Viewer) -> None:
        """Raises as `authenticate` does when the viewer's session has ended since."""
        known = self._live.get(viewer.session)
        if known is None or self._is_due(known.expires_at, now_ms()):
            await self._look_up(viewer.session)

    async def _look_up(self, session: bytes) -> Viewer:
        self._live.pop(session, None)
        revocations = self._revocations
        row = await self._database.read(lambda tx: tx.first(sessions.FIND, token_hash=session))
        now = now_ms()
        if row is None or row.expires_at <= now:
            raise Unauthenticated(_BAD_TOKEN)
        _check_state(row.state)
        if self._is_due(row.expires_at, now):
            expires_at = now + self._limits.session_life_seconds * 1000
            await self._database.write(lambda tx: tx.run(sessions.EXTEND, token_hash=session, expires_at=expires_at))
        else:
            expires_at = row.expires_at
        viewer = Viewer(row.user_id, session, expires_at)
        if revocations != self._revocations:  # what was read may have been revoked since: it is not remembered
            return viewer
        return self._remember(viewer)

    def _is_due(self, expires_at: int, now: int) -> bool:
        """Whether a session that is used now has to be looked up, and given its full time again: once a day."""
        life = self._limits.session_life_seconds * 1000
        return expires_at < now + life - min(86_400_000, life // 10)

    def _remember(self, viewer: Viewer) -> Viewer:
        self._live[viewer.session] = viewer
        if len(self._live) > _CACHED_SESSIONS:
            self._live.popitem(last=False)
        return viewer

    async def _open_session(self, user_id: int, device_name: str | None) -> SignedIn:
        token = f"sot_{secrets.token_urlsafe(32)}"
        session = hashlib.sha256(token.encode()).digest()
        now = now_ms()
        expires_at = now + self._limits.session_life_seconds * 1000
        await self._database.write(
            lambda tx: tx.run(
                sessions.PUT,
                token_hash=session,
                user=user_id,
                device_name=device_name,
                created_at=now,
                expires_at=expires_at,
            )
        )
        return SignedIn(token, self._remember(Viewer(user_id, session, expires_at)))


def check_sign_up(form: SignUp, limits: Limits) -> None:
    """Raises InvalidInput with everything that is wrong with the form."""
    issues: list[Issue | None] = []
    if not USERNAME.fullmatch(form.username):
        detail = "A user name is 3 to 32 of the letters a to z, digits, `_`, `.` and `-`."
        reason = IssueReason.MALFORMED
        if len(form.username) < 3:
            reason = IssueReason.TOO_SHORT
        elif len(form.username) > 32:
            reason = IssueReason.TOO_LONG
        issues.append(Issue(("username",), reason, detail))
    issues.append(password_issue(form.password))
    if form.display_name is not None:
        issues.append(name_issue(("displayName",), form.display_name, limits.max_display_name_length))
    if form.email is not None and not EMAIL.fullmatch(form.email):
        issues.append(Issue(("email",), IssueReason.MALFORMED, "This is not an e-mail address."))
    if form.device_name is not None:
        issues.append(name_issue(("deviceName",), form.device_name, limits.max_display_name_length))
    if found := [issue for issue in issues if issue]:
        raise InvalidInput(found)


def _check_state(state: int) -> None:
    if state == users.SUSPENDED:
        raise AccountSuspended("This account is suspended.")
    if state == users.DEACTIVATED:
        raise AccountDeactivated("This account was deactivated.")
