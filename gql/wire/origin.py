"""Origins: whose pages may call the API and open sockets (RFC 6454), and one log line for each refused origin."""

from collections.abc import Iterable
from urllib.parse import urlsplit

import structlog
from aiohttp import web
from strawberry.http.websocket_origin import is_same_origin, normalize_origin

log = structlog.get_logger("sotto.origin")

LOOPBACK = "loopback"  # instead of an origin: any page of this machine, on any port
MOST_REFUSED = 100  # then no further origin is logged: clients control the header
MAX_LENGTH = 200

_LOOPBACK_HOSTS = {"localhost", "127.0.0.1", "::1"}


class Origins:
    """The foreign origins that the operator allows, matched exactly, and `LOOPBACK`."""

    def __init__(self, allowed: Iterable[str]) -> None:
        names = set(allowed)
        self._exact = {normalize_origin(each) for each in names - {LOOPBACK}}
        self._has_loopback = LOOPBACK in names
        self._refused: set[str] = set()

    def __bool__(self) -> bool:
        """Whether any is allowed."""
        return bool(self._exact) or self._has_loopback

    def allows(self, origin: str) -> bool:
        """Whether pages of this origin may call; not asked for the server's own origin."""
        name = normalize_origin(origin) if _is_bare(origin) else None
        return name is not None and (name in self._exact or self._is_of_this_machine(name))

    def _is_of_this_machine(self, name: str) -> bool:
        return self._has_loopback and urlsplit(name).hostname in _LOOPBACK_HOSTS

    def note(self, request: web.BaseRequest) -> None:
        """Log that a page of a foreign origin was refused, once for each origin."""
        origin = request.headers.get("Origin", "")
        if not origin or len(self._refused) >= MOST_REFUSED or len(origin) > MAX_LENGTH or self.allows(origin):
            return
        if request.headers.get("Sec-Fetch-Site") == "same-origin" or is_same_origin(origin, request.host):
            return
        name = normalize_origin(origin) if _is_bare(origin) else None
        if name is not None and name.isascii() and name.isprintable() and name not in self._refused:
            self._refused.add(name)
            log.info("origin refused", origin=name, setting="SOTTO_ALLOWED_ORIGINS")


def _is_bare(origin: str) -> bool:
    """Whether it is scheme, host and port, and nothing else."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme.lower() in {"http", "https"} and "@" not in parts.netloc and not (parts.path or parts.query)
