"""A real server of S3's protocol, and a bucket for each test."""

import asyncio
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from storage.base import Storage
from storage.s3 import S3Storage
from storage.url import storage_for

SERVER = Path(__file__).parent / ".venv" / "bin" / "moto_server"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """A server on a free port; CI sets REQUIRE_S3, so that nothing is skipped there without anybody noticing."""
    if not SERVER.exists():
        if os.environ.get("REQUIRE_S3"):
            pytest.fail("tests/s3/run installs the server")
        pytest.skip("No S3 server is installed: run tests/s3/run.")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(SERVER), "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        yield f"http://127.0.0.1:{port}"
        process.terminate()


@pytest.fixture
async def url(endpoint: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """A bucket of its own for each test."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    bucket = f"b{abs(hash(request.node.nodeid)):x}"
    async with aiohttp.ClientSession() as http:
        for _ in range(600):
            try:
                async with http.put(f"{endpoint}/{bucket}") as response:
                    assert response.status == 200
                    break
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.1)
    return f"s3://{bucket}/files?endpoint={endpoint}"


@pytest.fixture
async def storage(url: str, tmp_path: Path) -> Storage:
    """Open and empty."""
    found = storage_for(url, tmp_path / "local")
    assert isinstance(found, S3Storage)
    await found.open()
    return found
