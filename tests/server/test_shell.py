"""`./sotto send` and `./sotto listen`: the shell's two verbs, against a running demo."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from tests.flow.client import Person, running

ROOT = Path(__file__).parents[2]


async def started(*arguments: str) -> asyncio.subprocess.Process:
    """`python -m server …`; whoever starts it ends it."""
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-m", "server", *arguments)
    return await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe)


async def sotto(*arguments: str, text: str | None = None) -> tuple[int, str, str]:
    """Exit status, and what was said on both ways out; it is ended after half a minute."""
    process = await started(*arguments)
    try:
        async with asyncio.timeout(30):
            out, complaints = await process.communicate(None if text is None else text.encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, out.decode(), complaints.decode()


@asynccontextmanager
async def listening(*arguments: str) -> AsyncIterator[asyncio.StreamReader]:
    """`./sotto listen …`; what it prints. It is gone at the end, whatever happened."""
    process = await started("listen", *arguments)
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def knock(person: Person, heard: asyncio.StreamReader) -> None:
    """Writes to bob until he hears it: whoever listens hears nothing of before."""
    async with asyncio.timeout(20):
        while True:
            await person.send("Knock", to={"users": [{"username": "bob"}]})
            with suppress(TimeoutError):
                assert await asyncio.wait_for(heard.readline(), 0.3) == b"carol: Knock\n"
                return


async def test_a_message_with_files_goes_from_shell_to_shell(tmp_path: Path) -> None:
    """As alice to bob, who listens and saves: the bytes arrive, under their names, and never over another file."""
    data, folder = tmp_path / "data", tmp_path / "in"
    folder.mkdir()
    (tmp_path / "tide.txt").write_bytes(b"The tide is out. " * 50_000)
    (folder / "tide.txt").write_bytes(b"mine")
    async with running("demo", data=data) as server, aiohttp.ClientSession() as http:
        at = ("--url", server.url, "--data", str(data))
        carol = await Person.sign_in(server, http, "carol", "demo")
        async with listening("--as", "bob", "--download", str(folder), *at) as heard:
            await knock(carol, heard)
            sent = await sotto("send", "--as", "alice", "bob", "hi", "--attach", str(tmp_path / "tide.txt"), *at)
            piped = await sotto("send", "--as", "alice", "bob", *at, text="from a pipe\n")
            async with asyncio.timeout(20):
                said = (await heard.readuntil(b"from a pipe\n")).decode()

    assert (sent[0], piped[0]) == (0, 0), sent
    lines = [line for line in said.splitlines() if line != "carol: Knock"]
    assert lines == ["alice: hi [tide (2).txt]", "alice: from a pipe"]
    assert (folder / "tide (2).txt").read_bytes() == b"The tide is out. " * 50_000
    assert (folder / "tide.txt").read_bytes() == b"mine"
    assert len(list(folder.iterdir())) == 2


async def test_who_listens_comes_back_after_a_restart_and_misses_nothing(tmp_path: Path) -> None:
    """What was sent before the line was there again comes too, once."""
    data = tmp_path / "data"
    async with aiohttp.ClientSession() as http:
        async with running("demo", data=data) as server:
            at, port = ("--url", server.url, "--data", str(data)), urlsplit(server.url).port or 0
            process = await started("listen", "--as", "bob", *at)
            assert process.stdout is not None
            await knock(await Person.sign_in(server, http, "carol", "demo"), process.stdout)
        async with running("demo", data=data, port=port) as server:
            carol = await Person.sign_in(server, http, "carol", "demo")
            for i in range(3):
                await carol.send(f"After {i}", to={"users": [{"username": "bob"}]})
            async with asyncio.timeout(30):
                said = (await process.stdout.readuntil(b"After 2\n")).decode()
            bob = await Person.sign_in(server, http, "bob", "demo")
            await bob.query("mutation { signOut(input: {everywhere: true}) { __typename } }")
            async with asyncio.timeout(20):
                rest, complaint = await process.communicate()

    lines = [line for line in said.splitlines() if line != "carol: Knock"]
    assert lines == ["carol: After 0", "carol: After 1", "carol: After 2"]
    assert (process.returncode, rest) == (2, b"")
    assert complaint.decode().splitlines()[-1] == "sotto: The session has ended: sign in again."


REFUSED = {
    ("send", "--as", "nobody", "bob", "hi"): "Nobody has the user name",
    ("send", "--as", "alice", "bob", ""): "text or at least one attachment",
    ("send", "--as", "alice", "bob", "hi", "--attach", "missing.txt"): "cannot be read",
}


async def test_what_is_refused_is_a_line(tmp_path: Path) -> None:
    """Exit status 2, and no traceback."""
    data = tmp_path / "data"
    async with running("demo", data=data) as server:
        at = ("--url", server.url, "--data", str(data))
        results = [await sotto(*arguments, *at) for arguments in REFUSED]

    for (status, said, complaint), expected in zip(results, REFUSED.values(), strict=True):
        assert (status, said) == (2, "")
        assert expected in complaint
        assert complaint.startswith("sotto: ")
        assert len(complaint.splitlines()) == 1


async def test_without_a_server_it_says_so(tmp_path: Path) -> None:
    """With the way out."""
    status, said, complaint = await sotto("send", "--as", "alice", "bob", "hi", "--data", str(tmp_path))

    assert (status, said) == (2, "")
    assert "no server runs on" in complaint
