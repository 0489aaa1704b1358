"""Real clients against a real server: the audits of GraphQL over HTTP, and the story of story.js told by each."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
NODE = shutil.which("node")
PYTHON = HERE / ".venv" / "bin" / "python"
AUDITS = 61


def version_of_node() -> int:
    """20 or more is needed; 0 where there is none."""
    if NODE is None:
        return 0
    said = subprocess.run([NODE, "--version"], capture_output=True, text=True, check=False).stdout
    return int(re.sub(r"\D.*", "", said.strip().removeprefix("v")) or 0)


@pytest.fixture(scope="module", autouse=True)
def _installed() -> None:
    """What the tests need, before a server is started for them; CI sets REQUIRE_CLIENTS, so that it skips nothing."""
    missing = version_of_node() < 20 or not (HERE / "node_modules").exists() or not PYTHON.exists()
    if missing and os.environ.get("REQUIRE_CLIENTS"):
        pytest.fail("Node 20 or newer is needed, and tests/clients/run to install the clients.")
    if missing:
        pytest.skip("The real clients are not installed: run tests/clients/run (it needs Node 20 or newer).")


@contextmanager
def serving(folder: Path, port: int = 0, **variables: str) -> Iterator[str]:
    """The API of a server that counts neither sign-ups nor costs, with these variables in its environment."""
    command = [sys.executable, "-m", "server", "serve", "--port", str(port), "--data", str(folder)]
    unlimited = {"SOTTO_SIGN_UP_RATE_PER_MINUTE": "0", "SOTTO_COST_RATE_PER_MINUTE": "0"}
    environment = {**os.environ, **unlimited, **variables}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield lines_of(process, r"http://127\.0\.0\.1:\d+/graphql")
            process.terminate()
            assert process.wait(15) == 0
        finally:
            process.kill()  # what has ended already is not asked again


def lines_of(process: subprocess.Popen[str], wanted: str, seconds: float = 30) -> str:
    """Reads what a program prints until a line holds what is wanted, and returns that; it is ended when time is up."""
    assert process.stdout is not None
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    said = ""
    try:
        while not (found := re.search(wanted, said)):
            line = process.stdout.readline()
            assert line, said
            said += line
    finally:
        timer.cancel()
    return found[0]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The API of a running server."""
    with serving(tmp_path_factory.mktemp("clients")) as found:
        yield found


def run(*command: str, seconds: float = 60) -> str:
    """What the program printed; fails with all that it said."""
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def node(*arguments: str, seconds: float = 60) -> str:
    """The output of one of the programs beside this file."""
    assert NODE is not None
    return run(NODE, *arguments, seconds=seconds)


def test_all_audits_of_graphql_over_http_are_ok(url: str) -> None:
    """GraphQL over HTTP: the npm package graphql-http, its SHOULD and MAY among them."""
    results = json.loads(node("audits.js", url))

    assert [each for each in results if each["status"] != "ok"] == []
    assert len(results) == AUDITS


@pytest.mark.parametrize("client", ["apollo", "fetch", "relay", "request", "socket", "sse", "urql"])
def test_a_client_queries_sends_files_is_refused_and_hears(url: str, client: str) -> None:
    """Names, types and hashes of the files arrive; the refusal is typed; what is sent meanwhile is heard."""
    assert node(f"{client}.js", url) == "told\n"


@pytest.mark.parametrize("client", ["apollo", "relay", "urql"])
def test_a_cache_shows_what_a_new_client_loads(url: str, client: str) -> None:
    """Issue 15: by results alone, by events alone and by both, on two devices and without asking again."""
    assert node(f"cache/{client}.js", url, seconds=180) == "told\n"


def test_a_conversation_at_the_end_of_a_page_stays_in_the_cache() -> None:
    """No later page has it; one that moved to a later page is taken out."""
    assert node("cache/last.js") == "told\n"


def test_urql_subscribes_over_server_sent_events_as_well(url: str) -> None:
    """It lists text/event-stream on plain queries too, and reads JSON there."""
    assert node("urql.js", url, "sse") == "told\n"


def test_links_send_a_document_once_and_then_its_hash(url: str) -> None:
    """Apollo's and urql's, by POST and by GET, for queries, mutations and subscriptions."""
    assert node("persisted.js", url) == "told\n"


def test_links_send_documents_where_hashes_are_off(tmp_path: Path) -> None:
    """`SOTTO_PERSISTED_QUERIES=false`: the hash once, then documents alone."""
    with serving(tmp_path, SOTTO_PERSISTED_QUERIES="false") as url:
        assert node("persisted.js", url, "off") == "told\n"


@pytest.mark.parametrize("client", ["apollo", "codegen", "relay"])
def test_a_client_names_trusted_documents_by_their_ids(tmp_path: Path, client: str) -> None:
    """With a manifest as its tool writes it: queries, mutations and subscriptions; other documents are refused."""
    manifest = tmp_path / "manifest.json"
    assert node("trusted/manifest.js", client, str(manifest)) == "written\n"
    with serving(tmp_path / "data", SOTTO_TRUSTED_DOCUMENTS=str(manifest)) as url:
        assert node(f"trusted/{client}.js", url, str(manifest)) == "told\n"


def test_the_python_client_tells_the_same_story(url: str) -> None:
    """PyPI's `gql`, with files in one piece and streamed."""
    assert run(str(PYTHON), "-I", "python_client.py", url) == "told\n"


def test_tus_goes_on_through_ten_cuts_and_a_restart(tmp_path: Path) -> None:
    """tus-js-client: 20 MB over a line that breaks at random places, to a server that is stopped in the middle."""
    assert NODE is not None
    with ExitStack() as stack:
        with serving(tmp_path) as url:
            port = int(url.split(":")[2].split("/")[0])
            command = [NODE, "tus.js", url, str(20_000_000)]
            pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
            program = stack.enter_context(subprocess.Popen(command, cwd=HERE, text=True, **pipes))
            stack.callback(program.kill)
            assert lines_of(program, r".*\n", 60) == "half\n"
        with serving(tmp_path, port):
            said, complaints = program.communicate("go on\n", timeout=60)

    assert (program.returncode, said[:10]) == (0, "told after"), said + complaints
