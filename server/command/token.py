"""Checks a token of a host application for the operator."""

from collections.abc import Sequence

from server.jwks import FetchError, fetch_keys
from server.output import StartError
from server.setting.issuer import Issuer
from server.terminal import harmless, moment
from services.account.issuer import Issuers, TokenRefused
from services.error import ServerUnavailable


async def check_token(issuers: Sequence[Issuer], token: str) -> list[str]:
    """The contents of the token as terminal output; raises StartError with the claim or key that is wrong.

    Logs and stores nothing. Does not check whether the user is suspended or has signed out since.
    """
    if not issuers:
        raise StartError("no issuer is configured, so no JWT is accepted; see SOTTO_ISSUERS in docs/authentication.md.")
    failures: list[str] = []

    async def fetch(url: str) -> bytes:
        try:
            return await fetch_keys(url)
        except FetchError as error:
            failures.append(f"the keys at {url} cannot be fetched: {error}.")
            raise

    try:
        claims = await Issuers([each.to_service() for each in issuers], fetch).verify(token)
    except TokenRefused as error:
        whose = f" (issuer {error.issuer})" if error.issuer else ""
        raise StartError(f"the token is refused: {error.cause}{whose}.") from error
    except ServerUnavailable as error:
        raise StartError(failures[-1] if failures else error.detail) from error
    output = [
        f"The token is valid until {moment(claims.expires_at)}.",
        f"externalId: {harmless(claims.external_id)}",
    ]
    named = {"username": claims.username, "name": claims.display_name}
    return output + [f"{name}: {harmless(value)}" for name, value in named.items() if value is not None]
