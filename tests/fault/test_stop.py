"""The end of a server whose disk is slow."""

import asyncio
import time
from pathlib import Path

import aiohttp

from tests.fault.conftest import Disk
from tests.flow.client import Person, running

SIGN_UP = "mutation ($input: SignUpInput!) { signUp(input: $input) { ... on SignUpSuccess { token } } }"
HALF = (
    b"POST /graphql HTTP/1.1\r\nHost: x\r\nGraphQL-Require-Preflight: 1\r\nContent-Length: 1000\r\n"
    b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
)


async def test_a_server_on_a_disk_of_300_ms_ends_in_time(disk: Disk, tmp_path: Path) -> None:
    """Within five seconds, with sends under way and an upload that has stopped half-way; what was answered is there."""
    sent: list[str] = []

    async def send(person: Person, number: int) -> None:
        for count in range(1000):
            text = f"{number}-{count}"
            try:
                await person.send(text, to={"users": [{"username": "bob"}]}, clientMessageId=text)
            except (aiohttp.ClientError, AssertionError):  # cut off, or answered `errors`: 503
                return
            sent.append(text)

    async with aiohttp.ClientSession() as http:
        async with running("serve", data=tmp_path / "data") as server:
            people = []
            for name in ("alice", "bob"):
                query = {"query": SIGN_UP, "variables": {"input": {"username": name, "password": "correct horse"}}}
                async with http.post(server.graphql, json=query) as response:
                    people.append(Person(server, http, (await response.json())["data"]["signUp"]["token"]))
            for end in ("-wal", ".db", "data"):
                disk.slow("fsync", end, 0.3)
            sending = [asyncio.create_task(send(people[0], number)) for number in range(8)]
            host, port = server.url.removeprefix("http://").split(":")
            _, writer = await asyncio.open_connection(host, int(port))
            writer.write(HALF)
            await asyncio.sleep(1)
            began = time.monotonic()
            status = await server.stop()
            took = time.monotonic() - began
            await asyncio.gather(*sending)
            writer.close()
        disk.heal()
        async with running("serve", data=tmp_path / "data") as server:
            alice = Person(server, http, people[0].token)
            again = [await alice.send(text, to={"users": [{"username": "bob"}]}, clientMessageId=text) for text in sent]

    assert status == 0
    assert took < 5
    assert sent
    assert {answer["wasDuplicate"] for answer in again} == {True}
