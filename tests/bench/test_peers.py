"""The comparison with other servers: each starts, does the same as Sotto, and is measured by its answers."""

import asyncio
import dataclasses
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, nullcontext
from pathlib import Path
from typing import Any

import pytest

from bench import file
from bench.peers import load, measure, stream, transfer
from bench.peers.answer import ask, comparable, difference
from bench.peers.fill import fill
from bench.peers.operation import OPERATIONS, Operation, search_among, typename
from bench.peers.result import Sample
from bench.peers.server import BY_HAND_SEARCH as BY_HAND
from bench.peers.server import MERCURIUS, MERCURIUS_FOLDER, MERCURIUS_GROUP, SOTTO, STOCK, Kind, Server
from tests.full import full, rare

HAS_MERCURIUS = (MERCURIUS_FOLDER / "node_modules/.bin/node").exists()  # once bench.peers has run
KINDS = (SOTTO, BY_HAND, STOCK, *([MERCURIUS, MERCURIUS_GROUP] if HAS_MERCURIUS else []))
# What a send stores; `n` counts each user's events. Times differ, and each server has its own hash of a request.
STORED = {
    "message": "id, sender_id, kind, body, attachments, reply_to_id, metadata, revision",
    "conversation": "id, kind, last_seq",
    "member": "user_id, conversation_id, last_seq, read_seq, delivered_seq, floor_seq, seen_seq, unread, is_archived",
    "event": "user_id, n, kind, subject_id, actor_id, detail",
    "idempotency": "user_id, result",
}
READS = [*(each for each in OPERATIONS if not each.stores), search_among("search", 0)]
SEND = next(each for each in OPERATIONS if each.name == "send-1")
pytestmark = [full, rare]  # three servers, each a program of its own


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bench") / "data"
    asyncio.run(fill(folder, pairs=3))
    return folder


@pytest.fixture(scope="module")
def servers(data: Path) -> Iterator[dict[Kind, Server]]:
    with ExitStack() as stack:
        yield {kind: stack.enter_context(closing(Server(kind, data))) for kind in KINDS}


def rows_of(server: Server) -> dict[str, list[Any]]:
    with closing(sqlite3.connect(server.folder / "sotto.db")) as database:
        return {
            table: database.execute(f"SELECT {columns} FROM {table} ORDER BY {columns}").fetchall()
            for table, columns in STORED.items()
        }


@pytest.mark.parametrize("operation", READS, ids=lambda each: each.name)
def test_all_servers_give_the_same_answers(servers: dict[Kind, Server], operation: Operation) -> None:
    """Sotto, the server by hand and Strawberry with Peewee; Mercurius where its packages have been installed.

    Searches by the server by hand use FTS5.
    """
    having = [server for kind, server in servers.items() if kind.name not in operation.missing]

    measure.compare(having, operation, count=6)

    assert len(having) == sum(kind.name not in operation.missing for kind in KINDS) >= 2


def test_all_servers_store_the_same_rows(servers: dict[Kind, Server]) -> None:
    """Messages, positions, events and idempotency keys of three sends."""
    before = rows_of(servers[SOTTO])
    measure.compare([*servers.values()], SEND)

    after = {kind.name: rows_of(server) for kind, server in servers.items()}

    assert len(after["sotto"]["message"]) == len(before["message"]) + 3
    assert len(after["sotto"]["event"]) == len(before["event"]) + 6
    for name, rows in after.items():
        assert {table: difference(after["sotto"][table], found) for table, found in rows.items()} == dict.fromkeys(
            STORED
        ), name


def test_a_server_that_answers_otherwise_ends_the_comparison(servers: dict[Kind, Server]) -> None:
    """The message says where the answers differ."""
    other = dataclasses.replace(
        SEND, stores=False, requests=lambda server: typename(server) if server.kind is SOTTO else SEND.requests(server)
    )

    with pytest.raises(measure.Wrong, match=r"send, 1 at a time: Sotto and aiohttp by hand differ in \.0\.data: "):
        measure.compare([servers[SOTTO], servers[BY_HAND]], other, count=1)


