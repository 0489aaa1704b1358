"""The chat page: its files and policy."""

from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from yarl import URL

from server.page import CHAT, CHAT_POLICY, Folder
from tests.server.test_app import Served, Serving, served, serving

__all__ = ["served", "serving"]

KINDS = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}


async def test_the_chat_page_comes_with_a_policy_that_lets_nothing_else_in(serving: Serving) -> None:
    """Issue 7: a strict Content-Security-Policy and no requests to other hosts."""
    async with serving() as (_, http), http.get("/", headers={"Accept": "text/html"}) as response:
        assert (response.status, response.content_type) == (200, "text/html")
        assert response.headers["Content-Security-Policy"] == CHAT_POLICY
        assert "unsafe" not in CHAT_POLICY
        assert "*" not in CHAT_POLICY
        assert response.headers["Cache-Control"] == "no-cache"
        assert await response.text() == (CHAT / "index.html").read_text()


async def test_every_file_of_the_chat_page_is_served_and_knows_its_type(serving: Serving) -> None:
    async with serving() as (_, http):
        for path in (path for path in CHAT.rglob("*") if path.is_file()):
            async with http.get(f"/chat/{path.relative_to(CHAT).as_posix()}") as response:
                assert (response.status, await response.read()) == (200, path.read_bytes())
                assert response.content_type in {
                    "text/html",
                    "text/css",
                    "text/javascript",
                    "application/json",
                    "image/svg+xml",
                }
                assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "path",
    ["nothing.js", "../server/page.py", "%2e%2e/server/page.py", "..%2fREADME.md", "/etc/passwd", "text", "text/", "."],
)
async def test_nothing_beside_the_page_can_be_asked_for(served: Served, path: str) -> None:
    running, http = served
    async with http.get(URL(f"{running.url}/chat/{path}", encoded=True)) as response:
        assert response.status == 404
        assert response.content_type == "application/json"


async def test_the_page_can_be_turned_off(serving: Serving) -> None:
    async with serving(chat_page=False) as (_, http):
        async with http.get("/chat/index.html") as response:
            assert response.status == 404
        async with http.get("/page.json") as response:
            assert set(await response.json()) == {"explorer", "demo"}


def test_a_file_that_came_later_is_not_served(tmp_path: Path) -> None:
    """Files are listed at startup: a link created later is not served."""
    folder = Folder(tmp_path, CHAT_POLICY)
    (tmp_path / "late.js").write_text("")

    with pytest.raises(web.HTTPNotFound):
        folder.file(make_mocked_request("GET", "/late.js"), "late.js")
