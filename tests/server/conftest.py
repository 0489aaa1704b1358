"""Fixtures for the tests of the server."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.setting.settings import load_settings
from tests.server.house import House, house_of


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    """A new server for each test."""
    monkeypatch.chdir(tmp_path)
    async with house_of(load_settings(port=0, data=tmp_path / "data", attachment_types="any")) as found:
        yield found
