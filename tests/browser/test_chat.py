"""The chat page in a real browser: two users try all of its features."""

import asyncio
import hashlib
import io
import random
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from PIL import Image

from tests.browser.chat import Chat
from tests.flow.client import Person, Server, running

FIELD = "document.querySelector('.composer textarea').value"

if TYPE_CHECKING:
    from playwright.async_api import Browser


@pytest.fixture
async def pair(browser: "Browser", server: Server) -> AsyncIterator[tuple[Chat, Chat]]:
    """Alice and bob in their conversation, each in a window; at the end, `assert_quiet` checks both."""
    alice, bob = await Chat.open(browser, server), await Chat.open(browser, server)
    await alice.enter("alice")
    await bob.enter("bob")
    await alice.go_to("Bob")
    await bob.go_to("Alice")
    yield alice, bob
    alice.assert_quiet(*alice.expected)
    bob.assert_quiet()


def picture(size: tuple[int, int] = (640, 400)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (90, 120, 200)).save(out, "PNG")
    return out.getvalue()


def file(name: str, content: bytes, mime_type: str) -> dict[str, object]:
    return {"name": name, "mimeType": mime_type, "buffer": content}


async def test_two_people_write_to_each_other_live(pair: tuple[Chat, Chat]) -> None:
    """Issue 7: live messages by day, typing, presence, and delivery status as text and symbol."""
    alice, bob = pair
    await alice.page.get_by_text("online", exact=True).first.wait_for()
    await alice.page.get_by_text("Today", exact=True).wait_for()
    first = await alice.page.locator(".log .text").first.inner_text()
    assert first == "Good morning, bob. Are you up already?"  # and nothing about who else can read it: the operator can

    await alice.field.press_sequentially("Are you th", delay=20)
    await bob.page.locator(".presence").get_by_text("Alice is typing …").wait_for()
    await alice.write("Are you there, bob?")

    await bob.message("Are you there, bob?").wait_for()
    await bob.page.locator(".presence").get_by_text("online").wait_for()
    await alice.message("Are you there").locator(".status").get_by_text("Read").wait_for()
    await bob.write("I am.")
    await alice.message("I am.").wait_for()
    assert await alice.message("Are you there").count() == 1


async def test_unread_messages_are_counted(browser: "Browser", server: Server) -> None:
    """Issue 7: unread counts; an unread message is delivered, but not read."""
    alice, bob = await Chat.open(browser, server), await Chat.open(browser, server)
    await alice.enter("alice")
    await bob.enter("bob")
    await alice.go_to("Bob")
    await bob.go_to("Carol")
    before = int((await bob.row("Alice").locator(".badge").inner_text()).split()[0])

    await alice.write("One")
    await alice.write("Two")

    await bob.row("Alice").locator(".badge").get_by_text(str(before + 2)).wait_for()
    assert (await bob.page.title()).startswith("(")
    await alice.message("Two").locator(".status").get_by_text("Delivered").wait_for()
    await bob.go_to("Alice")
    await bob.row("Alice").locator(".badge").wait_for(state="detached")
    await alice.message("Two").locator(".status").get_by_text("Read").wait_for()
    alice.assert_quiet()
    bob.assert_quiet()


async def test_what_came_before_the_page_was_opened_is_delivered(browser: "Browser", server: Server) -> None:
    """Not read: the conversation is only in the list."""
    chat = await Chat.open(browser, server)
    async with aiohttp.ClientSession() as http:
        alice = await Person.sign_in(server, http, "alice", "demo")
        sent = await alice.send("While you were away", to={"users": [{"username": "bob"}]})
        await chat.enter("bob")
        status, document = "SENT", "query ($id: ID!) { message(id: $id) { deliveryStatus } }"
        async with asyncio.timeout(10):
            while status == "SENT":
                await asyncio.sleep(0.1)
                status = (await alice.query(document, id=sent["message"]["id"]))["message"]["deliveryStatus"]

    assert status == "DELIVERED"
    chat.assert_quiet()


