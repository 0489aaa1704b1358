"""Code generation: what front ends generate from schema.graphql compiles strictly, and a release breaks no client."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SCHEMA = HERE.parents[1] / "schema.graphql"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of this folder with today's schema: what is generated lies there, whoever else runs."""
    if not (HERE / "node_modules").exists():
        if os.environ.get("REQUIRE_CLIENTS"):
            pytest.fail("tests/codegen/run installs the generators.")
        pytest.skip("The generators are not installed: run tests/codegen/run (it needs Node 20 or newer).")
    copy = tmp_path / "codegen"
    ignored = shutil.ignore_patterns("node_modules", "generated", "__generated__", "__pycache__")
    shutil.copytree(HERE, copy, ignore=ignored)
    (copy / "node_modules").symlink_to(HERE / "node_modules")
    shutil.copy(SCHEMA, copy / "schema.graphql")
    return copy


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """One of the installed programs."""
    program = HERE / "node_modules" / ".bin" / command[0]
    return subprocess.run([program, *command[1:]], cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def check(folder: Path, *command: str) -> None:
    """It succeeds."""
    done = run(folder, *command)
    assert done.returncode == 0, done.stdout + done.stderr


def test_graphql_codegen_makes_types_that_compile_strictly(folder: Path) -> None:
    """client-preset with strict scalars: files, the union of results, the inbox, a subscription."""
    check(folder, "graphql-codegen")
    check(folder, "tsc", "-p", "client")


def test_a_result_that_is_not_handled_does_not_compile(folder: Path) -> None:
    """The union is closed: without one of its cases the switch is not exhaustive."""
    app = folder / "client" / "app.ts"
    text = app.read_text(encoding="utf-8")
    case = "    case 'RateLimitedError':\n      return `again in ${result.retryAfterSeconds.toFixed()} s`\n"
    assert case in text
    app.write_text(text.replace(case, ""), encoding="utf-8")
    check(folder, "graphql-codegen")

    done = run(folder, "tsc", "-p", "client")

    assert done.returncode != 0
    assert "not assignable to parameter of type 'never'" in done.stdout


def test_relay_compiles_and_validates(folder: Path) -> None:
    """Connections that append and page, a refetchable fragment, a mutation with files, a subscription."""
    check(folder, "relay-compiler")
    check(folder, "relay-compiler", "--validate")
    check(folder, "tsc", "-p", "relay")


def test_gql_tada_reads_the_types_from_the_documents(folder: Path) -> None:
    """Without a generator for operations."""
    check(folder, "gql.tada", "generate-output")
    check(folder, "gql.tada", "check")
    check(folder, "tsc", "-p", "tada")


def test_nothing_that_was_released_breaks(folder: Path) -> None:
    """graphql-inspector against `released.graphql`; to break on purpose, copy schema.graphql over it and say so."""
    check(folder, "graphql-inspector", "diff", "released.graphql", "schema.graphql")


def test_a_field_that_is_gone_is_noticed(folder: Path) -> None:
    """The gate can fail."""
    schema = folder / "schema.graphql"
    text = schema.read_text(encoding="utf-8")
    line = "  wasDuplicate: Boolean!\n"
    assert text.count(line) == 1
    schema.write_text(text.replace(line, "  wasRepeated: Boolean!\n"), encoding="utf-8")

    done = run(folder, "graphql-inspector", "diff", "released.graphql", "schema.graphql")

    assert done.returncode == 1
    assert "wasDuplicate" in done.stdout
