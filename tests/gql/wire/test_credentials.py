"""Credentials on the wire: every way to send them on every transport, and what is refused before execution."""

import base64
from typing import Any

import aiohttp
import pytest

from gql.id import Kind, encode
from models.api_key import Scope
from services.person.user import get_id
from services.transaction import WriteTransaction
from tests.gql.conftest import SEND, Site
from tests.gql.raw_socket import wire

WHO = {"query": "{ viewer { user { username } } }"}
OWN = Scope.READ_MESSAGES | Scope.SEND_MESSAGES
ALL = Scope.READ_MESSAGES | Scope.SEND_MESSAGES | Scope.ACT_AS_ANY_USER


async def key_of(site: Site, username: str, scopes: Scope = ALL) -> str:
    """The secret of a new key, created by the operator."""

    def put(tx: WriteTransaction) -> str:
        return site.services.api_key.put(tx, get_id(tx, username), "key", scopes, None)[1]

    return await site.services.database.write(put)


def basic(name: str, key: str) -> str:
    """Basic credentials, as in Zulip."""
    return "Basic " + base64.b64encode(f"{name}:{key}".encode()).decode()


async def who(site: Site, **headers: str) -> str:
    """The username, or the status and code of the refusal."""
    status, answer = await site.post(WHO, headers={name.replace("_", "-"): value for name, value in headers.items()})
    if "errors" in answer:
        return f"{status} {answer['errors'][0]['extensions']['code']}"
    return str(answer["data"]["viewer"]["user"]["username"])


async def test_a_bot_comes_in_as_zulips_do(site: Site) -> None:
    """`-u name:key` of curl, or a bearer token."""
    await site.token_of("bot")
    key = await key_of(site, "bot", OWN)

    assert await who(site, Authorization=basic("bot", key)) == "bot"
    assert await who(site, Authorization=f"Bearer {key}") == "bot"
    assert await who(site, authorization=f"bEaReR {key}") == "bot"
    assert await who(site, Authorization=basic("other", key)) == "401 UNAUTHENTICATED"


async def test_a_hosts_key_acts_for_the_person_it_names(site: Site) -> None:
    """By username, or by another identifier with its prefix."""
    await site.token_of("host")
    token = await site.token_of("alice")
    found = await site.post({"query": "{ viewer { user { id } } }"}, token)
    id_ = found[1]["data"]["viewer"]["user"]["id"]
    key = f"Bearer {await key_of(site, 'host')}"

    for whom in ("alice", "username:alice", "ALICE", f"id:{id_}"):
        assert await who(site, Authorization=key, X_Act_As=whom) == "alice"
    for whom in ("nobody", "id:x", f"id:{encode(Kind.USER, 5)}", "externalId:7", "email:alice@example.org"):
        assert await who(site, Authorization=key, X_Act_As=whom) == "400 ACT_AS_NOT_FOUND"
    for whom in ("id:", "", "username:"):
        assert await who(site, Authorization=key, X_Act_As=whom) == "400 BAD_REQUEST"
    assert await who(site, Authorization=key) == "403 PERMISSION_DENIED"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Origin": "https://app.example.org"}, "403 PERMISSION_DENIED"),
        ({"Origin": "null"}, "403 PERMISSION_DENIED"),
        ({"Origin": ""}, "403 PERMISSION_DENIED"),
        ({"Origin": "https://app.example.org", "X-Act-As": "alice"}, "403 PERMISSION_DENIED"),
    ],
)
async def test_a_key_in_a_page_is_refused(site: Site, headers: dict[str, str], expected: str) -> None:
    """On any page: its visitors could read the key. Pages use a session's token."""
    token = await site.token_of("alice")
    await site.token_of("host")
    key = await key_of(site, "host")

    assert await who(site, Authorization=f"Bearer {key}", **headers) == expected
    assert await who(site, Authorization=f"Bearer {token}", Origin="https://app.example.org") == "alice"


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "header",
    [
        "", "Bearer", "Bearer ", "Bearer  ", "Token abc", "Bearer a b", "Bearer \u00e9", "Bearer sot_x, Bearer sot_y",
        "Basic", "Basic !", "Basic Og==", "Basic YQ==", "Basic YTo=", "Basic /w==", "Digest x", "sot_" + "A" * 43,
        "Bearer " + "A" * 7000, "Bearer a.b.c", "Bearer eyJhbGciOiJub25lIn0.e30.", "Bearer sok_" + "A" * 43,
        "Bearer sot_" + "A" * 43, "Bearer ..", "Bearer a.b.c.d", "Basic " + "A" * 7000,
    ],
)  # fmt: skip
async def test_what_is_no_credential_is_401(module_site: Site, header: str) -> None:
    """RFC 9110 §11.6.1: with a challenge; nothing is executed and nothing is stored."""
    await module_site.token_of("bob")
    before = await module_site.stored()
    body = {"query": SEND, "variables": {"input": {"to": {"users": [{"username": "bob"}]}, "text": "Hello"}}}
    async with module_site.http.post(module_site.graphql, json=body, headers={"Authorization": header}) as response:
        answer = await response.json()

    if header:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"
        assert "data" not in answer
    assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert await module_site.stored() == before


