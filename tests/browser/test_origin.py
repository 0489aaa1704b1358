"""Pages of other origins: what browsers let them display and call, with and without permission."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.browser.chat import chromium
from tests.flow.client import Person, running

FILES = """{ conversations(first: 10) { nodes { messages(first: 10) { nodes {
  attachments { url(disposition: INLINE) }
} } } } }"""
CALL = """async (url) => {
  try {
    const answer = await fetch(`${url}/graphql?query={__typename}`, { headers: { Accept: "application/json" } });
    return (await answer.json()).data.__typename;
  } catch (error) { return error.name; }
}"""


@asynccontextmanager
async def page_of_another_origin(picture: str) -> AsyncIterator[str]:
    """The URL of a page that displays the image, on another port and host name."""

    async def get(_request: web.Request) -> web.Response:
        return web.Response(text=f'<!doctype html><img id="it" src="{picture}">', content_type="text/html")

    app = web.Application()
    app.router.add_get("/", get)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://localhost:{runner.addresses[0][1]}/"
    await runner.cleanup()


@pytest.mark.parametrize(("command", "width", "called"), [("demo", 480, "Query"), ("serve", 0, "TypeError")])
async def test_a_page_of_another_origin_shows_pictures_where_it_is_allowed(
    tmp_path: Path, command: str, width: int, called: str
) -> None:
    """The demo allows pages of this machine; `serve` on the same folder does not."""
    async with aiohttp.ClientSession() as http, chromium() as browser:
        async with running("demo", data=tmp_path / "data"):
            pass  # makes people, and a message with a picture
        async with running(command, data=tmp_path / "data") as server:
            bob = await Person.sign_in(server, http, "bob", "demo")
            found: Any = await bob.query(FILES)
            messages = [each for place in found["conversations"]["nodes"] for each in place["messages"]["nodes"]]
            [picture] = [file["url"] for message in messages for file in message["attachments"]]
            async with page_of_another_origin(picture) as address:
                page = await browser.new_page()
                await page.goto(address, wait_until="load")

                assert await page.evaluate("document.getElementById('it').naturalWidth") == width
                assert await page.evaluate(CALL, server.url) == called
