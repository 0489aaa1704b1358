"""The API client of `./sotto send` and `./sotto listen`."""

import asyncio
import hashlib
import json
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing, suppress
from pathlib import Path
from typing import Any, Self

import aiofiles
import aiohttp
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from server.terminal import harmless
from services.file.media_type import detect, kind_of

CHUNK_BYTES = 256 * 1024
TUS = {"Tus-Resumable": "1.0.0"}
ATTEMPTS = 10
FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 10.0
ENDED = (4401, 4403)  # signed out, suspended: reconnecting would be refused

_ERRORS = "... on UserError { detail }"
_CREATE = f"""mutation ($input: CreateUploadInput!) {{ createUpload(input: $input) {{ __typename
  ... on CreateUploadSuccess {{ upload {{ id uploadUrl }} }} {_ERRORS} }} }}"""
_SEND = f"""mutation ($input: SendPrivateMessageInput!) {{ sendPrivateMessage(input: $input) {{ __typename
  ... on SendPrivateMessageSuccess {{ message {{ id }} }} {_ERRORS}
  ... on InvalidInputError {{ issues {{ path }} }} }} }}"""
_HEAR = """subscription ($after: EventCursor) { privateMessageReceived(after: $after) { cursor message {
  sender { username } text attachments { filename byteSize url } } } }"""
_CURSOR = "{ viewer { eventCursor user { username } } }"


class ClientError(Exception):
    """The server refused the request or could not be reached; the text is one line for the user."""


class Client:
    """A signed-in API client; a context manager. Progress goes to stderr, so that stdout can be piped."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url.rstrip("/")
        self._token = token
        self._stack = AsyncExitStack()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=Console(stderr=True),
            transient=True,
            disable=not sys.stderr.isatty(),
        )

    async def __aenter__(self) -> Self:
        headers = {"Authorization": f"Bearer {self._token}"}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60)
        self._http = await self._stack.enter_async_context(aiohttp.ClientSession(headers=headers, timeout=timeout))
        self._stack.enter_context(self._progress)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def ask(self, query: str, **variables: object) -> Any:
        """The `data` of the response; raises ClientError for errors."""
        try:
            body = {"query": query, "variables": variables}
            async with self._http.post(f"{self._url}/graphql", json=body) as response:
                answer = _json_of(await response.read())
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ClientError(
                f"{self._url} does not respond ({type(error).__name__}); check that the server is running."
            ) from error
        if message := _error_in(answer):
            raise ClientError(message)
        if not isinstance(answer, dict) or not isinstance(answer.get("data"), dict):
            raise ClientError(
                f"{self._url}/graphql did not return a GraphQL response; pass the address of the server with --url."
            )
        return answer["data"]

    async def send(self, to: Sequence[str], text: str | None, files: Sequence[Path]) -> str:
        """Sends a message with its files and returns its ID. Interrupted uploads are resumed.

        The `type` is omitted for files of different kinds, because FILE would turn images into plain files, unless the
        server requires one.
        """
        uploads = [{"uploadId": await self._upload(path)} for path in files]
        draft = {
            "to": {"users": [{"username": name} for name in to]},
            "text": text,
            "attachments": uploads,
            "clientMessageId": os.urandom(16).hex(),
            "type": await asyncio.to_thread(_type_of, files),
        }
        sent = (await self.ask(_SEND, input=draft))["sendPrivateMessage"]
        if any(issue["path"] == ["type"] for issue in sent.get("issues", ())):
            sent = (await self.ask(_SEND, input={**draft, "type": "FILE"}))["sendPrivateMessage"]
        return str(_success_of(sent)["message"]["id"])

    async def listen(self, folder: Path | None) -> AsyncIterator[str]:
        """Yields the text of each new message; saves its files if there is a folder.

        After a lost connection or a server restart it resumes after the last message, so that none is lost or repeated.
        Raises ClientError when the server ends the session.
        """
        after = str((await self.ask(_CURSOR))["viewer"]["eventCursor"])
        wait = FIRST_WAIT_SECONDS
        while True:
            with suppress(aiohttp.ClientError, TimeoutError):
                async with aclosing(self._received(after)) as deliveries:
                    async for received in deliveries:
                        after, wait = received["cursor"], FIRST_WAIT_SECONDS
                        yield await self._text_of(received["message"], folder)
            self._progress.console.print(f"Connection lost; reconnecting in {wait:g} s.", style="dim")
            await asyncio.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT_SECONDS)

    async def _text_of(self, message: dict[str, Any], folder: Path | None) -> str:
        names = [await self._save(each, folder) for each in message["attachments"]]
        sender = message["sender"]["username"] if message["sender"] else "(deleted user)"
        return " ".join([f"{sender}:", harmless(message["text"] or ""), *(f"[{name}]" for name in names)])

    async def _received(self, after: str) -> AsyncGenerator[dict[str, Any], None]:
        """The events after a cursor, until the connection is lost; raises ClientError if reconnecting is pointless."""
        url, protocols = f"{self._url}/graphql", ["graphql-transport-ws"]
        async with self._http.ws_connect(url, protocols=protocols, heartbeat=20) as socket:
            await socket.send_json({"type": "connection_init"})
            payload = {"query": _HEAR, "variables": {"after": after}}
            await socket.send_json({"id": "1", "type": "subscribe", "payload": payload})
            async for frame in socket:
                message = frame.json()
                if message["type"] == "error":
                    raise ClientError(str(message["payload"][0]["message"]))
                if message["type"] == "next" and message["payload"].get("errors"):
                    raise ClientError(str(message["payload"]["errors"][0]["message"]))
                if message["type"] == "next":
                    yield message["payload"]["data"]["privateMessageReceived"]
            if socket.close_code in ENDED:
                raise ClientError("the server ended the session.")

    async def _upload(self, path: Path) -> str:
        """Uploads a file and returns the upload's ID; resumes after a lost connection."""
        try:
            size, digest = await asyncio.to_thread(_size_and_hash, path)
        except OSError as error:
            raise ClientError(f"{path} cannot be read ({error.strerror}).") from error
        form = {"filename": path.name, "byteSize": size, "sha256": digest}
        upload = _success_of((await self.ask(_CREATE, input=form))["createUpload"])["upload"]
        task = self._progress.add_task(harmless(path.name), total=size)
        for attempt in range(ATTEMPTS):
            try:
                await self._put(upload["uploadUrl"], path, task)
                return str(upload["id"])
            except (aiohttp.ClientConnectionError, TimeoutError):
                await asyncio.sleep(min(2**attempt / 10, 5))
        raise ClientError(f"{path.name} could not be uploaded: the connection was lost {ATTEMPTS} times.")

    async def _put(self, url: str, path: Path, task: TaskID) -> None:
        async with self._http.head(url, headers=TUS) as response:
            offset = int(response.headers.get("Upload-Offset", "0"))

        async def chunks() -> AsyncIterator[bytes]:
            self._progress.update(task, completed=offset)
            async with aiofiles.open(path, "rb") as file:
                await file.seek(offset)
                while chunk := await file.read(CHUNK_BYTES):
                    yield chunk
                    self._progress.advance(task, len(chunk))

        headers = {**TUS, "Content-Type": "application/offset+octet-stream", "Upload-Offset": str(offset)}
        async with self._http.patch(url, data=chunks(), headers=headers) as response:
            if response.status != 204:
                message = _error_in(_json_of(await response.read()))
                raise ClientError(message or f"the upload of {path.name} failed with status {response.status}.")

    async def _save(self, attachment: dict[str, Any], folder: Path | None) -> str:
        """Saves a file without overwriting another; returns its name, or the error."""
        name = harmless(attachment["filename"])
        if folder is None:
            return name
        part = folder / f".{os.urandom(8).hex()}.part"
        task = self._progress.add_task(name, total=attachment["byteSize"])
        try:
            async with self._http.get(attachment["url"]) as response, aiofiles.open(part, "wb") as file:
                response.raise_for_status()
                async for chunk in response.content.iter_chunked(CHUNK_BYTES):
                    await file.write(chunk)
                    self._progress.advance(task, len(chunk))
            return (await asyncio.to_thread(_rename, part, folder, attachment["filename"])).name
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            await asyncio.to_thread(part.unlink, missing_ok=True)
            return f"{name}: not saved ({type(error).__name__})"


