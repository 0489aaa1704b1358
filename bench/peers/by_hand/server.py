"""What Python allows: a server of aiohttp, orjson and SQL by hand.

Run: .venv/bin/python -m bench.peers.by_hand.server DATABASE [--search]. Takes the requests of bench/peers/document.py
by the names of their operations and returns the same JSON, without GraphQL. SQLite runs on the event loop; sends that
arrive together share one COMMIT. A checked token is remembered for 30 seconds, as in Sotto. With --search it first
fills FTS5's index.

With --disk COUNT SECONDS instead: sends without a server, COUNT of them in each COMMIT; prints how many a second.
"""

import argparse
import asyncio
import hashlib
import itertools
import json
import time
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from bench.peers.by_hand.store import Rejected, Store

FRESH_SECONDS = 30

Send = tuple[int, str, str, str | None]  # the arguments of `Store.send`


class Server:
    """The routes, authentication, and the queue of sends that wait for the next COMMIT."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[bytes, tuple[int, float]] = {}  # the user's id, and until when it is trusted
        self._queue: list[tuple[Send, asyncio.Future[dict[str, Any]]]] = []

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/graphql", self.answer)
        app.router.add_get("/healthz", self.live)
        return app

    async def live(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def answer(self, request: web.Request) -> web.Response:
        viewer = self._authenticate(request.headers.get("Authorization", ""))
        if viewer is None:
            return web.json_response({"errors": [{"message": "Sign in."}]}, status=401)
        asked = orjson.loads(await request.read())
        data = await self._run(viewer, asked.get("operationName"), asked.get("variables") or {})
        body = orjson.dumps({"data": data}, option=orjson.OPT_UTC_Z)
        return web.Response(body=body, content_type="application/json")

    def _authenticate(self, header: str) -> int | None:
        token_hash = hashlib.sha256(header.removeprefix("Bearer ").encode()).digest()
        known, now = self._known.get(token_hash), time.time()
        if known is not None and known[1] > now:
            return known[0]
        found = self._store.find_session(token_hash)
        if found is None or found[1] / 1000 < now:
            return None
        self._known[token_hash] = (found[0], now + FRESH_SECONDS)
        return found[0]

    async def _run(self, viewer: int, operation: str | None, variables: dict[str, Any]) -> dict[str, Any]:
        match operation:
            case "Send":
                given = variables["input"]
                message = await self._send(
                    (viewer, given["to"]["users"][0]["username"], given["text"], given.get("clientMessageId"))
                )
                return {"sendPrivateMessage": {"__typename": "SendPrivateMessageSuccess", "message": message}}
            case "Page":
                return {"conversation": self._store.page(viewer, variables["id"], variables["last"])}
            case "Inbox":
                return {"conversations": self._store.inbox(viewer, variables["first"])}
            case "Search":
                return {"searchMessages": self._store.search(viewer, variables["words"])}
        return {"__typename": "Query"}

    async def _send(self, send: Send) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        if not self._queue:
            loop.call_soon(self._flush)
        sent: asyncio.Future[dict[str, Any]] = loop.create_future()
        self._queue.append((send, sent))
        return await sent

    def _flush(self) -> None:
        """Stores what has arrived, in one transaction; a send that is rejected is undone alone."""
        batch, self._queue = self._queue, []
        results: list[dict[str, Any] | Rejected] = []
        self._store.run("BEGIN IMMEDIATE")
        for send, _ in batch:
            self._store.run("SAVEPOINT send")
            try:
                results.append(self._store.send(*send))
            except Rejected as error:
                self._store.run("ROLLBACK TO send")
                results.append(error)
            self._store.run("RELEASE send")
        self._store.run("COMMIT")
        for (_, sent), result in zip(batch, results, strict=True):
            if isinstance(result, Rejected):
                sent.set_exception(result)
            else:
                sent.set_result(result)


def measure_disk(store: Store, people: Path, count: int, seconds: float) -> float:
    """Messages a second, without a server."""
    pairs = itertools.cycle(json.loads(people.read_text())["pairs"])
    sent, began = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - began) < seconds:
        store.run("BEGIN IMMEDIATE")
        for _ in range(count):
            pair = next(pairs)
            store.send(pair["sender"], pair["to"], "Hello, how are you?", f"{began}-{sent}")
            sent += 1
        store.run("COMMIT")
    return sent / elapsed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("database", type=Path)
    parser.add_argument("--search", action="store_true")
    parser.add_argument("--disk", type=float, nargs=2, metavar=("COUNT", "SECONDS"))
    options = parser.parse_args()
    store = Store(options.database)
    if options.disk:
        count, seconds = options.disk
        print(measure_disk(store, options.database.with_name("people.json"), int(count), seconds))
        return
    if options.search:
        store.fill_index()
    app = Server(store).app()
    web.run_app(app, host="127.0.0.1", port=0, access_log=None, print=lambda text: print(text, flush=True))


if __name__ == "__main__":
    main()
