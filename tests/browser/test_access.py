"""Accessibility of the chat page: axe-core finds no problems, in light and dark mode, on desktops and phones."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.chat import Chat
from tests.flow.client import Server

if TYPE_CHECKING:
    from playwright.async_api import Browser

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
_RUN = """async () => {
  const rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  const { violations } = await axe.run({ runOnly: rules });
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" | ").slice(0, 400)}`);
}"""


@pytest.fixture(autouse=True)
def _axe() -> None:
    """Skips without axe-core, or fails with REQUIRE_BROWSER, as in CI."""
    if not AXE.exists():
        if os.environ.get("REQUIRE_BROWSER"):
            pytest.fail("tests/browser/run installs axe-core")
        pytest.skip("axe-core is not installed: run tests/browser/run.")


async def found(chat: Chat) -> list[str]:
    """The findings of axe-core on the current page; it is injected in spite of the page's policy."""
    if not await chat.page.evaluate("typeof axe !== 'undefined'"):
        await chat.page.evaluate(f"() => {{ {AXE.read_text()} }}")
    violations: list[str] = await chat.page.evaluate(_RUN)
    return violations


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
async def test_axe_finds_nothing(browser: "Browser", server: Server, scheme: str, width: int) -> None:
    """Issue 7: no findings in the sign-in form, list, conversation, menu, dialog and drawer."""
    screen = {"width": width, "height": 800}
    alice = await Chat.open(browser, server, color_scheme=scheme, viewport=screen, reduced_motion="reduce")
    assert await found(alice) == []
    await alice.enter("alice")
    assert await found(alice) == []
    await alice.go_to("Bob")
    await alice.write("Good evening")
    await alice.act("Good evening", "React with 👍")
    await alice.act("Good evening", "Reply")
    await alice.page.locator("input[type=file]").set_input_files(
        [{"name": "a.txt", "mimeType": "text/plain", "buffer": b"text"}]
    )
    await alice.page.locator(".uploads li.ready").wait_for()
    assert await found(alice) == []
    more = alice.message("Good evening").get_by_role("button", name="Message options")
    await more.click()
    assert await found(alice) == []
    await alice.page.get_by_role("menuitem", name="Delete …").click()
    assert await found(alice) == []
    await alice.page.keyboard.press("Escape")
    if width < 720:
        await alice.page.get_by_role("button", name="Back to conversations").click()
    await alice.page.get_by_role("button", name="New message").click()
    assert await found(alice) == []
    await alice.page.keyboard.press("Escape")
    await alice.page.get_by_role("button", name="The GraphQL of this page").click()
    assert await found(alice) == []
    alice.assert_quiet()
