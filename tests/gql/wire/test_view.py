"""GraphQL over HTTP: media types, statuses, credentials; no request causes a 500 or a traceback."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.gql.conftest import SEND, Site

RESPONSE = "application/graphql-response+json"
TYPENAME = {"query": "{ __typename }"}


def code_of(answer: Any) -> str:
    """The code of the only error; a refusal has no data."""
    (error,) = answer["errors"]
    assert "data" not in answer
    assert error["message"]
    return str(error["extensions"]["code"])


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        (RESPONSE, RESPONSE),
        (f"{RESPONSE}, application/json;q=0.9", RESPONSE),
        (f"{RESPONSE};q=0.1, application/json", "application/json"),
        ("text/event-stream, application/json", "application/json"),
    ],
)
async def test_the_answer_has_the_type_that_was_asked_for(module_site: Site, accept: str | None, expected: str) -> None:
    """GraphQL over HTTP, media types; application/json by default."""
    headers = {"Accept": accept} if accept else {}
    skip = None if accept else ["Accept"]
    async with module_site.http.post(
        module_site.graphql, json=TYPENAME, headers=headers, skip_auto_headers=skip
    ) as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == f"{expected}; charset=utf-8"
        assert await response.json(content_type=None) == {"data": {"__typename": "Query"}}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"query": "{"}, "GRAPHQL_PARSE_FAILED"),
        ({"query": "{ nothing }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "query ($id: ID!) { node(id: $id) { id } }"}, "BAD_REQUEST"),
        ({"query": "query ($id: ID!) { node(id: $id) { id } }", "variables": {"id": [1]}}, "BAD_REQUEST"),
        ({"query": "query A { __typename } query B { __typename }"}, "BAD_REQUEST"),
        ({"query": "query A { __typename }", "operationName": "B"}, "BAD_REQUEST"),
        ({"query": "{" + " ".join(f"a{n}: __typename" for n in range(400)) + "}"}, "QUERY_TOO_COMPLEX"),
        ({"query": "# nothing"}, "GRAPHQL_PARSE_FAILED"),
        ({"query": "fragment F on Query { __typename }"}, None),
    ],
)
async def test_a_request_error_is_400_to_clients_that_ask_for_it(
    module_site: Site, body: Any, code: str | None
) -> None:
    """400 for application/graphql-response+json, 200 for application/json where the draft allows it; never `data`."""
    status, answer = await module_site.post(body, headers={"Accept": RESPONSE})
    legacy, same = await module_site.post(body, headers={"Accept": "application/json"})

    assert status == 400
    assert legacy in {200, 400}
    if code is not None:
        assert code_of(answer) == code_of(same) == code


async def test_a_number_without_end_is_no_fault_of_ours(site: Site) -> None:
    """Python refuses to parse more than 4,300 digits: the client's mistake, over HTTP too."""
    query = f"{{ conversations(first: {'1' * 5_000}) {{ totalCount }} }}"
    with capture_logs() as logs:
        status, answer = await site.post({"query": query}, headers={"Accept": RESPONSE})

    assert (status, code_of(answer)) == (400, "GRAPHQL_VALIDATION_FAILED")
    assert [line for line in logs if line["log_level"] == "error"] == []


@pytest.mark.parametrize("method", ["POST", "PUT", "GET"])
async def test_a_socket_is_opened_by_get_alone(site: Site, method: str) -> None:
    """RFC 6455 section 4.1; for any other method `Upgrade` may be ignored (RFC 9110 7.8)."""
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol": "graphql-transport-ws",
    }
    async with site.http.request(method, site.graphql, headers=headers) as response:
        assert response.status == {"GET": 101, "POST": 415, "PUT": 405}[method]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("method", "query", "status", "allow"),
    [
        ("GET", {"query": "{ __typename }"}, 200, None),
        ("GET", {"query": "query A { __typename } query B { a: __typename }", "operationName": "A"}, 200, None),
        ("GET", {"query": "query ($i: ID!) { node(id: $i) { id } }", "variables": '{"i": "x"}'}, 200, None),
        ("GET", {"query": "mutation { signOut(input: {}) { __typename } }"}, 405, "POST"),
        ("GET", {"query": "subscription { privateMessageReceived { cursor } }"}, 400, None),
        ("GET", {}, 400, None),
        ("GET", {"query": "{ __typename }", "variables": "{"}, 400, None),
        ("GET", {"query": "{ __typename }", "variables": "[]"}, 400, None),
        ("GET", {"query": "{ __typename }", "variables": ""}, 400, None),
        ("GET", {"query": "{ __typename }", "variables": "[" * 1_500}, 400, None),
        ("GET", {"query": "{ __typename }", "extensions": "1"}, 400, None),
        ("GET", {"query": "{ __typename }", "operationName": "\0"}, 400, None),
        ("PUT", {"query": "{ __typename }"}, 405, "GET, POST"),
        ("DELETE", {}, 405, "GET, POST"),
        ("HEAD", {}, 405, "GET, POST"),
    ],
)
async def test_reading_by_get_and_nothing_else(
    module_site: Site, method: str, query: dict[str, str], status: int, allow: str | None
) -> None:
    """GraphQL over HTTP, GET: only queries; the refusal lists the allowed methods."""
    token = await module_site.token_of("alice")
    headers = {"Authorization": f"Bearer {token}", "Accept": RESPONSE}
    async with module_site.http.request(method, module_site.graphql, params=query, headers=headers) as response:
        assert response.status == status
        assert response.headers.get("Allow") == allow


