"""The client's address comes only from trusted proxies."""

import ipaddress

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from server.proxy import remote_of

TRUSTED = [ipaddress.ip_network(each) for each in ("10.0.0.0/8", "::1", "2001:db8::/32")]


class Transport:
    """A transport with this peer address."""

    def __init__(self, address: str) -> None:
        self._address = address

    def get_extra_info(self, name: str, default: object = None) -> object:
        """See asyncio.BaseTransport."""
        return (self._address, 1234) if name == "peername" else default


def seen(peer: str, *headers: str, trusted: object = TRUSTED) -> str:
    """The address of the client, as determined by the server."""
    lines = CIMultiDict([("X-Forwarded-For", each) for each in headers])
    request = make_mocked_request("GET", "/", headers=lines, transport=Transport(peer))
    return remote_of(request, trusted)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("peer", "headers", "expected"),
    [
        ("10.0.0.1", ("192.0.2.7",), "192.0.2.7"),
        ("10.0.0.1", ("203.0.113.9, 192.0.2.7",), "192.0.2.7"),
        ("10.0.0.1", ("203.0.113.9, 192.0.2.7, 10.0.0.2",), "192.0.2.7"),
        ("10.0.0.1", ("203.0.113.9", "192.0.2.7"), "192.0.2.7"),
        ("::1", ("2001:db9::1",), "2001:db9::1"),
        ("::1", ("[2001:db9::1]:443",), "2001:db9::1"),
        ("10.0.0.1", ("192.0.2.7:5555",), "192.0.2.7"),
        ("::ffff:10.0.0.1", ("192.0.2.7",), "192.0.2.7"),
        ("10.0.0.1", ("10.0.0.5, 10.0.0.6",), "10.0.0.5"),
        ("10.0.0.1", (), "10.0.0.1"),
        ("10.0.0.1", ("",), "10.0.0.1"),
        ("10.0.0.1", ("unknown",), "10.0.0.1"),
        ("10.0.0.1", ("192.0.2.7, unknown, 10.0.0.3",), "10.0.0.3"),
        ("10.0.0.1", ("192.0.2.7\u00a0",), "192.0.2.7"),
        ("10.0.0.1", ("1" * 5000,), "10.0.0.1"),
    ],
)
def test_the_last_address_that_is_not_a_proxy_is_the_client(peer: str, headers: tuple[str, ...], expected: str) -> None:
    """Read from the right: entries further left can be forged."""
    assert seen(peer, *headers) == expected


@pytest.mark.parametrize("peer", ["192.0.2.1", "fe80::1%eth0", ""])
def test_other_peers_cannot_state_an_address(peer: str) -> None:
    """A peer that is not a trusted proxy is the client."""
    assert seen(peer, "203.0.113.9") == peer
    assert seen("10.0.0.1", "203.0.113.9", trusted=[]) == "10.0.0.1"
