"""The build of the explorer: `./sotto explorer`, which makes explorer/dist of npm packages where Node is there."""

import gzip
import os
import re
import shutil
import subprocess
from pathlib import Path

from server.page import EXPLORER

SOURCE = EXPLORER.parent
_NEEDED = "Node 20.19 or newer with npm is needed (nodejs.org, or your system's packages)"


class BuildError(Exception):
    """What keeps the explorer from being built, in a line with the way out."""


def npm() -> Path | None:
    """Where npm is, if there is one, with a Node beside it."""
    found = shutil.which("npm")
    return Path(found) if found and shutil.which("node") else None


def build(source: Path = SOURCE) -> str:
    """Installs the pinned packages and builds; returns what was made. A build that fails leaves the last one alone."""
    program = npm()
    if program is None:
        raise BuildError(f"there is no Node here: {_NEEDED}.")
    _check_version()
    _run(source, str(program), "ci", "--no-audit", "--no-fund", "--loglevel=error")
    fresh, dist = source / "dist.new", source / "dist"
    try:
        _run(source, str(program), "run", "--silent", "build", "--", "--outDir", fresh.name, "--emptyOutDir")
        shutil.rmtree(dist, ignore_errors=True)
        fresh.rename(dist)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return _measured(dist)


def _check_version() -> None:
    """Those that Vite runs on: 20 from 20.19, and from 22.12."""
    said = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout.strip()  # noqa: S607
    version = tuple(int(digits) for digits in re.findall(r"\d+", said)[:2])
    if version < (20, 19) or (21,) <= version < (22, 12):
        raise BuildError(
            f"this Node is {said or 'of no known version'}, which is too old: {_NEEDED}; not 21, or 22 before 22.12."
        )


def _run(folder: Path, *command: str) -> None:
    """Raises BuildError with the last words of a program that failed."""
    environment = {**os.environ, "NO_COLOR": "1", "npm_config_update_notifier": "false"}
    done = subprocess.run(  # noqa: S603
        command, cwd=folder, env=environment, capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    if done.returncode:
        lines = (line.strip() for line in (done.stdout + done.stderr).splitlines() if "error" in line.lower())
        reason = next(lines, f"exit status {done.returncode}")[:300]
        raise BuildError(
            f"`npm {command[1]}` failed in {folder}: {reason}. "
            "Is the registry of npm reachable? Run the same there to read all of it."
        )


def _measured(dist: Path) -> str:
    files = [path for path in dist.rglob("*") if path.is_file() and path.suffix != ".gz"]
    content = [path.read_bytes() for path in files]
    whole, packed = (sum(map(len, each)) / 1e6 for each in (content, map(gzip.compress, content)))
    return f"{len(files)} files, {whole:.1f} MB, {packed:.1f} MB compressed, in {dist}"
