"""The law of the house: who may import whom, how long things may be, and what nothing is called."""

import ast
from functools import cache
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
# Inside a room: which of its own rooms a room may import besides the ground, the modules that lie in none of them.
GROUND = "ground"
TYPES = "types"
# Where more than the ground lies flat: the modules of the ground. The others are the types of the schema.
GROUND_MODULES = {
    "gql": {"charge", "connection", "context", "enum", "error", "id", "level", "node", "pace", "scalar", "selection"}
}
INSIDE = {
    "gql": {
        GROUND: set(),
        TYPES: set(),
        "document": set(),
        "plan": {"document"},
        "wire": {TYPES, "document", "plan"},
    },
    "services": {
        GROUND: set(),
        "person": set(),
        "file": set(),
        "account": {"person"},
        "message": {"person", "file"},
        "live": {"person", "file", "account", "message"},
    },
    "server": {
        GROUND: {"setting", "command"},
        "setting": set(),
        "command": {"setting"},
        "manual": {"setting"},
        "cli": {"setting", "command"},
    },
}
# They put the rooms together, so they import whatever they like; nothing in a room imports them.
TOP = {"services": {"service", "sweep"}, "server": {"__main__"}}
EMPTY_NAMES = {"core", "common", "utils", "util", "helpers", "helper", "misc"}


@cache
def nodes_of(source: str) -> list[ast.AST]:
    """All that the code of a module consists of; parsed once for all tests of this module."""
    return list(ast.walk(ast.parse(source)))


def imports_of(source: str) -> set[str]:
    """The top-level packages that a module imports, at whatever depth of its code."""
    found = set()
    for node in nodes_of(source):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def place_of(module: str) -> str:
    """The room inside its room that a module lies in; `top` for those that put the rooms together."""
    room, *inside = module.split(".")
    if len(inside) > 1 or (inside and (ROOT / room / inside[0]).is_dir()):
        return inside[0]
    if inside and inside[0] in TOP.get(room, ()):
        return "top"
    return TYPES if room in GROUND_MODULES and inside[0] not in GROUND_MODULES[room] else GROUND


@cache
def modules_of(source: str, *, with_typing: bool = False) -> set[str]:
    """The dotted names of the modules of ours that a module imports, at whatever depth of its code.

    Unless `with_typing`, not those for the type checker alone: at run time there are no such arrows.
    """
    typing_only = {
        id(inner)
        for node in nodes_of(source)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for each in node.body
        for inner in ast.walk(each)
    }
    found = set()
    for node in nodes_of(source):
        if id(node) in typing_only and not with_typing:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if (ROOT / name.replace(".", "/")).with_suffix(".py").is_file()}


def inner_breaches_of(module: str, source: str) -> set[str]:
    """The modules of its own room that a module imports against the law of the rooms inside."""
    room, place = module.split(".", maxsplit=1)[0], place_of(module)
    if room not in INSIDE or place == "top":
        return set()
    may = INSIDE[room][place] | {GROUND, place}
    return {name for name in modules_of(source) if name.split(".")[0] == room and place_of(name) not in may}


def circles_in(graph: dict[str, set[str]]) -> set[str]:
    """The modules of circles, and of ways between two circles: what is left without the ends of all ways."""
    left = {name: needed & set(graph) for name, needed in graph.items()}
    while ends := {name for name in left if not left[name] or not any(name in needed for needed in left.values())}:
        left = {name: needed - ends for name, needed in left.items() if name not in ends}
    return set(left)


def breaches_of(room: str, source: str) -> set[str]:
    """What the module of a room imports against the law."""
    others = set(ROOMS) - MAY[room] - {room}
    return imports_of(source) & (others | NEVER.get(room, set()))


def modules(*rooms: str) -> list[Path]:
    """Every module of these rooms, each of which has some."""
    found = {room: sorted((ROOT / room).rglob("*.py")) for room in rooms}
    assert all(found.values())
    return [path for paths in found.values() for path in paths]


