"""One operation: the document that is required, and documents without an operation, over every transport."""

from typing import Any

import pytest

from tests.gql.conftest import Site
from tests.gql.raw_socket import wire

FRAGMENTS = "fragment A on Query { __typename } fragment B on Query { ...A }"
NO_OPERATION = "The document holds no operation, only fragments: send a query, a mutation or a subscription."


@pytest.mark.parametrize("extensions", [{}, {"a": 1}, {"persistedQuery": None}, None])
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
