"""What is public with the schema: its text, its possible types, and the page about its scalars."""

import asyncio
import base64
import gzip
import hashlib
import re
import threading
from collections.abc import Callable
from typing import Any

import pytest

from gql.wire.schema import SottoSchema, schema_text
from server.schema import SCALARS_POLICY, page_of
from tests.server.test_app import Serving, code_of, serving

__all__ = ["serving"]

PAGES = ["/schema.graphql", "/possible-types.json", "/docs/scalars"]
POSSIBLE = "{ __schema { types { kind name possibleTypes { name } } } }"


async def test_the_schema_can_be_read_as_text(serving: Serving) -> None:
    """The SDL at /schema.graphql is public by default."""
    async with serving() as (_, http), http.get("/schema.graphql") as response:
        assert response.content_type == "text/plain"
        assert response.charset == "utf-8"
        assert await response.text() == schema_text()


async def test_the_possible_types_are_those_of_introspection(serving: Serving) -> None:
    """The map that `new InMemoryCache({ possibleTypes })` takes has every interface and union, and nothing else."""
    async with serving() as (_, http):
        async with http.get("/possible-types.json") as response:
            assert response.content_type == "application/json"
            found = await response.json()
        async with http.post("/graphql", json={"query": POSSIBLE}) as response:
            types = (await response.json())["data"]["__schema"]["types"]

    expected = {
        each["name"]: sorted(member["name"] for member in each["possibleTypes"])
        for each in types
        if each["kind"] in ("INTERFACE", "UNION")
    }
    assert found == expected
    assert {"Node", "UserError", "Event", "SendPrivateMessageResult"} <= set(found)


async def test_the_page_of_the_scalars_works_offline(serving: Serving) -> None:
    """`@specifiedBy` leads to a heading of the page, which loads nothing and runs nothing."""
    addresses = re.findall(r'@specifiedBy\(url: "([^"]+)"\)', schema_text())
    async with serving() as (_, http), http.get("/docs/scalars") as response:
        text = await response.text()
        assert response.content_type == "text/html"
        assert response.headers["Content-Security-Policy"] == SCALARS_POLICY

    [style] = re.findall("<style>(.*?)</style>", text, re.DOTALL)
    assert f"'sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}'" in SCALARS_POLICY
    assert len(addresses) == 6
    assert [each for each in addresses if f'<h2 id="{each.removeprefix("/docs/scalars#")}">' not in text] == []
    assert re.findall(r"<(?:script|img|link)|style=|\ssrc=", text) == []
    assert "<table>" in text


def test_markup_in_the_page_is_text() -> None:
    """The renderer does not let HTML through."""
    page = page_of("# One & two\n\n<script>alert(1)</script>\n")

    assert "<title>One &amp; two - Sotto</title>" in page
    assert "<script" not in page


@pytest.mark.parametrize("path", PAGES)
async def test_a_client_that_has_it_gets_304(serving: Serving, path: str) -> None:
    """They are revalidated by ETag, and compressed for clients that accept gzip."""
    async with serving() as (_, http):
        async with http.get(path) as response:
            etag = response.headers["ETag"]
            assert response.headers["Cache-Control"] == "no-cache"
            assert response.headers["Content-Encoding"] == "gzip"
            assert response.headers["Vary"] == "Accept-Encoding"
            text = await response.text()
        async with http.get(path, headers={"Accept-Encoding": "identity"}) as response:
            assert "Content-Encoding" not in response.headers
            assert await response.text() == text
        async with http.get(path, headers={"If-None-Match": etag}) as response:
            assert (response.status, await response.read()) == (304, b"")


async def test_they_are_made_once_and_not_on_the_event_loop(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them, and its compression, would hold up everybody else's request."""
    threads: dict[str, list[int]] = {}

    def watched(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            threads.setdefault(name, []).append(threading.get_ident())
            return work(*args, **kwargs)

        return run

    monkeypatch.setattr("server.schema.page_of", watched("page", page_of))
    monkeypatch.setattr(SottoSchema, "text", watched("text", SottoSchema.text))
    monkeypatch.setattr(SottoSchema, "possible_types", watched("types", SottoSchema.possible_types))
    async with serving() as (_, http):
        monkeypatch.setattr("server.page.gzip.compress", watched("gzip", gzip.compress))
        for response in await asyncio.gather(*(http.get(path) for path in PAGES * 3)):
            assert (response.status, response.headers["Content-Encoding"]) == (200, "gzip")
            response.release()

    assert {name: len(found) for name, found in threads.items()} == {"page": 1, "text": 1, "types": 1, "gzip": 3}
    assert threading.get_ident() not in [each for found in threads.values() for each in found]


@pytest.mark.parametrize("path", PAGES)
async def test_other_origins_read_them_only_if_they_are_allowed(serving: Serving, path: str) -> None:
    """As with every response."""
    for allowed, expected in (("https://app.example.org", "https://app.example.org"), ("", None)):
        headers = {"Origin": "https://app.example.org"}
        async with serving(allowed_origins=allowed) as (_, http), http.get(path, headers=headers) as response:
            assert response.headers.get("Access-Control-Allow-Origin") == expected


async def test_one_setting_hides_the_schema(serving: Serving) -> None:
    """It disables introspection, and removes what is public with it."""
    async with serving(introspection=False) as (_, http):
        for path in PAGES:
            async with http.get(path) as response:
                assert response.status == 404
                assert await code_of(response) == "NOT_FOUND"
        async with http.post("/graphql", json={"query": "{ __schema { types { name } } }"}) as response:
            answer = await response.json()

    assert "data" not in answer
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"GRAPHQL_VALIDATION_FAILED"}


async def test_a_head_request_gets_the_headers_alone(serving: Serving) -> None:
    async with (
        serving() as (_, http),
        http.head("/schema.graphql", headers={"Accept-Encoding": "identity"}) as response,
    ):
        assert (response.status, await response.read()) == (200, b"")
        assert int(response.headers["Content-Length"]) == len(schema_text().encode())
