"""The audit names people, devices and keys as the API shows them: what is read there can be asked for."""

from pathlib import Path
from typing import Any

from structlog.testing import capture_logs

from models import user as users
from models.api_key import Scope
from services.account.sign_up import SignUp
from services.id import Kind, decode
from services.limit import DeviceTrust
from tests.services.conftest import MakeWorld

PASSWORD = "correct horse"
KINDS = {"user": Kind.USER, "device": Kind.DEVICE, "key": Kind.API_KEY}
SERVICES = Path(__file__).parents[2] / "services"


def named(line: Any) -> dict[str, int]:
    """Whom and what a line names, each by an id of its kind."""
    found = {name: decode(line[name]) for name in KINDS if name in line}
    assert all(each is not None and each[0] is KINDS[name] for name, each in found.items()), line
    return {name: each[1] for name, each in found.items() if each is not None}


async def test_a_line_names_whose_it_is_by_the_global_id(make_world: MakeWorld) -> None:
    """Every operation that has one, in order; no number of a row anywhere in it."""
    world = await make_world(device_trust=DeviceTrust.REQUIRE)
    services = world.services
    first = (await services.account.sign_up(SignUp("alice", PASSWORD))).viewer
    second, third = [(await services.account.sign_in("alice", PASSWORD, None, "10.0.0.1")).viewer for _ in range(2)]
    with capture_logs() as lines:
        await services.device.trust(first, second.device_id)
        await services.device.trust_all("alice")
        await services.device.revoke(first, third.device_id)
        row, _ = await services.api_key.create(first, "bot", Scope.READ_MESSAGES, None)
        await services.api_key.revoke(first, row.id)
        other, _ = await services.api_key.create(first, "other", Scope.READ_MESSAGES, None)
        await services.api_key.remove("alice", other.id)
        await services.account.change_password(first, PASSWORD, "another horse")
        await services.account.set_password("alice", PASSWORD)
        await services.account.set_state("alice", users.SUSPENDED)

    alice = {"user": first.user_id}
    assert [(line["event"], named(line)) for line in lines] == [
        ("device trusted", {**alice, "device": second.device_id}),
        ("device trusted", {**alice, "device": third.device_id}),
        ("device revoked", {**alice, "device": third.device_id}),
        ("key made", {**alice, "key": row.id}),
        ("key revoked", {**alice, "key": row.id}),
        ("key made", {**alice, "key": other.id}),
        ("key revoked", {**alice, "key": other.id}),
        ("password changed", alice),
        ("password changed", alice),
        ("account state changed", alice),
    ]
    by_operator = [line["event"] for line in lines if line.get("by") == "operator"]
    assert by_operator == ["device trusted", "key revoked", "password changed"]
    assert not any(str(number) in str(lines) for number in (first.user_id, second.device_id, row.id))


def test_nobody_writes_into_the_audit_past_it() -> None:
    """One place makes its lines, and so its ids."""
    writers = [path.stem for path in SERVICES.rglob("*.py") if "sotto.audit" in path.read_text(encoding="utf-8")]

    assert writers == ["audit"]
