"""Attacks on the GraphQL layer: how long each takes, and how it affects the latency of other clients.

Run: .venv/bin/python -m bench.attack [--rounds 10] [--only WORD]. Prints a Markdown table. The attacker is signed in, and
every round sends a different document, to bypass caches. A second client, in another process, sends `{ __typename }`
every 5 ms; the same is measured without an attack for comparison. "CPU" is the CPU time of the server's event loop
thread during the attack and these requests, so it excludes other load on the machine.

tests/gql/wire/test_attack.py uses `ATTACKS` too; it asserts the responses, never the times.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp

TOO_COMPLEX = "QUERY_TOO_COMPLEX"
BAD_REQUEST = "BAD_REQUEST"
INVALID = "GRAPHQL_VALIDATION_FAILED"
PARSE = "GRAPHQL_PARSE_FAILED"
TOO_LARGE = "PAYLOAD_TOO_LARGE"

NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
NODE = "query ($id: ID!) { node(id: $id) { id } }"
INPUT = "query ($u: [UserReference!]!) { conversationWith(users: $u) { id } }"


def fragments(levels: int) -> str:
    """A chain of fragments that each spread the next one twice: 2^levels fields."""
    chain = " ".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(levels))
    return f"{{ ...F0 }} {chain} fragment F{levels} on Query {{ __typename }}"


def nested(levels: int, name: str = "viewer") -> str:
    """Nested fields."""
    return f"{{ {name} " * levels + "{ id }" + " }" * levels


def introspection(levels: int) -> str:
    """Nested introspection."""
    return "{ __schema { types { " + "ofType { " * levels + "name" + " }" * levels + " } } }"


def body(query: str, variables: Any = None) -> bytes:
    """The JSON body of a request."""
    return json.dumps({"query": query, **({} if variables is None else {"variables": variables})}).encode()


def pages(head: str, tail: str, copies: int = 1) -> str:
    """Nested pages of messages."""
    page = "messages(first: 200) { nodes { conversation { messages(first: 200) { nodes { id text } } } } }"
    return "{" + head + " ".join(f"a{n}: {page}" for n in range(copies)) + tail + "}"


LETTERS = str.maketrans("0123456789", "ghijklmnop")  # turns numbers into field names

# ruff: noqa: E501 -- a table
# Name, function that builds the body, allowed error codes; None if the request is valid.
ATTACKS: list[tuple[str, Callable[[], bytes], set[str] | None]] = [
    ("fragment bomb 2^20", lambda: body(fragments(20)), {TOO_COMPLEX}),
    ("fragment bomb 2^60", lambda: body(fragments(60)), {TOO_COMPLEX}),
    ("a ring of fragments", lambda: body("{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }"), {INVALID}),
    ("300 aliases", lambda: body("{" + " ".join(f"a{n}: __typename" for n in range(300)) + "}"), {TOO_COMPLEX}),
    ("5,000 aliases", lambda: body("{" + " ".join(f"a{n}: __typename" for n in range(5_000)) + "}"), {TOO_COMPLEX}),
    ("1,500 same names", lambda: body("{" + "viewer { email } " * 1_500 + "}"), {TOO_COMPLEX}),
    ("900 same names", lambda: body("{" + "__typename " * 900 + "}"), None),
    ("1,000 unknown fields", lambda: body("{" + " ".join(f"f{n}" for n in range(1_000)) + "}"), {INVALID, TOO_COMPLEX}),
    ("20,000 unknown fields", lambda: body("{" + " ".join(f"{n:x}".translate(LETTERS) for n in range(20_000)) + "}"), {TOO_COMPLEX}),
    ("200 unknown fields", lambda: body("{ viewer { user {" + " ".join(f"f{n}" for n in range(200)) + "} } }"), {INVALID}),
    ("unknown fields of 10 kB", lambda: body("{" + " ".join("f" * 9_000 + str(n) for n in range(10)) + "}"), {INVALID}),
    ("a list literal of 50,000", lambda: body("{ nodes(ids: [" + "1 " * 49_950 + "]) { id } }"), {TOO_COMPLEX}),
    ("a list literal of 1,900", lambda: body("{ nodes(ids: [" + '"x",' * 1_900 + "]) { id } }"), None),
    ("a list literal of 1,900 wrong ids", lambda: body("{ nodes(ids: [" + "A " * 1_900 + "]) { id } }"), {INVALID}),
    ("a string of 90 kB", lambda: body(f'{{ node(id: "{"x" * 90_000}") {{ id }} }}'), None),
    ("a string of 200 kB", lambda: body(f'{{ node(id: "{"x" * 200_000}") {{ id }} }}'), {TOO_COMPLEX}),
    ("a block string of escapes", lambda: body('{ node(id: """' + '\\"""' * 20_000 + '""") { id } }'), None),
    ("2,000 directives", lambda: body("{ __typename " + "@a " * 2_000 + "}"), {TOO_COMPLEX}),
    ("50 unknown directives", lambda: body("{ __typename " + "@a " * 50 + "}"), {INVALID}),
    ("comments of 95 kB", lambda: body("#" * 95_000 + "\n{ __typename }"), None),
    ("20,000 comments", lambda: body("#\n" * 20_000 + "{ __typename }"), {TOO_COMPLEX}),
    ("90,000 spaces before a comment", lambda: body("{ __typename }" + " " * 90_000 + "#"), None),
    ("90,000 spaces before a wrong character", lambda: body("{ __typename" + " " * 90_000 + "%"), {PARSE}),
    ("4,000 brackets of a type", lambda: body("query ($a: " + "[" * 4_000 + "Int) { __typename }"), {TOO_COMPLEX, PARSE}),
    ("nesting of 5,000", lambda: body(nested(5_000)), {TOO_COMPLEX}),
    ("nesting of 100", lambda: body(nested(100)), {TOO_COMPLEX}),
    ("braces alone", lambda: body("{" * 50_000), {TOO_COMPLEX, PARSE}),
    ("introspection to depth 50", lambda: body(introspection(50)), {TOO_COMPLEX}),
    ("400 operations", lambda: body(" ".join(f"query Q{n} {{ __typename }}" for n in range(400))), {TOO_COMPLEX}),
    ("sign-in 20 times", lambda: body("mutation {" + " ".join(
        f'a{n}: signIn(input: {{username: "a", password: "b"}}) {{ __typename }}' for n in range(20)) + "}"), {TOO_COMPLEX}),
    ("a number of 90,000 digits", lambda: body("{ messageableUsers(search: \"a\", first: " + "9" * 90_000 + ") { nodes { id } } }"), {INVALID}),
    ("400 variable definitions", lambda: body("query (" + " ".join(f"$v{n}: Int" for n in range(400)) + ") { __typename }"), {INVALID, TOO_COMPLEX}),
    ("5,000 variable definitions", lambda: body("query (" + " ".join(f"$v{n}: Int" for n in range(5_000)) + ") { __typename }"), {TOO_COMPLEX}),
    ("brackets in the variables", lambda: b'{"query": "{ __typename }", "variables": {"a": ' + b"[" * 250_000, {BAD_REQUEST}),
    ("deep variables", lambda: b'{"query": "{ __typename }", "variables": {"a": ' + b"[" * 500 + b"]" * 500 + b"}}", None),
    ("100,000 ids", lambda: b'{"query": "' + NODES.encode() + b'", "variables": {"ids": [' + b"1," * 99_999 + b"1]}}", {TOO_COMPLEX}),
    ("10,000 wrong ids", lambda: body(NODES, {"ids": [None] * 10_000}), {TOO_COMPLEX}),
    ("2,400 ids", lambda: body(NODES, {"ids": ["x"] * 2_400}), None),
    ("2,400 wrong ids", lambda: body(NODES, {"ids": [None] * 2_400}), {BAD_REQUEST}),
    ("2,400 ids of another kind", lambda: body(NODES, {"ids": [1.5] * 2_400}), {BAD_REQUEST}),
    ("1,200 wrong inputs", lambda: body(INPUT, {"u": [{"nothing": 1}] * 1_200}), {BAD_REQUEST}),
    ("9,000 references", lambda: body(INPUT, {"u": [{"username": "nobody"}] * 9_000}), {TOO_COMPLEX}),
    ("1,200 references", lambda: body(INPUT, {"u": [{"username": "nobody"}] * 1_200}), None),
    ("an id of 200 kB", lambda: body(NODE, {"id": "x" * 200_000}), None),
    ("an id of 100,000 digits", lambda: b'{"query": "' + NODE.encode() + b'", "variables": {"id": ' + b"9" * 100_000 + b"}}", {BAD_REQUEST}),
    ("10,000 variables nobody asked for", lambda: body("{ __typename }", dict.fromkeys(map(str, range(10_000)))), {TOO_COMPLEX}),
    ("pages below pages", lambda: body(pages('events(after: "x", first: 200) { nodes { event { ... on MessageCreated { message { id conversation {', "} } } } } }")), {TOO_COMPLEX}),
    ("pages below pages, with aliases", lambda: body(pages("conversations(first: 200) { nodes {", "} }", 20)), {TOO_COMPLEX}),
    ("pages below pages, live", lambda: body("subscription " + pages("privateMessageReceived { message { conversation {", "} } }", 5)), {TOO_COMPLEX, BAD_REQUEST}),
    ("introspection with 280 aliases", lambda: body("{ __schema { types { fields { type { fields {" + " ".join(f"a{n}: name" for n in range(280)) + "} } } } } }"), {TOO_COMPLEX}),
    ("a page with 90 aliases", lambda: body('{ conversation(id: "x") { messages(first: 200) { nodes {' + " ".join(f"a{n}: text" for n in range(90)) + "} } } }"), None),
    ("200 fragments of the same fields", lambda: body("{ viewer { user {" + " ".join(f"...F{n}" for n in range(200)) + "} } }" + " ".join(f"fragment F{n} on User {{ __typename id }}" for n in range(200))), None),
    ("a body of 1 MB", lambda: body("{ __typename }", {"a": "x" * 1_000_000}), {TOO_LARGE}),
]  # fmt: skip


