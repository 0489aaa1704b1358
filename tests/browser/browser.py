"""Chromium (with Playwright) and `./sotto demo` on a free port, for the tests of the pages."""

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from server.page import EXPLORER

ROOT = Path(__file__).parents[2]
CHROMIUM = Path("/usr/bin/chromium")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
QUIET += ["--disable-component-update", "--disable-sync"]
SIGN_IN = "mutation ($input: SignInInput!) { signIn(input: $input) { ... on SignInSuccess { token } } }"
SEND = """mutation ($input: SendPrivateMessageInput!) { sendPrivateMessage(input: $input) { __typename } }"""


def check_installed() -> None:
    """Skips if a requirement is missing; with REQUIRE_BROWSER, as in CI, fails instead."""
    wanted = {
        "Playwright": find_spec("playwright") is not None,
        str(CHROMIUM): CHROMIUM.exists(),
        "the built explorer": (EXPLORER / "index.html").exists(),
    }
    missing = [name for name, is_there in wanted.items() if not is_there]
    if missing and os.environ.get("REQUIRE_BROWSER"):
        pytest.fail(f"{', '.join(missing)} is not there: tests/browser/run installs it.")
    if missing:
        pytest.skip(f"{', '.join(missing)} is not there: run tests/browser/run (it needs Node 20.19 or newer).")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """One browser per module, because Playwright needs its own event loop; each test opens a new context."""
    check_installed()
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only where it is installed

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=QUIET)
        yield browser
        browser.close()


class Demo:
    """A running demo, and API calls as its users."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, query: str, variables: object = None, token: str | None = None) -> dict[str, Any]:
        """The data of a response without errors."""
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
        body = json.dumps({"query": query, "variables": variables}).encode()
        with urllib.request.urlopen(urllib.request.Request(f"{self.url}/graphql", body, headers)) as response:
            answer = json.load(response)
        assert "errors" not in answer, answer
        return dict(answer["data"])

    def token_of(self, username: str) -> str:
        """The token of a new session."""
        data = self.ask(SIGN_IN, {"input": {"username": username, "password": "demo"}})
        return str(data["signIn"]["token"])

    def send(self, token: str, to: str, text: str) -> None:
        """Sends a message successfully."""
        data = self.ask(SEND, {"input": {"to": {"users": [{"username": to}]}, "text": text}}, token)
        assert data == {"sendPrivateMessage": {"__typename": "SendPrivateMessageSuccess"}}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """`./sotto demo` with new data and without a sign-in rate limit."""
    check_installed()
    command = [sys.executable, "-m", "server", "demo", "--port", "0", "--data", str(tmp_path_factory.mktemp("demo"))]
    environment = {**os.environ, "SOTTO_SIGN_IN_RATE_PER_MINUTE": "0"}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        said = ""
        while not (found := re.search(r"(http://127\.0\.0\.1:\d+)/readyz.*./sotto serve", said, re.DOTALL)):
            line = process.stdout.readline()
            assert line, said
            said += line
        yield Demo(found[1])
        process.terminate()
        assert process.wait(15) == 0


class Witness:
    """Records console messages, errors and requests to other hosts."""

    def __init__(self, page: Any, url: str) -> None:
        self.complaints: list[str] = []
        self.requests: list[str] = []
        own = (url, url.replace("http", "ws", 1), "data:", "blob:")
        page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.see(request.url, own))
        page.on("websocket", lambda socket: self.see(socket.url, own))

    def see(self, address: str, own: tuple[str, ...]) -> None:
        self.requests.append(address)
        if not address.startswith(own):
            self.complaints.append(f"left the server: {address}")
