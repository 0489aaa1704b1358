"""Finds error codes, close codes and log entries in the source code."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("server", "gql", "services", "models", "storage", "pubsub")


def calls(*names: str) -> Iterator[ast.Call]:
    """Calls of functions or methods with these names."""
    return (call for call in _found()[0] if _name_of(call.func) in names)


def value_of(node: ast.AST) -> object:
    """The value of a constant, name or class attribute; None for anything else."""
    if isinstance(node, ast.Constant):
        return node.value
    constants = _found()[1]
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return constants.get(f"{node.value.id}.{node.attr}")
    return constants.get(node.id) if isinstance(node, ast.Name) else None


@cache
def _found() -> tuple[list[ast.Call], dict[str, object]]:
    """The calls of all modules, and their constants by name, those of classes as `Class.name`; trees are not kept."""
    calls: list[ast.Call] = []
    constants: dict[str, object] = {}
    for path in (path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        calls += [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        classes = {f"{node.name}.": node.body for node in tree.body if isinstance(node, ast.ClassDef)}
        for prefix, body in {"": tree.body, **classes}.items():
            for node in body:
                if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                    names = [target.id for target in node.targets if isinstance(target, ast.Name)]
                    constants |= {prefix + name: node.value.value for name in names}
    return calls, constants


def refusals() -> set[tuple[int, str]]:
    """Status and code of every `refuse` with constants."""
    found = set()
    for call in calls("HttpRefusal"):
        status, code = (value_of(argument) for argument in call.args[:2])
        if isinstance(status, int) and isinstance(code, str):
            found.add((status, code))
    return found


def log_lines() -> list[tuple[str, str, set[str]]]:
    """Level, event and constant fields of each log call."""
    found = []
    for level in ("debug", "info", "warning", "error"):
        for call in calls(level):
            event = value_of(call.args[0]) if call.args and _is_log(call.func) else None
            if isinstance(event, str):
                found.append((level, event, {each.arg for each in call.keywords if each.arg}))
    for call in calls("note"):  # services/audit.py: ids become those that the API shows, under shorter names
        if _is_audit(call.func) and isinstance(event := value_of(call.args[0]), str):
            fields = {each.arg.removesuffix("_id") for each in call.keywords if each.arg}
            found.append(("info", event, {"user", *fields}))
    for call in calls("write"):  # server/log.py writes what libraries say, as loud as they do
        if call.args and value_of(call.args[0]) == "library":
            found += [("warning", "library", set()), ("error", "library", set())]
    return found


def _is_log(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and _name_of(function.value) in ("log", "_log", "requests")


def _is_audit(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and _name_of(function.value) == "audit"


def _name_of(node: ast.expr) -> str | None:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else None
