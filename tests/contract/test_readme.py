"""The README is part of the product: its table is complete, its commands work."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from server.settings import describe_settings
from services.version import VERSION
from tests.flow.client import running

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_settings_table_names_every_setting_with_its_default_and_meaning() -> None:
    """Datasette's rule: a setting that the documentation does not name does not exist."""
    table = README.split("<!-- settings:")[1].split("<!-- end of settings -->")[0]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    expected = [f"| `{line.environment}` | `{line.default}` | {line.description} |" for line in describe_settings()]

    assert rows == [row.replace("| `` |", "|  |") for row in expected], "\n".join(["README.md should say:", *expected])


def test_every_relative_link_leads_somewhere() -> None:
    """A link to a file that is gone is a lie."""
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)

    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_version_is_the_one_of_the_project() -> None:
    """`serverInfo.version` and pyproject.toml agree."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")

    assert f'version = "{VERSION}"' in project


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_the_curl_example_sends_a_message_with_a_file(tmp_path: Path) -> None:
    """The block as it stands, but for the port."""
    block = re.search(r"```bash\n(.*?)```", README, re.DOTALL)
    assert block is not None
    async with running("demo", data=tmp_path / "data") as server:
        script = block[1].replace("http://127.0.0.1:8000", server.url)
        done = subprocess.run(["bash", "-euc", script], cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: ASYNC221

    assert done.returncode == 0, done.stderr
    assert '"SendPrivateMessageSuccess"' in done.stdout, done.stdout
    assert '"filename":"notes.txt","mimeType":"text/plain","byteSize":24' in done.stdout
