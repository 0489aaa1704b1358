"""The React example: compiled, built, and used by two users in a browser across a restart of the server."""

import json
import re
import shutil
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.examples.demo import CHROMIUM, HERE, NODE, ROOT, demo, require_installed, run, watched

EXAMPLE = ROOT / "examples" / "react-apollo"


@pytest.fixture(autouse=True)
def _installed() -> None:
    require_installed()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the example with generated types, outside the repository."""
    folder = tmp_path / "examples" / "react-apollo"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("node_modules", "dist", "generated"))
    (folder / "node_modules").symlink_to(EXAMPLE / "node_modules")
    shutil.copy(ROOT / "schema.graphql", tmp_path / "schema.graphql")
    run(NODE, "node_modules/@graphql-codegen/cli/esm/bin.js", cwd=folder)
    return folder


def test_it_compiles_strictly_and_notices_a_field_that_is_gone(copy: Path) -> None:
    """The types come from the schema."""
    compiler: list[str | Path] = [NODE, copy / "node_modules/typescript/bin/tsc", "--noEmit"]
    run(*compiler, cwd=copy)

    chat = copy / "src" / "Chat.tsx"
    chat.write_text(chat.read_text().replace("user.username", "user.nickname"))
    done = subprocess.run(list(map(str, compiler)), cwd=copy, capture_output=True, text=True, check=False)

    assert done.returncode != 0
    assert "'nickname' does not exist" in done.stdout


def test_two_users_send_receive_and_reconnect_after_a_restart(copy: Path, tmp_path: Path) -> None:
    """Errors are shown, markup stays text, nothing is repeated, and no request goes to another origin."""
    vite = copy / "node_modules/vite/bin/vite.js"
    run(NODE, vite, "build", cwd=copy)
    with ExitStack() as stack:
        with demo(tmp_path / "data") as url:
            preview: list[str | Path] = [NODE, vite, "preview", "--port", "0", "--host", "127.0.0.1"]
            pages = stack.enter_context(watched(preview, cwd=copy, SOTTO=url, NO_COLOR="1"))
            pages.wait_for("http://127.0.0.1:")
            address = re.findall(r"http://127\.0\.0\.1:\d+", "".join(pages.lines))[0]
            browsing = subprocess.Popen(
                [NODE, str(HERE / "page.mjs"), address, str(CHROMIUM), str(tmp_path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            stack.callback(browsing.kill)
            assert browsing.stdout is not None
            assert browsing.stdout.readline() == "restart\n", browsing.communicate()
        with demo(tmp_path / "data", int(url.rpartition(":")[2])):
            printed, complaints = browsing.communicate("it was\n", timeout=120)

    assert browsing.returncode == 0, complaints
    said = json.loads(printed)
    assert said["wrongPassword"] == "The username or the password is wrong."
    assert "alice" in said["inbox"]
    assert said["sent"] == "Sent."
    assert said["heard"] == ["alice: See the <b>notes</b> notes.txt (24 bytes)"]
    assert said["downloaded"] == "Meet me at the harbour.\n"
    assert said["refused"] == "Nobody has the username 'nobody-at-all'."
    assert said["unsent"] == "No response (Failed to fetch). Press Send again; the message is not sent twice."
    assert said["kept"] == ["With a file", 1, "Sent.", ""]
    assert said["repeated"] == ["Its answer was lost", 0, "Sent.", ""]
    assert said["after"] == [
        *said["heard"],
        "alice: After the restart",
        "alice: With a file notes.txt (24 bytes)",
        "alice: Its answer was lost",
        "alice: The last",
    ]
    assert (said["complaints"], said["foreign"]) == ([], [])
