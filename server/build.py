"""Builds GraphiQL (explorer/dist) from npm packages, for `./sotto explorer`."""

import gzip
import os
import re
import shutil
import subprocess
from pathlib import Path

from server.page import EXPLORER

SOURCE = EXPLORER.parent
_NEEDED = "install Node 20.19 or newer with npm (from nodejs.org or the packages of your system)"


class BuildError(Exception):
    """The build failed; the text is one line that says what to do."""


def npm() -> Path | None:
    """The path of npm; None if npm or Node is missing."""
    found = shutil.which("npm")
    return Path(found) if found and shutil.which("node") else None


def build(source: Path = SOURCE) -> str:
    """Installs the pinned packages, builds, and returns a summary. A failed build leaves the previous one in place."""
    program = npm()
    if program is None:
        raise BuildError(f"Node or npm was not found: {_NEEDED}.")
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
    """The versions that Vite supports: 20.19 or newer 20, and 22.12 or newer."""
    said = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout.strip()  # noqa: S607
    version = tuple(int(digits) for digits in re.findall(r"\d+", said)[:2])
    if version < (20, 19) or (21,) <= version < (22, 12):
        raise BuildError(
            f"Node {said or 'of an unknown version'} is not supported: {_NEEDED}, but not 21, nor 22 before 22.12."
        )


def _run(folder: Path, *command: str) -> None:
    """Raises BuildError with the first error that the program printed."""
    environment = {**os.environ, "NO_COLOR": "1", "npm_config_update_notifier": "false"}
    done = subprocess.run(  # noqa: S603
        command, cwd=folder, env=environment, capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    if done.returncode:
        lines = (line.strip() for line in (done.stdout + done.stderr).splitlines() if "error" in line.lower())
        reason = next(lines, f"exit status {done.returncode}")[:300]
        raise BuildError(
            f"`npm {command[1]}` failed in {folder}: {reason}. "
            "Check that the npm registry is reachable; run the same command there for the full output."
        )


def _measured(dist: Path) -> str:
    files = [path for path in dist.rglob("*") if path.is_file() and path.suffix != ".gz"]
    content = [path.read_bytes() for path in files]
    whole, packed = (sum(map(len, each)) / 1e6 for each in (content, map(gzip.compress, content)))
    return f"{len(files)} files, {whole:.1f} MB, {packed:.1f} MB compressed, in {dist}"
