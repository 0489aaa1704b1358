"""One operation: hashes instead of documents, and documents without an operation, over every transport."""

import json
from typing import Any

import pytest

from tests.gql.conftest import Site
from tests.gql.raw_socket import wire

HASH = {
    "persistedQuery": {"version": 1, "sha256Hash": "ecf4edb46db40b5132295c0291d62fb65d6759a9eedfa4d5d612dd5ec54a6b38"}
}
UNSUPPORTED = {"message": "PersistedQueryNotSupported", "extensions": {"code": "PERSISTED_QUERY_NOT_SUPPORTED"}}
FRAGMENTS = "fragment A on Query { __typename } fragment B on Query { ...A }"
NO_OPERATION = "The document holds no operation, only fragments: send a query, a mutation or a subscription."
JSON, RESPONSE, STREAM = "application/json", "application/graphql-response+json", "text/event-stream"


@pytest.mark.parametrize("query", [{}, {"query": ""}, {"query": None}], ids=["left out", "empty", "null"])
@pytest.mark.parametrize(("accept", "expected"), [(JSON, 200), ("*/*", 200), (RESPONSE, 400), (STREAM, 400)])
async def test_a_hash_alone_is_answered_as_apollo_does(
    site: Site, query: dict[str, Any], accept: str, expected: int
) -> None:
    """Its links, and urql's, look for this sentence or this code, and then send the document."""
    body = {**query, "variables": {}, "extensions": HASH}
    before = await site.stored()
    status, answer = await site.post(body, headers={"Accept": accept})

    assert (status, answer) == (expected, {"errors": [UNSUPPORTED]})
    assert await site.stored() == before


async def test_a_hash_alone_by_get_is_answered_in_the_same_way(site: Site) -> None:
    """Links may use GET, so that proxies can cache the answer."""
    async with site.http.get(site.graphql, params={"extensions": json.dumps(HASH)}) as response:
        assert (response.status, await response.json()) == (200, {"errors": [UNSUPPORTED]})


async def test_a_hash_alone_ends_one_operation_of_a_socket(site: Site) -> None:
    """With an `error` message; the socket continues."""
    async with wire(site.graphql) as socket:
        socket.send({"id": "1", "type": "subscribe", "payload": {"extensions": HASH}})
        assert await socket.message() == {"id": "1", "type": "error", "payload": [UNSUPPORTED]}

        socket.send({"id": "2", "type": "subscribe", "payload": {"query": "{ __typename }", "extensions": HASH}})
        assert (await socket.message())["payload"] == {"data": {"__typename": "Query"}}


async def test_a_document_with_its_hash_is_executed(site: Site) -> None:
    """The second attempt of a link; the hash is not checked."""
    status, answer = await site.post({"query": "{ __typename }", "extensions": HASH})

    assert (status, answer) == (200, {"data": {"__typename": "Query"}})


@pytest.mark.parametrize("extensions", [{}, {"a": 1}, None])
async def test_without_a_hash_a_document_is_required(site: Site, extensions: Any) -> None:
    """As for any request."""
    status, answer = await site.post({"extensions": extensions})

    assert (status, answer["errors"][0]["extensions"]["code"]) == (400, "BAD_REQUEST")
    async with wire(site.graphql) as socket:
        socket.send({"id": "1", "type": "subscribe", "payload": {"extensions": extensions}})
        assert await socket.closing() == 4400


@pytest.mark.parametrize("document", [FRAGMENTS, "fragment A on Query { __typename }", "fragment A on No { a }"])
async def test_fragments_alone_are_no_operation(site: Site, document: str) -> None:
    """GraphQL §6.1, with the same sentence over HTTP and over a socket."""
    status, answer = await site.post({"query": document})
    async with wire(site.graphql) as socket:
        socket.send({"id": "1", "type": "subscribe", "payload": {"query": document}})
        message = await socket.message()

    assert (status, message["type"]) == (400, "error")
    assert [answer["errors"][0]["message"], message["payload"][0]["message"]] == [NO_OPERATION] * 2
    assert [each["extensions"]["code"] for each in (answer["errors"][0], message["payload"][0])] == ["BAD_REQUEST"] * 2
