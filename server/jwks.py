"""Fetching an issuer's keys: over aiohttp, bounded in time and size, without following anybody elsewhere."""

import aiohttp

FETCH_SECONDS = 5.0
MAX_BYTES = 256 * 1024


class FetchError(Exception):
    """The keys cannot be had; the text holds nothing of the answer."""


async def fetch_keys(url: str) -> bytes:
    """The content of a URL; raises FetchError. A connection of its own, for there is one every ten minutes."""
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
