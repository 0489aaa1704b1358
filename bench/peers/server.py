"""The servers that are compared: how each is started on a copy of the database, and its CPU time and memory."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parents[2]
UNLIMITED = ("SEND", "SEARCH", "UPLOAD", "SUBSCRIPTION", "COST", "ANONYMOUS_COST")
SETTINGS = {  # one user of a measurement does what thousands would
    **{f"SOTTO_{name}_RATE_PER_MINUTE": "0" for name in UNLIMITED},
    **{f"SOTTO_MAX_{name}": "0" for name in ("SUBSCRIPTIONS", "SOCKETS")},
    "SOTTO_ATTACHMENT_TYPES": "any",
    "SOTTO_MAX_ATTACHMENT_BYTES": "64MiB",
    "SOTTO_MAX_INLINE_REQUEST_BYTES": "80MiB",
}
SCHEDULED = 2  # Linux: the clock of a process with this number is its CPU time, of all threads


@dataclass(frozen=True)
class Kind:
    """A server: its title in the tables, and the command that serves a folder and prints its URL."""

    name: str
    title: str
    command: Callable[[Path], list[str]]
    is_sotto: bool = False


def python(module: str, *arguments: str) -> Callable[[Path], list[str]]:
    """The command of a peer in Python."""
    return lambda folder: [sys.executable, "-m", module, str(folder / "sotto.db"), *arguments]


SOTTO = Kind(
    "sotto",
    "Sotto",
    lambda folder: [sys.executable, "-m", "server", "serve", "--port", "0", "--data", str(folder)],
    is_sotto=True,
)
BY_HAND = Kind("by-hand", "aiohttp by hand", python("bench.peers.by_hand.server"))
BY_HAND_SEARCH = Kind("by-hand", "aiohttp by hand", python("bench.peers.by_hand.server", "--search"))
STOCK = Kind("stock", "Strawberry + Peewee", python("bench.peers.stock.server"))
STOCK_CACHED = Kind("stock-cached", "Strawberry + Peewee, caches", python("bench.peers.stock.server", "--cached"))


MERCURIUS_FOLDER = Path(__file__).parent / "mercurius"


def mercurius(*flags: str) -> Callable[[Path], list[str]]:
    """The command of Mercurius."""
    node = [str(MERCURIUS_FOLDER / "node_modules/.bin/node"), "--disable-warning=ExperimentalWarning"]
    return lambda folder: [*node, str(MERCURIUS_FOLDER / "server.js"), str(folder / "sotto.db"), *flags]


MERCURIUS = Kind("mercurius", "Mercurius", mercurius())
MERCURIUS_GROUP = Kind("mercurius-group", "Mercurius, group commit", mercurius("--group"))


@contextmanager
def on_core(core: int | None) -> Iterator[None]:
    """Processes that are started meanwhile run on this core, and their threads too."""
    own = os.sched_getaffinity(0)
    if core is not None:
        os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, own)


class Server:
    """A running server on a copy of `data`, pinned to `core`; close it."""

    def __init__(self, kind: Kind, data: Path, core: int | None = None) -> None:
        self.kind = kind
        self._temporary = Path(tempfile.mkdtemp(prefix="sotto-bench-"))
        self.folder = self._temporary / "data"
        shutil.copytree(data, self.folder)
        self.people: dict[str, Any] = json.loads((self.folder / "people.json").read_text(encoding="utf-8"))
        with on_core(core):
            self._process = subprocess.Popen(
                kind.command(self.folder),
                cwd=ROOT,
                env={**os.environ, **SETTINGS, "PYTHONPATH": str(ROOT)},
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL if kind.is_sotto else None,  # its log
                text=True,
            )
        self.pid = self._process.pid
        assert self._process.stdout is not None
        self.port = _port_of(kind, self._process.stdout)

    def conversation_id(self, entry: Mapping[str, Any]) -> str:
        """The id of a conversation, as this server writes it."""
        return str(entry["id"]) if self.kind.is_sotto else f"c{entry['number']}"

    def cpu_ns(self) -> int:
        """CPU time so far, of all threads and child processes that are still there."""
        return sum(_cpu_ns(each) for each in _tree(self.pid))

    def memory_bytes(self) -> int:
        """Resident memory."""
        return sum(_memory_bytes(each) for each in _tree(self.pid))

    def count(self, table: str) -> int:
        """The number of rows that are committed."""
        with closing(sqlite3.connect(f"file:{self.folder / 'sotto.db'}?mode=ro", uri=True)) as database:
            number: int = database.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]
            return number

    def settle(self) -> None:
        """Waits for the work that follows a request, which is the search index of Sotto."""
        end = time.monotonic() + 20
        while self.kind.is_sotto and self.count("job") and time.monotonic() < end:
            time.sleep(0.05)

    def close(self) -> None:
        """Ends the server and deletes its folder."""
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        shutil.rmtree(self._temporary)


def _port_of(kind: Kind, output: IO[str]) -> int:
    """Reads the output up to the URL."""
    for line in output:
        if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
            return int(found[1])
    raise SystemExit(f"{kind.title} did not start")


def _tree(pid: int) -> list[int]:
    """A process and its descendants."""
    found = [pid]
    for each in found:
        with suppress(OSError):
            for task in Path(f"/proc/{each}/task").iterdir():
                found += map(int, (task / "children").read_text(encoding="ascii").split())
    return found


def _cpu_ns(pid: int) -> int:
    try:
        return time.clock_gettime_ns(~pid << 3 | SCHEDULED)
    except OSError:  # it has ended
        return 0


def _memory_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    found = re.search(r"VmRSS:\s+(\d+)", status)
    return int(found[1]) * 1024 if found else 0
