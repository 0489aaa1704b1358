"""Sign-in measurements: timing side channel, cost of concurrent sign-ins, and latency of session revocation.

Run: .venv/bin/python -m bench.account [--samples 400] [--sockets 200] [--strict]. It starts a server and measures:
1. `samples` failed sign-ins with an unknown username and with a wrong password. The responses must be equal, and the
   AUC of their times shows whether they can be distinguished: 0.5 not at all, 0 or 1 always. One in three hundred runs
   is outside 0.44 to 0.56 by chance, so --strict tries twice before it fails.
2. 32 concurrent sign-ins: memory before and during, and the longest request of another client meanwhile.
3. `sockets` sockets of one user, each with a live stream: the time from the end of the session to the last close.
"""

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp

from bench.attack import serve
from bench.endurance import memory_of

SIGN_IN = "mutation ($input: SignInInput!) { signIn(input: $input) { __typename ... on SignInSuccess { token } } }"
SIGN_UP = "mutation ($input: SignUpInput!) { signUp(input: $input) { ... on SignUpSuccess { token } } }"
SIGN_OUT = "mutation { signOut(input: { everywhere: true }) { ... on SignOutSuccess { endedSessions } } }"
EVENTS = "subscription { events { event { __typename } } }"
PROTOCOL = ["graphql-transport-ws"]
PASSWORD = "correct horse"
AT_ONCE = 32
BOUNDS = (0.44, 0.56)


async def ask(http: aiohttp.ClientSession, url: str, query: str, token: str = "", **given: Any) -> bytes:
    """The body of the response."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    body = {"query": query, "variables": {"input": given} if given else {}}
    async with http.post(url, json=body, headers=headers) as response:
        return await response.read()


async def guess(http: aiohttp.ClientSession, url: str, samples: int) -> float:
    """AUC of the times with an unknown name against those with a wrong password, in random order, sequentially."""
    kinds = ["nobody", "alice"] * samples
    random.shuffle(kinds)
    times: dict[str, list[float]] = {"nobody": [], "alice": []}
    answers = set()
    for name in kinds:
        began = time.perf_counter()
        answers.add(await ask(http, url, SIGN_IN, username=name, password="wrong horse"))
        times[name].append(time.perf_counter() - began)
    assert len(answers) == 1, answers
    pairs = [(one > other) + (one == other) / 2 for one in times["nobody"] for other in times["alice"]]
    return sum(pairs) / len(pairs)


async def crowd(http: aiohttp.ClientSession, url: str, process_id: int) -> str:
    """Memory and latency during 32 concurrent sign-ins."""
    before = memory_of(process_id)
    peak, longest = before, 0.0
    tasks = [
        asyncio.ensure_future(ask(http, url, SIGN_IN, username="alice", password=PASSWORD)) for _ in range(AT_ONCE)
    ]
    began = time.perf_counter()
    while not all(task.done() for task in tasks):
        asked = time.perf_counter()
        await ask(http, url, "{ __typename }")
        longest = max(longest, time.perf_counter() - asked)
        peak = max(peak, memory_of(process_id))
        await asyncio.sleep(0.005)
    seconds = time.perf_counter() - began
    return f"{before:.1f} to {peak:.1f} MiB, {seconds:.2f} s, longest ping {longest * 1000:.1f} ms"


async def revoke(http: aiohttp.ClientSession, url: str, token: str, count: int) -> str:
    """The time until all sockets with streams are closed."""
    sockets = []
    for _ in range(count):
        socket = await http.ws_connect(url, protocols=PROTOCOL, max_msg_size=0)
        await socket.send_json({"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}})
        await socket.send_json({"id": "1", "type": "subscribe", "payload": {"query": EVENTS}})
        for _message in range(2):
            await socket.receive()
        sockets.append(socket)

    async def closing(socket: aiohttp.ClientWebSocketResponse) -> tuple[bool, int | None, float]:
        said = False
        async for message in socket:
            said |= "SessionRevoked" in message.data
        return said, socket.close_code, time.perf_counter()

    waiting = [asyncio.ensure_future(closing(socket)) for socket in sockets]
    await ask(http, url, SIGN_OUT, token)
    ended = time.perf_counter()
    results = await asyncio.gather(*waiting)
    assert {(said, code) for said, code, _ in results} == {(True, 4401)}, results[:3]
    times = sorted(at - ended for *_, at in results)
    return f"median {times[len(times) // 2] * 1000:.0f} ms, last {times[-1] * 1000:.0f} ms"


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", type=int, default=400)
    parser.add_argument("--sockets", type=int, default=200)
    parser.add_argument("--strict", action="store_true")
    options = parser.parse_args()
    for name in ("SIGN_IN_RATE_PER_MINUTE", "SUBSCRIPTION_RATE_PER_MINUTE", "MAX_SUBSCRIPTIONS", "MAX_SOCKETS"):
        os.environ[f"SOTTO_{name}"] = "0"
    with tempfile.TemporaryDirectory() as folder:
        process, url = serve(str(Path(folder) / "data"))
        try:
            connector = aiohttp.TCPConnector(limit=0)
            async with aiohttp.ClientSession(connector=connector) as http:
                made = await ask(http, url, SIGN_UP, username="alice", password=PASSWORD)
                token = made.decode().split('"token":"')[1].split('"')[0]
                for attempt in range(2):
                    auc = await guess(http, url, options.samples)
                    print(f"unknown name against wrong password: AUC {auc:.3f} of {options.samples} each", flush=True)
                    if BOUNDS[0] <= auc <= BOUNDS[1] or not options.strict:
                        break
                    if attempt:
                        sys.exit("the time of a failed sign-in reveals whether the username exists")
                print(f"{AT_ONCE} concurrent sign-ins: {await crowd(http, url, process.pid)}", flush=True)
                print(f"{options.sockets} sockets closed: {await revoke(http, url, token, options.sockets)}")
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    asyncio.run(main())
