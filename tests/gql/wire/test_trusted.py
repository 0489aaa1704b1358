"""Trusted documents: only those of the manifest are executed, over every transport."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from gql.document.register import digest_of
from server.setting.settings import Settings
from services.limit import Limits
from tests.gql.conftest import SEND, Site, settings_in, site_in
from tests.gql.raw_socket import wire

QUERY = "query Version { serverInfo { version } }"
HEAR = "subscription Hear { events { event { __typename ... on MessageCreated { message { text } } } } }"
SIGN_OUT = "mutation Leave { signOut(input: {}) { __typename } }"  # not in the manifest
INTROSPECTION = "{ __schema { queryType { name } } }"
MANIFEST = {"version-1": QUERY, "send-1": SEND, "hear-1": HEAR}
TO_BOB = {"input": {"to": {"users": [{"username": "bob"}]}, "text": "hello"}}


def hashed(name: str) -> dict[str, Any]:
    """The extensions of Apollo's protocol, whose hash may be any id."""
    return {"persistedQuery": {"version": 1, "sha256Hash": name}}


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def trusting(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """A server with a manifest, without rates."""
    folder = tmp_path_factory.mktemp("trusting")
    path = folder / "manifest.json"
    path.write_text(json.dumps(MANIFEST), encoding="utf-8")
    changed = settings_in(folder).model_copy(update={"trusted_documents": path})
    limits = Limits(send_rate_per_minute=0, cost_rate_per_minute=0, anonymous_cost_rate_per_minute=0)
    async with site_in(folder, changed, limits) as found:
        yield found


@pytest.mark.parametrize(
    "named",
    [
        {"documentId": "version-1"},
        {"documentId": f"sha256:{digest_of(QUERY)}"},
        {"doc_id": "version-1"},
        {"extensions": hashed("version-1")},
        {"extensions": hashed(digest_of(QUERY))},
        {"query": QUERY},
        {"query": QUERY, "documentId": "version-1"},
        {"query": QUERY, "extensions": hashed(digest_of(QUERY))},
        {"documentId": "version-1", "extensions": hashed(digest_of(QUERY))},
        {"documentId": "version-1", "doc_id": "version-1"},
        {"documentId": "version-1", "doc_id": digest_of(QUERY)},
    ],
)
async def test_a_trusted_document_is_named_in_every_usual_way(trusting: Site, named: dict[str, Any]) -> None:
    """The draft's, Relay's, Apollo's and urql's; or it is sent in full."""
    status, answer = await trusting.post(named)

    assert status == 200
    assert answer["data"]["serverInfo"]["version"]


UNTRUSTED: list[dict[str, Any]] = [
    {"query": SIGN_OUT},
    {"query": INTROSPECTION},
    {"query": "{ __typename }"},
    {"query": SEND + " ", "variables": TO_BOB},
    {"query": SEND.replace("text", "text id"), "variables": TO_BOB},
    {"query": SEND, "variables": TO_BOB, "documentId": "version-1"},
    {"query": SEND, "variables": TO_BOB, "documentId": "unknown"},
    {"query": SEND, "variables": TO_BOB, "extensions": hashed(digest_of(QUERY))},
    {"query": SIGN_OUT, "documentId": "send-1", "variables": TO_BOB},
    {"query": SIGN_OUT, "extensions": hashed(digest_of(SIGN_OUT))},
    {"documentId": "send-1", "doc_id": "version-1", "extensions": hashed("version-1"), "variables": TO_BOB},
    {"documentId": "send-1", "doc_id": "version-1", "variables": TO_BOB},
    {"documentId": "version-1", "doc_id": "send-1", "variables": TO_BOB},
    {"documentId": "version-1", "doc_id": "unknown"},
    {"documentId": "unknown", "doc_id": "version-1"},
    {"query": SEND, "documentId": "send-1", "doc_id": "version-1", "variables": TO_BOB},
    {"documentId": "unknown"},
    {"documentId": "sha256:"},
    {"doc_id": "unknown"},
    {"extensions": hashed(digest_of(SIGN_OUT))},
]


@pytest.mark.parametrize("body", UNTRUSTED)
async def test_anything_else_is_refused_and_not_executed(trusting: Site, body: dict[str, Any]) -> None:
    """Over HTTP, as a stream and over a socket; nothing is registered either."""
    token = await trusting.token_of("alice")
    await trusting.token_of("bob")
    before = await trusting.stored()

    for accept in ("application/json", "application/graphql-response+json", "text/event-stream"):
        status, answer = await trusting.post(body, token, headers={"Accept": accept})
        assert (status, set(answer)) == (403, {"errors"})
        assert answer["errors"][0]["extensions"] == {"code": "DOCUMENT_NOT_TRUSTED"}
    async with wire(trusting.graphql, token=token) as socket:
        socket.send({"id": "1", "type": "subscribe", "payload": body})
        message = await socket.message()
        assert (message["type"], message["payload"][0]["extensions"]) == ("error", {"code": "DOCUMENT_NOT_TRUSTED"})

    assert await trusting.stored() == before
    assert (await trusting.post({"documentId": "version-1"}, token))[0] == 200  # still signed in


async def test_a_get_reads_by_id_and_changes_nothing(trusting: Site) -> None:
    """A mutation by GET is 405, in the manifest or not."""
    headers = {"Authorization": f"Bearer {await trusting.token_of('alice')}"}
    await trusting.token_of("bob")
    before = await trusting.stored()
    for params, expected in (
        ({"documentId": "version-1"}, 200),
        ({"doc_id": "version-1"}, 200),
        ({"documentId": "unknown"}, 403),
        ({"documentId": "send-1", "variables": json.dumps(TO_BOB)}, 405),
    ):
        async with trusting.http.get(trusting.graphql, params=params, headers=headers) as response:
            assert (response.status, response.headers["Cache-Control"]) == (expected, "no-store"), params
    assert await trusting.stored() == before


async def test_mutations_and_subscriptions_are_executed_by_id(trusting: Site) -> None:
    """A subscription over a socket hears what a mutation sent, both by their ids."""
    alice, bob = await trusting.token_of("alice"), await trusting.token_of("bob")
    async with wire(trusting.graphql, token=bob) as socket:
        socket.send({"id": "1", "type": "subscribe", "payload": {"documentId": "hear-1"}})
        events = [(await socket.message())["payload"]["data"]["events"]["event"]]
        status, answer = await trusting.post({"documentId": "send-1", "variables": TO_BOB}, alice)
        while events[-1]["__typename"] != "MessageCreated":
            events.append((await socket.message())["payload"]["data"]["events"]["event"])

    assert (status, answer["data"]["sendPrivateMessage"]["__typename"]) == (200, "SendPrivateMessageSuccess")
    assert events[0]["__typename"] == "StreamReady"
    assert events[-1]["message"] == {"text": "hello"}


async def test_a_multipart_request_is_refused_before_its_files_are_read(trusting: Site) -> None:
    """Nothing is left of it."""
    token = await trusting.token_of("alice")
    before = await trusting.stored()
    form = aiohttp.FormData()
    form.add_field("operations", json.dumps({"query": SEND + " ", "variables": {"input": {"attachments": [None]}}}))
    form.add_field("map", json.dumps({"0": ["variables.input.attachments.0"]}))
    form.add_field("0", b"hello", filename="hello.txt", content_type="text/plain")

    status, answer = await trusting.post(None, token, data=form)

    assert (status, answer["errors"][0]["extensions"]) == (403, {"code": "DOCUMENT_NOT_TRUSTED"})
    assert await trusting.stored() == before


async def test_a_refusal_counts_against_the_rate(tmp_path: Path, settings: Settings) -> None:
    """25 each, over HTTP and over a socket, until nothing is left."""
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(MANIFEST), encoding="utf-8")
    changed = settings.model_copy(update={"trusted_documents": path})
    async with site_in(tmp_path, changed, Limits(anonymous_cost_rate_per_minute=500)) as site:
        before, codes = await site.stored(), []
        for body in ({"documentId": "unknown"}, {"query": SIGN_OUT}) * 15:
            _, answer = await site.post(body)
            codes.append(answer["errors"][0]["extensions"]["code"])
        async with wire(site.graphql) as socket:
            socket.send({"id": "1", "type": "subscribe", "payload": {"documentId": "unknown"}})
            message = await socket.message()
        assert await site.stored() == before

    refused = codes.count("DOCUMENT_NOT_TRUSTED")
    assert 20 <= refused <= 24
    assert codes == ["DOCUMENT_NOT_TRUSTED"] * refused + ["RATE_LIMITED"] * (30 - refused)
    assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "RATE_LIMITED")
