"""The application: its routes, and the headers of every response."""

import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from models import probe
from models.setting import Audience, OutsideAction
from server.app import limits_of
from server.process import Running, listening
from server.setting.settings import Settings, load_settings
from services.limit import DeviceTrust, Limits
from tests.template import put_tables

Served = tuple[Running, aiohttp.ClientSession]
Serving = Callable[..., AbstractAsyncContextManager[Served]]
FRIEND = "https://chat.example.org"
SWEEP = "storage swept"  # a line of its own, beside those of requests
SETTING_OF = {"allowed_mime_types": "attachment_types", "may_sign_up": "sign_up"}  # the other names are the same
CHANGED = {
    "attachment_types": "any",
    "accept_messages_from": "nobody",
    "who_may_add_to_groups": "mutual_follows",
    "widest_audience": "followed_by_me",
    "from_others": "reject",
    "device_trust": "require",
}
EXPECTED: dict[Any, Any] = {
    "any": (),
    "nobody": Audience.NOBODY,
    "mutual_follows": Audience.MUTUAL_FOLLOWS,
    "followed_by_me": Audience.FOLLOWED_BY_ME,
    "reject": OutsideAction.REJECT,
    "require": DeviceTrust.REQUIRE,
}
WITHOUT_SETTING = {
    "max_metadata_bytes",
    "max_client_message_id_length",
    "max_display_name_length",
    "max_filename_length",
    "max_api_keys",
    "max_uploads",
}


@pytest.fixture
def serving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Serving:
    """A server on a free port with these settings, and a client."""
    monkeypatch.chdir(tmp_path)

    @asynccontextmanager
    async def serve(**flags: object) -> AsyncIterator[Served]:
        settings = load_settings(port=0, data=tmp_path / "data", **flags)
        if not settings.database_path.exists():
            put_tables(settings.database_path)
        async with listening(settings) as running, aiohttp.ClientSession(running.url) as http:
            yield running, http

    return serve


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """A server with the default settings for all tests of a module that change nothing."""
    folder = tmp_path_factory.mktemp("served")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        settings = load_settings(port=0, data=folder / "data")
    put_tables(settings.database_path)
    async with listening(settings) as running, aiohttp.ClientSession(running.url) as http:
        yield running, http


async def code_of(response: aiohttp.ClientResponse) -> str:
    """The code of an error in the shape of GraphQL."""
    assert response.content_type == "application/json"
    [error] = (await response.json())["errors"]
    assert set(error) == {"message", "extensions"}
    return str(error["extensions"]["code"])


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/page.json", 200),
        ("/graphql", 400),
        ("/graphql?query={__typename}", 200),
        ("/schema.graphql", 200),
        ("/possible-types.json", 200),
        ("/docs/scalars", 200),
        ("/healthz", 200),
        ("/readyz", 200),
        ("/files/nothing", 404),
        ("/nothing", 404),
    ],
)
async def test_every_response_has_security_headers_and_no_version(served: Served, path: str, status: int) -> None:
    """nosniff, no-referrer and no `Server` header on every response."""
    _, http = served
    async with http.get(path, allow_redirects=False) as response:
        assert response.status == status
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert "Server" not in response.headers


async def test_the_first_page_leads_to_graphiql_or_says_where_the_api_is(serving: Serving) -> None:
    """GraphiQL is at /graphql unless it is disabled."""
    async with serving(chat_page=False) as (_, http):
        async with http.get("/", allow_redirects=False) as response:
            assert response.headers["Location"] == "/graphql"
        async with http.get("/graphql", headers={"Accept": "text/html"}) as response:
            assert response.status == 200
            assert response.content_type == "text/html"

    async with serving(chat_page=False, explorer=False) as (_, http):
        async with http.get("/") as response:
            assert await response.json() == {"name": "Sotto", "graphql": "/graphql"}
        async with http.get("/graphql", headers={"Accept": "text/html"}) as response:
            assert response.status == 404


READY = {"status": "ok", "reasons": [], "limited": []}


async def test_a_server_that_works_is_live_and_ready(serving: Serving) -> None:
    """`/healthz` and `/readyz` are for machines and never cached."""
    async with serving() as (_, http):
        for path, expected in (("/healthz", {"status": "ok"}), ("/readyz", READY)):
            async with http.get(path) as response:
                assert response.status == 200
                assert response.headers["Cache-Control"] == "no-store"
                assert await response.json() == expected


async def test_a_server_without_its_storage_is_live_and_not_ready(serving: Serving, tmp_path: Path) -> None:
    """503 with the reason: load balancers send requests elsewhere, and the process is not killed."""
    async with serving() as (_, http):
        shutil.rmtree(tmp_path / "data" / "files" / "staging")
        async with http.get("/readyz") as response:
            assert response.status == 503
            [reason] = (await response.json())["reasons"]
            assert reason.startswith("storage: ")
        async with http.get("/healthz") as response:
            assert response.status == 200


