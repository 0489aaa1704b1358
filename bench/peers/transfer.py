"""Downloads and uploads of files, by the two servers of bench/file.py, for each MiB."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from bench import file
from bench.peers.result import Row, Sample
from bench.peers.server import on_core

SIZES = (("download", 8 * file.MIB, 20), ("upload", 8 * file.MIB, 6))  # how often in a round
NAMES = {"ours": "sotto", "by hand": "by-hand"}


def rounds(count: int, core: int | None, sizes: Sequence[tuple[str, int, int]] = SIZES) -> Iterator[Row]:
    """The samples of `count` rounds; the servers run on `core`."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sotto-bench-")))
        with on_core(core):
            sides = stack.enter_context(file.sides(folder))
        for what, size, times in sizes:
            mib = size / file.MIB
            row = Row(what, f"{what} of {mib:g} MiB", "Files, for each MiB")
            for place in range(count):
                for name in sorted(sides, reverse=bool(place % 2)):
                    found = file.measure(sides[name], what, size, times)
                    ms = found.seconds * 1000
                    row.add(NAMES[name], Sample(mib / found.seconds, found.cpu / mib * 1e6, ms, ms))
            yield row
