"""Automatic persisted queries (Apollo's protocol), over every transport."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gql.document.register import digest_of
from server.setting.settings import Settings
from services.limit import Limits
from tests.gql.conftest import SEND, Site, site_in
from tests.gql.raw_socket import wire

QUERY = "query Version { serverInfo { version } }"
HEAR = "subscription Hear { privateMessageReceived { message { text } } }"
NOT_FOUND = {"message": "PersistedQueryNotFound", "extensions": {"code": "PERSISTED_QUERY_NOT_FOUND"}}
NOT_SUPPORTED = {"message": "PersistedQueryNotSupported", "extensions": {"code": "PERSISTED_QUERY_NOT_SUPPORTED"}}
JSON, RESPONSE, STREAM = "application/json", "application/graphql-response+json", "text/event-stream"


def hashed(text: str, **changed: object) -> dict[str, Any]:
    """The extensions that name a document."""
    return {"persistedQuery": {"version": 1, "sha256Hash": digest_of(text), **changed}}


async def is_registered(site: Site, text: str) -> bool:
    """Whether the server knows the document by its hash."""
    _, answer = await site.post({"extensions": hashed(text)})
    return bool(answer.get("errors") != [NOT_FOUND])


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("query", [{}, {"query": ""}, {"query": None}], ids=["left out", "empty", "null"])
@pytest.mark.parametrize(("accept", "expected"), [(JSON, 200), ("*/*", 200), (RESPONSE, 400), (STREAM, 400)])
async def test_an_unknown_hash_is_answered_as_apollo_does(
    module_site: Site, query: dict[str, Any], accept: str, expected: int
) -> None:
    """Its links, and urql's, look for this sentence or this code, and then send both."""
    before = await module_site.stored()
    status, answer = await module_site.post(
        {**query, "variables": {}, "extensions": hashed(QUERY)}, headers={"Accept": accept}
    )

    assert (status, answer) == (expected, {"errors": [NOT_FOUND]})
    assert await module_site.stored() == before


async def test_a_document_is_sent_once_with_its_hash_and_then_by_its_hash(site: Site) -> None:
    """By everybody: the register is shared."""
    first = await site.post({"query": QUERY, "extensions": hashed(QUERY)})
    second = await site.post({"extensions": hashed(QUERY)}, await site.token_of("alice"))

    assert first[0] == 200
    assert first[1]["data"]["serverInfo"]["version"]
    assert second == first


async def test_a_document_without_its_hash_is_not_registered(site: Site) -> None:
    """Clients that do not use the protocol fill nothing."""
    await site.post({"query": QUERY})

    assert not await is_registered(site, QUERY)


async def test_a_hash_by_get_reads_and_is_not_cached(site: Site) -> None:
    """Links may use GET; answers belong to the viewer, so no cache may store them."""
    await site.post({"query": QUERY, "extensions": hashed(QUERY)})
    for params, keys in (
        ({"extensions": json.dumps(hashed(QUERY))}, {"data"}),
        ({"documentId": f"sha256:{digest_of(QUERY)}"}, {"data"}),
        ({"extensions": json.dumps(hashed("{ a }"))}, {"errors"}),
    ):
        async with site.http.get(site.graphql, params=params) as response:
            assert (response.status, set(await response.json())) == (200, keys)
            assert response.headers["Cache-Control"] == "no-store"


async def test_a_mutation_by_get_is_refused_even_by_its_hash(site: Site) -> None:
    """As in full: 405, and nothing is stored."""
    token = await site.token_of("alice")
    await site.token_of("bob")
    await site.post({"query": SEND, "variables": {"input": {}}, "extensions": hashed(SEND)}, token)
    variables = {"input": {"to": {"users": [{"username": "bob"}]}, "text": "hello"}}
    status, answer = await site.post({"extensions": hashed(SEND), "variables": variables}, token)
    assert answer["data"]["sendPrivateMessage"]["__typename"] == "SendPrivateMessageSuccess", (status, answer)
    before = await site.stored()

    params = {"extensions": json.dumps(hashed(SEND)), "variables": json.dumps(variables)}
    headers = {"Authorization": f"Bearer {token}"}
    async with site.http.get(site.graphql, params=params, headers=headers) as response:
        assert (response.status, response.headers["Allow"]) == (405, "POST")
    assert await site.stored() == before


