"""Sotto's own accounts: signing up, in and out, passwords, and the operator's changes to an account."""

import hashlib
import secrets
from dataclasses import dataclass, field

from models import api_key as keys
from models import device as devices
from models import session as sessions
from models import user as users
from models.base import now_ms
from models.event import EventKind, Part
from models.transaction import Transaction
from services import audit
from services.account.authentication import Authenticator, session_viewer
from services.account.issuer import LEEWAY_SECONDS
from services.account.password import Passwords, password_issue
from services.account.sign_up import SignUp
from services.credential_status import check_state, credential_status_of
from services.error import AlreadyExists, BadRequest, InvalidCredentials, InvalidInput, PermissionDenied
from services.guard import GuardedDatabase
from services.limit import DeviceTrust, Limits
from services.person.contact import append_user_updated, append_viewer_updated
from services.person.user import get_id
from services.rate import RateLimiter, SignInRates, network_of
from services.revocation import RevocationReason
from services.text import name_issue
from services.transaction import WriteTransaction
from services.viewer import CredentialKind, Right, Viewer

MOST_DEVICES = 100  # per person; one more sign-in removes the one that was last seen the longest ago
_WRONG = "The username or the password is wrong."


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session; the token is returned here only and is not stored."""

    token: str = field(repr=False)
    viewer: Viewer


class AccountService:
    """Creates and changes accounts, and opens and ends their sessions."""

    def __init__(self, database: GuardedDatabase, authenticator: Authenticator, limits: Limits) -> None:
        self._database = database
        self._authenticator = authenticator
        self._limits = limits
        self._passwords = Passwords()
        self._sign_ins = SignInRates(limits.sign_in_rate_per_minute)
        self._sign_ups = RateLimiter(limits.sign_up_rate_per_minute, "sign-ups")
        self._changes = RateLimiter(limits.sign_in_rate_per_minute, "changes of a password")

    def close(self) -> None:
        """Stops the threads that hash passwords."""
        self._passwords.close()

    async def sign_up(self, form: SignUp) -> SignedIn:
        """Creates an account and opens its first session.

        If this server does not find people by email, an address that is taken is accepted: the owner of the new
        account sees it as given, and it still identifies the first account that has it. Raises PermissionDenied if
        sign-up is off, RateLimited by IP address, InvalidInput, AlreadyExists.
        """
        if not self._limits.may_sign_up:
            raise PermissionDenied("This server does not let people sign up themselves; ask its operator.")
        self._sign_ups.take(network_of(form.remote))
        form.check(self._limits)
        user_id = await self.create(form, shares_email=not self._limits.email_lookup)
        return await self._open_session(user_id, form.device_name)

    async def create(
        self, form: SignUp, *, is_bot: bool = False, avatar_url: str | None = None, shares_email: bool = False
    ) -> int:
        """Stores a checked account and returns its id; raises AlreadyExists. See `models.user.put`."""
        password_hash = None if form.password is None else await self._passwords.hash(form.password)
        user_id = await self._database.write(
            users.put,
            form.username,
            display_name=form.display_name or form.username,
            password_hash=password_hash,
            email=form.email,
            external_id=form.external_id,
            avatar_url=avatar_url,
            is_bot=is_bot,
            shares_email=shares_email,
        )
        if user_id is None:
            raise AlreadyExists(f"This username{'' if shares_email else ' or email address'} is taken.")
        return user_id

    async def sign_in(self, username: str, password: str, device_name: str | None, remote: str) -> SignedIn:
        """Opens a session; an unknown name and a wrong password get the same error after the same work.

        Raises BadRequest if the device's name cannot be displayed, RateLimited by IP address and by name,
        InvalidCredentials, AccountSuspended, AccountDeactivated.
        """
        if device_name is not None:  # BadRequest: the result union of a sign-in has no InvalidInputError
            issue = name_issue(("deviceName",), device_name, self._limits.max_display_name_length)
            if issue:
                raise BadRequest(issue.detail)
        key = users.fold(username)[:64]
        if not key.isprintable():  # in no username, and a lone surrogate cannot be an SQL parameter
            key = ""
        self._sign_ins.take(key, remote)
        row = await self._database.read(lambda tx: tx.first(users.CREDENTIAL, key=key))
        if not await self._passwords.verify(row.password_hash if row else None, password) or row is None:
            raise InvalidCredentials(_WRONG)
        check_state(row.state)
        signed_in = await self._open_session(row.id, device_name, row.password_hash)
        self._sign_ins.know(key, remote)
        if row.password_hash is not None and self._passwords.is_outdated(row.password_hash):
            renewed = await self._passwords.hash(password)
            await self._database.write(
                lambda tx: tx.run(users.REHASH, id=row.id, known=row.password_hash, password_hash=renewed)
            )
        return signed_in

    async def open_session(self, username: str, device_name: str, *, is_vouched_for: bool = False) -> SignedIn:
        """Opens a session without a password, for the operator's commands; raises NotFound, AccountSuspended …

        A device that the operator vouches for is trusted at once. It does not count as the person's first device, and
        their other devices get the usual event.
        """
        user_id = await self._database.read(get_id, username)
        return await self._open_session(user_id, device_name, is_vouched_for=is_vouched_for)

    async def sign_out(self, viewer: Viewer, *, everywhere: bool) -> int:
        """Ends this session, or with `everywhere` all sessions; returns how many. Their live streams end too.

        `everywhere` also ends the host application's tokens, which are not counted. Raises PermissionDenied if the
        credential is not a session, DeviceUntrusted for `everywhere` on a device that is not trusted yet: somebody who
        only has the password could otherwise end all other sessions.
        """
        if viewer.kind is CredentialKind.API_KEY or (viewer.kind is CredentialKind.TOKEN and not everywhere):
            raise PermissionDenied("Only a session can be signed out: revoke an API key; your application ends tokens.")
        if everywhere and viewer.is_restricted:
            viewer.check(Right.ACCOUNT)

        def end(tx: WriteTransaction) -> int:
            if everywhere:
                tx.run(users.END_TOKENS, id=viewer.user_id, now=now_ms() + LEEWAY_SECONDS * 1000)
                return tx.run(devices.DELETE_ALL, user=viewer.user_id)
            ended = tx.run(devices.DELETE, user=viewer.user_id, id=viewer.device_id)
            if ended:
                append_viewer_updated(tx, viewer.user_id, Part.ACCESS)
            return ended

        ended = await self._database.write(end)
        only = None if everywhere else [viewer.session]
        self._authenticator.invalidate(viewer.user_id, RevocationReason.SIGNED_OUT, sessions=only)
        return ended

    async def change_password(self, viewer: Viewer, current: str, new: str) -> int:
        """Changes the viewer's password and ends their other sessions; returns how many.

        Raises InvalidInput, InvalidCredentials, RateLimited, and PermissionDenied without a session from a password.
        """
        viewer.check(Right.ACCOUNT)
        self._changes.take(viewer.user_id)
        if issue := password_issue(new, ("newPassword",)):
            raise InvalidInput([issue])
        row = await self._database.read(lambda tx: tx.first(users.CREDENTIAL_BY_ID, id=viewer.user_id))
        known = None if row is None else row.password_hash
        if not await self._passwords.verify(known, current):
            raise InvalidCredentials("The current password is wrong.")
        password_hash = await self._passwords.hash(new)

        def change(tx: WriteTransaction) -> int:
            credential_status_of(tx, viewer)
            if not tx.run(users.REHASH, id=viewer.user_id, known=known, password_hash=password_hash):
                raise InvalidCredentials("The current password is wrong.")  # it has been changed since the check
            ended = tx.run(devices.DELETE_OTHERS, user=viewer.user_id, id=viewer.device_id)
            if ended:
                append_viewer_updated(tx, viewer.user_id, Part.ACCESS)
            return ended

        ended = await self._database.write(change)
        audit.note("password changed", viewer.user_id)
        self._authenticator.invalidate(viewer.user_id, RevocationReason.TOKEN_REVOKED, except_session=viewer.session)
        return ended

    async def set_password(self, username: str, password: str) -> None:
        """Changes a person's password and ends all their sessions and keys; raises NotFound.

        For the operator, who vouches for the person: their next device is trusted.
        """
        password_hash = await self._passwords.hash(password)

        def change(tx: Transaction) -> int:
            user_id = get_id(tx, username)
            tx.run(users.SET_PASSWORD, id=user_id, password_hash=password_hash)
            _begin_anew(tx, user_id)
            return user_id

        user_id = await self._database.write(change)
        audit.note("password changed", user_id, by="operator")
        self._authenticator.invalidate(user_id, RevocationReason.TOKEN_REVOKED)

    async def set_state(self, username: str, state: int) -> None:
        """Suspends, restores or deactivates an account and closes its live streams and sockets; raises NotFound.

        Restoring a suspended account makes its sessions and keys valid again; restoring a deactivated one deletes them.
        Until then they stay stored, so that a request with one is refused with the reason. For the operator.
        """

        def change(tx: WriteTransaction) -> int:
            user_id = get_id(tx, username)
            was = tx.value(users.STATE, id=user_id)
            tx.run(users.SET_STATE, id=user_id, state=state)
            if users.ACTIVE in {was, state} and was != state:
                append_user_updated(tx, user_id)
            if was == users.DEACTIVATED and state != was:
                _begin_anew(tx, user_id)
                tx.run(users.END_TOKENS, id=user_id, now=now_ms() + LEEWAY_SECONDS * 1000)
            return user_id

        user_id = await self._database.write(change)
        reasons = {
            users.SUSPENDED: RevocationReason.ACCOUNT_SUSPENDED,
            users.DEACTIVATED: RevocationReason.ACCOUNT_DEACTIVATED,
        }
        audit.note("account state changed", user_id, state=state)
        self._authenticator.invalidate(user_id, reasons.get(state))

    async def _open_session(
        self, user_id: int, device_name: str | None, known: str | None = None, *, is_vouched_for: bool = False
    ) -> SignedIn:
        """Opens a session with its device; `known` is the password hash that was checked and must still be current."""
        token = f"sot_{secrets.token_urlsafe(32)}"
        session = hashlib.sha256(token.encode()).digest()
        expires_at = now_ms() + self._limits.session_life_seconds * 1000

        def write(tx: WriteTransaction) -> tuple[int, bool, list[bytes]]:
            row = tx.first(users.CREDENTIAL_BY_ID, id=user_id)
            if row is None or (known is not None and row.password_hash != known):
                raise InvalidCredentials(_WRONG)
            check_state(row.state)
            is_first = not is_vouched_for and tx.run(users.TAKE_FIRST_DEVICE, id=user_id) > 0
            is_known = is_first or self._limits.device_trust is DeviceTrust.OFF
            is_trusted = is_known or is_vouched_for
            ended = sessions.make_room(tx, user_id, MOST_DEVICES - 1)
            device_id = sessions.put(tx, user_id, session, expires_at, device_name=device_name, is_trusted=is_trusted)
            if not is_known:
                tx.events.append([user_id], EventKind.DEVICE_ADDED, device_id)
            if is_known or ended:  # DeviceAdded is only about the new device, not about those that ended
                append_viewer_updated(tx, user_id, Part.ACCESS)
            return device_id, is_trusted, ended

        device_id, is_trusted, ended = await self._database.write(write)
        if ended:
            self._authenticator.invalidate(user_id, RevocationReason.TOKEN_REVOKED, sessions=ended)
        viewer = session_viewer(self._limits, user_id, session, expires_at, device_id, is_trusted)
        self._authenticator.remember(token, viewer)
        return SignedIn(token, viewer)


def _begin_anew(tx: Transaction, user_id: int) -> None:
    """Deletes sessions, devices and keys; the next device is trusted like a first one."""
    tx.run(devices.DELETE_ALL, user=user_id)
    tx.run(keys.DELETE_ALL, user=user_id)
    tx.run(users.GIVE_FIRST_DEVICE, id=user_id)
