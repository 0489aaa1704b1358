"""A page of the documentation, run from top to bottom as its reader would, against one demo server."""

import asyncio
import json
import os
import re
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
from graphql import OperationDefinitionNode, OperationType, SelectionSetNode, Visitor, parse, print_ast, visit
from graphql.language import FieldNode, NameNode

from tests.contract.document import ROOT, Block
from tests.flow.client import Person, Server

ADDRESS = "http://127.0.0.1:8000"
ENDLESS = ("curl -sN", "./sotto listen")
CALL = "Somebody writes while it listens."


class Page:
    """Runs blocks in order; answers are remembered, so that `…` in variables can stand for what they gave."""

    def __init__(self, server: Server, http: aiohttp.ClientSession, folder: Path) -> None:
        self._server = server
        self._http = http
        self._folder = folder
        self._people: dict[str, Person] = {}
        self._seen: dict[str, object] = {}

    async def run(self, block: Block, following: Block | None) -> None:
        """One block; a block of JSON behind a document is its variables, or with `data` its answer."""
        if block.language == "graphql":
            given = json.loads(following.text) if following is not None and following.language == "json" else {}
            is_answer = "data" in given
            variables = {} if is_answer else self._filled(given)
            await self._ask(block, variables, given if is_answer else None)
        elif block.language in ("bash", "sh"):
            await self._shell(block)
        elif block.language == "python":
            assert await self._program(sys.executable, "-c", block.text)

    async def person(self, name: str) -> Person:
        """Somebody of the demo, signed in."""
        if name not in self._people:
            self._people[name] = await Person.sign_in(self._server, self._http, name, "demo")
        return self._people[name]

    async def _ask(self, block: Block, variables: dict[str, object], expected: object) -> None:
        person = await self.person(block.words[0] if block.words else "alice")
        document = visit(parse(block.text), _Typenames())
        [operation] = (each for each in document.definitions if isinstance(each, OperationDefinitionNode))
        text = print_ast(document)
        if operation.operation is OperationType.SUBSCRIPTION:
            data = await self._first_of(person, text, variables)
        else:
            data = await person.query(text, **variables)
        if expected is not None:
            assert_within(expected, {"data": data}, str(block))
        elif operation.operation is OperationType.MUTATION:
            assert all(each["__typename"].endswith("Success") for each in data.values()), f"{block}: {data}"
        else:
            assert None not in data.values(), f"{block}: {data}"
        self._remember(data)

    async def _first_of(self, person: Person, text: str, variables: dict[str, object]) -> dict[str, Any]:
        """The first thing that a subscription gives, while bob writes to whoever listens."""
        body, headers = {"query": text, "variables": variables}, {**person.headers, "Accept": "text/event-stream"}
        async with self._http.post(self._server.graphql, json=body, headers=headers) as response, asyncio.timeout(20):
            await self._call()
            while not (line := await response.content.readline()).startswith(b"data: "):
                assert line, "the stream ended"
        answer: dict[str, Any] = json.loads(line[6:])
        assert "errors" not in answer, answer
        data: dict[str, Any] = answer["data"]
        return data

    async def _call(self) -> None:
        """Bob writes to alice."""
        await (await self.person("bob")).send(CALL, to={"users": [{"username": "alice"}]})

    async def _shell(self, block: Block) -> None:
        """By bash, going on where the last block ended; one that listens is stopped when it has heard."""
        state = self._folder / "state.sh"
        script = (
            f"set -a; [ -f {state} ] && . {state}\n{block.text.replace(ADDRESS, self._server.url)}\nexport -p > {state}"
        )
        if any(word in block.text for word in ENDLESS):
            await self._listen(script)
            return
        said = await self._program("bash", "-euo", "pipefail", "-c", script)
        assert '"errors"' not in said, f"{block}: {said}"
        if "__typename" in block.text:
            assert 'Success"' in said, f"{block}: {said}"

    async def _listen(self, script: str) -> None:
        process = await self._start("bash", "-c", script)
        try:
            assert process.stdout is not None
            heard = b""
            async with asyncio.timeout(30):
                while CALL.encode() not in heard:  # again and again: nobody says when it has begun to listen
                    await self._call()
                    with suppress(TimeoutError):
                        chunk = await asyncio.wait_for(process.stdout.read(1000), 2)
                        assert chunk, heard
                        heard += chunk
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGTERM)
            await process.communicate()

    async def _program(self, *command: str) -> str:
        """What it printed; fails with what it complained of."""
        process = await self._start(*command)
        said, complaints = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0, (said + complaints).decode()
        return said.decode()

    async def _start(self, *command: str) -> asyncio.subprocess.Process:
        environment = {
            **os.environ,
            "SOTTO_PORT": self._server.url.rpartition(":")[2],
            "TOKEN": (await self.person("alice")).token,
        }
        return await asyncio.create_subprocess_exec(
            *command,
            cwd=self._folder,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )

    def _filled(self, variables: dict[str, Any]) -> dict[str, Any]:
        """`"…"` under `messageId` is the last message's id, under `after` the last cursor; `"…noun"` says of what."""
        return {
            key: self._seen[value.removeprefix("…") or key.removesuffix("Id")]
            if isinstance(value, str) and value.startswith("…")
            else value
            for key, value in variables.items()
        }

    def _remember(self, value: object) -> None:
        """The id of each thing by the name of its type, what is inside before what holds it; of lists the first."""
        if isinstance(value, list):
            self._remember(value[0] if value else None)
        elif isinstance(value, dict):
            for each in value.values():
                self._remember(each)
            if "id" in value:
                name = value["__typename"]
                self._seen[name[0].lower() + name[1:]] = value["id"]
            self._seen |= {key: value[key] for key in ("revision",) if key in value}
            for key in ("cursor", "eventCursor", "endCursor"):
                self._seen["after"] = value.get(key) or self._seen.get("after")


class _Typenames(Visitor):
    """Adds `__typename` wherever there are fields, but for the operation of a subscription, which has one."""

    def leave_selection_set(self, node: SelectionSetNode, _key: Any, parent: Any, *_: Any) -> SelectionSetNode | None:
        if isinstance(parent, OperationDefinitionNode):
            return None
        added = FieldNode(name=NameNode(value="__typename"))
        return SelectionSetNode(selections=(*node.selections, added))


def wrapper(folder: Path) -> None:
    """A `./sotto` for the folder in which the page is read."""
    script = folder / "sotto"
    script.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m server "$@"\n')
    script.chmod(0o755)


def assert_within(expected: object, found: object, place: str) -> None:
    """All that is expected is there; `…` stands for anything."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for key, value in expected.items():
            assert_within(value, found.get(key), f"{place}.{key}")
    elif isinstance(expected, list) and isinstance(found, list):
        assert len(expected) == len(found), place
        for one, other in zip(expected, found, strict=True):
            assert_within(one, other, place)
    else:
        assert found == expected or (isinstance(expected, str) and re.fullmatch("…", expected)), f"{place}: {found}"
