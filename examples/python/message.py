"""Send a message with files, or listen for messages without losing or repeating any; see README.md."""

import argparse
import json
import random
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import httpx

SIGN_IN = """
mutation ($input: SignInInput!) {
  signIn(input: $input) { ... on SignInSuccess { token viewer { eventCursor } } ... on UserError { detail code } }
}
"""
SEND = """
mutation ($input: SendPrivateMessageInput!) {
  sendPrivateMessage(input: $input) {
    ... on SendPrivateMessageSuccess { wasDuplicate message { id attachments { filename byteSize } } }
    ... on RecipientsRejectedError { recipientRejections { index reason detail } }
    ... on AttachmentsRejectedError { attachmentRejections { filename reason detail isRetryable } }
    ... on RateLimitedError { retryAfterSeconds }
    ... on UserError { detail code isRetryable }
  }
}
"""
RECEIVED = """
subscription ($after: EventCursor) {
  privateMessageReceived(after: $after) {
    cursor
    message { id text sender { username } conversation { id } attachments { filename url } }
  }
}
"""
DELIVERED = """
mutation ($input: AcknowledgeDeliveryInput!) {
  acknowledgeDelivery(input: $input) { ... on UserError { detail code } }
}
"""

RETRYABLE = {"UNAVAILABLE", "RATE_LIMITED", "TIMEOUT", "INTERNAL"}  # a retry can succeed, see errors.md


class Ended(Exception):
    """The server refused the request, and a retry would not help."""


class Interrupted(Exception):
    """The server refused the request temporarily."""


def refusal_of(answer: dict[str, Any]) -> Exception:
    """Interrupted or Ended, depending on the code of the first error."""
    error = answer["errors"][0]
    kind = Interrupted if error.get("extensions", {}).get("code") in RETRYABLE else Ended
    return kind(error["message"])


def ask(http: httpx.Client, query: str, variables: dict[str, Any]) -> dict[str, Any]:
    """The data of the response; raises Ended for top-level errors."""
    answer = http.post("/graphql", json={"query": query, "variables": variables}).json()
    if "errors" in answer:
        raise Ended(answer["errors"][0]["message"])
    return answer["data"]


def sign_in(http: httpx.Client, name: str, password: str) -> str:
    """Signs the client in; returns the cursor of the current end of the event stream."""
    signed = ask(http, SIGN_IN, {"input": {"username": name, "password": password}})["signIn"]
    if "token" not in signed:
        raise Ended(signed["detail"])
    http.headers["Authorization"] = f"Bearer {signed['token']}"
    return signed["viewer"]["eventCursor"]


def send(http: httpx.Client, to: str, text: str, paths: list[Path]) -> dict[str, Any]:
    """Sends a message exactly once: retries use the same `clientMessageId`."""
    draft = {
        "to": {"users": [{"username": to}]},
        "text": text,
        "attachments": [{"file": None} for _ in paths],
        "clientMessageId": str(uuid.uuid4()),
    }
    form = {
        "operations": json.dumps({"query": SEND, "variables": {"input": draft}}),
        "map": json.dumps({str(n): [f"variables.input.attachments.{n}.file"] for n in range(len(paths))}),
    }
    for pause in (1, 2, 4, None):
        with ExitStack() as stack:
            files = {str(n): (path.name, stack.enter_context(path.open("rb"))) for n, path in enumerate(paths)}
            try:
                if files:
                    response = http.post("/graphql", data=form, files=files)
                else:
                    response = http.post("/graphql", json=json.loads(form["operations"]))
            except httpx.TransportError:
                response = None
        if response is not None and response.status_code < 500:
            answer = response.json()
            if "errors" in answer:
                raise Ended(answer["errors"][0]["message"])
            return answer["data"]["sendPrivateMessage"]
        if pause is None:
            raise Ended("the server does not respond")
        time.sleep(pause)
    raise AssertionError


def deliveries(http: httpx.Client, after: str) -> Iterator[dict[str, Any]]:
    """Deliveries after the cursor, from one event stream, until the connection is lost.

    Raises Ended if reconnecting cannot help, Interrupted for temporary errors.
    """
    body = {"query": RECEIVED, "variables": {"after": after}}
    timeout = httpx.Timeout(10, read=60)  # the server sends a heartbeat every 20 seconds
    headers = {"Accept": "text/event-stream"}
    with http.stream("POST", "/graphql", json=body, headers=headers, timeout=timeout) as response:
        if "json" in response.headers.get("Content-Type", ""):  # not a stream
            answer = json.loads(response.read())
            if "errors" in answer:  # the response of a proxy has none
                raise refusal_of(answer)
        response.raise_for_status()
        for line in response.iter_lines():
            if line.startswith("data: {"):
                answer = json.loads(line.removeprefix("data: "))
                if "errors" in answer:
                    raise refusal_of(answer)
                yield answer["data"]["privateMessageReceived"]
            elif line == "event: complete":
                raise Ended("the session has ended")


def acknowledge(http: httpx.Client, message: dict[str, Any]) -> None:
    """Lets the sender see that the message has arrived; if it fails, the next one says it of this one too."""
    draft = {"conversationId": message["conversation"]["id"], "upToMessageId": message["id"]}
    with suppress(Ended, httpx.HTTPError):
        ask(http, DELIVERED, {"input": draft})


def listen(http: httpx.Client, name: str, after: str, file: Path) -> None:
    """Prints each message once; reconnects with exponential backoff. `file` stores the cursor."""
    after = file.read_text() if file.exists() else after
    pause = 1.0
    while True:
        try:
            for delivery in deliveries(http, after):
                message = delivery["message"]
                names = "".join(f" [{each['filename']}]" for each in message["attachments"])
                sender = (message["sender"] or {"username": "nobody"})["username"]  # null for deleted accounts
                print(f"{sender}: {message['text'] or ''}{names}", flush=True)
                after, pause = delivery["cursor"], 1.0
                file.write_text(after)  # after printing: a crash in between prints the message again
                if sender != name:
                    acknowledge(http, message)
        except (Interrupted, httpx.HTTPError) as error:
            print(f"({type(error).__name__}: retrying in {pause:.0f} s)", file=sys.stderr, flush=True)
        time.sleep(pause * random.uniform(0.5, 1))
        pause = min(30.0, pause * 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--password", default="demo")
    verbs = parser.add_subparsers(dest="verb", required=True)
    sending = verbs.add_parser("send")
    for name in ("name", "to", "text"):
        sending.add_argument(name)
    sending.add_argument("files", nargs="*", type=Path)
    listening = verbs.add_parser("listen")
    listening.add_argument("name")
    given = parser.parse_args()
    with httpx.Client(base_url=given.url) as http:
        try:
            cursor = sign_in(http, given.name, given.password)
            if given.verb == "send":
                print(json.dumps(send(http, given.to, given.text, given.files)))
            else:
                print(f"listening as {given.name}", flush=True)
                listen(http, given.name, cursor, Path(f"{given.name}.cursor"))
        except (Ended, httpx.HTTPError) as error:
            sys.exit(f"message.py: {error}")


if __name__ == "__main__":
    main()
