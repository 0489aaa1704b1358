"""The examples work with a real server, and reconnect after a restart."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.examples.demo import NODE, PYTHON, ROOT, demo, require_installed, run, watched, write

EXAMPLES = ROOT / "examples"
MESSAGE = EXAMPLES / "python" / "message.py"
URQL = EXAMPLES / "urql-sse" / "index.js"


@pytest.fixture(autouse=True)
def _installed() -> None:
    require_installed()


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A new demo."""
    with demo(tmp_path / "data") as found:
        yield found


def port_of(url: str) -> int:
    """The port of a URL."""
    return int(url.rpartition(":")[2])


def test_curl_signs_in_sends_a_file_and_receives_it(url: str, tmp_path: Path) -> None:
    """Prints two lines of JSON: the response to the send, and what the recipient receives."""
    (tmp_path / "notes.txt").write_text("Meet me at the harbour.\n")
    sent, heard = map(json.loads, run(EXAMPLES / "curl/message.sh", tmp_path / "notes.txt", SOTTO=url).splitlines())

    file = {"filename": "notes.txt", "mimeType": "text/plain", "byteSize": 24}
    assert sent["data"]["sendPrivateMessage"]["message"]["attachments"] == [file]
    message = heard["data"]["privateMessageReceived"]["message"]
    assert (message["sender"]["username"], message["text"]) == ("alice", "A file for you")
    assert [each["filename"] for each in message["attachments"]] == ["notes.txt"]


def test_curl_says_what_is_wrong_without_a_server(tmp_path: Path) -> None:
    """It stops with an error."""
    with pytest.raises(AssertionError, match=r"Check that \./sotto demo is running"):
        run(EXAMPLES / "curl/message.sh", SOTTO="http://127.0.0.1:9")


def test_python_sends_a_file(url: str, tmp_path: Path) -> None:
    """As in its README; an error is printed with its reason."""
    (tmp_path / "notes.txt").write_text("Meet me at the harbour.\n")
    command = (PYTHON, MESSAGE, "--url", url, "send", "alice")

    sent = json.loads(run(*command, "bob", "Look at this", tmp_path / "notes.txt"))
    refused = json.loads(run(*command, "nobody-at-all", "Hello?"))

    assert sent["message"]["attachments"] == [{"filename": "notes.txt", "byteSize": 24}]
    assert [each["reason"] for each in refused["recipientRejections"]] == ["NOT_FOUND"]


def test_python_receives_each_message_once_across_restarts(tmp_path: Path) -> None:
    """The server restarts, then the program; messages sent meanwhile arrive afterwards."""
    with demo(tmp_path / "data") as url:
        command = (PYTHON, MESSAGE, "--url", url, "listen", "bob")
        with watched(command, cwd=tmp_path) as program:
            program.wait_for("listening as bob")
            write(url, "bob", "one")
            program.wait_for("carol: one")
    # the program of the block above has ended with it
    with demo(tmp_path / "data", port_of(url)) as again:
        assert again == url
        write(url, "bob", "two")
        with watched(command, cwd=tmp_path) as program:
            program.wait_for("carol: two")
            write(url, "bob", "three")
            program.wait_for("carol: three")

    assert [line for line in program.lines if line.startswith("carol")] == ["carol: two", "carol: three"]


@pytest.mark.parametrize(
    ("command", "hello", "heard"),
    [
        ((PYTHON, MESSAGE, "--url", "URL", "listen", "bob"), "listening as bob", "carol: {}"),
        ((NODE, URQL, "URL", "bob"), "listening as bob", "bob received from carol: {}"),
    ],
    ids=["python", "urql"],
)
def test_listeners_reconnect_after_a_restart(
    tmp_path: Path, command: tuple[str | Path, ...], hello: str, heard: str
) -> None:
    """Automatically, after its cursor: nothing is lost or repeated."""
    with demo(tmp_path / "data") as url:
        listening = watched([url if each == "URL" else each for each in command], cwd=tmp_path)
        program = listening.__enter__()
        program.wait_for(hello)
        write(url, "bob", "before")
        program.wait_for(heard.format("before"))
    try:
        with demo(tmp_path / "data", port_of(url)):
            write(url, "bob", "while it was away")
            write(url, "bob", "after")
            program.wait_for(heard.format("after"))
    finally:
        listening.__exit__(None, None, None)

    told = [line for line in program.lines if "carol" in line]
    assert told == [heard.format(each) for each in ("before", "while it was away", "after")]


REFUSED = [
    ((PYTHON, MESSAGE, "--url", "URL", "listen", "bob"), "carol: {}"),
    ((NODE, URQL, "URL", "bob"), "bob received from carol: {}"),
]


@pytest.mark.parametrize(("command", "heard"), REFUSED, ids=["python", "urql"])
def test_listeners_retry_temporary_errors(tmp_path: Path, command: tuple[str | Path, ...], heard: str) -> None:
    """With a limit of one stream, the second waits until the first has ended, and misses nothing."""
    for each in ("first", "second"):
        (tmp_path / each).mkdir()
    with demo(tmp_path / "data", SOTTO_MAX_SUBSCRIPTIONS="1") as url, ExitStack() as stack:
        program = [url if each == "URL" else each for each in command]
        with watched(program, cwd=tmp_path / "first") as first:
            first.wait_for("listening as bob")
            write(url, "bob", "to the first")
            first.wait_for(heard.format("to the first"))
            second = stack.enter_context(watched(program, cwd=tmp_path / "second"))
            second.wait_for("retrying")
            write(url, "bob", "meanwhile")
        second.wait_for(heard.format("meanwhile"))

    assert [line for line in second.lines if "carol" in line] == [heard.format("meanwhile")]


def test_urql_sends_is_refused_and_receives(url: str) -> None:
    """Over server-sent events."""
    assert sorted(run(NODE, URQL, url).splitlines()) == [
        "bob received from alice: See the notes [notes.txt]",
        "refused: Nobody has the username 'nobody-at-all'.",
        "sent: SendPrivateMessageSuccess",
    ]
