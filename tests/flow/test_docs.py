"""The documentation works: every page is run from top to bottom against a demo server of its own."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.contract.document import PAGES, ROOT, blocks_of
from tests.flow.client import running
from tests.flow.page import Page, wrapper
from tests.full import amount, full

RUN = ("graphql", "bash", "sh", "python")
# Pages without anything to run; the types of codegen.md are compiled by tests/examples/run.
PROSE = (
    "architecture.md", "clients.md", "codegen.md", "glossary.md", "performance.md", "scalars.md", "sources.md",
    "versions.md",
)  # fmt: skip
SLOW = amount(("authentication.md", "moderate.md"), ("",))  # each command is a program of its own


@full
@pytest.mark.parametrize("page", [page for page in PAGES if page.name not in SLOW], ids=lambda page: page.name)
async def test_a_page_works_as_it_stands(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Documents, scripts and programs, in order, but for the port; mutations succeed, streams give something."""
    blocks = blocks_of(page)
    if not any(block.language in RUN for block in blocks):
        assert page.name in PROSE
        return
    monkeypatch.setenv("SOTTO_SUBSCRIPTION_RATE_PER_MINUTE", "0")
    wrapper(tmp_path)
    async with running("demo", data=tmp_path / "data-demo") as server, aiohttp.ClientSession() as http:
        reader = Page(server, http, tmp_path)
        for block, following in zip(blocks, [*blocks[1:], None], strict=True):
            if block.is_run:
                await reader.run(block, following)


async def test_the_token_of_authentication_md_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program of the page makes it, the settings of the page take it; with the secret in the place of the keys."""
    [program] = [each for each in blocks_of(ROOT / "docs/authentication.md") if each.language == "python"]
    token = subprocess.run([sys.executable, "-c", program.text], capture_output=True, text=True, check=True).stdout  # noqa: ASYNC221
    secret = re.findall(r'"(a secret [^"]+)"', program.text)[0]
    issuer = {"issuer": "https://shop.example.org", "audience": "sotto", "secret": secret}
    monkeypatch.setitem(os.environ, "SOTTO_ISSUERS", json.dumps([issuer]))
    async with running("serve", data=tmp_path) as server, aiohttp.ClientSession() as http:
        body = {"query": "{ viewer { user { username displayName externalId } } }"}
        headers = {"Authorization": f"Bearer {token.strip()}"}
        async with http.post(server.graphql, json=body, headers=headers) as response:
            answer: dict[str, Any] = await response.json()

    assert answer["data"]["viewer"]["user"] == {"username": "dora", "displayName": "Dora", "externalId": "42"}
