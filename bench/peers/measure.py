"""Paired rounds: in each, every server is measured in turn, so that what else the machine does concerns all of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from bench.peers import load
from bench.peers.answer import ask, comparable, difference
from bench.peers.operation import Operation
from bench.peers.result import Row, Sample, percentile
from bench.peers.server import Server


class Wrong(Exception):
    """A server gave another answer than Sotto, or stored something else than it said."""


def compare(servers: Sequence[Server], operation: Operation, count: int = 3) -> None:
    """Raises Wrong unless the first answers of all servers say the same; new messages may differ in their time."""
    first = [_first_answers(server, operation, count) for server in servers]
    for server, answers in zip(servers, first, strict=True):
        if (found := difference(first[0], answers)) is not None:
            raise Wrong(f"{operation.title}: {servers[0].kind.title} and {server.kind.title} differ in {found}")


def _first_answers(server: Server, operation: Operation, count: int) -> list[Any]:
    answers = [ask(server.port, request) for request in operation.requests(server)[:count]]
    if operation.stores:
        for answer in answers:
            del answer["data"]["sendPrivateMessage"]["message"]["createdAt"]
    return [comparable(answer, is_sotto=server.kind.is_sotto) for answer in answers]


def sample(server: Server, operation: Operation, seconds: float) -> Sample:
    """One round of one server. The CPU time includes the work that follows the answers."""
    requests = operation.requests(server)
    before = server.count("message") if operation.stores else 0
    cpu = server.cpu_ns()
    found = load.run(server.port, requests, operation.connections, seconds)
    if found.wrong:
        raise Wrong(
            f"{operation.title}: {len(found.wrong)} wrong answers of {server.kind.title}: {found.wrong[0][:500]!r}"
        )
    if operation.stores:
        server.settle()
        if (stored := server.count("message") - before) != len(found.times):
            raise Wrong(f"{server.kind.title} acknowledged {len(found.times)} messages and stored {stored}")
    cpu = server.cpu_ns() - cpu
    times = [each * 1000 for each in found.times]
    return Sample(found.rate, cpu / len(times) / 1000, percentile(times, 0.5), percentile(times, 0.99))


def rounds(servers: Mapping[str, Server], operation: Operation, count: int, seconds: float) -> Row:
    """The samples of `count` rounds; each begins with another server."""
    row = Row(operation.name, operation.title, operation.section)
    having = [server for name, server in servers.items() if name not in operation.missing]
    for server in having:
        load.run(server.port, operation.requests(server), operation.connections, min(seconds, 0.5))
        server.settle()
    for place in range(count):
        shift = place % len(having)
        for server in having[shift:] + having[:shift]:
            row.add(server.kind.name, sample(server, operation, seconds))
    return row
