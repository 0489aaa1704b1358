"""The law of the house: who may import whom, how long things may be, and what nothing is called."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("server", "gql", "services", "models", "storage", "pubsub")
MAY = {
    "server": {"gql", "services", "models", "storage", "pubsub"},
    "gql": {"services", "models"},  # of models the ids and enums, for no statement runs without a transaction
    "services": {"models", "storage", "pubsub"},
    "models": set(),
    "storage": set(),
    "pubsub": set(),
}
NEVER = {
    "services": {"strawberry", "graphql", "aiohttp"},
    "models": {"strawberry", "graphql", "aiohttp", "aiofiles", "orjson", "structlog", "pydantic"},
    "storage": {"strawberry", "graphql", "aiohttp", "peewee"},
    "pubsub": {"strawberry", "graphql", "aiohttp", "peewee"},
    "gql": {"peewee", "playhouse", "sqlite3"},
}
EMPTY_NAMES = {"core", "common", "utils", "util", "helpers", "helper", "misc"}


def imports_of(source: str) -> set[str]:
    """The top-level packages that a module imports, at whatever depth of its code."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def breaches_of(room: str, source: str) -> set[str]:
    """What the module of a room imports against the law."""
    others = set(ROOMS) - MAY[room] - {room}
    return imports_of(source) & (others | NEVER.get(room, set()))


def modules() -> list[Path]:
    """Every module of every room."""
    return [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_keeps_the_law(path: Path) -> None:
    """server → gql → services → {models, storage, pubsub}; at most 300 lines, 60 for a function; a noun for a name."""
    source = path.read_text(encoding="utf-8")
    functions = [
        node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    long = [node.name for node in functions if (node.end_lineno or 0) - node.lineno > 60]

    assert breaches_of(path.relative_to(ROOT).parts[0], source) == set()
    assert source.count("\n") <= 300
    assert long == []
    assert path.stem not in EMPTY_NAMES


@pytest.mark.parametrize("path", sorted((ROOT / "gql").glob("*.py")), ids=lambda path: path.name)
def test_the_graphql_face_holds_no_query_and_publishes_nothing(path: Path) -> None:
    """A resolver is a translator: no transaction, no statement, no hint."""
    calls = {
        node.func.attr
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }

    assert calls & {"publish", "listen", "where", "select", "execute_sql", "insert", "update", "commit"} <= {"update"}
    assert "Prepared" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("room", "source", "breach"),
    [
        ("services", "def f():\n    from aiohttp import web", {"aiohttp"}),
        ("models", "import services.send", {"services"}),
        ("gql", "from storage.base import Storage", {"storage"}),
        ("storage", "import models", {"models"}),
        ("server", "from tests import x", set()),
    ],
)
def test_the_walk_finds_a_planted_breach(room: str, source: str, breach: set[str]) -> None:
    """A guard that finds nothing guards nothing."""
    assert breaches_of(room, source) == breach
