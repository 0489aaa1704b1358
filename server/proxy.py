"""The client's address behind trusted proxies."""

import ipaddress
from collections.abc import Sequence

from aiohttp import web

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
FORWARDED_FOR = "X-Forwarded-For"


def remote_of(request: web.Request, trusted: Sequence[Network]) -> str:
    """The client's address: the last entry of `X-Forwarded-For` that is not a trusted proxy.

    Entries further left are not trustworthy. The header is ignored unless the peer is a trusted proxy; reading stops at
    an entry that is not an address.
    """
    remote = request.remote or ""
    if not trusted or not _is_among(remote, trusted):
        return remote
    entries = ",".join(request.headers.getall(FORWARDED_FOR, ())).split(",")
    for entry in reversed(entries):
        address = _address_of(entry.strip())
        if address is None:
            break
        remote = address
        if not _is_among(address, trusted):
            break
    return remote


def _is_among(address: str, networks: Sequence[Network]) -> bool:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return any(found in network for network in networks if network.version == found.version)


def _address_of(entry: str) -> str | None:
    """The entry without a port, which some proxies add; None if it is not an address."""
    if entry.startswith("["):
        entry = entry[1:].partition("]")[0]
    elif entry.count(":") == 1:
        entry = entry.partition(":")[0]
    try:
        return str(ipaddress.ip_address(entry))
    except ValueError:
        return None
