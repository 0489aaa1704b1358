"""GraphiQL in a real browser: default tabs, sign-in, files, subscriptions, links and policy."""

import hashlib
import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.browser.browser import Demo, Witness, chromium, demo

__all__ = ["chromium", "demo"]

EXAMPLE = b"Meet me at the harbour.\n"
ANSWER = """() => globalThis.__MONACO?.editor.getModels()
  .find((each) => each.uri.path.endsWith("response.json"))?.getValue()"""


class Explorer:
    """A driver for GraphiQL."""

    def __init__(self, page: Any, url: str) -> None:
        self.page, self.url = page, url

    def open(self, **link: str) -> None:
        """Opens GraphiQL, with the parameters of a link if given; waits for the schema."""
        with self.page.expect_response(lambda response: response.request.method == "POST"):
            self.page.goto(f"{self.url}/graphql?{urlencode(link)}")
        self.page.locator(".graphiql-query-editor .monaco-editor").wait_for()
        self.page.get_by_role("button", name="Execute query").wait_for()

    def choose(self, tab: str) -> None:
        self.page.locator("[id^=graphiql-session-tab-]", has_text=re.compile(f"^{tab}$")).click()

    def press_run(self) -> None:
        self.page.get_by_role("button", name="Execute query").click()

    def answer(self, holds: str = "") -> Any:
        """The response, as soon as it contains this text."""
        shown = f"() => {{ const text = ({ANSWER})(); return text && text.includes({json.dumps(holds)}) && text }}"
        return json.loads(self.page.wait_for_function(shown, timeout=10_000).json_value())

    def run(self, tab: str) -> Any:
        """Runs a tab; returns the data of the response."""
        self.choose(tab)
        self.press_run()
        answer = self.answer()
        assert "errors" not in answer, answer
        return answer["data"]

    def status(self, holds: str) -> None:
        """Waits until the status line contains this text."""
        self.page.locator(".sotto-status", has_text=holds).wait_for()

    def sign_in(self, username: str) -> None:
        """Signs in with a button of the demo."""
        self.page.locator(".sotto-panel").get_by_role("button", name=username, exact=True).click()
        self.status(f"Signed in as {username}")

    def show(self, panel: str) -> Any:
        """Shows a panel."""
        self.page.get_by_role("button", name=f"Show {panel}", exact=True).click()
        return self.page.locator(".sotto-panel")