async def test_a_hash_of_another_text_registers_and_executes_nothing(site: Site) -> None:
    """Otherwise one client could make others execute its document under their hash."""
    token = await site.token_of("alice")
    await site.token_of("bob")
    before = await site.stored()
    variables = {"input": {"to": {"users": [{"username": "bob"}]}, "text": "hello"}}
    for text in (QUERY, SEND + " ", SEND.strip()):
        body = {"query": SEND, "variables": variables, "extensions": hashed(text)}
        status, answer = await site.post(body, token)

        assert (status, answer["errors"][0]["extensions"]["code"]) == (400, "BAD_REQUEST")
        assert "SHA-256" in answer["errors"][0]["message"]
        assert not await is_registered(site, text)
    assert not await is_registered(site, SEND)
    assert await site.stored() == before


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "persisted",
    [
        {"version": 1},
        {"version": 2, "sha256Hash": digest_of(QUERY)},
        {"version": True, "sha256Hash": digest_of(QUERY)},
        {"version": 1, "sha256Hash": digest_of(QUERY).upper()},
        {"version": 1, "sha256Hash": "0" * 63},
        {"version": 1, "sha256Hash": None},
        {"sha256Hash": digest_of(QUERY)},
        [],
        "x",
        1,
    ],
)
@pytest.mark.parametrize("query", [{}, {"query": QUERY}], ids=["alone", "with the document"])
async def test_a_malformed_hash_is_refused(module_site: Site, query: dict[str, Any], persisted: object) -> None:
    """With a sentence; nothing is executed."""
    before = await module_site.stored()
    status, answer = await module_site.post({**query, "extensions": {"persistedQuery": persisted}})

    assert await module_site.stored() == before
    assert (status, set(answer), answer["errors"][0]["extensions"]["code"]) == (400, {"errors"}, "BAD_REQUEST")
    assert not await is_registered(module_site, QUERY)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "text", ["{ nothing }", "{ serverInfo { version }", "fragment F on Query { __typename }", "#" * 101_000]
)
async def test_only_what_passed_validation_is_registered(module_site: Site, text: str) -> None:
    """So nobody fills the memory with noise."""
    status, answer = await module_site.post({"query": text, "extensions": hashed(text)})

    assert "data" not in answer
    assert status in {200, 400}
    assert not await is_registered(module_site, text)


async def test_a_registration_counts_against_the_rate(tmp_path: Path, settings: Settings) -> None:
    """In addition to its reading and execution; after that a hash costs what its document costs."""
    limits = Limits(anonymous_cost_rate_per_minute=1_000)
    async with site_in(tmp_path, settings, limits) as site:

        async def left(body: dict[str, Any]) -> int:
            _, answer = await site.post(body, headers={"GraphQL-Cost": "report"})
            return int(answer["extensions"]["cost"]["throttleStatus"]["currentlyAvailable"])

        await left({"query": QUERY})  # read
        before = await left({"query": QUERY})
        registered = await left({"query": QUERY, "extensions": hashed(QUERY)})
        repeated = await left({"extensions": hashed(QUERY)})

        assert 15 <= before - registered <= 25
        assert repeated >= registered - 5
        for number in range(60):
            text = f"query Q{number} {{ __typename }}"
            status, _ = await site.post({"query": text, "extensions": hashed(text)})
        assert status == 429 or not await is_registered(site, text)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"extensions": hashed(QUERY)}, "PERSISTED_QUERY_NOT_FOUND"),
        ({"query": QUERY, "extensions": hashed("{ other }")}, "BAD_REQUEST"),
    ],
)
async def test_a_refused_hash_counts_against_the_rate(
    tmp_path: Path, settings: Settings, body: dict[str, Any], expected: str
) -> None:
    """25 each, as for other refusals, until nothing is left."""
    async with site_in(tmp_path, settings, Limits(anonymous_cost_rate_per_minute=500)) as site:
        answers = [await site.post(body) for _ in range(30)]

    codes = [answer["errors"][0]["extensions"]["code"] for _, answer in answers]
    refused = codes.count(expected)
    assert 20 <= refused <= 24
    assert codes == [expected] * refused + ["RATE_LIMITED"] * (30 - refused)
    assert answers[-1][0] == 429