@pytest.mark.parametrize("fault", ["deleted", "replaced", "overwritten"])
async def test_a_server_without_its_database_is_live_and_not_ready(
    serving: Serving, tmp_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check opens the file instead of trusting the open connection, so no message is acknowledged and lost."""
    monkeypatch.setattr("server.readiness.PAUSE_SECONDS", 0.0)
    path = tmp_path / "data" / "sotto.db"
    async with serving() as (_, http):
        if fault == "overwritten":
            path.write_bytes(b"garbage!" * 512)
        else:
            shutil.copy(path, path.with_name("copy"))
            path.unlink()
        if fault == "replaced":
            path.with_name("copy").rename(path)
        answers = []
        for _ in range(2):
            async with http.get("/readyz") as response:
                answers.append((response.status, (await response.json())["reasons"]))
        query = 'mutation { signUp(input: { username: "alice", password: "correct horse" }) { __typename } }'
        async with http.post("/graphql", json={"query": query}) as response:
            refusal = (await response.json())["errors"][0]
        async with http.get("/healthz") as response:
            assert response.status == 200

    assert [status for status, _ in answers] == [503, 503]
    assert all(len(reasons) == 1 and reasons[0].startswith("database: ") for _, reasons in answers)
    assert refusal["extensions"]["code"] == "UNAVAILABLE"
    assert "cannot write to its database" in refusal["message"]


async def test_a_database_that_another_program_holds_is_not_ready(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check responds although the database hangs, and concurrent requests share the timeout."""
    monkeypatch.setattr("server.readiness.PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr("server.readiness.PAUSE_SECONDS", 0.0)
    async with serving() as (_, http):
        with closing(sqlite3.connect(tmp_path / "data" / "sotto.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            answers = []
            for _ in range(3):
                async with http.get("/readyz") as response:
                    answers.append((response.status, (await response.json())["reasons"]))
            other.execute("ROLLBACK")
        monkeypatch.setattr("server.readiness.PATIENCE_SECONDS", 5.0)
        async with http.get("/readyz") as response:
            after = response.status, await response.json()

    assert answers == [(503, ["database: no answer within 0 seconds"])] * 3
    assert after == (200, READY)


async def test_a_server_without_room_for_files_starts_and_is_limited(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk is a limitation, not a failure: sending texts, reading and deleting still work."""
    full = SimpleNamespace(f_blocks=1 << 20, f_frsize=4096, f_bavail=1)
    monkeypatch.setattr("os.fstatvfs", lambda _descriptor: full)
    async with serving() as (_, http), http.get("/readyz") as response:
        assert response.status == 200
        answer = await response.json()

    assert (answer["status"], answer["reasons"]) == ("limited", [])
    assert answer["limited"][0].endswith("Files are refused; sending texts, reading and deleting still work.")


async def test_readiness_is_checked_at_most_once_a_second(serving: Serving) -> None:
    """A public URL costs at most one write per second."""
    async with serving() as (running, http):
        for _ in range(20):
            async with http.get("/readyz") as response:
                assert response.status == 200
        written = await running.services.database.read(probe.find)

    assert written is not None
    assert 1 <= written <= 2


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize(
    "path",
    [
        "/healthz", "/readyz", "/schema.graphql", "/possible-types.json", "/docs/scalars", "/files/token",
        "/files/token/name.png",
    ],
)  # fmt: skip
async def test_another_method_is_405_with_the_allowed_ones(served: Served, method: str, path: str) -> None:
    """RFC 9110, section 15.5.6: a 405 names what is allowed."""
    _, http = served
    async with http.request(method, path) as response:
        assert response.status == 405
        assert response.headers["Allow"] == "GET,HEAD"
        assert await code_of(response) == "BAD_REQUEST"


async def test_a_request_that_is_too_large_is_refused_in_graphqls_shape(serving: Serving) -> None:
    """`max_json_bytes` limits the body with and without Content-Length."""

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 1000

    async with serving(max_json_bytes="10KiB") as (_, http):
        for body in (b" " * 20_000, endless()):
            headers = {"Content-Type": "application/json"}
            async with http.post("/graphql", data=body, headers=headers) as response:
                assert response.status == 413
                assert await code_of(response) == "PAYLOAD_TOO_LARGE"


async def test_an_unexpected_failure_is_masked(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is masked in the response and complete in the log."""

    async def explode(token: str) -> None:
        raise RuntimeError("the secret words")

    async with serving() as (running, http):
        monkeypatch.setattr(running.services.download, "open", explode)
        with capture_logs() as logs:
            async with http.get("/files/token") as response:
                text = await response.text()
                assert response.status == 500
                assert await code_of(response) == "INTERNAL"

    assert "secret" not in text
    assert "Traceback" not in text
    assert [each["event"] for each in logs if each["event"] != SWEEP] == ["unexpected_error", "request"]
    assert "secret" not in str(logs)


async def test_the_log_has_a_line_for_each_request_and_no_secret(serving: Serving) -> None:
    """Method, path, status and time; never the token of a file, a query, or anything else from the client."""
    async with serving() as (running, http):
        with capture_logs() as logs:
            for path in ("/files/secret", "/files/secret/name.png", "/healthz?secret=1", "/a%0Ab", "/"):
                async with http.get(running.url + path, allow_redirects=False) as response:
                    await response.read()

    logs = [each for each in logs if each["event"] != SWEEP]
    assert [(each["event"], each["method"], each["path"], each["status"]) for each in logs] == [
        ("request", "GET", "/files/{token}", 404),
        ("request", "GET", "/files/{token}/{filename}", 404),
        ("request", "GET", "/healthz", 200),
        ("request", "GET", None, 404),
        ("request", "GET", "/", 200),
    ]
    assert all(each["ms"] >= 0 for each in logs)


async def test_the_log_line_and_the_answer_name_the_same_request(serving: Serving) -> None:
    """The operator can find a request that a client reports."""
    async with serving() as (_, http):
        with capture_logs() as logs:
            async with http.get("/graphql?query={__typename}") as response:
                request_id = response.headers["X-Request-Id"]

    assert [each["request_id"] for each in logs if each["event"] == "request"] == [request_id]


async def preflight(http: aiohttp.ClientSession, origin: str) -> tuple[int, dict[str, str]]:
    """The preflight request for JSON with a token from another origin."""
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    async with http.options("/graphql", headers=asked) as response:
        found = {name: value for name, value in response.headers.items() if name.startswith("Access-Control")}
        return response.status, found


async def test_a_page_of_an_allowed_origin_can_call(serving: Serving) -> None:
    """`allowed_origins`: the preflight allows our headers, but not cookies."""
    async with serving(allowed_origins=FRIEND) as (_, http):
        status, headers = await preflight(http, FRIEND)
        async with http.get("/healthz", headers={"Origin": FRIEND}) as response:
            assert response.headers["Access-Control-Allow-Origin"] == FRIEND
            assert response.headers["Vary"] == "Origin"
            assert "Access-Control-Allow-Credentials" not in response.headers

    assert status == 204
    assert headers["Access-Control-Allow-Origin"] == FRIEND
    allowed = {each.strip() for each in headers["Access-Control-Allow-Headers"].split(",")}
    of_tus = {"Tus-Resumable", "Upload-Offset", "Upload-Checksum"}
    assert allowed == {"Authorization", "Content-Type", "Accept", "GraphQL-Cost", "GraphQL-Require-Preflight"} | of_tus
    assert "POST" in headers["Access-Control-Allow-Methods"]
    assert "Access-Control-Allow-Credentials" not in headers


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", f"{FRIEND}.evil.example", "http://chat.example.org", f"{FRIEND}:444", "*"],
)
async def test_a_page_of_any_other_origin_gets_no_permission(serving: Serving, origin: str) -> None:
    """The match is exact."""
    async with serving(allowed_origins=FRIEND) as (_, http):
        _, headers = await preflight(http, origin)
        async with http.get("/healthz", headers={"Origin": origin}) as response:
            assert not [name for name in response.headers if name.startswith("Access-Control")]
            assert response.headers["Vary"] == "Origin"

    assert headers == {}


def test_every_limit_comes_from_its_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits are settings; a field of Limits without a setting fails here."""
    monkeypatch.chdir(tmp_path)
    limits = set(Limits.__dataclass_fields__) - WITHOUT_SETTING

    assert WITHOUT_SETTING.isdisjoint(Settings.model_fields)
    for name in limits:
        setting = SETTING_OF.get(name, name)
        usual = getattr(load_settings(), setting)
        other: Any = CHANGED.get(setting, not usual if isinstance(usual, bool) else 77)
        default, changed = limits_of(load_settings()), limits_of(load_settings(**{setting: other}))
        assert getattr(default, name) != getattr(changed, name), name
        assert getattr(changed, name) == EXPECTED.get(other, other)
    assert {SETTING_OF.get(name, name) for name in limits} <= set(Settings.model_fields)


async def test_responses_of_the_api_cannot_run_or_frame_anything(serving: Serving) -> None:
    """Responses of the API are data: browsers execute nothing in them."""
    async with serving() as (_, http):
        for path in ("/graphql?query={__typename}", "/healthz", "/nothing", "/schema.graphql", "/possible-types.json"):
            async with http.get(path) as response:
                assert response.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
        async with http.get("/graphql", headers={"Accept": "text/html"}) as response:
            assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize(("url", "expected"), [("https://chat.example.org", "max-age=31536000"), ("", None)])
async def test_hsts_is_sent_with_an_https_url(serving: Serving, url: str, expected: str | None) -> None:
    """RFC 6797: the header is sent only with an https `public_url`."""
    async with serving(public_url=url) as (_, http), http.get("/healthz") as response:
        assert response.headers.get("Strict-Transport-Security") == expected