def test_the_load_measures_right_answers(servers: dict[Kind, Server]) -> None:
    """On several connections; the CPU time of the server is of all its threads, and of nobody else."""
    cpu = servers[BY_HAND].cpu_ns()
    found = load.run(servers[BY_HAND].port, typename(servers[BY_HAND]), 4, 0.1)

    assert found.wrong == []
    assert len(found.times) >= 4
    assert found.rate == len(found.times) / found.seconds
    assert 0 < servers[BY_HAND].cpu_ns() - cpu < 4 * found.seconds * 1e9


def test_the_load_notices_a_wrong_answer(servers: dict[Kind, Server]) -> None:
    """A missing marker, an error and another status; a measurement with one of them is refused."""
    server = servers[BY_HAND]
    [right] = typename(server)
    wrong = [
        dataclasses.replace(right, marker=b"nothing"),
        dataclasses.replace(right, before=right.before.replace(b"Bearer sot_", b"Bearer xyz_")),
    ]

    for request in wrong:
        assert load.run(server.port, [request], 1, 0.01).times == []
    operation = dataclasses.replace(SEND, stores=False, requests=lambda _server: wrong[:1])
    with pytest.raises(measure.Wrong, match="wrong answers of aiohttp by hand"):
        measure.sample(server, operation, 0.01)


def test_a_key_is_new_in_each_request() -> None:
    """The length stays, so that the head is right."""
    request = load.Request.post(f'{{"key": "{load.KEY}"}}', "token", "")
    first, second = request.to_bytes(), request.to_bytes()

    assert first != second
    assert len(first) == len(second)
    assert first.endswith(b'"}')
    assert int(first.split(b"Content-Length: ")[1].split(b"\r\n")[0]) == len(first.partition(b"\r\n\r\n")[2])


@pytest.mark.parametrize("is_group", [False, True])
def test_streams_count_every_delivery(servers: dict[Kind, Server], is_group: bool) -> None:
    """To all streams of a person, and to members of a group in turn."""
    audience = stream.Audience("some", "some", 5, is_group=is_group)
    kinds = [kind for kind in (SOTTO, MERCURIUS) if kind in servers]

    row = stream.rounds([servers[kind] for kind in kinds], audience, 1, 10)

    assert [*row.samples] == [kind.name for kind in kinds]
    assert all(sample.rate > 0 and 0 < sample.p50 <= sample.p99 for [sample] in row.samples.values())


def test_files_are_measured_for_each_mib(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the figures of bench/file.py, which are of whole files."""
    figures = {"ours": file.Figures(cpu=0.004, seconds=0.02), "by hand": file.Figures(cpu=0.002, seconds=0.01)}
    monkeypatch.setattr(file, "sides", lambda _folder: nullcontext({name: name for name in figures}))
    monkeypatch.setattr(file, "measure", lambda name, *_size: figures[name])

    [row] = transfer.rounds(2, None, [("download", 2 * file.MIB, 1)])

    assert row.title == "download of 2 MiB"
    assert row.samples == {"sotto": [Sample(100, 2_000, 20, 20)] * 2, "by-hand": [Sample(200, 1_000, 10, 10)] * 2}


def test_ids_of_both_kinds_name_the_same_row() -> None:
    """Cursors and URLs are only there or not."""
    ours = {"id": "bQAAAAAAAAAB", "createdAt": "2026-01-02T03:04:05.678Z", "url": "/files/x", "startCursor": "abc"}
    theirs = {"id": "m1", "createdAt": "2026-01-02T03:04:05.678000+00:00", "url": "/y", "startCursor": "m1"}

    assert comparable(ours, is_sotto=True) == comparable(theirs, is_sotto=False)
    assert comparable(ours, is_sotto=True) != comparable({**theirs, "id": "m2"}, is_sotto=False)


def test_an_answer_that_is_refused_cannot_be_compared(servers: dict[Kind, Server]) -> None:
    """The text of the answer is in the error."""
    with pytest.raises(ValueError, match="404"):
        ask(servers[BY_HAND].port, load.Request.get("/nothing", ""))