async def test_a_document_that_is_too_long_is_not_hashed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its size is checked first, so a long text costs no hash; the refusal is that of any long document."""
    texts: list[str] = []

    def digest(text: str) -> str:
        texts.append(text)
        return digest_of(text)

    monkeypatch.setattr("gql.wire.persisted.digest_of", digest)
    long = QUERY + "#" * 100_000
    without = await site.post({"query": long})
    for named in (hashed(long), hashed("{ other }")):
        assert await site.post({"query": long, "extensions": named}) == without
    assert without[1]["errors"][0]["extensions"]["code"] == "QUERY_TOO_COMPLEX"
    assert texts == []

    await site.post({"query": QUERY, "extensions": hashed(QUERY)})
    assert texts == [QUERY]
    assert not await is_registered(site, long)


async def test_a_document_is_named_by_the_drafts_identifier_as_well(site: Site) -> None:
    """GraphQL over HTTP, appendix "Persisted Documents": `sha256:` and the hash."""
    named = {"documentId": f"sha256:{digest_of(QUERY)}"}
    unknown = await site.post(named)
    with_text = await site.post({**named, "query": QUERY})
    known = await site.post(named)
    other = await site.post({"documentId": "a-name"})

    assert unknown == other == (200, {"errors": [NOT_FOUND]})
    assert "data" in with_text[1]
    assert known == with_text
    status, answer = await site.post({**named, "extensions": hashed("{ a }")})
    assert (status, answer["errors"][0]["extensions"]["code"]) == (400, "BAD_REQUEST")
    status, answer = await site.post({"documentId": 1})
    assert (status, answer["errors"][0]["extensions"]["code"]) == (400, "BAD_REQUEST")


async def test_a_socket_takes_hashes_too(site: Site) -> None:
    """An unknown one ends its operation only; a subscription is registered as it starts."""
    async with wire(site.graphql, token=await site.token_of("alice")) as socket:
        socket.send({"id": "1", "type": "subscribe", "payload": {"extensions": hashed(QUERY)}})
        assert await socket.message() == {"id": "1", "type": "error", "payload": [NOT_FOUND]}

        socket.send({"id": "2", "type": "subscribe", "payload": {"query": QUERY, "extensions": hashed(QUERY)}})
        answer = (await socket.message())["payload"]
        assert set(answer) == {"data"}
        assert (await socket.message())["type"] == "complete"

        socket.send({"id": "3", "type": "subscribe", "payload": {"extensions": hashed(QUERY)}})
        assert (await socket.message())["payload"] == answer
        assert (await socket.message())["type"] == "complete"

        socket.send({"id": "4", "type": "subscribe", "payload": {"documentId": 4}})
        refused = await socket.message()
        assert (refused["id"], refused["payload"][0]["extensions"]["code"]) == ("4", "BAD_REQUEST")


async def test_a_subscription_streams_by_its_hash(site: Site) -> None:
    """Server-Sent Events: registered by one stream, heard by another."""
    alice, bob = await site.token_of("alice"), await site.token_of("bob")
    headers = {"Authorization": f"Bearer {bob}", "Accept": STREAM}
    async with site.http.post(site.graphql, json={"extensions": hashed(HEAR)}, headers=headers) as refused:
        assert (refused.status, (await refused.json(content_type=None))["errors"]) == (400, [NOT_FOUND])
    async with site.http.post(site.graphql, json={"query": HEAR, "extensions": hashed(HEAR)}, headers=headers):
        pass
    async with site.http.post(site.graphql, json={"extensions": hashed(HEAR)}, headers=headers) as stream:
        assert (stream.status, stream.content_type) == (200, STREAM)
        variables = {"input": {"to": {"users": [{"username": "bob"}]}, "text": "by hash"}}
        await site.post({"query": SEND, "variables": variables}, alice)
        async for line in stream.content:
            if line.startswith(b"data: "):
                event = json.loads(line[6:])
                break

    assert event["data"]["privateMessageReceived"]["message"]["text"] == "by hash"


async def test_files_are_sent_by_a_hash(site: Site) -> None:
    """A multipart request; an unknown hash is refused before its files are read."""
    token = await site.token_of("alice")
    await site.token_of("bob")
    to = {"users": [{"username": "bob"}]}
    variables = {"input": {"to": to, "text": "with a file", "attachments": [{"file": None}]}}
    before = await site.stored()

    async def send(**operation: object) -> tuple[int, Any]:
        form = aiohttp.FormData()
        form.add_field("operations", json.dumps({**operation, "variables": variables}))
        form.add_field("map", json.dumps({"0": ["variables.input.attachments.0.file"]}))
        form.add_field("0", b"hello", filename="hello.txt", content_type="text/plain")
        return await site.post(None, token, data=form)

    assert (await send(extensions=hashed(SEND)))[1] == {"errors": [NOT_FOUND]}
    assert await site.stored() == before
    for operation in ({"query": SEND, "extensions": hashed(SEND)}, {"extensions": hashed(SEND)}):
        _, answer = await send(**operation)
        sent = answer["data"]["sendPrivateMessage"]
        assert sent["message"]["attachments"][0]["filename"] == "hello.txt", sent


@pytest.fixture
async def without_register(settings: Settings, tmp_path: Path) -> AsyncIterator[Site]:
    """A server whose operator has turned it off."""
    async with site_in(tmp_path, settings.model_copy(update={"persisted_queries": False}), Limits()) as found:
        yield found


async def test_without_the_register_links_send_documents_only(without_register: Site) -> None:
    """`SOTTO_PERSISTED_QUERIES=false`: links stop sending hashes, and a hash beside a document is ignored."""
    site = without_register
    with_text = await site.post({"query": QUERY, "extensions": hashed("{ other }")})
    assert "data" in with_text[1]

    for accept, expected in ((JSON, 200), (RESPONSE, 400)):
        body = {"extensions": hashed(QUERY)}
        assert await site.post(body, headers={"Accept": accept}) == (expected, {"errors": [NOT_SUPPORTED]})
    async with wire(site.graphql) as socket:
        socket.send({"id": "1", "type": "subscribe", "payload": {"extensions": hashed(QUERY)}})
        assert await socket.message() == {"id": "1", "type": "error", "payload": [NOT_SUPPORTED]}
