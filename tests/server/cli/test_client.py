"""The client of `./sotto send`: the type of its messages."""

import io
import wave
from pathlib import Path

import pytest
from PIL import Image

from gql.id import Kind, number_of
from models.message import MessageKind
from server.cli.client import Client
from tests.server.cli.test_demo import demo, sign_in

FILES = {
    "TEXT": (),
    "IMAGE": ("a.png", "b.png"),
    "AUDIO": ("a.wav",),
    "VIDEO": ("a.mp4",),
    "FILE": ("a.txt",),
    "mixed": ("a.png", "a.txt"),
}


def write_files(folder: Path) -> None:
    """Files of every kind, identified by content, not by name."""
    for name, color in (("a.png", "navy"), ("b.png", "teal")):
        out = io.BytesIO()
        Image.new("RGB", (40, 30), color).save(out, "PNG")
        (folder / name).write_bytes(out.getvalue())
    with wave.open(str(folder / "a.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(1600))
    (folder / "a.mp4").write_bytes(b"\0\0\0\x18ftypisom\0\0\2\0isommp41" + b"\0\0\0\x08free")
    (folder / "a.txt").write_bytes(b"notes")


@pytest.mark.parametrize("is_type_required", ["false", "true"])
async def test_every_message_has_the_type_that_the_server_wants(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_type_required: str
) -> None:
    """Messages are accepted, and images stay images, also beside other files unless the server requires a type."""
    monkeypatch.setenv("SOTTO_REQUIRE_TYPE", is_type_required)
    write_files(tmp_path)
    kinds: dict[str, tuple[MessageKind, list[MessageKind]]] = {}
    async with demo(tmp_path / "data") as (running, _, token), Client(running.url, token) as client:
        carol = await sign_in(running, "carol")
        for name, files in FILES.items():
            id_ = number_of(Kind.MESSAGE, await client.send(["carol"], name, [tmp_path / each for each in files]))
            view = await running.services.message.find(carol, id_)
            assert view is not None
            kinds[name] = MessageKind(view.row.kind), [MessageKind(file.kind) for file in view.attachments]

    picture = MessageKind.FILE if is_type_required == "true" else MessageKind.IMAGE
    assert kinds == {
        "TEXT": (MessageKind.TEXT, []),
        "IMAGE": (MessageKind.IMAGE, [MessageKind.IMAGE] * 2),
        "AUDIO": (MessageKind.AUDIO, [MessageKind.AUDIO]),
        "VIDEO": (MessageKind.VIDEO, [MessageKind.VIDEO]),
        "FILE": (MessageKind.FILE, [MessageKind.FILE]),
        "mixed": (MessageKind.FILE, [picture, MessageKind.FILE]),
    }