async def test_the_title_counts_as_the_server_does(browser: "Browser", server: Server) -> None:
    """Issue 15: unread messages without those of muted conversations, whatever another device does."""
    chat = await Chat.open(browser, server)
    await chat.enter("bob")
    async with aiohttp.ClientSession() as http:
        alice, bob = [await Person.sign_in(server, http, name, "demo") for name in ("alice", "bob")]
        sent = await alice.send("One", to={"users": [{"username": "bob"}]})
        place = sent["conversation"]["id"]

        async def shown() -> int:
            counters = await bob.query("{ viewer { unreadMessageCount unmutedUnreadMessageCount } }")
            count = int(counters["viewer"]["unmutedUnreadMessageCount"])
            title = f"({count}) Sotto" if count else "Sotto"
            await chat.page.wait_for_function("title => document.title === title", arg=title)
            return count

        unread = await shown()
        await alice.send("Two", to={"conversationId": place})
        assert await shown() == unread + 1
        mute = f'setConversationPreferences(input: {{ conversationId: "{place}", isMuted: true }})'
        await bob.query(f"mutation {{ {mute} {{ __typename }} }}")
        assert await shown() < unread
        await bob.query("mutation { markAllConversationsRead(input: {}) { __typename } }")
        assert await shown() == 0
    chat.assert_quiet()


HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "<script>document.title='owned'</script>",
    "<b>not bold</b> & <i>not italic</i>",
    "javascript:alert(1) https://example.org/?q=<b>",
]


async def test_what_looks_like_markup_stays_text(pair: tuple[Chat, Chat]) -> None:
    """Issue 7: HTML in a message is shown as text, in the list and in the conversation."""
    alice, bob = pair
    for text in HOSTILE:
        await alice.write(text)

    for text in HOSTILE:
        await bob.message(text).wait_for()
    assert await bob.page.locator(".log .text b, .log .text i, .log .text script, .log .text img").count() == 0
    links = bob.page.locator(".log .text a")
    assert [await links.nth(i).get_attribute("href") for i in range(await links.count())] == ["https://example.org/?q="]
    assert "owned" not in await bob.page.title()


async def test_several_files_are_sent_with_progress_and_arrive_complete(pair: tuple[Chat, Chat]) -> None:
    """Issue 7: several files with progress and thumbnails; bob downloads the exact bytes."""
    alice, bob = pair
    notes = random.Random(7).randbytes(3_000_000).hex().encode()
    await alice.page.locator("input[type=file]").set_input_files(
        [file("notes.txt", notes, "text/plain"), file("blue.png", picture(), "image/png")]
    )
    await alice.page.locator(".uploads img").wait_for()
    await alice.page.locator(".uploads li.ready").nth(1).wait_for()
    await alice.field.fill("Two files")
    await alice.field.press("Enter")

    await bob.message("Two files").get_by_role("button", name="Open image blue.png").locator("img").wait_for()
    shown = bob.message("Two files").locator("img")
    await bob.page.wait_for_function(
        "image => image.complete && image.naturalWidth > 0", arg=await shown.element_handle()
    )
    async with bob.page.expect_download() as download:
        await bob.message("Two files").get_by_role("button", name="notes.txt").click()
    saved = await (await download.value).path()
    assert hashlib.sha256(saved.read_bytes()).digest() == hashlib.sha256(notes).digest()
    assert (await download.value).suggested_filename == "notes.txt"
    await bob.message("Two files").get_by_role("button", name="Open image").click()
    await bob.page.get_by_role("dialog").locator("img").wait_for()
    await bob.page.keyboard.press("Escape")
    await bob.page.get_by_role("dialog").wait_for(state="detached")


_GIVE = """([kind, base64]) => {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], `${kind}.png`, { type: "image/png" }));
  const target = document.querySelector(kind === "paste" ? ".composer textarea" : ".pane");
  const event = kind === "paste"
    ? new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true })
    : new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
  target.dispatchEvent(event);
}"""


@pytest.mark.parametrize("kind", ["drop", "paste"])
async def test_files_can_be_dropped_and_pasted_and_removed(pair: tuple[Chat, Chat], kind: str) -> None:
    """Issue 7: drag and drop, and paste; a removed file is not sent."""
    import base64  # noqa: PLC0415

    alice, bob = pair
    for _ in range(2):
        await alice.page.evaluate(_GIVE, [kind, base64.b64encode(picture()).decode()])
    await alice.page.locator(".uploads li.ready").nth(1).wait_for()
    await alice.page.get_by_role("button", name=f"Remove {kind}.png").first.click()
    await alice.page.get_by_role("button", name="Send", exact=True).click()

    await bob.page.get_by_role("button", name=f"Open image {kind}.png").wait_for()
    assert await bob.page.get_by_role("button", name=f"Open image {kind}.png").count() == 1


