"""Sotto beside other servers, on copies of the same database: CPU time of each operation, and requests a second.

Run: .venv/bin/python -m bench.peers [--rounds 5] [--seconds 1] [--only send page …] [--write docs/performance.md].
Takes less than ten minutes and prints Markdown tables.

The others are Mercurius with its JIT, which npm installs in bench/peers/mercurius (skipped where npm is missing), a
server by hand of aiohttp and SQL, and Strawberry with Peewee as their documentation shows them. All of them use Sotto's
tables and do the same work, with durable commits. Servers are pinned to one core and the load to another one. Before
the load their answers are compared, and during the load each answer is checked; a wrong one ends the run.
"""

import argparse
import asyncio
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from bench.peers import fill, machine, measure, stream, table, transfer
from bench.peers.operation import OPERATIONS, search_among
from bench.peers.result import Row
from bench.peers.server import (
    BY_HAND,
    BY_HAND_SEARCH,
    MERCURIUS,
    MERCURIUS_FOLDER,
    MERCURIUS_GROUP,
    ROOT,
    SOTTO,
    STOCK,
    STOCK_CACHED,
    Kind,
    Server,
)

LIVE_ROUNDS = 3
DELIVERIES = 1_500  # of each round, at least


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def filled(home: Path, total: int = 0) -> Path:
    """A data folder; filled once for each version of the tables and of the content."""
    sources = [*sorted((ROOT / "models/migrations").iterdir()), Path(fill.__file__)]
    version = hashlib.sha256(b"".join(path.read_bytes() for path in sources if path.is_file())).hexdigest()[:12]
    folder = home / f"{version}-{total}"
    if not folder.exists():
        say(f"filling {folder} …")
        temporary = folder.with_suffix(".new")
        shutil.rmtree(temporary, ignore_errors=True)
        asyncio.run(fill.fill(temporary, total=total))
        temporary.rename(folder)
    return folder


def install_mercurius() -> bool:
    """Installs the packages of Mercurius, Node among them; says why it is skipped if that fails."""
    lock, installed = MERCURIUS_FOLDER / "package-lock.json", MERCURIUS_FOLDER / "node_modules/.sotto-lock.json"
    if installed.exists() and installed.read_bytes() == lock.read_bytes():
        return True
    if shutil.which("npm") is None:
        say("Mercurius is skipped: npm is missing")
        return False
    say("installing Mercurius …")
    command = ["npm", "ci", "--prefix", str(MERCURIUS_FOLDER), "--no-audit", "--no-fund", "--loglevel=error"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode:
        say(f"Mercurius is skipped: {found.stderr.strip()[-500:]}")
        return False
    shutil.copy(lock, installed)
    return True


@contextmanager
def started(kinds: Sequence[Kind], data: Path, core: int) -> Iterator[dict[str, Server]]:
    """All servers at once; those that are not measured are idle."""
    with ExitStack() as stack:
        yield {kind.name: stack.enter_context(closing(Server(kind, data, core))) for kind in kinds}


def measure_requests(kinds: Sequence[Kind], data: Path, options: argparse.Namespace) -> Iterator[Row]:
    operations = [each for each in OPERATIONS if is_asked(each.name, options.only)]
    if not operations:
        return
    with started(kinds, data, options.cores[0]) as servers:
        for operation in operations:
            having = [server for name, server in servers.items() if name not in operation.missing]
            measure.compare(having, operation)
        for operation in operations:
            say(f"{operation.title} …")
            yield measure.rounds(servers, operation, options.rounds, options.seconds)


def measure_streams(kinds: Sequence[Kind], data: Path, options: argparse.Namespace) -> Iterator[Row]:
    live = [kind for kind in kinds if kind in (SOTTO, MERCURIUS)]
    for audience in stream.AUDIENCES:
        if is_asked(audience.name, options.only):
            say(f"{audience.title} …")
            with started(live, data, options.cores[0]) as servers:
                yield stream.rounds([*servers.values()], audience, min(options.rounds, LIVE_ROUNDS), DELIVERIES)


def measure_searches(home: Path, options: argparse.Namespace) -> Iterator[Row]:
    """The same searches in a small and in a large database."""
    if not is_asked("search", options.only):
        return
    for name, total in (("search-small", 0), ("search-large", options.messages)):
        data = filled(home, total)
        operation = search_among(name, fill.count_of(data))
        say(f"{operation.title} …")
        with started([SOTTO, BY_HAND_SEARCH], data, options.cores[0]) as servers:
            measure.compare([*servers.values()], operation)
            yield measure.rounds(servers, operation, options.rounds, options.seconds / 2)


def measure_files(options: argparse.Namespace) -> Iterator[Row]:
    sizes = [each for each in transfer.SIZES if is_asked(each[0], options.only)]
    if sizes:
        say("files …")
        yield from transfer.rounds(options.rounds, options.cores[0], sizes)


def is_asked(name: str, only: Sequence[str]) -> bool:
    return not only or any(name.startswith(each) for each in only)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of load, for each server in each round")
    parser.add_argument("--only", nargs="+", default=[], help="beginnings of names: send page inbox unseen group …")
    parser.add_argument("--messages", type=int, default=400_000, help="in the large database, for searches")
    cores = sorted(os.sched_getaffinity(0))
    parser.add_argument("--cores", type=int, nargs=2, default=[cores[0], cores[-1]], help="the servers' and the load's")
    parser.add_argument(
        "--home", type=Path, default=Path(tempfile.gettempdir()) / "sotto-bench", help="of the databases"
    )
    parser.add_argument("--write", type=Path, help="a page whose figures are replaced")
    options = parser.parse_args()
    has_node = install_mercurius()
    kinds = [SOTTO, *([MERCURIUS, MERCURIUS_GROUP] if has_node else []), BY_HAND, STOCK, STOCK_CACHED]
    data = filled(options.home)
    if is_asked("search", options.only):
        filled(options.home, options.messages)
    os.sched_setaffinity(0, {options.cores[1]})
    others = machine.Others()
    try:
        rows = [
            *measure_requests(kinds, data, options),
            *measure_streams(kinds, data, options),
            *measure_searches(options.home, options),
            *measure_files(options),
        ]
    except measure.Wrong as error:
        sys.exit(str(error))
    head = machine.describe(options.rounds, options.seconds, has_node=has_node)
    text = table.render(rows, kinds, f"{head} {others.describe()} {machine.describe_disk(data, options.cores[0])}")
    print(text)
    if options.write:
        table.write(options.write, text)


if __name__ == "__main__":
    main()
