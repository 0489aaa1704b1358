"""The law of access: whatever a service does in somebody's name, it first asks what their credential is good for."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SERVICES = Path(__file__).parents[2] / "services"
DOORS = {"read_for", "write_for", "send_for"}  # they ask themselves
BARE = {"read", "write"}
# What may touch the database for a viewer without a right, and why.
FREE = {
    "UserService.get_self": "a device that waits to be trusted sees its own viewer",
    "DeviceService.list_of": "and itself; everybody else is asked for a right",
    "AccountService.sign_out": "and can leave",
    "Authenticator._renew": "finds out what the credential is good for",
    "Authenticator._use": "notes that it was used, which the person did not ask for",
    "Completion._keep": "a step of UploadService.append, offset and complete, which have asked",
}


def methods() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Every method of a service that takes a viewer."""
    for path in sorted(SERVICES.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                for item in node.body:
                    if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef):
                        names = {each.arg for each in item.args.args}
                        if "viewer" in names:
                            yield f"{node.name}.{item.name}", item


def calls_of(node: ast.AST) -> list[tuple[str, str]]:
    """What is called on which attribute, such as ("_database", "read"), in the order of the text."""
    found = []
    for each in ast.walk(node):
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute):
            owner = each.func.value
            name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            found.append((each.lineno, name, each.func.attr))
    return [(name, call) for _, name, call in sorted(found)]


@pytest.mark.parametrize(("name", "node"), list(methods()), ids=lambda value: value if isinstance(value, str) else "")
def test_no_road_leads_around_the_rights(name: str, node: ast.AST) -> None:
    """Who touches the database for a viewer goes through a door that asks, or asks before: `viewer.check(…)`."""
    calls = calls_of(node)
    bare = [index for index, (owner, call) in enumerate(calls) if owner == "_database" and call in BARE]
    asked = [index for index, call in enumerate(calls) if call in (("viewer", "check"), ("self", "_check"))]

    assert not bare or (asked and asked[0] < bare[0]) or name in FREE


def test_the_exceptions_are_there_still() -> None:
    """A name that is gone is an exception for whoever takes it next."""
    assert set(FREE) <= {name for name, _ in methods()}


def test_the_law_sees_a_road_around() -> None:
    """The test can fail."""
    source = "class S:\n    async def f(self, viewer):\n        return await self._database.read(g, viewer.user_id)\n"

    assert ("_database", "read") in calls_of(ast.parse(source))