async def test_to_act_without_a_key_is_refused(site: Site) -> None:
    """It is not ignored, neither without a token nor with a session's."""
    token = await site.token_of("alice")
    await site.token_of("bob")

    assert await who(site, X_Act_As="bob") == "401 UNAUTHENTICATED"
    assert await who(site, X_Act_As="bob", Authorization=f"Bearer {token}") == "403 PERMISSION_DENIED"


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"authorization": "OWN"}, 0),
        ({"authorization": "KEY"}, 4403),
        ({"Authorization": "BASIC"}, 0),
        ({"authorization": "KEY", "X-Act-As": "alice"}, 4403),
        ({"authorization": "KEY", "x-act-as": "alice"}, 4403),
        ({"authorization": "KEY", "X-Act-As": 5}, 4401),
        ({"authorization": "SESSION", "X-Act-As": "host"}, 4403),
        ({"X-Act-As": "alice"}, 4401),
        ({"authorization": 5}, 4401),
        ({"authorization": "Bearer sok_" + "A" * 43}, 4401),
        ({"authorization": "Bearer " + "A" * 100_000}, 4401),
    ],
)
async def test_a_socket_is_for_oneself(site: Site, payload: dict[str, Any], expected: int) -> None:
    """A bot may listen; nobody can act for others on a socket."""
    token = await site.token_of("alice")
    await site.token_of("host")
    key, own = await key_of(site, "host"), await key_of(site, "host", OWN)
    words = {"KEY": f"Bearer {key}", "OWN": f"Bearer {own}", "BASIC": basic("host", own), "SESSION": f"Bearer {token}"}
    payload = {name: words.get(value, value) if isinstance(value, str) else value for name, value in payload.items()}
    async with wire(site.url, init=False) as socket:
        socket.send({"type": "connection_init", "payload": payload})
        if expected:
            assert await socket.closing() == expected
        else:
            assert (await socket.message())["type"] == "connection_ack"


async def test_aliases_gain_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call counts: sixteen searches in one request are sixteen, and so are sixteen guesses of a password."""
    monkeypatch.setattr(site.services.user.searches, "_capacity", 3.0)
    monkeypatch.setattr(site.services.user.searches, "_per_second", 0.05)
    token = await site.token_of("alice")
    searches = " ".join(f'a{n}: searchMessages(query: "word") {{ nodes {{ id }} }}' for n in range(8))
    signs = " ".join(
        f'a{n}: signIn(input: {{ username: "alice", password: "{n}" }}) {{ __typename }}' for n in range(2)
    )
    changes = " ".join(
        f'a{n}: changePassword(input: {{ currentPassword: "{n}", newPassword: "12345678" }}) {{ __typename }}'
        for n in range(2)
    )

    _, found = await site.post({"query": f"{{ {searches} }}"}, token)
    refused = [await site.post({"query": f"mutation {{ {each} }}"}, token) for each in (signs, changes)]

    assert {each["extensions"]["code"] for each in found["errors"]} == {"RATE_LIMITED"}
    assert found["errors"][0]["extensions"]["retryAfterSeconds"] > 0
    assert [answer["errors"][0]["extensions"]["code"] for _, answer in refused] == ["QUERY_TOO_COMPLEX"] * 2


async def test_a_file_is_refused_unread_if_its_sender_may_not_send(site: Site) -> None:
    """An anonymous client, or a key that may only read: refused before its bytes are read."""
    await site.token_of("bot")
    key = await key_of(site, "bot", Scope.READ_MESSAGES)
    before = await site.stored()
    for headers, expected in (
        ({"GraphQL-Require-Preflight": "1"}, "UNAUTHENTICATED"),
        ({"Authorization": f"Bearer {key}"}, "PERMISSION_DENIED"),
    ):
        form = aiohttp.FormData()
        form.add_field("operations", '{"query": "mutation ($f: Upload) { __typename }", "variables": {"f": null}}')
        form.add_field("map", '{"0": ["variables.f"]}')
        form.add_field("0", b"x" * 1000, filename="a.txt")
        async with site.http.post(site.graphql, data=form, headers=headers) as response:
            answer = await response.json()

        assert answer["errors"][0]["extensions"]["code"] == expected
    assert await site.stored() == before
