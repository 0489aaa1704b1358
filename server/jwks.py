"""Fetches the keys (JWKS) of a token issuer, with limits on time and size and without redirects."""

import aiohttp

FETCH_SECONDS = 5.0
MAX_BYTES = 256 * 1024


class FetchError(Exception):
    """The keys could not be fetched; the text contains nothing from the response."""


async def fetch_keys(url: str) -> bytes:
    """Returns the content of a URL; raises FetchError. Opens a new connection, because calls are minutes apart."""
    timeout = aiohttp.ClientTimeout(total=FETCH_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as http,
            http.get(url, allow_redirects=False, headers={"Accept": "application/json", "Accept-Encoding": "identity"})
            as response,
        ):  # fmt: skip
            if response.status != 200:
                raise FetchError(f"status {response.status}")
            content = b""
            async for chunk in response.content.iter_chunked(65_536):
                content += chunk
                if len(content) > MAX_BYTES:
                    raise FetchError("too large")
            return content
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
        raise FetchError(type(error).__name__) from error