async def test_a_file_that_is_not_allowed_is_explained(pair: tuple[Chat, Chat]) -> None:
    """Issue 7, bad input: files that are too large, empty or not allowed; the text can still be sent."""
    alice, bob = pair
    alice.expected = ("the server responded with a status of 422",)
    chooser = alice.page.locator("input[type=file]")
    await alice.page.evaluate(
        """() => {
          const data = new DataTransfer();
          data.items.add(new File([new Uint8Array(26 * 1024 ** 2)], "film.mp4"));
          document.querySelector(".pane").dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true }));
        }"""
    )
    await alice.told("film.mp4 is 27.3 MB; the limit is 26.2 MB.")
    await chooser.set_input_files([file("nothing.txt", b"", "text/plain")])
    await alice.told("nothing.txt is empty")
    assert await alice.page.locator(".uploads li").count() == 0

    await chooser.set_input_files([file("virus.png", b"MZ\x90\x00" + bytes(600), "image/png")])
    await alice.page.locator(".uploads li.ready, .uploads li.failed").wait_for()
    if await alice.page.locator(".uploads li.failed").count() == 0:
        await alice.field.fill("With a program")
        await alice.field.press("Enter")
        await (
            alice.page.locator(".message.failed")
            .get_by_text("virus.png has a file type that is not allowed")
            .wait_for()
        )
        assert await alice.page.get_by_role("button", name="Try again").count() == 0
        await alice.page.get_by_role("button", name="Edit again").click()
        assert await alice.field.input_value() == "With a program"
    else:
        problem = alice.page.locator(".uploads .problem")
        await problem.get_by_text("virus.png has a file type that is not allowed here.").wait_for()
        assert await alice.page.get_by_role("button", name="Try again").count() == 0  # it would never pass
        await alice.page.get_by_role("button", name="Remove virus.png").click()
    await alice.write("Without it")
    await bob.message("Without it").wait_for()
    assert await bob.message("With a program").count() == 0


async def test_messages_are_answered_edited_reacted_to_and_deleted(pair: tuple[Chat, Chat]) -> None:
    """Issue 7: reactions, edits, deletes and replies are visible to the other side immediately."""
    alice, bob = pair
    await alice.write("Shall we met at nine?")
    await alice.act("Shall we met", "Edit")
    await alice.field.fill("Shall we meet at nine?")
    await alice.field.press("Enter")
    await bob.message("Shall we meet at nine?").get_by_text("edited").wait_for()

    await bob.act("Shall we meet", "React with 👍")
    await alice.message("Shall we meet").get_by_role("button", name="👍 1 by Bob").click()
    await bob.message("Shall we meet").get_by_role("button", name="👍 2 by Bob and Alice").wait_for()

    await bob.act("Shall we meet", "Reply")
    await bob.write("Ten is better.")
    await alice.message("Ten is better.").locator(".quote").get_by_text("Shall we meet at nine?").wait_for()
    await alice.message("Ten is better.").locator(".quote").click()
    await alice.page.locator(".message.found").filter(has_text="Shall we meet").first.wait_for()

    await alice.page.get_by_role("button", name="Message options (You)").last.click()
    await alice.page.get_by_role("menuitem", name="Delete …").click()
    await alice.page.get_by_role("button", name="Delete for everyone").click()
    await bob.message("Shall we meet").wait_for(state="detached")
    await bob.message("Ten is better.").locator(".quote").wait_for(state="detached")
    await bob.act("Ten is better.", "Delete …")
    await bob.page.get_by_role("button", name="Delete for me").click()
    await bob.message("Ten is better.").wait_for(state="detached")
    assert await alice.message("Ten is better.").count() == 1


