"""A driver for the chat page: user actions, visible elements, and console messages."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.browser import CHROMIUM, QUIET
from tests.flow.client import Server

if TYPE_CHECKING:
    from playwright.async_api import Browser, Locator, Page

SECONDS = 10.0


@asynccontextmanager
async def chromium() -> AsyncIterator["Browser"]:
    """Debian's Chromium; skips if it is missing, or fails with REQUIRE_BROWSER, as in CI."""
    try:
        from playwright.async_api import async_playwright  # noqa: PLC0415
    except ImportError:
        if os.environ.get("REQUIRE_BROWSER"):
            pytest.fail("tests/browser/run installs Playwright")
        pytest.skip("No browser is installed: run tests/browser/run.")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        await browser.close()


class Chat:
    """A browser window; records requests to other hosts and console messages."""

    def __init__(self, page: "Page", server: Server) -> None:
        self.page = page
        self.server = server
        self.console: list[str] = []
        self.foreign: list[str] = []
        self.expected: tuple[str, ...] = ()
        page.set_default_timeout(SECONDS * 1000)
        page.on("console", lambda message: self.console.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.console.append(f"error: {error}"))
        page.on("request", lambda request: self._note(request.url))

    def _note(self, url: str) -> None:
        if not url.startswith((self.server.url, "blob:", self.server.url.replace("http", "ws"))):
            self.foreign.append(url)

    @classmethod
    async def open(cls, browser: "Browser", server: Server, **options: Any) -> "Chat":
        """Opens a window in English, with its own storage."""
        context = await browser.new_context(
            **{"viewport": {"width": 1280, "height": 800}, "locale": "en-GB", **options}
        )
        chat = cls(await context.new_page(), server)
        await chat.page.goto(server.url)
        await chat.page.locator("main h1").first.wait_for()
        return chat

    async def enter(self, name: str) -> None:
        """Signs in as a user of the demo with one click."""
        await self.page.get_by_role("button", name=f"Sign in as {name}").click()
        await self.page.get_by_text(f"Signed in as {name.title()}").wait_for()

    def row(self, name: str) -> "Locator":
        """The row of a conversation in the list."""
        return self.page.locator("nav .conversations button").filter(has=self.page.locator(f'.name:text-is("{name}")'))

    def message(self, text: str) -> "Locator":
        """The message with this text."""
        return self.page.locator(".log .message").filter(has=self.page.locator(".text", has_text=text))

    @property
    def field(self) -> "Locator":
        """The text field."""
        return self.page.get_by_role("textbox", name="Write a message")

    async def go_to(self, name: str) -> None:
        """Opens a conversation from the list."""
        await self.row(name).click()
        await self.page.get_by_role("heading", name=name, exact=True).wait_for()

    async def write(self, text: str) -> None:
        """Sends a text with Enter."""
        await self.field.fill(text)
        await self.field.press("Enter")
        await self.message(text).locator(".mark").wait_for()

    async def act(self, text: str, action: str) -> None:
        """Selects an item in the menu of a message."""
        await self.message(text).get_by_role("button", name="Message options").click()
        await self.page.get_by_role("menuitem", name=action).click()

    async def told(self, words: str) -> None:
        """Waits for a notice."""
        await self.page.get_by_role("alert").filter(has_text=words).wait_for()

    def assert_quiet(self, *expected: str) -> None:
        """There were no requests to other hosts and no console messages, except those of the browser itself."""
        assert self.foreign == []
        unexpected = [line for line in self.console if not any(words in line for words in expected)]
        assert not unexpected, unexpected