def _json_of(content: bytes) -> Any:
    """The parsed value; None if the content is not JSON."""
    with suppress(ValueError):
        return json.loads(content)
    return None


def _error_in(answer: Any) -> str:
    """The message of the first error in a GraphQL response; empty if there is none."""
    match answer:
        case {"errors": [{"message": str(message)}, *_]}:
            return message
    return ""


def _success_of(result: dict[str, Any]) -> dict[str, Any]:
    if not result["__typename"].endswith("Success"):
        raise ClientError(str(result["detail"]))
    return result


def _type_of(files: Sequence[Path]) -> str | None:
    """The message type for these files, by the server's rules; None if they are of different kinds. Blocks."""
    try:
        kinds = {kind_of(detect(path)) for path in files}
    except OSError as error:
        raise ClientError(f"{error.filename} cannot be read ({error.strerror}).") from error
    if len(kinds) > 1:
        return None
    return kinds.pop().name if kinds else "TEXT"


def _size_and_hash(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return file.tell(), digest.hexdigest()


def _rename(part: Path, folder: Path, filename: str) -> Path:
    """Renames to `cat.jpg`, or `cat (2).jpg` if it exists, and so on. Any path in the name is dropped."""
    name = Path(filename.replace("\0", "")).name or "file"
    stem, dot, ending = name.rpartition(".")
    for number in range(1, 10_000):
        mark = "" if number == 1 else f" ({number})"
        target = folder / (f"{stem}{mark}.{ending}" if dot and stem else f"{name}{mark}")
        try:
            os.link(part, target)
        except FileExistsError:
            continue
        part.unlink()
        return target
    raise FileExistsError(filename)