async def test_a_block_and_a_report(pair: tuple[Chat, Chat]) -> None:
    """Issue 7: block and report; a failed send is explained without revealing who blocked whom."""
    alice, bob = pair
    await alice.write("Buy my boat!")
    await bob.act("Buy my boat!", "Report …")
    await bob.page.get_by_label("Reason").select_option("SPAM")
    await bob.page.get_by_role("button", name="Report", exact=True).click()
    await bob.told("Thank you.")

    await bob.page.get_by_role("button", name="Conversation options").click()
    await bob.page.get_by_role("menuitem", name="Block Alice").click()
    await bob.page.get_by_role("dialog").get_by_role("button", name="Block Alice").click()
    await bob.page.get_by_text("You have blocked Alice.").wait_for()
    await alice.field.fill("It is cheap.")
    await alice.field.press("Enter")
    await alice.page.get_by_text("Messages to Bob cannot be delivered.").first.wait_for()
    assert "block" not in (await alice.page.locator(".pane").inner_text()).lower()

    await bob.page.get_by_role("button", name="Unblock Alice").click()
    await bob.field.wait_for()
    assert await bob.message("It is cheap.").count() == 0


async def test_a_message_request_is_open_until_it_is_answered(browser: "Browser", server: Server) -> None:
    """Issue 7: message requests; carol accepts messages from nobody, and then accepts dave."""
    async with aiohttp.ClientSession() as http:
        carol_by_api = await Person.sign_in(server, http, "carol", "demo")
        settings = "acceptMessagesFrom: NOBODY, fromOthers: REQUEST"
        await carol_by_api.query(f"mutation {{ updateMessagingSettings(input: {{{settings}}}) {{ __typename }} }}")
    dave, carol = await Chat.open(browser, server), await Chat.open(browser, server)
    await dave.page.get_by_label("Username").fill("dave")
    await dave.page.get_by_label("Password").fill("correct horse")
    await dave.page.get_by_role("button", name="Create account").click()
    await dave.page.get_by_text("Signed in as dave").wait_for()
    await carol.enter("carol")
    await dave.page.get_by_role("searchbox", name="Search messages and people").fill("carol")
    await dave.page.locator(".results button").filter(has_text="@carol").click()
    await dave.write("May I write to you?")
    await dave.write("It is about the boat.")
    await dave.write("Please.")
    await dave.page.get_by_text("carol has not accepted your message request yet.").wait_for()
    assert "delivered" not in (await dave.page.locator(".pane .request").inner_text()).lower()

    await carol.page.get_by_role("button", name="1 message request").click()
    await carol.row("dave").click()
    await carol.page.get_by_text("dave would like to send you messages.").wait_for()
    await carol.page.get_by_role("button", name="Accept").click()
    await carol.page.get_by_text("dave would like to send you messages.").wait_for(state="detached")
    await carol.write("You may.")
    await dave.message("You may.").wait_for()
    dave.assert_quiet()
    carol.assert_quiet()


WHO_ASKED = {
    "en-GB": ("1 message request", "dave has added you to a group of 3 people."),
    "de-AT": ("1 Nachrichtenanfrage", "dave hat dich zu einer Gruppe von 3 Personen hinzugefügt."),
}


@pytest.mark.parametrize("locale", WHO_ASKED)
async def test_a_group_request_names_its_creator(browser: "Browser", server: Server, locale: str) -> None:
    """Not its first other member, nor the sender of its newest message."""
    async with aiohttp.ClientSession() as http:
        bob, carol = [await Person.sign_in(server, http, name, "demo") for name in ("bob", "carol")]
        account = 'input: { username: "dave", password: "correct horse" }'
        await carol.query(f"mutation {{ signUp({account}) {{ __typename }} }}")
        dave = await Person.sign_in(server, http, "dave", "correct horse")
        settings = "acceptMessagesFrom: NOBODY, fromOthers: REQUEST"
        await carol.query(f"mutation {{ updateMessagingSettings(input: {{{settings}}}) {{ __typename }} }}")
        for sender, other in ((dave, "bob"), (bob, "dave")):
            await sender.send("Come in.", to={"users": [{"username": other}, {"username": "carol"}]})
    chat = await Chat.open(browser, server, locale=locale)
    label, words = WHO_ASKED[locale]
    await chat.page.get_by_role("button", name="Carol").click()
    await chat.page.get_by_role("button", name=label).click()
    await chat.page.locator("nav .conversations button").first.click()

    await chat.page.get_by_text(words).wait_for()
    chat.assert_quiet()