def ping(url: str, seconds: float, out: Any) -> None:
    """Measures the latency of small requests, in ms; runs in its own process."""

    async def run() -> list[float]:
        times = []
        async with aiohttp.ClientSession() as http:
            until = time.perf_counter() + seconds
            while time.perf_counter() < until:
                began = time.perf_counter()
                async with http.post(url, json={"query": "{ __typename }"}) as response:
                    await response.read()
                times.append((time.perf_counter() - began) * 1000)
                await asyncio.sleep(0.005)
        return times

    out.put(asyncio.run(run()))


def pinged(url: str, seconds: float) -> tuple["multiprocessing.Process", Any]:
    """Starts the process that measures latency; returns it with the queue of its result."""
    out: Any = multiprocessing.Queue()
    process = multiprocessing.Process(target=ping, args=(url, seconds, out))
    process.start()
    return process, out


async def token_of(url: str) -> str:
    """Creates the account of the attacker, because signed-in users can reach more of the server."""
    document = """mutation { signUp(input: {username: "mallory", password: "a long password"}) {
      ... on SignUpSuccess { token } } }"""
    async with aiohttp.ClientSession() as http, http.post(url, json={"query": document}) as response:
        return str((await response.json())["data"]["signUp"]["token"])


def worked(process_id: int) -> float:
    """CPU time of the main thread of the process, in ms (proc(5), schedstat)."""
    return int(Path(f"/proc/{process_id}/schedstat").read_text(encoding="ascii").split()[0]) / 1e6


