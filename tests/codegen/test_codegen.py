"""Code generation: what is generated from schema.graphql compiles strictly, and what breaks a client is noticed."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from graphql import build_schema

from gql.wire.schema import build_schema as served_schema
from server.trusted import trusted_documents_of
from tests.contract.breaking import BASE, CHANGES, SNAPSHOT, breaking_changes, released
from tests.contract.served import SERVED, TEXT

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


def test_the_manifest_of_graphql_codegen_is_one_of_trusted_documents(folder: Path) -> None:
    """`persistedDocuments` of the client preset writes what `SOTTO_TRUSTED_DOCUMENTS` reads."""
    check(folder, "graphql-codegen", "--config", "persisted.ts")

    trusted = trusted_documents_of(folder / "client" / "generated" / "persisted-documents.json", served_schema())

    assert trusted is not None
    assert len(trusted) == (folder / "client" / "app.ts").read_text(encoding="utf-8").count("graphql(")


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


def breaks(folder: Path, *pairs: tuple[str, str]) -> list[list[str]]:
    """What graphql-inspector calls breaking in each change from one schema to another."""
    command = ["node", "breaking.js"]
    asked = json.dumps(pairs)
    done = subprocess.run(command, cwd=folder, input=asked, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found: list[list[str]] = json.loads(done.stdout)
    return found


def test_graphql_inspector_agrees_on_what_breaks_a_client(folder: Path) -> None:
    """tests/contract/test_breaking.py compares without Node: on made-up changes both come to the same verdict."""
    found = breaks(folder, *((BASE, change.text) for change in CHANGES))

    verdicts = {change.name: messages != [] for change, messages in zip(CHANGES, found, strict=True)}
    assert verdicts == {change.name: change.breaks and not change.is_ours for change in CHANGES}


def test_graphql_inspector_agrees_on_the_schema_and_the_last_release(folder: Path) -> None:
    """On the real ones: equal, with a field renamed, and compared with the last release, if there is one."""
    line = "  wasDuplicate: Boolean!\n"
    assert TEXT.count(line) == 1
    release = released(SNAPSHOT.read_text(encoding="utf-8"))
    before = release.text if release else TEXT

    other = TEXT.replace(line, "  wasRepeated: Boolean!\n")

    same, renamed, since = breaks(folder, (TEXT, TEXT), (TEXT, other), (before, TEXT))

    assert same == []
    assert ["wasDuplicate" in message for message in renamed] == [True]
    assert (since != []) == (breaking_changes(build_schema(before), SERVED) != [])
