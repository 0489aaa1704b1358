"""Origins: whose pages may call, and one log line for each refused origin."""

import pytest
from aiohttp.test_utils import make_mocked_request
from structlog.testing import capture_logs

from gql.wire.origin import MOST_REFUSED, Origins
from tests.gql.conftest import Site


@pytest.mark.parametrize(
    ("allowed", "origin", "expected"),
    [
        ((), "https://a.example", False),
        (("https://a.example",), "https://a.example", True),
        (("https://a.example",), "HTTPS://A.example:443", True),
        (("https://a.example",), "https://b.a.example", False),
        (("https://a.example",), "http://localhost:3000", False),
        (("https://a.example",), "https://a.example/x", False),
        (("https://a.example",), "https://x@a.example", False),
        (("loopback",), "http://localhost:3000", True),
        (("loopback",), "https://LOCALHOST", True),
        (("loopback",), "http://127.0.0.1:5173", True),
        (("loopback",), "http://[::1]:8080", True),
        (("loopback",), "http://localhost.evil.example:3000", False),
        (("loopback",), "http://127.0.0.1.evil.example", False),
        (("loopback",), "http://localhost@evil.example", False),
        (("loopback",), "http://evil.example/localhost", False),
        (("loopback",), "ftp://localhost", False),
        (("loopback",), "null", False),
        (("loopback",), "http://[::1", False),
        (("loopback",), "", False),
        (("loopback", "https://a.example"), "https://a.example", True),
    ],
)
def test_an_origin_is_allowed_exactly_or_as_one_of_this_machine(
    allowed: tuple[str, ...], origin: str, expected: bool
) -> None:
    """`loopback` is any port of this machine, but no name that only looks like it."""
    assert Origins(allowed).allows(origin) is expected


async def test_a_refused_origin_is_logged_once(site: Site) -> None:
    """The log line names the setting, for requests and sockets; our own, allowed and malformed origins have none."""
    upgrade = {
        "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }  # fmt: skip
    foreign, other = "https://www.example.com", "https://m.example.com:8443"
    with capture_logs() as lines:
        for origin in (
            foreign,
            foreign.upper(),
            "null",
            "https://app.example.org",
            site.url,
            "x",
            foreign + "/a",
            other,
        ):
            async with site.http.get(f"{site.url}/healthz", headers={"Origin": origin}) as response:
                assert response.status == 200
        async with site.http.get(site.graphql, headers={**upgrade, "Origin": foreign}) as response:
            assert response.status == 403
        async with site.http.get(site.graphql, headers={**upgrade, "Origin": "https://third.example"}) as response:
            assert response.status == 403

    found = [
        (line["origin"], line["setting"], line["log_level"]) for line in lines if line["event"] == "origin refused"
    ]
    expected = [foreign, other, "https://third.example"]
    assert found == [(each, "SOTTO_ALLOWED_ORIGINS", "info") for each in expected]


def test_what_strangers_can_have_logged_is_bounded() -> None:
    """Clients control the header."""
    origins = Origins(())
    with capture_logs() as lines:
        for number in range(2 * MOST_REFUSED):
            origins.note(make_mocked_request("GET", "/", headers={"Origin": f"https://{number}.example", "Host": "x"}))
        origins.note(make_mocked_request("GET", "/", headers={"Origin": "https://" + "a" * 300, "Host": "x"}))

    assert len(lines) == MOST_REFUSED
