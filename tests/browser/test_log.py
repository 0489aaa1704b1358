"""Long conversations in a real browser: scroll position and cost."""

import asyncio
import io
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import aiohttp
import pytest
from PIL import Image

from tests.browser.chat import Chat
from tests.flow.client import Person, Server

if TYPE_CHECKING:
    from playwright.async_api import Browser, Route

BELOW = "(log => log.scrollHeight - log.scrollTop - log.clientHeight)(document.querySelector('.log'))"
TO_ALICE = {"users": [{"username": "alice"}]}
SLOW = {"offline": False, "latency": 150, "downloadThroughput": 100_000, "uploadThroughput": -1}
MOST = 160
EDIT = "mutation ($input: EditMessageInput!) { editMessage(input: $input) { __typename } }"
DELETE = "mutation ($input: DeleteMessageInput!) { deleteMessage(input: $input) { __typename } }"
# A step through the conversation: how far anything else moved the message in the middle, and which are there then.
STEP = """async (pixels) => {
  const log = document.querySelector(".log");
  const { top, bottom } = log.getBoundingClientRect();
  const place = (element) => element.getBoundingClientRect().top;
  log.scrollTop += pixels;
  const middle = [...log.querySelectorAll(".message")].find((each) => place(each) > (top + bottom) / 2);
  const before = place(middle);
  await new Promise((resolve) => setTimeout(resolve, 150));
  const texts = [...log.querySelectorAll(".text")].map((each) => each.textContent);
  return [place(middle) - before, log.querySelectorAll(".message").length, texts];
}"""


@pytest.fixture(autouse=True)
def _no_send_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOTTO_SEND_RATE_PER_MINUTE", "0")


@pytest.fixture
async def bob(server: Server) -> AsyncIterator[Person]:
    """Bob as an API client, who writes to alice."""
    async with aiohttp.ClientSession() as http:
        yield await Person.sign_in(server, http, "bob", "demo")


def picture(size: tuple[int, int]) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (90, 120, 200)).save(out, "PNG")
    return out.getvalue()


async def send_many(person: Person, count: int) -> None:
    """Sends numbered messages of one to four lines."""
    for n in range(count):
        await person.send(f"No. {n}. " + "word " * (n * 7 % 40), to=TO_ALICE)


async def scroll(chat: Chat, script: str) -> None:
    """Scrolls by script, and waits for the page to react."""
    await chat.page.evaluate(f"(log => {{ {script} }})(document.querySelector('.log'))")
    await chat.page.evaluate("new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))")


async def pictures_have_come(chat: Chat) -> None:
    """Waits until all visible images are loaded."""
    await chat.page.wait_for_function(
        """() => {
          const log = document.querySelector(".log").getBoundingClientRect();
          const shown = [...document.querySelectorAll(".log img")].filter((image) => {
            const { top, bottom } = image.getBoundingClientRect();
            return bottom > log.top && top < log.bottom;
          });
          return shown.length > 0 && shown.every((image) => image.complete && image.naturalWidth > 0);
        }"""
    )


@pytest.mark.parametrize("width", [1280, 390])
async def test_images_have_their_size_before_they_load(
    browser: "Browser", server: Server, bob: Person, width: int
) -> None:
    """A conversation with images opens at its end, and a sent image is fully visible."""
    sizes = [(640, 400), (400, 640), (1200, 300), (300, 1200), (90, 60), (2000, 1500)]
    for n, size in enumerate(sizes):
        await bob.send("Look at this. " * 12 if n % 2 else None, (f"{n}.png", picture(size), "image/png"), to=TO_ALICE)
    alice = await Chat.open(browser, server, viewport={"width": width, "height": 800})
    await alice.enter("alice")
    cdp = await alice.page.context.new_cdp_session(alice.page)
    await cdp.send("Network.emulateNetworkConditions", SLOW)
    await alice.go_to("Bob")
    await alice.page.locator(".log .picture").nth(len(sizes)).wait_for()
    assert await alice.page.evaluate(BELOW) <= 1
    await pictures_have_come(alice)
    assert await alice.page.evaluate(BELOW) <= 1

    sent = {"name": "sent.png", "mimeType": "image/png", "buffer": picture((800, 600))}
    await alice.page.locator("input[type=file]").set_input_files([sent])
    await alice.page.locator(".uploads li.ready").wait_for()
    await alice.field.press("Enter")
    shown = alice.page.get_by_role("button", name="Open image sent.png")
    await shown.wait_for()
    await pictures_have_come(alice)
    assert await alice.page.evaluate(BELOW) <= 1
    box, log = await shown.bounding_box(), await alice.page.locator(".log").bounding_box()
    assert box is not None
    assert log is not None
    assert log["y"] <= box["y"] < box["y"] + box["height"] <= log["y"] + log["height"]

    strips = """[...document.querySelectorAll(".bubble:has(.picture)")].map((bubble) => {
      const [outer, inner] = [bubble, bubble.querySelector("img")].map((each) => each.getBoundingClientRect());
      return [inner.left - outer.left, outer.right - inner.right];
    })"""
    beside = await alice.page.evaluate(strips)
    assert len(beside) == len(sizes) + 2
    assert [pair for pair in beside if abs(pair[0] - pair[1]) > 1.5] == []
    alice.assert_quiet()