async def test_search_finds_people_and_messages_and_leads_to_them(browser: "Browser", server: Server) -> None:
    """Issue 7: search; an old message is shown in its context, and a button leads to the newest."""
    async with aiohttp.ClientSession() as http:
        bob = await Person.sign_in(server, http, "bob", "demo")
        to = {"users": [{"username": "alice"}]}
        await bob.send("The password of the harbour gate is heron", to=to)
        for i in range(120):
            await bob.send(f"Filler {i}", to=to)
    alice = await Chat.open(browser, server)
    await alice.enter("alice")
    await alice.page.get_by_role("searchbox", name="Search").fill("HERO")
    hit = alice.page.locator(".results button").filter(has_text="The password of the harbour gate is heron")
    assert await hit.locator("mark").inner_text() == "hero"
    await hit.click()

    await alice.page.locator(".message.found").filter(has_text="heron").wait_for()
    await alice.page.get_by_role("button", name="Jump to latest").click()
    await alice.message("Filler 119").wait_for()
    log = alice.page.locator(".log")
    for _ in range(6):
        await log.evaluate("(log) => { log.scrollTop = 0; }")
        await asyncio.sleep(0.3)
    texts = await alice.page.locator(".log .text").all_inner_texts()
    assert [text for text in texts if text.startswith("Filler")] == [f"Filler {i}" for i in range(120)]
    alice.assert_quiet()


async def test_search_finds_conversations_by_the_names_of_their_people(browser: "Browser", server: Server) -> None:
    """A group by one of its members; a person with a conversation is not listed twice; signs alone find nothing."""
    async with aiohttp.ClientSession() as http:
        bob = await Person.sign_in(server, http, "bob", "demo")
        await bob.send("For us three", to={"users": [{"username": "alice"}, {"username": "carol"}]})
        await bob.send("For you", to={"users": [{"username": "alice"}]})
    alice = await Chat.open(browser, server)
    await alice.enter("alice")
    field, results = alice.page.get_by_role("searchbox", name="Search"), alice.page.locator(".results")
    await field.fill("¿?")
    await results.get_by_text("No results.").wait_for()
    await field.fill("bób")
    await results.get_by_role("heading", name="Conversations").wait_for()
    shown = await results.locator(".preview:not(.excerpt)").all_inner_texts()
    assert sorted(sorted(each.split()) for each in shown) == [["@bob"], ["@bob", "@carol"]]
    await results.locator("button").filter(has_text="@carol").click()

    await alice.message("For us three").wait_for()
    assert await results.locator("button").count() == 0
    alice.assert_quiet()


async def test_enter_selects_the_only_match(browser: "Browser", server: Server) -> None:
    """A name and Enter open the conversation, however fast; further names are added to a list."""
    alice = await Chat.open(browser, server)
    await alice.enter("alice")
    field = alice.page.get_by_role("searchbox", name="Find people")
    await alice.page.get_by_role("button", name="New message").click()
    await field.fill("nobody of that name")
    await field.press("Enter")
    await alice.page.get_by_role("dialog").get_by_text("No results.").wait_for()
    await field.fill("carol")
    await field.press("Enter")
    await alice.page.get_by_role("heading", name="Carol", exact=True).wait_for()

    await alice.page.get_by_role("button", name="New message").click()
    await field.fill("car")
    await alice.page.get_by_role("dialog").get_by_role("button", name="@carol").click()
    await field.fill("bob")
    await field.press("Enter")
    await alice.page.get_by_role("button", name="Remove Bob").wait_for()
    await field.press("Enter")
    await alice.page.get_by_role("heading", name=re.compile("^(Carol and Bob|Bob and Carol)$")).wait_for()
    alice.assert_quiet()


async def test_a_restart_loses_and_repeats_nothing(browser: "Browser", tmp_path: Path) -> None:
    """Issue 7: during a restart the page shows "reconnecting", and nothing is lost."""
    data = tmp_path / "data"
    async with running("demo", data=data) as server:
        port = urlsplit(server.url).port or 0
        alice, bob = await Chat.open(browser, server), await Chat.open(browser, server)
        await alice.enter("alice")
        await bob.enter("bob")
        await alice.go_to("Bob")
        await bob.go_to("Alice")
        await alice.write("Before")
    for chat in (alice, bob):
        await chat.page.get_by_text("Reconnecting …").wait_for()
    for text in ("While it was down", "And another"):
        await alice.field.fill(text)
        await alice.field.press("Enter")
    await alice.page.locator(".message.failed").get_by_text("the page keeps trying").first.wait_for()

    async with running("demo", data=data, port=port) as server:
        for text in ("Before", "While it was down", "And another"):
            await bob.message(text).wait_for(timeout=30_000)
        await alice.page.get_by_text("Reconnecting …").wait_for(state="hidden", timeout=30_000)
        await alice.page.locator(".message.failed, .message.waiting").first.wait_for(state="detached")
        await bob.write("All here.")
        for chat in (alice, bob):
            texts = await chat.page.locator(".log .text").all_inner_texts()
            assert texts[-4:] == ["Before", "While it was down", "And another", "All here."]
    for chat in (alice, bob):
        chat.assert_quiet("net::ERR", "WebSocket connection to")


