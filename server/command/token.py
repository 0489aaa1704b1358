"""Tokens of host applications, looked at for an operator: whether one is taken, and if not why."""

from collections.abc import Sequence

from server.jwks import FetchError, fetch_keys
from server.output import StartError
from server.setting.issuer import Issuer
from server.terminal import harmless, moment
from services.account.issuer import Issuers, TokenRefused
from services.error import ServerUnavailable


async def check_token(issuers: Sequence[Issuer], token: str) -> list[str]:
    """What the token says, as lines for a terminal; raises StartError with the claim or key that is wrong.

    Nothing is logged or stored. Whether its user is suspended, or was signed out since, is not looked at.
    """
    if not issuers:
        raise StartError("no issuer is configured, so no JWT is taken; see SOTTO_ISSUERS in docs/authentication.md.")
    failures: list[str] = []

    async def fetch(url: str) -> bytes:
        try:
            return await fetch_keys(url)
        except FetchError as error:
            failures.append(f"the keys at {url} cannot be had: {error}.")
            raise

    try:
        claims = await Issuers([each.to_service() for each in issuers], fetch).verify(token)
    except TokenRefused as error:
        whose = f" (issuer {error.issuer})" if error.issuer else ""
        raise StartError(f"the token is refused: {error.cause}{whose}.") from error
    except ServerUnavailable as error:
        raise StartError(failures[-1] if failures else error.detail) from error
    lines = [
        f"The token is good until {moment(claims.expires_at)}.",
        f"externalId: {harmless(claims.external_id)}",
    ]
    named = {"user name": claims.username, "name": claims.display_name}
    return lines + [f"{name}: {harmless(value)}" for name, value in named.items() if value is not None]