async def test_changes_that_arrive_while_a_page_is_loaded_are_shown(
    browser: "Browser", server: Server, bob: Person
) -> None:
    """An edit and a delete happen after the page is read, and their events arrive before it."""
    changed, removed = [(await bob.send(text, to=TO_ALICE))["message"]["id"] for text in ("A tpyo", "Never mind")]
    alice = await Chat.open(browser, server)
    await alice.enter("alice")
    is_read, may_come = asyncio.Event(), asyncio.Event()

    async def hold(route: "Route") -> None:
        if "query Messages(" not in (route.request.post_data or ""):
            await route.continue_()
        else:
            response = await route.fetch()
            is_read.set()
            await may_come.wait()
            await route.fulfill(response=response)

    await alice.page.route("**/graphql", hold)
    await alice.go_to("Bob")
    await asyncio.wait_for(is_read.wait(), 5)
    await bob.query(EDIT, input={"messageId": changed, "text": "A typo"})
    await bob.query(DELETE, input={"messageId": removed, "scope": "FOR_EVERYONE"})
    await alice.row("Bob").get_by_text("A typo").wait_for()
    may_come.set()
    await alice.message("A typo").wait_for()

    assert await alice.page.locator(".log").get_by_text("Never mind").count() == 0
    assert await alice.page.locator(".log").get_by_text("A tpyo").count() == 0
    alice.assert_quiet()


async def test_a_reader_who_scrolled_up_sees_the_number_of_new_messages(
    browser: "Browser", server: Server, bob: Person
) -> None:
    """Others' messages are counted, with a button to the end; sending a message scrolls to the end."""
    await send_many(bob, 60)
    alice = await Chat.open(browser, server)
    await alice.enter("alice")
    await alice.go_to("Bob")
    await alice.message("No. 59.").wait_for()
    pill = alice.page.locator(".newest")
    assert not await pill.first.is_visible()
    await scroll(alice, "log.scrollTop -= 900")
    under = "[...document.querySelectorAll('.log .message')].find((each) => each.getBoundingClientRect().top > 200).id"
    first = await alice.page.evaluate(under)
    at = f"document.getElementById('{first}').getBoundingClientRect().top"
    before = await alice.page.evaluate(at)

    await bob.send("News", to=TO_ALICE)
    await alice.page.get_by_role("button", name="1 new message").wait_for()
    await bob.send("More news", to=TO_ALICE)
    await alice.page.get_by_role("button", name="2 new messages").wait_for()
    assert abs(await alice.page.evaluate(at) - before) <= 1
    assert await alice.row("Bob").locator(".badge").inner_text() == "2\nunread"
    spoken = await alice.page.locator(".messages > .spoken").inner_text()
    assert spoken.split("\n\n") == ["Bob: News", "Bob: More news"]

    await alice.page.get_by_role("button", name="2 new messages").click()
    await pill.first.wait_for(state="hidden")
    assert await alice.page.evaluate(BELOW) <= 1
    await alice.row("Bob").locator(".badge").wait_for(state="detached")
    assert await alice.page.evaluate("document.activeElement.className") == "log"

    await scroll(alice, "log.scrollTop = 0")
    await alice.write("Here I am")
    assert await alice.page.evaluate(BELOW) <= 1
    assert not await pill.first.is_visible()
    alice.assert_quiet()


async def test_a_growing_composer_hides_nothing(browser: "Browser", server: Server, bob: Person) -> None:
    """With six lines and a reply, a reader at the end still sees the whole newest message."""
    await send_many(bob, 30)
    alice = await Chat.open(browser, server)
    await alice.enter("alice")
    await alice.go_to("Bob")
    await alice.message("No. 29.").wait_for()
    for _ in range(6):
        await alice.field.press_sequentially("line")
        await alice.field.press("Shift+Enter")
    assert (await alice.field.bounding_box() or {})["height"] > 120
    assert await alice.page.evaluate(BELOW) <= 1
    await alice.act("No. 29.", "Reply")
    await alice.page.locator(".about span").wait_for()
    assert await alice.page.evaluate(BELOW) <= 1
    alice.assert_quiet()


async def test_a_long_conversation_costs_no_more_than_a_short_one(
    browser: "Browser", server: Server, bob: Person
) -> None:
    """Only a few screens of messages are in the document; visible messages keep their place in both directions."""
    count = 400
    await send_many(bob, count)
    alice = await Chat.open(browser, server)
    await alice.enter("alice")
    await alice.go_to("Bob")
    await alice.message(f"No. {count - 1}.").wait_for()
    seen: list[str] = []
    for _ in range(150):
        moved, there, texts = await alice.page.evaluate(STEP, -1500)
        assert abs(moved) <= 1.5
        assert there <= MOST
        seen = [each for each in texts if each not in set(seen)] + seen
        if texts[0].startswith("Good morning, bob"):
            break
    assert [each.split(". ")[1] for each in seen if each.startswith("No.")] == [str(n) for n in range(count)]
    for _ in range(20):
        moved, there, texts = await alice.page.evaluate(STEP, 700)
        assert abs(moved) <= 1.5
        assert there <= MOST
    assert not any(text.startswith("No. 0.") for text in texts)
    assert await alice.page.locator(".day").count() == 1
    await alice.page.get_by_role("button", name="Jump to latest").click()
    await alice.message(f"No. {count - 1}.").wait_for()
    assert await alice.page.evaluate(BELOW) <= 1
    alice.assert_quiet()