async def test_an_upload_resumes_after_a_restart(browser: "Browser", tmp_path: Path) -> None:
    """Issues 6 and 7: an upload is completed although the server was restarted."""
    data, content = tmp_path / "data", random.Random(8).randbytes(2_000_000).hex().encode()
    async with running("demo", data=data) as server:
        port = urlsplit(server.url).port or 0
        alice = await Chat.open(browser, server)
        await alice.enter("alice")
        await alice.go_to("Bob")
        cdp = await alice.page.context.new_cdp_session(alice.page)
        slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 400_000}
        await cdp.send("Network.emulateNetworkConditions", slow)
        await alice.page.locator("input[type=file]").set_input_files([file("long.txt", content, "text/plain")])
        await alice.field.fill("A long one")
        await alice.field.press("Enter")
        await asyncio.sleep(2)
    await cdp.send("Network.emulateNetworkConditions", {**slow, "uploadThroughput": -1})
    async with running("demo", data=data, port=port), aiohttp.ClientSession() as http:
        await alice.message("A long one").locator(".mark").wait_for(timeout=30_000)
        async with alice.page.expect_download() as download:
            await alice.message("A long one").get_by_role("button", name="long.txt").click()
        assert (await (await download.value).path()).read_bytes() == content
        del http


async def test_the_drawer_shows_the_graphql_and_opens_it(pair: tuple[Chat, Chat]) -> None:
    """Issue 7: the last operation, its variables and response, without passwords and tokens."""
    alice, _ = pair
    await alice.page.get_by_role("button", name="The GraphQL of this page").click()
    await alice.write("What does this look like?")

    drawer = alice.page.locator(".drawer")
    await drawer.get_by_text("mutation Send(").wait_for()
    assert "What does this look like?" in await drawer.inner_text()
    link = await drawer.get_by_role("link", name="Open in GraphiQL").get_attribute("href")
    query = parse_qs(urlsplit(link or "").fragment)  # which is sent to no server
    assert query["query"][0].startswith("mutation Send(")
    assert '"clientMessageId"' in query["variables"][0]
    await drawer.get_by_role("combobox").select_option(
        label=await drawer.locator("option").filter(has_text="signIn").inner_text()
    )
    assert '"password": "…"' in await drawer.inner_text()
    assert "sot_" not in await drawer.inner_text()


async def test_everything_works_with_the_keyboard(browser: "Browser", server: Server) -> None:
    """Issue 7: keyboard only, with the focus in the expected place."""
    alice = await Chat.open(browser, server)
    keyboard = alice.page.keyboard
    await keyboard.type("alice")
    await keyboard.press("Tab")
    await keyboard.type("demo")
    await keyboard.press("Enter")
    await alice.row("Bob").wait_for()
    await alice.row("Bob").focus()
    await keyboard.press("ArrowDown")
    await keyboard.press("ArrowUp")
    await keyboard.press("Enter")
    await alice.page.wait_for_function("document.activeElement.matches('.composer textarea')")
    await keyboard.type("By key")
    await keyboard.press("Enter")
    await alice.message("By key").wait_for()
    await alice.message("By key").locator(".mark").wait_for()
    await keyboard.press("Shift+Tab")
    await keyboard.press("Shift+Tab")
    focused = "document.activeElement.getAttribute('aria-label')"
    assert await alice.page.evaluate(focused) == "Message options (You)"
    await keyboard.press("Enter")
    await keyboard.press("End")
    await keyboard.press("Enter")
    await alice.page.get_by_role("dialog").wait_for()
    await keyboard.press("Escape")
    await alice.page.get_by_role("dialog").wait_for(state="detached")
    assert await alice.page.evaluate(focused) == "Message options (You)"
    alice.assert_quiet()


