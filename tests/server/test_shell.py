"""`./sotto send` and `./sotto listen`: the shell's two verbs, against a running demo."""

import asyncio
import sys
from pathlib import Path

from tests.flow.client import Server, running

ROOT = Path(__file__).parents[2]


async def sotto(server: Server, data: Path, *arguments: str, text: str | None = None) -> tuple[int, str, str]:
    """Exit status, and what was said on both ways out."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "server", *arguments, "--url", server.url, "--data", str(data)),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, complaints = await asyncio.wait_for(process.communicate(None if text is None else text.encode()), 30)
    assert process.returncode is not None
    return process.returncode, out.decode(), complaints.decode()


async def test_a_message_with_files_goes_from_shell_to_shell(tmp_path: Path) -> None:
    """As alice to bob, who listens and saves: the bytes arrive, under their names, and never over another file."""
    data, folder = tmp_path / "data", tmp_path / "in"
    folder.mkdir()
    (tmp_path / "tide.txt").write_bytes(b"The tide is out. " * 50_000)
    (folder / "tide.txt").write_bytes(b"mine")
    async with running("demo", data=data) as server:
        command = ("listen", "--as", "bob", "--download", str(folder), "--url", server.url, "--data", str(data))
        listening = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "server", *command), cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )
        assert listening.stdout is not None
        await asyncio.sleep(2.5)
        sent = await sotto(server, data, "send", "--as", "alice", "bob", "hi", "--attach", str(tmp_path / "tide.txt"))
        piped = await sotto(server, data, "send", "--as", "alice", "bob", text="from a pipe\n")
        lines = [(await asyncio.wait_for(listening.stdout.readline(), 20)).decode() for _ in range(2)]
        listening.terminate()
        await listening.wait()

    assert (sent[0], piped[0]) == (0, 0), sent
    assert lines == ["alice: hi [tide (2).txt]\n", "alice: from a pipe\n"]
    assert (folder / "tide (2).txt").read_bytes() == b"The tide is out. " * 50_000
    assert (folder / "tide.txt").read_bytes() == b"mine"
    assert len(list(folder.iterdir())) == 2


REFUSED = {
    ("send", "--as", "nobody", "bob", "hi"): "Nobody has the user name",
    ("send", "--as", "alice", "bob", ""): "text or at least one attachment",
    ("send", "--as", "alice", "bob", "hi", "--attach", "missing.txt"): "cannot be read",
}


async def test_what_is_refused_is_a_line(tmp_path: Path) -> None:
    """Exit status 2, and no traceback."""
    async with running("demo", data=tmp_path / "data") as server:
        results = [await sotto(server, tmp_path / "data", *arguments) for arguments in REFUSED]

    for (status, said, complaint), expected in zip(results, REFUSED.values(), strict=True):
        assert (status, said) == (2, "")
        assert expected in complaint
        assert complaint.startswith("sotto: ")
        assert len(complaint.splitlines()) == 1


async def test_without_a_server_it_says_so(tmp_path: Path) -> None:
    """With the way out."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "server", "send", "--as", "alice", "bob", "hi", "--data", str(tmp_path)),
        cwd=ROOT,
        stderr=asyncio.subprocess.PIPE,
    )
    _, complaint = await process.communicate()

    assert process.returncode == 2
    assert b"no server runs on" in complaint
