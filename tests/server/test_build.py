"""`./sotto explorer`: its build and its errors. Node and npm are replaced by scripts of the test."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from server import banner
from server.build import BuildError, build

ROOT = Path(__file__).parents[2]
BUILDS = """
case "$1" in
  ci) touch installed ;;
  run) mkdir -p dist.new/assets; echo page > dist.new/index.html; echo script > dist.new/assets/a.js ;;
esac
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The explorer's folder with a previous build."""
    folder = tmp_path / "explorer"
    (folder / "dist").mkdir(parents=True)
    (folder / "dist" / "index.html").write_text("older")
    return folder


def put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **programs: str) -> Path:
    """A PATH with these programs first, or with only the shell if there are none."""
    folder = tmp_path / "bin"
    folder.mkdir(exist_ok=True)
    for name, script in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}" if programs else str(folder))
    return folder


@pytest.mark.parametrize("version", ["v20.19.0", "v22.12.0", "v26.1.0"])
def test_a_build_takes_the_place_of_the_last(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    put(tmp_path, monkeypatch, node=f"echo {version}", npm=BUILDS)

    said = build(source)

    assert (source / "installed").exists()
    assert sorted(path.name for path in source.iterdir()) == ["dist", "installed"]
    assert (source / "dist" / "index.html").read_text() == "page\n"
    assert said.startswith("2 files, 0.0 MB")
    assert said.endswith(str(source / "dist"))


@pytest.mark.parametrize("version", ["v18.20.4", "v20.18.3", "v21.7.3", "v22.11.0", "nonsense"])
def test_an_unsupported_node_is_an_error(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    """Versions that Vite does not support; nothing is installed."""
    put(tmp_path, monkeypatch, node=f"echo {version}", npm=BUILDS)

    with pytest.raises(BuildError, match=f"Node {version} is not supported: install Node 20.19 or newer"):
        build(source)
    assert [path.name for path in source.iterdir()] == ["dist"]


@pytest.mark.parametrize("step", ["ci", "run"])
def test_a_failed_build_keeps_the_previous_one_and_says_why(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """One line with the first error of the program."""
    script = (
        f'{BUILDS}\n[ "$1" = {step} ] && {{ echo notice >&2; echo "npm error network is down" >&2; exit 1; }}\nexit 0'
    )
    put(tmp_path, monkeypatch, node="echo v20.19.0", npm=script)

    with pytest.raises(BuildError) as caught:
        build(source)

    assert f"`npm {step}` failed" in str(caught.value)
    assert "npm error network is down" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert (source / "dist" / "index.html").read_text() == "older"
    assert not (source / "dist.new").exists()


def test_without_node_the_command_is_one_line_and_status_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what to do, without a traceback."""
    folder = put(tmp_path, monkeypatch)
    command = [sys.executable, "-m", "server", "explorer"]
    done = subprocess.run(command, cwd=ROOT, env={"PATH": str(folder)}, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("sotto: Node or npm was not found: install Node 20.19 or newer with npm")
    assert done.stderr.count("\n") == 1


def test_the_banner_names_the_command_where_it_helps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not if it has been built, and not if it cannot be."""
    dist = tmp_path / "dist"
    monkeypatch.setattr(banner, "EXPLORER", dist)
    put(tmp_path, monkeypatch)
    without_npm = banner.explorer()
    put(tmp_path, monkeypatch, node="", npm="")
    with_npm = banner.explorer()
    dist.mkdir()
    (dist / "index.html").touch()

    assert without_npm == ""
    assert "`./sotto explorer`" in with_npm
    assert banner.explorer() == ""