async def test_a_wrong_password_and_an_ended_session_are_shown(browser: "Browser", server: Server) -> None:
    """Issue 7, bad input: errors are shown, and say what to do."""
    alice = await Chat.open(browser, server)
    await alice.page.get_by_label("Username").fill("alice")
    await alice.page.get_by_label("Password").fill("wrong")
    await alice.page.get_by_role("button", name="Sign in", exact=True).click()
    await alice.told("Wrong username or password.")

    await alice.enter("alice")
    async with aiohttp.ClientSession() as http:
        other = await Person.sign_in(server, http, "alice", "demo")
        await other.query("mutation { signOut(input: {everywhere: true}) { __typename } }")
    await alice.told("You are signed out.")
    await alice.page.get_by_label("Username").wait_for()
    assert (
        await alice.page.evaluate("Object.values({...sessionStorage}).join() + Object.values({...localStorage}).join()")
        == ""
    )
    alice.assert_quiet("a status of 401")  # of a request that was under way: the other sign-in is an event to the page


async def test_the_session_survives_a_reload(browser: "Browser", server: Server) -> None:
    """A tab keeps its session after a reload; another tab has it only with "stay signed in"."""
    alice = await Chat.open(browser, server)
    await alice.enter("alice")
    await alice.page.reload()
    await alice.page.get_by_text("Signed in as Alice").wait_for()
    other = await alice.page.context.new_page()
    await other.goto(server.url)
    await other.get_by_label("Stay signed in").check()
    await other.get_by_role("button", name="Sign in as bob").click()
    await other.get_by_text("Signed in as Bob").wait_for()
    third = await alice.page.context.new_page()
    await third.goto(server.url)
    await third.get_by_text("Signed in as Bob").wait_for()
    await third.get_by_role("button", name="Sign out").click()
    await third.get_by_text("You are signed out.").wait_for()
    alice.assert_quiet()


async def test_a_phone_shows_one_side_at_a_time(browser: "Browser", server: Server) -> None:
    """Issue 7: on a narrow screen; nothing is wider than the screen."""
    bob = await Chat.open(browser, server, viewport={"width": 360, "height": 640}, has_touch=True, is_mobile=True)
    await bob.enter("bob")
    await bob.go_to("Alice")
    await bob.write("From a phone, with a_very_long_word_" + "x" * 200)
    assert await bob.page.evaluate("document.scrollingElement.scrollWidth") == 360
    assert not await bob.page.locator(".sidebar").is_visible()
    await bob.page.get_by_role("button", name="Back to conversations").click()
    assert await bob.page.locator(".sidebar").is_visible()
    assert not await bob.page.locator(".pane").is_visible()
    bob.assert_quiet()


async def test_the_language_is_that_of_the_browser_or_chosen(browser: "Browser", server: Server) -> None:
    """Issue 7: one JSON file per language."""
    page = (await Chat.open(browser, server, locale="de-AT")).page
    await page.get_by_role("button", name="Als alice anmelden").wait_for()
    assert await page.evaluate("document.documentElement.lang") == "de"
    await page.goto(f"{server.url}/?lang=en")
    await page.get_by_role("button", name="Sign in as alice").wait_for()


