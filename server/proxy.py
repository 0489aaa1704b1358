"""Proxies: whose word about a client's address is taken."""

import ipaddress
from collections.abc import Sequence

from aiohttp import web

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
FORWARDED_FOR = "X-Forwarded-For"


def remote_of(request: web.Request, trusted: Sequence[Network]) -> str:
    """The client's address: the last in `X-Forwarded-For` that is no trusted proxy, read from the right.

    What stands left of it anybody may have written. Without a trusted proxy on the other side of the connection the
    header is not read at all; an entry that is no address ends the reading.
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
    """An entry without a port: some proxies add it."""
    if entry.startswith("["):
        entry = entry[1:].partition("]")[0]
    elif entry.count(":") == 1:
        entry = entry.partition(":")[0]
    try:
        return str(ipaddress.ip_address(entry))
    except ValueError:
        return None
