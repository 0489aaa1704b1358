"""What the figures depend on: the machine, the versions and the commit."""

import json
import os
import platform
import re
import shutil
import sqlite3
import subprocess
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from bench.peers.server import BY_HAND, MERCURIUS_FOLDER, ROOT, on_core

ROOMS = ("server", "gql", "services", "models", "storage", "pubsub")


def describe(rounds: int, seconds: float, *, has_node: bool) -> str:
    """One paragraph."""
    found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    processor = re.sub(r"\((R|TM)\)|CPU|@.*", "", found[1] if found else platform.machine())
    versions = [f"Python {platform.python_version()}", f"SQLite {sqlite3.sqlite_version}"]
    if has_node:
        package = json.loads((MERCURIUS_FOLDER / "package.json").read_text(encoding="utf-8"))
        node = next(iter(package["optionalDependencies"].values()))
        versions += [f"Node {node}", f"Mercurius {package['dependencies']['mercurius']}"]
    return (
        f"Commit {commit()}, {datetime.now(UTC):%Y-%m-%d}: {os.cpu_count()} cores of an {' '.join(processor.split())}, "
        f"{', '.join(versions)}; {rounds} rounds of {seconds:g} s. Median (lowest to highest) of the rounds."
    )


class Others:
    """What other programs of the machine do meanwhile, which disturbs the rates most."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._busy = self._busy_seconds()

    def describe(self) -> str:
        """The share of all cores that they have used so far; our own ended processes must have been waited for."""
        possible = (time.monotonic() - self._began) * (os.cpu_count() or 1)
        share = max(0.0, (self._busy_seconds() - self._busy) / possible)
        return f"Other programs used {share:.0%} of the cores meanwhile."

    @staticmethod
    def _busy_seconds() -> float:
        """Since the start of the machine, but for this process and its children that have ended."""
        line = Path("/proc/stat").read_text(encoding="ascii").partition("\n")[0]
        user, nice, system, _idle, _waiting, *interrupts = map(int, line.split()[1:9])
        own = os.times()
        busy = (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK")
        return busy - own.user - own.system - own.children_user - own.children_system


def describe_disk(data: Path, core: int) -> str:
    """How many messages a second SQLite can store here, without any server."""
    rates = []
    for count in (1, 64):
        with tempfile.TemporaryDirectory(prefix="sotto-bench-") as folder:
            shutil.copytree(data, folder, dirs_exist_ok=True)
            command = [*BY_HAND.command(Path(folder)), "--disk", str(count), "1"]
            with on_core(core):
                run = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
            rates.append(float(run.stdout))
    return (
        f"SQLite alone, without a server, stores {rates[0]:,.0f} messages a second on this disk with a COMMIT for "
        f"each, and {rates[1]:,.0f} with one for 64."
    )


def commit() -> str:
    """The last commit that changed the program, and whether it was changed since; nothing else counts."""
    commands = (["log", "-1", "--format=%h"], ["status", "--porcelain"])
    try:
        found = [
            subprocess.run(
                ["git", *command, "--", *ROOMS], cwd=ROOT, capture_output=True, text=True, check=True
            ).stdout.strip()
            for command in commands
        ]
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{found[0]} with changes" if found[1] else found[0]
