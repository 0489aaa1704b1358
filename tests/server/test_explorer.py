"""GraphiQL at /graphql: our build, or Strawberry's page if there is none, and their policies."""

import base64
import gzip
import hashlib
import re
from pathlib import Path

import pytest
from yarl import URL

from server.explorer import EXPLORER_POLICY
from tests.server.test_app import Serving, code_of, serving

__all__ = ["serving"]

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
PAGE = '<!doctype html><script type="module" src="/explorer/assets/index-abc.js"></script>'
SCRIPT = "// a made-up build\n" * 50_000  # more than what is held in memory: the file that the build compressed is sent


@pytest.fixture
def dist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small build like that of `./sotto explorer`."""
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text(PAGE)
    (folder / "assets" / "index-abc.js").write_text(SCRIPT)
    (folder / "assets" / "index-abc.js.gz").write_bytes(gzip.compress(SCRIPT.encode()))
    monkeypatch.setattr("server.app.EXPLORER", folder)
    return folder


@pytest.fixture
def nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No build."""
    monkeypatch.setattr("server.app.EXPLORER", tmp_path / "nothing")


async def test_the_page_comes_with_a_policy_that_lets_no_other_host_in(serving: Serving, dist: Path) -> None:
    """Issue 7: strict, with Trusted Types; a new build is served immediately."""
    async with serving() as (_, http), http.get("/graphql", headers=HTML) as response:
        assert (response.status, response.content_type) == (200, "text/html")
        assert await response.text() == PAGE
        assert response.headers["Content-Security-Policy"] == EXPLORER_POLICY
        assert response.headers["Cache-Control"] == "no-cache"
        assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_the_policy_is_the_expected_one() -> None:
    """Only styles can be inline; scripts, workers and connections are limited to the server."""
    policy = {name: rest for name, _, rest in (each.strip().partition(" ") for each in EXPLORER_POLICY.split(";"))}

    assert [name for name in policy if "unsafe" in policy[name]] == ["style-src"]
    assert all(policy[name] == "'self'" for name in ("script-src", "worker-src", "connect-src"))
    assert all(policy[name] == "'none'" for name in ("default-src", "base-uri", "form-action", "frame-ancestors"))
    assert policy["require-trusted-types-for"] == "'script'"
    assert not {"http", "blob", "*"} & {part for rest in policy.values() for part in rest.replace(":", " ").split()}


async def test_an_asset_is_immutable_and_compressed(serving: Serving, dist: Path) -> None:
    """Its name changes with its content; clients that accept gzip get the file compressed by the build."""
    async with serving() as (_, http):
        async with http.get("/explorer/assets/index-abc.js", headers={"Accept-Encoding": "gzip"}) as response:
            assert (response.status, response.content_type) == (200, "text/javascript")
            assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert response.headers["Content-Encoding"] == "gzip"
            assert response.headers["Content-Security-Policy"] == EXPLORER_POLICY
            assert await response.text() == SCRIPT
        async with http.get("/explorer/assets/index-abc.js", headers={"Accept-Encoding": "identity"}) as response:
            assert "Content-Encoding" not in response.headers
            assert await response.text() == SCRIPT
        async with http.head("/explorer/assets/index-abc.js", headers={"Accept-Encoding": "identity"}) as response:
            assert (response.status, response.headers["Content-Length"]) == (200, str(len(SCRIPT)))


@pytest.mark.parametrize(
    "path",
    [
        "assets/nothing.js",
        "assets/",
        "assets/index-abc.js.gz",
        "assets/../index.html",
        "assets/%2e%2e/index.html",
        "assets/..%2f..%2f..%2fREADME.md",
        "assets//etc/passwd",
        "index.html",
        "",
    ],
)
async def test_nothing_beside_the_assets_can_be_asked_for(serving: Serving, dist: Path, path: str) -> None:
    async with serving() as (running, http), http.get(URL(f"{running.url}/explorer/{path}", encoded=True)) as response:
        assert (response.status, await code_of(response)) == (404, "NOT_FOUND")


