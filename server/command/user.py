"""The operator's commands for users and API keys; each returns its output, one string per line."""

from gql.id import Kind, encode, number_of
from models import user as users
from models.api_key import Scope
from models.base import now_ms
from server.terminal import harmless, moment
from services.account.password import password_issue
from services.account.sign_up import SignUp
from services.error import InvalidInput
from services.person.user import get_id
from services.service import Services
from services.transaction import WriteTransaction

STATES = {users.ACTIVE: "active", users.SUSPENDED: "suspended", users.DEACTIVATED: "deactivated"}


async def add_user(
    services: Services,
    username: str,
    password: str | None,
    display_name: str | None = None,
    email: str | None = None,
    external_id: str | None = None,
    avatar_url: str | None = None,
    is_bot: bool = False,
) -> list[str]:
    """Creates an account; raises InvalidInput, AlreadyExists."""
    form = SignUp(username, password, display_name, email, external_id=external_id)
    form.check(services.limits)
    await services.account.create(form, is_bot=is_bot, avatar_url=avatar_url)
    how = (
        "can sign in now" if password is not None else "signs in with an API key: create one with `./sotto key create`"
    )
    return [f"{username} {how}."]


async def list_users(services: Services) -> list[str]:
    """All accounts, by username."""
    rows = await services.database.read(lambda tx: tx.all(users.ALL))
    kinds = ("person", "bot")
    return [
        f"{row.username:32} {STATES[row.state]:12} {kinds[row.is_bot]:7} {harmless(row.display_name)}"
        + ("" if row.external_id is None else f"  externalId:{harmless(row.external_id)}")
        for row in rows
    ]


async def change_password(services: Services, username: str, password: str) -> list[str]:
    """Changes a password and ends the user's sessions; raises InvalidInput, NotFound."""
    if issue := password_issue(password):
        raise InvalidInput([issue])
    await services.account.set_password(username, password)
    return [f"The password of {username} is changed; their sessions have ended."]


async def suspend_user(services: Services, username: str) -> list[str]:
    """Suspends a user until they are restored; raises NotFound."""
    await services.account.set_state(username, users.SUSPENDED)
    return [f"{username} is suspended and has no access. `./sotto user restore` restores the account."]


async def restore_user(services: Services, username: str) -> list[str]:
    """Restores an account; raises NotFound."""
    await services.account.set_state(username, users.ACTIVE)
    return [f"{username} is active."]


async def deactivate_user(services: Services, username: str) -> list[str]:
    """Deactivates an account; raises NotFound."""
    await services.account.set_state(username, users.DEACTIVATED)
    return [f"{username} is deactivated; other people keep their messages."]


async def trust_user(services: Services, username: str) -> list[str]:
    """Trusts all devices of a user, or their next one if there is none; raises NotFound."""
    count = await services.device.trust_all(username)
    return [f"{count} device(s) of {username} are trusted now." if count else f"{username} has no untrusted device."]


async def open_session(services: Services, username: str) -> list[str]:
    """A session token of the user, on a trusted device, for `./sotto send` and `listen`. Raises NotFound."""
    return [(await services.account.open_session(username, "./sotto", is_vouched_for=True)).token]


async def create_key(
    services: Services, username: str, name: str, scopes: list[str], life_days: int | None = None
) -> list[str]:
    """Creates an API key with any scopes and returns it; raises InvalidInput, NotFound, PermissionDenied."""
    scope = Scope(0)
    for each in scopes:
        scope |= Scope[each]
    expires_at = None if life_days is None else now_ms() + life_days * 86_400_000
    services.api_key.check(name, scope, expires_at)

    def put(tx: WriteTransaction) -> str:
        return services.api_key.put(tx, get_id(tx, username), name, scope, expires_at)[1]

    return [await services.database.write(put)]


async def list_keys(services: Services, username: str) -> list[str]:
    """The API keys of a user, newest first; raises NotFound."""
    rows = await services.database.read(services.api_key.rows_of, username)
    return [
        f"{encode(Kind.API_KEY, row.id)}  {harmless(row.name):32} {_scopes_of(row.scopes)}  "
        f"created {moment(row.created_at)}, last used {moment(row.last_used_at)}, expires {moment(row.expires_at)}"
        for row in rows
    ]


async def revoke_key(services: Services, username: str, key_id: str) -> list[str]:
    """Revokes an API key of a user; raises NotFound."""
    await services.api_key.remove(username, number_of(Kind.API_KEY, key_id))
    return [f"The key {key_id} is revoked."]


def _scopes_of(scopes: int) -> str:
    return ",".join(scope.name or "" for scope in Scope if scope & scopes)
