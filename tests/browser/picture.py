"""Takes the screenshot of the README: the chat page and GraphiQL; CONTRIBUTING.md has the command."""

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.browser.chat import Chat, chromium
from tests.flow.client import Server, running

if TYPE_CHECKING:
    from playwright.async_api import Browser

HEIGHT = 720
_BESIDE = """([left, right]) => {
  Object.assign(document.body.style, {
    margin: 0, display: "flex", gap: "12px", padding: "12px", background: "#8aa6a3", width: "fit-content",
  });
  for (const source of [left, right]) {
    const image = document.createElement("img");
    image.src = `data:image/png;base64,${source}`;
    image.style.cssText = "display: block; border-radius: 10px";
    document.body.append(image);
  }
  return Promise.all([...document.images].map((image) => image.decode()));
}"""


async def take(path: Path) -> None:
    """Plays a short scene and saves a screenshot of both pages."""
    import base64  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        async with chromium() as browser, running("demo", data=Path(folder)) as server:
            pictures = [base64.b64encode(each).decode() for each in await scene(browser, server)]
            page: Any = await browser.new_page(viewport={"width": 1600, "height": HEIGHT})
            await page.evaluate(_BESIDE, pictures)
            await page.locator("body").screenshot(path=path)


async def scene(browser: "Browser", server: Server) -> list[bytes]:
    """Alice and bob write to each other; then the last operation is opened and run in GraphiQL."""
    screen = {"width": 820, "height": HEIGHT}
    alice, bob = await Chat.open(browser, server, viewport=screen), await Chat.open(browser, server)
    await alice.enter("alice")
    await bob.enter("bob")
    await alice.go_to("Bob")
    await bob.go_to("Alice")
    await bob.act("Down at the harbour", "React with ❤️")
    await alice.write("The tide is at four. Will you come?")
    await bob.act("The tide is at four", "Reply")
    await bob.write("I will. Shall I bring carol?")
    await alice.write("Yes!")
    await alice.message("Yes!").locator(".status").get_by_text("Read").wait_for()
    await bob.field.press_sequentially("On my", delay=20)
    await alice.page.locator(".presence").get_by_text("typing").wait_for()
    await alice.page.get_by_role("button", name="The GraphQL of this page").click()
    async with alice.page.context.expect_page() as opened:
        await alice.page.get_by_role("link", name="Open in GraphiQL").click()
    explorer = await opened.value
    await explorer.set_viewport_size({"width": 820, "height": HEIGHT})
    await explorer.wait_for_load_state("networkidle")  # Monaco has come, and its workers
    await explorer.get_by_role("button", name="Execute").click()
    await explorer.locator(".result-window").get_by_text("revision").wait_for()
    await alice.page.get_by_role("button", name="Close").click()
    await asyncio.sleep(1)  # what moves has come to rest
    return [await alice.page.screenshot(), await explorer.screenshot()]


if __name__ == "__main__":
    asyncio.run(take(Path(sys.argv[1])))