async def test_a_link_with_an_operation_is_shown_to_browsers_and_answered_to_programs(
    serving: Serving, dist: Path
) -> None:
    """The page opens the operation in a tab and does not run it."""
    link = "/graphql?query={__typename}&variables={}&operationName="
    async with serving() as (_, http):
        async with http.get(link, headers=HTML) as response:
            assert await response.text() == PAGE
        async with http.get(link) as response:
            assert await response.json() == {"data": {"__typename": "Query"}}


@pytest.mark.usefixtures("nothing")
async def test_without_a_build_strawberrys_page_says_how_to_build(serving: Serving) -> None:
    """It refers to no asset of our build."""
    async with serving() as (_, http):
        async with http.get("/graphql", headers=HTML) as response:
            text = await response.text()
        async with http.get("/explorer/assets/index-abc.js") as response:
            assert response.status == 404

    body = text.split("<body>")[1]
    assert body.index("<code>./sotto explorer</code>") < body.index('id="graphiql"')
    assert "https://unpkg.com/graphiql" in text
    assert re.findall(r"<title>(.*?)</title>", text) == ["Sotto – GraphiQL"]


@pytest.mark.usefixtures("nothing")
async def test_strawberrys_page_runs_the_files_that_it_names_and_nothing_else(serving: Serving) -> None:
    """unpkg.com serves any published package, so the policy lists each file, and each has a checksum."""
    async with serving() as (_, http), http.get("/graphql", headers=HTML) as response:
        text, header = await response.text(), response.headers["Content-Security-Policy"]
    policy = {name: rest.split() for name, _, rest in (each.strip().partition(" ") for each in header.split(";"))}
    [script] = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    known = f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
    sources = [*policy["script-src"], *policy["style-src"]]
    files = [each for each in sources if not each.startswith("'")]

    assert [each for each in sources if each.startswith("'")] == [known, "'unsafe-inline'"]
    assert sorted(files) == sorted(re.findall(r'(?:src|href)="(https?:[^"]+)"', text))
    assert len(files) == text.count('integrity="sha384-') == 7
    assert all(URL(each).host == "unpkg.com" and len(URL(each).parts) > 2 for each in files)
    assert {name for name in policy if "unpkg.com" in " ".join(policy[name])} == {"script-src", "style-src"}
    assert policy["connect-src"] == ["'self'"]
    assert all(policy[name] == ["'none'"] for name in ("default-src", "base-uri", "form-action", "frame-ancestors"))


async def test_pages_link_to_our_build(serving: Serving, dist: Path) -> None:
    """The chat page links to it, and shares its session."""
    async with serving() as (_, http), http.get("/page.json") as response:
        assert await response.json() == {"explorer": True, "demo": None}
    async with serving(explorer=False) as (_, http), http.get("/page.json") as response:
        assert await response.json() == {"explorer": False, "demo": None}


@pytest.mark.usefixtures("nothing")
async def test_pages_do_not_link_to_scripts_from_a_cdn(serving: Serving) -> None:
    """The chat page does not link to Strawberry's page."""
    async with serving() as (_, http), http.get("/page.json") as response:
        assert await response.json() == {"explorer": False, "demo": None}


@pytest.mark.parametrize("path", ["/graphql", "/explorer/assets/index-abc.js"])
async def test_one_setting_turns_it_off(serving: Serving, dist: Path, path: str) -> None:
    """The page and the assets."""
    async with serving(explorer=False) as (_, http), http.get(path, headers=HTML) as response:
        assert response.status == 404
        assert "error" in await response.text()


async def test_without_the_explorer_a_link_is_a_request_as_before(serving: Serving, dist: Path) -> None:
    async with serving(explorer=False) as (_, http), http.get("/graphql?query={__typename}", headers=HTML) as response:
        assert await response.json() == {"data": {"__typename": "Query"}}