@pytest.fixture
def explorer(chromium: Any, demo: Demo) -> Iterator[Explorer]:
    """GraphiQL in a new context; afterwards, checks console messages and requests to other hosts."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    witness = Witness(page, demo.url)
    explorer = Explorer(page, demo.url)
    explorer.open()
    yield explorer
    context.close()
    assert witness.complaints == []
    assert len(witness.requests) > 10


def test_every_tab_runs_in_order_without_an_edit(explorer: Explorer, demo: Demo) -> None:
    """Issue 7: sign in, send, send a file, listen, block; the token and the example file are sent automatically."""
    signed_in = explorer.run("SignIn")["signIn"]
    explorer.status("Signed in as alice")
    sent = explorer.run("Send")["sendPrivateMessage"]
    filed = explorer.run("SendFile")["sendPrivateMessage"]
    explorer.choose("Listen")
    explorer.press_run()
    heard = [hear(explorer, demo, text)["message"] for text in ("first", "second")]
    blocked = explorer.run("Block")

    assert signed_in["viewer"]["user"]["username"] == "alice"
    assert (sent["__typename"], sent["message"]["text"]) == ("SendPrivateMessageSuccess", "Hello, bob")
    [file] = filed["message"]["attachments"]
    assert (file["filename"], file["sha256"]) == ("notes.txt", hashlib.sha256(EXAMPLE).hexdigest())
    assert [(each["sender"]["username"], each["text"]) for each in heard] == [("bob", "first"), ("bob", "second")]
    assert blocked["blockUser"]["user"] == {"username": "carol", "viewerHasBlocked": True}
    assert blocked["sendPrivateMessage"]["recipientRejections"][0]["reason"] == "BLOCKED_BY_VIEWER"
    assert blocked["unblockUser"]["user"] == {"username": "carol", "viewerHasBlocked": False}


def hear(explorer: Explorer, demo: Demo, text: str, sender: str = "bob", recipient: str = "alice") -> Any:
    """Sends a message until the running subscription shows it; returns the event."""
    token, count = demo.token_of(sender), 0
    while count == 0 or text not in explorer.page.evaluate(ANSWER):
        demo.send(token, recipient, text)
        count += 1
        assert count < 20, explorer.page.evaluate(ANSWER)
        explorer.page.wait_for_timeout(250)
    return explorer.answer(text)["data"]["privateMessageReceived"]


def test_the_token_of_an_operation_is_shared_with_the_chat_page(explorer: Explorer) -> None:
    """In `sotto.session` of the tab, so that both pages have the same user; not kept after the tab is closed."""
    token = explorer.run("SignIn")["signIn"]["token"]
    explorer.status("Signed in as alice")
    kept = explorer.page.evaluate("() => [sessionStorage, localStorage].map((each) => each.getItem('sotto.session'))")
    lasting = explorer.page.evaluate("() => JSON.stringify(localStorage)")

    assert [json.loads(kept[0]), kept[1]] == [{"token": token, "username": "alice"}, None]
    assert token not in lasting
    assert "demo" not in lasting


@pytest.mark.parametrize("place", ["sessionStorage", "localStorage"])
def test_whoever_is_signed_in_at_the_chat_page_is_so_here(explorer: Explorer, demo: Demo, place: str) -> None:
    entry = json.dumps({"token": demo.token_of("bob"), "username": "bob"})
    explorer.page.evaluate(f"(entry) => {place}.setItem('sotto.session', entry)", entry)

    explorer.open()

    explorer.status("Signed in as bob")
    assert explorer.run("Send")["sendPrivateMessage"]["recipientRejections"][0]["reason"] == "SELF"


def test_a_session_that_ended_is_forgotten(chromium: Any, demo: Demo) -> None:
    """Its token would make even sign-in fail. The browser itself logs the 401 to the console."""
    context = chromium.new_context()
    entry = json.dumps({"token": "sot_" + "x" * 43, "username": "alice"})
    context.add_init_script(f"sessionStorage.setItem('sotto.session', '{entry}')")
    explorer = Explorer(context.new_page(), demo.url)
    explorer.open()
    explorer.status("Not signed in")
    signed_in = explorer.run("SignIn")["signIn"]
    context.close()

    assert signed_in["__typename"] == "SignInSuccess"


def test_users_sign_in_with_one_click_and_out(explorer: Explorer, demo: Demo) -> None:
    """Each button is another user; sign-out ends the session on the server too."""
    explorer.sign_in("carol")
    explorer.sign_in("bob")
    entry = json.loads(explorer.page.evaluate("() => sessionStorage.getItem('sotto.session')"))
    explorer.page.get_by_role("button", name="Sign out").click()
    explorer.status("Not signed in")
    with pytest.raises(urllib.error.HTTPError) as left:
        demo.ask("{ viewer { id } }", token=entry["token"])

    left.value.close()

    assert left.value.code == 401


def test_a_wrong_password_is_told_in_a_sentence(explorer: Explorer) -> None:
    panel = explorer.page.locator(".sotto-panel")
    panel.get_by_label("Username").fill("alice")
    panel.get_by_label("Password").fill("wrong")
    panel.get_by_role("button", name="Sign in").click()
    said = panel.get_by_role("alert").inner_text()
    panel.get_by_label("Password").fill("demo")
    panel.get_by_role("button", name="Sign in").click()
    explorer.status("Signed in as alice")

    assert "password" in said
    assert panel.get_by_role("alert").count() == 0
    assert panel.get_by_label("Password").input_value() == ""


def by_input(panel: Any, path: Path) -> None:
    """Selects a file in the dialog."""
    panel.locator("input[type=file]").set_input_files(path)


def by_drop(panel: Any, path: Path) -> None:
    """Drops a file on the panel."""
    panel.locator(".sotto-drop").evaluate(
        """(zone, [name, text]) => {
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([text], name));
          zone.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
        }""",
        [path.name, path.read_text()],
    )


@pytest.mark.parametrize("attach", [by_input, by_drop])
def test_a_file_of_the_panel_arrives(explorer: Explorer, tmp_path: Path, attach: Callable[[Any, Path], None]) -> None:
    """It is sent with the example file, as the next element of the list, with the exact bytes."""
    chosen = tmp_path / "sea & sky.txt"
    chosen.write_text(os.urandom(150_000).hex())
    explorer.sign_in("alice")
    explorer.choose("SendFile")
    panel = explorer.show("Files")
    attach(panel, chosen)
    listed = panel.get_by_role("list", name="Attached files").inner_text()
    explorer.press_run()
    files = explorer.answer("sea")["data"]["sendPrivateMessage"]["message"]["attachments"]
    with urllib.request.urlopen(files[1]["url"]) as response:
        content = response.read()

    assert "293.0 KiB" in listed
    assert "input.attachments.1.file" in listed
    assert [each["filename"] for each in files] == ["notes.txt", "sea & sky.txt"]
    assert files[1]["sha256"] == hashlib.sha256(chosen.read_bytes()).hexdigest() == hashlib.sha256(content).hexdigest()


def test_a_file_can_be_removed_and_invalid_variables_are_errors(explorer: Explorer, tmp_path: Path) -> None:
    """Invalid variables are not sent; the panel or the response shows the error."""
    chosen = tmp_path / "a.txt"
    chosen.write_text("a")
    explorer.sign_in("alice")
    explorer.choose("SendFile")
    panel = explorer.show("Files")
    panel.get_by_role("button", name="Remove notes.txt").click()
    empty = panel.inner_text()
    panel.get_by_label("Variable").fill("input..file")
    by_input(panel, chosen)
    wrong = panel.get_by_role("alert").inner_text()
    answers = []
    for path in ("nothing.file", "input.text", "input.attachments.7.file"):
        panel.get_by_label("Variable").fill(path)
        by_input(panel, chosen)
        explorer.page.wait_for_timeout(300)
        explorer.press_run()
        answers.append(explorer.answer("errors")["errors"][0]["message"])
        panel.get_by_role("button", name="Remove a.txt").click()

    assert "No file is attached." in empty
    assert "“input..file” is not the path of a variable" in wrong
    assert "has no variable $nothing" in answers[0]
    assert "input.text already has a value" in answers[1]
    assert "input.attachments has length 1" in answers[2]


def test_a_subscription_continues_as_the_new_user(explorer: Explorer, demo: Demo) -> None:
    """The socket is reopened with the new token, and the subscription continues as the new user."""
    explorer.sign_in("alice")
    explorer.choose("Listen")
    explorer.press_run()
    hear(explorer, demo, "for alice")
    explorer.sign_in("bob")

    heard = hear(explorer, demo, "for bob", sender="carol", recipient="bob")

    assert heard["message"]["sender"]["username"] == "carol"


def test_the_errors_of_a_subscription_are_shown(explorer: Explorer) -> None:
    """Without a session, no message arrives, and the result says so."""
    explorer.choose("Listen")
    explorer.press_run()

    assert explorer.answer("errors")["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


def test_a_link_opens_a_tab_and_runs_nothing(explorer: Explorer) -> None:
    """`query`, `variables` and `operationName` open a new tab, as from the drawer of the chat page."""
    query = "query One { serverInfo { name: version } }\nquery Two($last: String!) { __type(name: $last) { name } }\n"
    explorer.choose("Send")
    explorer.open(query=query, variables='{"last":"Query"}', operationName="Two")
    explorer.page.wait_for_timeout(500)
    before = explorer.page.evaluate(ANSWER)
    explorer.page.locator(".graphiql-editor-tool .monaco-editor").first.click()
    explorer.page.keyboard.press("Control+Enter")
    answer = explorer.answer("data")
    address = explorer.page.url

    tabs = explorer.page.locator("[id^=graphiql-session-tab-]").all_inner_texts()
    assert before == ""
    assert answer == {"data": {"__type": {"name": "Query"}}}
    assert address == f"{explorer.url}/graphql"
    assert sorted(tabs) == sorted(["SignIn", "Send", "SendFile", "Listen", "Block", "Two"])


def test_a_reload_restores_the_tabs(explorer: Explorer) -> None:
    """Including the variables of the open tab."""
    explorer.sign_in("alice")
    explorer.choose("Block")
    explorer.page.wait_for_timeout(1000)  # GraphiQL keeps its tabs after half a second

    explorer.open()
    explorer.press_run()

    assert explorer.answer("unblockUser")["data"]["unblockUser"]["user"]["username"] == "carol"


def test_the_policy_stops_scripts_markup_and_other_hosts(chromium: Any, demo: Demo) -> None:
    """Injected inline scripts do not run, requests to other hosts fail, and markup is sanitized."""
    page = chromium.new_page()
    page.goto(f"{demo.url}/graphql")
    page.locator(".graphiql-query-editor .monaco-editor").wait_for()
    found = page.evaluate("""async () => {
      const zone = document.body.appendChild(document.createElement("div"));
      zone.innerHTML = '<img src="data:," onerror="globalThis.ran = true"><b>text</b>';
      const script = document.createElement("script");
      let refused = "nothing";
      try { script.src = "https://example.org/a.js"; } catch (error) { refused = error.message; }
      const left = await fetch("http://127.0.0.1:9/").then(() => "left", () => "stayed");
      const worked = (() => { try { return new Worker("data:,") && "worked"; } catch { return "refused"; } })();
      return [zone.innerHTML, refused, left, worked, globalThis.ran ?? "did not run"];
    }""")
    page.close()

    assert found == [
        '<img src="data:,"><b>text</b>',
        "Scripts from https://example.org/a.js are not allowed.",
        "stayed",
        "refused",
        "did not run",
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_it_fits_on_desktops_and_phones(chromium: Any, demo: Demo, tmp_path: Path, scheme: str, width: int) -> None:
    """Everything is visible, including the button. With SCREENSHOTS set to a folder, saves screenshots."""
    context = chromium.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    explorer = Explorer(context.new_page(), demo.url)
    explorer.open()
    explorer.run("SignIn")
    explorer.page.wait_for_timeout(300)
    folder = Path(os.environ.get("SCREENSHOTS", tmp_path))
    explorer.page.screenshot(path=folder / f"explorer-{scheme}-{width}.png")
    boxes = [
        explorer.page.locator(each).bounding_box()
        for each in (".graphiql-execute-button", ".graphiql-response", ".graphiql-query-editor")
    ]
    background = explorer.page.evaluate("() => getComputedStyle(document.querySelector('.graphiql-container')).color")
    context.close()

    assert all(box["x"] >= 0 and box["x"] + box["width"] <= width for box in boxes)
    assert all(box["y"] + box["height"] <= 800 and box["height"] >= 40 for box in boxes)
    assert boxes[1]["width"] > 250
    assert (sum(map(float, re.findall(r"[\d.]+", background)[:3])) > 380) is (scheme == "dark")