async def measure(
    url: str, process_id: int, token: str, make: Callable[[], bytes], rounds: int
) -> tuple[list[float], list[float], list[float], list[float]]:
    """In ms: times of the attack, CPU times of the server, and latencies during and without the attack."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    content = make()
    attack: list[float] = []
    work: list[float] = []
    process, out = pinged(url, 0.4)
    quiet = await asyncio.to_thread(out.get)
    process.join()
    process, out = pinged(url, 0.2 + rounds * 0.1)
    await asyncio.sleep(0.15)
    async with aiohttp.ClientSession() as http:
        for number in range(rounds):
            new = content.replace(
                b'{"query": "', b'{"query": "' + b" " * number, 1
            )  # a different document, to bypass the cache
            began, had_worked = time.perf_counter(), worked(process_id)
            async with http.post(url, data=new, headers=headers) as response:
                await response.read()
            attack.append((time.perf_counter() - began) * 1000)
            work.append(worked(process_id) - had_worked)
            await asyncio.sleep(0.05)
    beside = await asyncio.to_thread(out.get)
    process.join()
    return attack, work, beside, quiet


def serve(folder: str) -> tuple[subprocess.Popen[str], str]:
    """Starts a server on a free port; returns it with the URL of its API."""
    command = [sys.executable, "-m", "server", "serve", "--port", "0", "--data", folder]
    environment = {**os.environ, "SOTTO_LOG_LEVEL": "warning"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    output = ""
    while not (found := re.search(r"http://127\.0\.0\.1:\d+/graphql", output)):
        line = process.stdout.readline()
        assert line, output
        output += line
    return process, found[0]


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    print(
        "| attack | bytes | median ms | max ms | CPU median | CPU max | ping p99 | ping max | alone p99 | alone max |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        process, url = serve(str(Path(folder) / "data"))
        try:
            token = await token_of(url)
            for name, make, _codes in (each for each in ATTACKS if options.only in each[0]):
                attack, work, beside, quiet = await measure(url, process.pid, token, make, options.rounds)
                p99 = [statistics.quantiles(times, n=100)[98] for times in (beside, quiet)]
                own = [figure for times in (attack, work) for figure in (statistics.median(times), max(times))]
                figures = (*own, p99[0], max(beside), p99[1], max(quiet))
                print(
                    f"| {name} | {len(make()):,} | " + " | ".join(f"{figure:.1f}" for figure in figures) + " |",
                    flush=True,
                )
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    asyncio.run(main())
