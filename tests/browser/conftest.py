"""Chromium and a demo, for the tests that use the chat page."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.chat import chromium
from tests.flow.client import Server, running

if TYPE_CHECKING:
    from playwright.async_api import Browser


@pytest.fixture
async def browser() -> AsyncIterator["Browser"]:
    async with chromium() as browser:
        yield browser


@pytest.fixture
async def server(browser: "Browser", tmp_path: Path) -> AsyncIterator[Server]:
    """The demo; not started without a browser."""
    del browser
    async with running("demo", data=tmp_path / "data") as server:
        yield server