@pytest.mark.parametrize("room", ROOMS)
def test_a_module_keeps_the_law(room: str) -> None:
    """server → gql → services → {models, storage, pubsub}; at most 300 lines, 60 for a function; a noun for a name."""
    for path in modules(room):
        source = path.read_text(encoding="utf-8")
        functions = [node for node in nodes_of(source) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        long = [node.name for node in functions if (node.end_lineno or 0) - node.lineno > 60]

        assert breaches_of(room, source) == set(), path
        assert source.count("\n") <= 300, path
        assert long == [], path
        assert path.stem not in EMPTY_NAMES, path


@pytest.mark.parametrize("room", ROOMS)
def test_a_module_keeps_the_law_of_the_rooms_inside(room: str) -> None:
    """gql: wire → {document, types} → ground, services: live → {message, account} → {file, person} → ground."""
    for path in modules(room):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)

        assert inner_breaches_of(module, path.read_text(encoding="utf-8")) == set(), path


def test_every_room_inside_has_its_law() -> None:
    """A new folder is a decision, written down in INSIDE."""
    for room, law in INSIDE.items():
        folders = {path.parent.name for path in (ROOT / room).glob("*/__init__.py")}
        flat = {path.stem for path in (ROOT / room).glob("*.py")}

        assert folders == set(law) - {GROUND, TYPES}
        assert GROUND_MODULES.get(room, set()) <= flat


def test_no_import_goes_round_in_a_circle() -> None:
    """Imports inside functions count; those for the type checker alone do not."""
    graph = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): modules_of(path.read_text(encoding="utf-8"))
        for path in modules(*ROOMS)
        if path.name != "__init__.py"
    }

    assert circles_in(graph) == set()


def test_in_the_graphql_face_only_types_refer_to_each_other_for_the_type_checker() -> None:
    """As the types of the schema do; whoever serves them has no such excuse."""
    graph = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): modules_of(
            path.read_text(encoding="utf-8"), with_typing=True
        )
        for path in (ROOT / "gql").rglob("*.py")
    }

    assert circles_in({name: found for name, found in graph.items() if place_of(name) != TYPES}) == set()


@pytest.mark.parametrize(
    ("module", "source", "breach"),
    [
        ("services.file.upload", "from services.message.send import SendService", {"services.message.send"}),
        ("services.cursor", "def f():\n    from services.person import user", {"services.person.user"}),
        ("services.message.send", "from services.service import Services", {"services.service"}),
        ("services.live.stream", "from services.message.message import MessageService", set()),
        ("services.service", "from services.live.stream import Stream", set()),
        ("server.setting.settings", "import server.cli.demo", {"server.cli.demo"}),
        ("gql.context", "from gql.wire.credentials import credentials_of", {"gql.wire.credentials"}),
        ("gql.node", "from gql.user import User", {"gql.user"}),
        ("gql.stream", "from gql.wire.operation import execute", {"gql.wire.operation"}),
        ("gql.query", "from gql.document.limit import limit_rule", {"gql.document.limit"}),
        ("gql.document.limit", "from gql.query import MAX_NODES", {"gql.query"}),
        ("gql.document.survey", "def f():\n    from gql.wire import budget", {"gql.wire.budget"}),
        ("gql.wire.schema", "from gql.document.limit import limit_rule\nfrom gql.query import Query", set()),
    ],
)
def test_the_walk_of_the_rooms_inside_finds_a_planted_breach(module: str, source: str, breach: set[str]) -> None:
    """As below, for the rooms inside a room."""
    assert inner_breaches_of(module, source) == breach


def test_an_import_for_the_type_checker_alone_counts_only_where_it_is_asked_for() -> None:
    """At run time it is not executed."""
    source = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from gql.wire.view import View"

    assert modules_of(source) == set()
    assert modules_of(source, with_typing=True) == {"gql.wire.view"}


def test_a_planted_circle_is_found() -> None:
    """Without what only leads to it, or comes after it."""
    assert circles_in({"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set(), "e": {"d"}}) == {"b", "c"}


def test_the_graphql_face_holds_no_query_and_publishes_nothing() -> None:
    """A resolver is a translator: no transaction, no statement, no hint."""
    foreign = {"publish", "publish_ephemeral", "listen", "where", "select", "execute_sql", "insert", "commit"}
    for path in modules("gql"):
        source = path.read_text(encoding="utf-8")
        calls = {
            node.func.attr
            for node in nodes_of(source)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        }

        assert calls & foreign == set(), path
        assert "models.prepared" not in modules_of(source), path


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