async def test_a_new_device_waits_until_another_one_trusts_it(
    browser: "Browser", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If devices must be trusted, the page informs both sides and continues automatically."""
    monkeypatch.setenv("SOTTO_DEVICE_TRUST", "require")
    async with running("serve", data=tmp_path / "data") as server:
        first, second = await Chat.open(browser, server), await Chat.open(browser, server)
        for chat, word in ((first, "Create account"), (second, "Sign in")):
            await chat.page.get_by_label("Username").fill("dora")
            await chat.page.get_by_label("Password").fill("correct horse")
            await chat.page.get_by_role("button", name=word).click()
            if chat is first:
                await first.page.get_by_text("Signed in as dora").wait_for()
                await asyncio.sleep(0.5)  # its stream has begun
        await second.page.get_by_text("Confirm this device on one of your other devices first.").wait_for()
        await first.page.get_by_role("dialog").get_by_text("Was that you?").wait_for()
        await first.page.get_by_role("button", name="Yes, trust it").click()
        await second.page.get_by_text("Signed in as dora").wait_for()
        first.assert_quiet()
        second.assert_quiet("the server responded with a status of 403")


async def test_the_next_user_sees_nothing_of_the_previous_one(browser: "Browser", server: Server) -> None:
    """The next user of a tab sees no drafts, files or messages, and the previous session has ended."""
    tab = await Chat.open(browser, server)
    await tab.enter("alice")
    await tab.go_to("Bob")
    await tab.field.fill("For bob's eyes, not sent")
    await tab.page.locator("input[type=file]").set_input_files([file("a.txt", b"secret", "text/plain")])
    await tab.page.locator(".uploads li.ready").wait_for()
    await tab.page.locator("nav .conversations button", has_text="Carol").click()
    await tab.page.locator(".pane h1", has_text="Carol").wait_for()
    await tab.page.get_by_role("button", name="Sign out").click()
    await tab.told("You are signed out.")
    await tab.page.get_by_role("button", name="Sign in as bob").dblclick()
    await tab.page.get_by_text("Signed in as Bob").wait_for()
    await tab.go_to("Alice")

    assert await tab.field.input_value() == ""
    assert await tab.page.locator(".uploads li").count() == 0
    async with aiohttp.ClientSession() as http:
        devices = {}
        for name in ("alice", "bob"):
            person = await Person.sign_in(server, http, name, "demo")
            data = await person.query("{ viewer { devices { name } } }")
            devices[name] = [each["name"] for each in data["viewer"]["devices"]].count("Chat page")
    assert devices == {"alice": 0, "bob": 1}  # signed out; and two clicks were one session
    tab.assert_quiet()


async def test_a_draft_survives_an_edit_and_another_conversation(pair: tuple[Chat, Chat]) -> None:
    """The draft is restored, and a cancelled edit is not sent."""
    alice, bob = pair
    await alice.write("Frist")
    await alice.field.fill("Half a thought")
    await alice.act("Frist", "Edit")
    assert await alice.field.input_value() == "Frist"
    await alice.page.locator("nav .conversations button", has_text="Carol").click()
    await alice.page.wait_for_function(f"{FIELD} === ''")
    await alice.go_to("Bob")
    assert await alice.field.input_value() == "Half a thought"
    await alice.act("Frist", "Edit")
    await alice.field.fill("First")
    await alice.field.press("Enter")
    await bob.message("First").wait_for()
    await alice.page.wait_for_function(f"{FIELD} === 'Half a thought'")
    await alice.field.press("Enter")
    await bob.message("Half a thought").wait_for()
    texts = await bob.page.locator(".log .text").all_inner_texts()
    assert texts[-2:] == ["First", "Half a thought"]
    assert len(texts) == 5


TYPES = """query ($with: [UserReference!]!) { conversationWith(users: $with) { messages(last: 3) { nodes {
  text type attachments { kind } } } } }"""


@pytest.mark.parametrize("is_type_required", ["false", "true"])
async def test_every_message_has_the_type_that_the_server_wants(
    browser: "Browser", tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_type_required: str
) -> None:
    """Messages are accepted, and images stay images, also beside other files unless the server requires a type."""
    monkeypatch.setenv("SOTTO_REQUIRE_TYPE", is_type_required)
    files = [file("blue.png", picture(), "image/png"), file("notes.txt", b"notes", "text/plain")]
    async with running("demo", data=tmp_path / "data") as server, aiohttp.ClientSession() as http:
        alice = await Chat.open(browser, server)
        await alice.enter("alice")
        await alice.go_to("Bob")
        for count, text in enumerate(("A text", "A picture", "Two files")):
            if count:
                await alice.page.locator("input[type=file]").set_input_files(files[:count])
                await alice.page.locator(".uploads li.ready").nth(count - 1).wait_for()
            await alice.write(text)
        bob = await Person.sign_in(server, http, "bob", "demo")
        found = await bob.query(TYPES, **{"with": [{"username": "alice"}]})
        alice.assert_quiet()

    picture_kind = "FILE" if is_type_required == "true" else "IMAGE"
    assert [
        (node["text"], node["type"], [each["kind"] for each in node["attachments"]])
        for node in found["conversationWith"]["messages"]["nodes"]
    ] == [
        ("A text", "TEXT", []),
        ("A picture", "IMAGE", ["IMAGE"]),
        ("Two files", "FILE", [picture_kind, "FILE"]),
    ]
