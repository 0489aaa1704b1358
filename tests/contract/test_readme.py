"""The README links to all pages, its settings table is complete, and its commands work."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from server.setting.description import describe_settings
from services.version import VERSION
from tests.flow.client import running

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONFIGURE = (ROOT / "docs/configure.md").read_text(encoding="utf-8")


def test_the_settings_table_names_every_setting_with_its_default_and_meaning() -> None:
    """Every setting is documented."""
    table = CONFIGURE.split("<!-- table: settings;")[1].split("<!-- end of table -->")[0]
    rows = [re.split(r" \| ", line.strip("| ")) for line in table.splitlines() if line.startswith("| `")]
    expected = [[f"`{line.environment}`", f"`{line.default}`", line.description] for line in describe_settings()]

    assert [[name, default, meaning] for name, default, _bounds, meaning in rows] == expected, "run: ./sotto manual"


def test_it_is_short_and_leads_to_every_page() -> None:
    """Details are in docs/; every page is reachable from the README."""
    pages = [f"docs/{page.name}" for page in sorted((ROOT / "docs").glob("*.md"))]

    assert README.count("\n") < 130
    assert [page for page in pages if f"]({page}" not in README] == []


def test_the_version_is_the_one_of_the_project() -> None:
    """`serverInfo.version` and pyproject.toml agree."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")

    assert f'version = "{VERSION}"' in project


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_the_curl_example_sends_a_message_with_a_file(tmp_path: Path) -> None:
    """The block works without changes except for the port."""
    block = re.search(r"```bash\n(.*?)```", README, re.DOTALL)
    assert block is not None
    async with running("demo", data=tmp_path / "data") as server:
        script = block[1].replace("http://127.0.0.1:8000", server.url)
        done = subprocess.run(["bash", "-euc", script], cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: ASYNC221

    assert done.returncode == 0, done.stderr
    assert '"SendPrivateMessageSuccess"' in done.stdout, done.stdout
    assert '"filename":"notes.txt","mimeType":"text/plain","byteSize":24' in done.stdout
