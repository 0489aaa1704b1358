"""Every service method with a viewer checks what the credentials allow before it accesses data."""

import ast
from collections.abc import Iterator
from pathlib import Path

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
    """Calls on attributes, such as ("_database", "read"), in source order."""
    found = []
    for each in ast.walk(node):
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute):
            owner = each.func.value
            name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            found.append((each.lineno, name, each.func.attr))
    return [(name, call) for _, name, call in sorted(found)]


def test_every_method_checks_the_credentials() -> None:
    """A method that uses the database for a viewer calls a checking function, or `viewer.check(…)` before."""
    for name, node in methods():
        calls = calls_of(node)
        bare = [index for index, (owner, call) in enumerate(calls) if owner == "_database" and call in BARE]
        asked = [index for index, call in enumerate(calls) if call in (("viewer", "check"), ("self", "_check"))]

        assert not bare or (asked and asked[0] < bare[0]) or name in FREE, name


def test_the_exceptions_exist() -> None:
    """An exception for a removed method would apply to a new one with its name."""
    assert set(FREE) <= {name for name, _ in methods()}


def test_a_missing_check_is_found() -> None:
    """The test above can fail."""
    source = "class S:\n    async def f(self, viewer):\n        return await self._database.read(g, viewer.user_id)\n"

    assert ("_database", "read") in calls_of(ast.parse(source))