async def test_a_subscription_by_post_is_refused_with_the_transport_to_use(site: Site) -> None:
    """Subscriptions are served over WebSocket."""
    status, answer = await site.post({"query": "subscription { privateMessageReceived { cursor } }"})

    assert (status, code_of(answer)) == (400, "BAD_REQUEST")
    assert "WebSocket" in answer["errors"][0]["message"]


async def test_a_bad_token_is_401_with_a_challenge(site: Site) -> None:
    """RFC 9110 section 11.6.1; before execution."""
    headers = {"Authorization": f"Bearer sot_{'x' * 43}"}
    async with site.http.post(site.graphql, json=TYPENAME, headers=headers) as response:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"
        assert code_of(await response.json()) == "UNAUTHENTICATED"


async def test_without_a_token_the_server_says_what_to_send(site: Site) -> None:
    """serverInfo needs no token; viewer does."""
    _, info = await site.post({"query": "{ serverInfo { version } }"})
    status, answer = await site.post({"query": "{ viewer { email } }"})

    assert info["data"]["serverInfo"]["version"]
    assert (status, answer["errors"][0]["extensions"]["code"]) == (200, "UNAUTHENTICATED")
    assert "Authorization: Bearer" in answer["errors"][0]["message"]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "draft",
    [
        {"to": {"users": [{"username": "bob"}]}, "text": "x", "colour": "red"},
        {"to": {"users": [{"username": "bob", "email": "b@example.org"}]}, "text": "x"},
        {"to": {}, "text": "x"},
        {"to": {"users": None}, "text": "x"},
        {"to": {"users": [{}]}, "text": "x"},
        {"to": {"users": [{"username": "bob"}]}, "text": 5},
        {"to": {"users": [{"username": "bob"}]}, "attachments": [{"file": "/etc/passwd"}]},
        {"to": {"users": [{"username": "bob"}]}, "attachments": [{"file": {"filename": "x"}}]},
        {"to": {"users": [{"username": "bob"}]}, "attachments": None},
        {"text": "x"},
    ],
)
async def test_input_of_another_form_is_refused_whole(module_site: Site, draft: dict[str, Any]) -> None:
    """MongoDB chat refuses unknown fields; so does GraphQL. Nothing is stored."""
    alice = await module_site.token_of("alice")
    await module_site.token_of("bob")
    before = await module_site.stored()

    status, answer = await module_site.post(
        {"query": SEND, "variables": {"input": draft}}, alice, headers={"Accept": RESPONSE}
    )

    assert (status, code_of(answer)) == (400, "BAD_REQUEST")
    assert await module_site.stored() == before


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("field", "code"),
    [
        ("conversations(first: 0) { totalCount }", "BAD_REQUEST"),
        ("conversations(first: 201) { totalCount }", "BAD_REQUEST"),
        ("conversations(first: 1, last: 1) { totalCount }", "BAD_REQUEST"),
        ('conversations(after: "x") { totalCount }', "CURSOR_INVALID"),
        ('events(after: "x") { hasMore }', "CURSOR_INVALID"),
        ('searchMessages(query: "") { nodes { id } }', "BAD_REQUEST"),
        ('messageableUsers(search: " ") { nodes { id } }', "BAD_REQUEST"),
    ],
)
async def test_a_wrong_argument_of_a_query_has_a_code(module_site: Site, field: str, code: str) -> None:
    """A sentence and a code, without internals."""
    alice = await module_site.token_of("alice")

    status, answer = await module_site.post({"query": f"{{ {field} }}"}, alice)

    assert status == 200
    assert [each["extensions"]["code"] for each in answer["errors"]] == [code]


async def test_a_missing_id_is_a_null_item(site: Site) -> None:
    """Relay: one missing node does not null the whole list."""
    alice = await site.token_of("alice")
    _, viewer = await site.post({"query": "{ viewer { user { id } } }"}, alice)
    id_ = viewer["data"]["viewer"]["user"]["id"]

    _, answer = await site.post(
        {
            "query": "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }",
            "variables": {"ids": ["x", id_, "", id_[:-1] + "!"]},
        },
        alice,
    )

    assert answer == {"data": {"nodes": [None, {"id": id_}, None, None]}}


async def test_a_fault_of_ours_is_masked_and_has_an_id(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log has the cause, but not its text."""

    async def fail(*_args: object) -> None:
        raise LookupError("SELECT secret FROM /usr/lib")

    monkeypatch.setattr(site.services.conversation, "page_of", fail)
    alice = await site.token_of("alice")
    with capture_logs() as logs:
        _, answer = await site.post({"query": "{ conversations { totalCount } }"}, alice)

    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "INTERNAL"
    assert error["extensions"]["errorId"] in error["message"]
    assert "secret" not in json.dumps(answer) + json.dumps(logs, default=str)
    assert [line["error_id"] for line in logs if line["log_level"] == "error"] == [error["extensions"]["errorId"]]


async def test_the_page_is_for_browsers_alone(site: Site) -> None:
    """curl's */* never gets HTML."""
    async with site.http.get(site.graphql, headers={"Accept": "text/html,*/*;q=0.8"}) as page:
        assert (page.status, page.content_type) == (200, "text/html")
    async with site.http.get(site.graphql, headers={"Accept": "*/*"}) as answer:
        assert (answer.status, answer.content_type) == (400, "application/json")


async def test_a_slow_body_is_ended(site: Site) -> None:
    """A byte now and then does not keep a connection open indefinitely."""

    async def slowly() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(4)
        yield b"}"

    status, answer = await site.post(data=slowly(), headers={"Content-Type": "application/json"})

    assert (status, code_of(answer)) == (408, "TIMEOUT")
