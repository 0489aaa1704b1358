"""A demo server for programs in other languages, and helpers to run them."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PYTHON = HERE / ".venv" / "bin" / "python"
NODE = shutil.which("node") or "node"
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
CHROMIUM = shutil.which("chromium")
SIGN_IN = "mutation ($input: SignInInput!) { signIn(input: $input) { ... on SignInSuccess { token } } }"
SEND = "mutation ($input: SendPrivateMessageInput!) { sendPrivateMessage(input: $input) { __typename } }"


def require_installed() -> None:
    """Skips unless tests/examples/run has installed everything; with REQUIRE_EXAMPLES, as in CI, fails instead."""
    modules = [HERE, ROOT / "examples/urql-sse", ROOT / "examples/react-apollo"]
    places = [PYTHON, *(folder / "node_modules" for folder in modules)]
    missing = [str(each.relative_to(ROOT)) for each in places if not each.exists()]
    missing += [name for name, found in (("nginx", NGINX), ("chromium", CHROMIUM)) if found is None]
    if missing and os.environ.get("REQUIRE_EXAMPLES"):
        pytest.fail(f"tests/examples/run installs what is missing: {', '.join(missing)}.")
    if missing:
        pytest.skip("The examples are not installed: run tests/examples/run (it needs Node 20 or newer).")


@contextmanager
def demo(folder: Path, port: int = 0, **settings: str) -> Iterator[str]:
    """The URL of a demo."""
    command = [sys.executable, "-m", "server", "demo", "--port", str(port), "--data", str(folder)]
    environment = {**os.environ, "SOTTO_SIGN_IN_RATE_PER_MINUTE": "0", **settings}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        said = ""
        while not (found := re.search(r"(http://127\.0\.0\.1:\d+)/graphql", said)):
            line = process.stdout.readline()
            assert line, said
            said += line
        drain = threading.Thread(target=process.stdout.read)
        drain.start()
        try:
            yield found[1]
        finally:
            process.terminate()
            assert process.wait(15) == 0
            drain.join()


def ask(url: str, query: str, variables: Mapping[str, object], token: str = "") -> dict[str, Any]:
    """The data of a response."""
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    body = json.dumps({"query": query, "variables": variables}).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{url}/graphql", body, headers), timeout=20) as response:
        data: dict[str, Any] = json.load(response)["data"]
    return data


def token_of(url: str, name: str) -> str:
    """The token of a new session."""
    token: str = ask(url, SIGN_IN, {"input": {"username": name, "password": "demo"}})["signIn"]["token"]
    return token


def write(url: str, to: str, text: str) -> None:
    """Carol sends a message."""
    draft = {"to": {"users": [{"username": to}]}, "text": text}
    answer = ask(url, SEND, {"input": draft}, token_of(url, "carol"))
    assert answer["sendPrivateMessage"]["__typename"] == "SendPrivateMessageSuccess", answer


def run(*command: str | Path, cwd: Path = ROOT, **environment: str) -> str:
    """Runs a program; returns its output, and fails with its output on errors."""
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Watched:
    """A running program, whose output can be awaited."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        self.lines.extend(line.rstrip("\n") for line in iter(self._process.stdout.readline, ""))

    def wait_for(self, words: str, seconds: float = 45) -> None:
        """Waits for a line with this text; fails with the output."""
        until = time.monotonic() + seconds
        while not any(words in line for line in list(self.lines)):
            assert time.monotonic() < until, f"{words!r} did not come: {self.lines}"
            time.sleep(0.1)

    def stop(self) -> None:
        """Stops it."""
        self._process.terminate()
        self._process.wait(15)
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextmanager
def watched(command: Sequence[str | Path], cwd: Path = ROOT, **environment: str) -> Iterator[Watched]:
    """Runs a program inside the block."""
    process = subprocess.Popen(
        list(map(str, command)),
        cwd=cwd,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        bufsize=1,
    )
    program = Watched(process)
    try:
        yield program
    finally:
        program.stop()
