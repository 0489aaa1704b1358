"""The URL of the chat page: links, Back, Forward, reloads, slow connections and changes of the user."""

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.browser.chat import Chat
from tests.flow.client import Server

if TYPE_CHECKING:
    from playwright.async_api import Browser


async def is_open(chat: Chat, name: str) -> None:
    """The conversation with this person is open, and the URL names it."""
    await chat.page.get_by_role("heading", name=name, exact=True).wait_for()


async def test_back_forward_and_a_reload_lead_to_the_conversation(browser: "Browser", server: Server) -> None:
    """Each conversation is an entry in the history; the list is the first."""
    bob = await Chat.open(browser, server)
    await bob.enter("bob")
    await bob.go_to("Alice")
    with_alice = bob.page.url
    await bob.go_to("Carol")
    with_carol = bob.page.url
    assert len({server.url + "/", with_alice, with_carol}) == 3
    assert urlsplit(with_alice)[:4] == urlsplit(server.url + "/")[:4]  # a fragment: nothing of it reaches a log

    await bob.page.go_back()
    await is_open(bob, "Alice")
    await bob.message("Down at the harbour").wait_for()
    await bob.page.go_back()
    await bob.page.get_by_text("Choose a conversation").wait_for()
    await bob.page.go_forward()
    await bob.page.go_forward()
    await is_open(bob, "Carol")
    assert bob.page.url == with_carol
    await bob.page.reload()
    await is_open(bob, "Carol")
    await bob.message("Lunch on Thursday?").wait_for()
    await bob.page.go_back()
    await is_open(bob, "Alice")

    await bob.page.get_by_role("button", name="New message").click()
    await bob.page.get_by_role("searchbox", name="Find people").fill("echo")
    await bob.page.get_by_role("searchbox", name="Find people").press("Enter")
    await is_open(bob, "Echo")
    await bob.page.reload()
    await is_open(bob, "Echo")
    await bob.write("Is anybody there?")
    assert "#conversation=" in bob.page.url
    await bob.page.go_back()
    await is_open(bob, "Alice")
    bob.assert_quiet()


async def test_a_link_leads_to_the_conversation_after_the_sign_in(browser: "Browser", server: Server) -> None:
    """Other users, and the next user of the same tab after a sign-out, see only the list."""
    alice = await Chat.open(browser, server)
    await alice.enter("alice")
    await alice.go_to("Bob")
    link = alice.page.url
    await alice.page.get_by_role("button", name="Sign out").click()
    await alice.told("You are signed out.")
    assert alice.page.url == server.url + "/"

    await alice.page.goto(link)
    await alice.page.get_by_role("button", name="Sign in as alice").click()
    await is_open(alice, "Bob")
    assert alice.page.url == link

    for address in (link, f"{server.url}/#conversation=nonsense", f"{server.url}/#with=nobody"):
        carol = await Chat.open(browser, server)
        await carol.page.goto(address)
        await carol.enter("carol")
        await carol.told("There is no such conversation.")
        await carol.page.get_by_text("Choose a conversation").wait_for()
        assert carol.page.url == server.url + "/"
        carol.assert_quiet()
    alice.assert_quiet()


async def test_every_script_is_requested_before_the_first_has_loaded(browser: "Browser", server: Server) -> None:
    """On a slow connection, imports do not add round trips, and the page says that it is connecting."""
    alice = await Chat.open(browser, server)
    await alice.enter("alice")
    cdp = await alice.page.context.new_cdp_session(alice.page)
    await cdp.send("Network.enable")
    await cdp.send("Network.setCacheDisabled", {"cacheDisabled": True})
    slow = {"offline": False, "latency": 300, "downloadThroughput": -1, "uploadThroughput": -1}
    await cdp.send("Network.emulateNetworkConditions", slow)
    await alice.page.reload()
    await alice.page.get_by_role("status").get_by_text("Connecting …").wait_for()
    await alice.page.get_by_text("Signed in as Alice").wait_for()
    scripts = await alice.page.evaluate(
        "performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('.js'))"
        ".map(({ startTime, responseStart }) => [startTime, responseStart])"
    )
    assert len(scripts) > 20
    assert max(asked for asked, _ in scripts) < min(came for _, came in scripts)
    alice.assert_quiet()


async def test_on_a_phone_back_leads_to_the_list_once(browser: "Browser", server: Server) -> None:
    """The page's arrow and the browser's Back do the same."""
    bob = await Chat.open(browser, server, viewport={"width": 390, "height": 800})
    await bob.enter("bob")
    await bob.go_to("Alice")
    await bob.page.go_back()
    await bob.row("Carol").click()
    await is_open(bob, "Carol")
    length = await bob.page.evaluate("history.length")
    await bob.page.get_by_role("button", name="Back to conversations").click()
    await bob.row("Alice").click()
    await is_open(bob, "Alice")
    assert await bob.page.evaluate("history.length") == length
    bob.assert_quiet()


async def test_a_blocked_script_does_not_reload_the_page_forever(browser: "Browser", server: Server) -> None:
    """For example, a filter may block it; when it can be loaded, the page works."""
    alice = await Chat.open(browser, server)
    await alice.enter("alice")
    pages: list[str] = []
    alice.page.on("request", lambda request: pages.append(request.url) if request.is_navigation_request() else None)
    await alice.page.route("**/layout.js*", lambda route: route.abort())
    await alice.page.reload()
    await alice.page.get_by_role("status").get_by_text("cannot be reached").wait_for()
    await alice.page.wait_for_timeout(1_000)  # a page that reloads for ever does so every few hundredths of a second
    assert len(pages) == 2
    await alice.page.unroute("**/layout.js*")
    await alice.page.evaluate("sessionStorage.removeItem('sotto.reloaded')")
    await alice.page.get_by_text("Signed in as Alice").wait_for()
    alice.assert_quiet("Failed to load resource")
