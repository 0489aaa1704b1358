"""URLs of files: the same for as long as they were requested for, and valid for up to twice as long."""

import pytest

from models.attachment import AttachmentRow
from models.base import now_ms
from services.error import BadRequest, NotFound
from services.viewer import Viewer
from tests.services.conftest import MakeWorld, World

NOW = now_ms() // 1000


class Clock:
    """A clock that a test sets, in s since 1970."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def set(self, seconds: float) -> None:
        """The time of URLs; sessions keep the real one."""
        for name in ("attachment", "download"):
            self._monkeypatch.setattr(f"services.file.{name}.now_ms", lambda: int(seconds * 1000))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock."""
    return Clock(monkeypatch)


async def shared(world: World) -> tuple[Viewer, Viewer, AttachmentRow]:
    """Alice has sent bob a file."""
    alice, bob = await world.people("alice", "bob")
    id_ = await world.send(alice, "bob", files=[await world.file(b"notes")])
    view = await world.services.message.find(bob, id_)
    assert view is not None
    return alice, bob, view.attachments[0]


@pytest.mark.parametrize("life", [1, 7, 60])
async def test_a_url_is_stable_and_valid_for_one_to_two_lives(world: World, clock: Clock, life: int) -> None:
    """Never less than was asked for, never more than twice that; a new one comes once in a life."""
    _alice, bob, row = await shared(world)
    files = world.services.download
    urls: dict[str, list[int]] = {}
    for second in range(NOW, NOW + 4 * life):
        clock.set(second)
        url = files.url_path(bob, row, life, inline=True)
        left = (await files.open(url.removeprefix("/files/"))).seconds_left
        assert life <= left <= 2 * life
        urls.setdefault(url, []).append(second)

    whole = list(urls.values())[1:-1]
    assert len(urls) in {4, 5}
    assert all(len(seconds) == life and seconds == list(range(seconds[0], seconds[0] + life)) for seconds in whole)


async def test_a_url_ends(world: World, clock: Clock) -> None:
    """It still works in its last second, and is then the same NotFound as one that was never valid."""
    _alice, bob, row = await shared(world)
    files = world.services.download
    clock.set(NOW)
    token = files.url_path(bob, row, 60, inline=True).removeprefix("/files/")
    expires_at = (await files.open(token)).expires_at
    clock.set(expires_at)
    last = await files.open(token)
    clock.set(expires_at + 1)

    assert last.seconds_left == 0
    with pytest.raises(NotFound):
        await files.open(token)


async def test_the_limit_caps_the_life_of_a_url(make_world: MakeWorld, clock: Clock) -> None:
    """`urlLifetimeSeconds`; what asks for more gets the URL of the limit, and nothing asks for less than a second."""
    world = await make_world(url_life_seconds=100)
    _alice, bob, row = await shared(world)
    clock.set(NOW)
    files = world.services.download

    assert files.url_path(bob, row, 10**9, inline=True) == files.url_path(bob, row, 100, inline=True)
    with pytest.raises(BadRequest):
        files.url_path(bob, row, 0, inline=True)


async def test_a_url_is_that_of_its_viewer_and_of_its_arguments(world: World, clock: Clock) -> None:
    """Each viewer, disposition, thumbnail and life has its own; who may not see the message gets nothing with one."""
    alice, bob, row = await shared(world)
    carol = await world.person("carol")
    clock.set(NOW)
    files = world.services.download
    urls = [
        files.url_path(bob, row, 300, inline=True),
        files.url_path(alice, row, 300, inline=True),
        files.url_path(bob, row, 300, inline=False),
        files.url_path(bob, row, 300, inline=True, is_thumbnail=True),
    ]
    foreign = files.url_path(carol, row, 300, inline=True)

    assert len({*urls, foreign}) == 5
    with pytest.raises(NotFound):
        await files.open(foreign.removeprefix("/files/"))
