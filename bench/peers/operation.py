"""The operations over HTTP, and the requests of each."""

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.peers import document
from bench.peers.answer import ask
from bench.peers.load import KEY, Request
from bench.peers.server import Server

PAGE_SIZE, INBOX_SIZE = 50, 30
SEARCHES = ("hello", "had", "th", "how are", "be", "not this")


@dataclass(frozen=True)
class Operation:
    """One operation: its row in the table, how many connections send it, and the servers that lack it, by name."""

    name: str
    title: str
    connections: int
    requests: Callable[[Server], list[Request]]
    missing: frozenset[str] = frozenset()
    stores: bool = False
    section: str = "Requests"


def post(token: str, query: str, marker: str, operation: str | None = None, **variables: Any) -> Request:
    """The request of a document."""
    asked = {"query": query, "operationName": operation, "variables": variables}
    return Request.post(json.dumps(asked), token, marker)


def send(server: Server) -> list[Request]:
    """From every sender to their recipient."""
    text, marker = "Hello, how are you?", '"SendPrivateMessageSuccess"'
    return [
        post(
            pair["token"], document.SEND, marker, "Send",
            input={"to": {"users": [{"username": pair["to"]}]}, "text": text, "clientMessageId": KEY},
        )
        for pair in server.people["pairs"]
    ]  # fmt: skip


def page(server: Server) -> list[Request]:
    """The newest messages of each of the viewer's direct conversations."""
    token = server.people["viewer"]["token"]
    return [
        post(token, document.PAGE, f'"{each["last"]}"', "Page", id=server.conversation_id(each), last=PAGE_SIZE)
        for each in server.people["inbox"]
    ]


def inbox(server: Server) -> list[Request]:
    """The viewer's conversations; each answer has the last message of the first answer."""
    token = server.people["viewer"]["token"]
    first = ask(server.port, post(token, document.INBOX, "data", "Inbox", first=INBOX_SIZE))
    text = first["data"]["conversations"]["nodes"][-1]["lastMessage"]["text"]
    return [post(token, document.INBOX, f'"{text}"', "Inbox", first=INBOX_SIZE)]


def search(server: Server) -> list[Request]:
    """Frequent and rare words and beginnings of words in the viewer's messages."""
    token, found = server.people["viewer"]["token"], []
    for words in SEARCHES:
        request = post(token, document.SEARCH, '"nodes"', "Search", words=words)
        for first in ask(server.port, request)["data"]["searchMessages"]["nodes"][:1]:
            request = dataclasses.replace(request, marker=f'"{first["text"]}"'.encode())
        found.append(request)
    return found


def unseen(server: Server) -> list[Request]:
    """A page of one message, by a document that no request had before."""
    token = server.people["viewer"]["token"]
    query = document.PAGE.replace("query Page", f"query Page{KEY}")
    return [
        post(token, query, f'"{each["last"]}"', id=server.conversation_id(each), last=1)
        for each in server.people["inbox"]
    ]


def typename(server: Server) -> list[Request]:
    """The least that an authenticated request can ask."""
    return [post(server.people["viewer"]["token"], document.TYPENAME, '"Query"')]


def health(_server: Server) -> list[Request]:
    """No GraphQL, no authentication."""
    return [Request.get("/healthz", '"ok"')]


WITHOUT_GRAPHQL = frozenset({"by-hand"})
ONLY_BY_HAND = frozenset({"mercurius", "mercurius-group", "stock", "stock-cached"})
OPERATIONS = (
    *(Operation(f"send-{count}", f"send, {count} at a time", count, send, stores=True) for count in (1, 16, 64)),
    Operation("page", f"page of {PAGE_SIZE}", 16, page),
    Operation("inbox", f"inbox of {INBOX_SIZE}", 16, inbox),
    Operation("unseen", "document never seen", 16, unseen, WITHOUT_GRAPHQL),
    Operation("typename", "`{ __typename }`, authenticated", 16, typename),
    Operation("healthz", "`/healthz`", 16, health),
)


def search_among(name: str, messages: int) -> Operation:
    """Searches on a server with so many messages, of which the viewer's are always the same."""
    return Operation(name, f"among {messages:,} messages", 1, search, ONLY_BY_HAND, section="Searches")
