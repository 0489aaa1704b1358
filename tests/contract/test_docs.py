"""The documentation is consistent with the code: tables, links, GraphQL documents and examples."""

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from graphql import OperationDefinitionNode, is_scalar_type, is_specified_scalar_type, parse, validate

from server.manual import manual
from server.setting.description import describe_settings
from server.setting.settings import Settings
from server.setting.source import NOT_SETTINGS
from tests.contract.document import (
    DECISIONS,
    NOT_RUN,
    PAGES,
    ROOT,
    Block,
    anchors_of,
    blocks_of,
    links_of,
    without_blocks,
)
from tests.contract.served import SERVED

LINKING = [
    *PAGES,
    *DECISIONS,
    ROOT / "CHANGELOG.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    *sorted(ROOT.glob("examples/**/README.md")),
]
LINKING = [page for page in LINKING if "node_modules" not in page.parts]
BLOCKS = [block for page in PAGES for block in blocks_of(page)]
LANGUAGES = {"graphql", "json", "bash", "sh", "js", "python", "toml", "ts", "ini", "nginx", "caddy", "text"}
SCALAR_PARTS = ("output", "input", "bounds", "refused")
PATH = re.compile(r"`((?:bench|chat|docs|examples|explorer|gql|models|pubsub|server|services|storage|tests)/[\w./-]*)")
MARK = re.compile(r"<!-- table: ([a-z -]+); made by")


def of(*languages: str) -> list[Block]:
    """The code blocks in these languages."""
    return [block for block in BLOCKS if block.language in languages]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_tables_are_those_of_the_code(page: Path) -> None:
    """Generated tables of codes, limits and settings are up to date."""
    text = page.read_text(encoding="utf-8")

    assert manual.fill(text) == text, f"run: {manual.COMMAND}"


def test_every_table_has_its_place() -> None:
    """Every generated table is on exactly one page."""
    places = [name for page in PAGES for name in MARK.findall(page.read_text(encoding="utf-8"))]

    assert sorted(places) == sorted(manual.all_tables())


def test_a_table_that_drifted_is_noticed() -> None:
    """The test above can fail."""
    text = (ROOT / "docs/limits.md").read_text(encoding="utf-8")
    changed = text.replace("| `SOTTO_MAX_RECIPIENTS` | 10 |", "| `SOTTO_MAX_RECIPIENTS` | 11 |")

    assert changed != text
    assert manual.fill(changed) == text


@pytest.mark.parametrize("page", LINKING, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    """Every link has an existing file and heading."""
    broken = []
    for link in links_of(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors_of(target)):
            broken.append(link)

    assert broken == []


def test_the_index_leads_to_every_decision() -> None:
    """The index lists every decision; each page has the same four sections."""
    index = ROOT / "docs/decisions/README.md"
    pages = [page for page in DECISIONS if page != index]
    parts = [re.findall(r"^\*\*(\w+)\.\*\*", page.read_text(encoding="utf-8"), re.MULTILINE) for page in pages]

    assert sorted(links_of(index)) == sorted(page.name for page in pages)
    assert {tuple(each) for each in parts} == {("Context", "Decision", "Figures", "Consequences")}


@pytest.mark.parametrize("page", LINKING, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_that_a_page_names_exists(page: Path) -> None:
    """Moving a module requires updating the pages."""
    paths = set(PATH.findall(without_blocks(page)))

    assert {path for path in paths if not (ROOT / path).exists() and not (page.parent / path).exists()} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_all_code_stands_in_blocks_that_are_tested(page: Path) -> None:
    """Every block has a known language; indented blocks would never be run."""
    lines = without_blocks(page).split("\n\n")

    assert [block for block in blocks_of(page) if block.language not in LANGUAGES] == []
    assert [each for each in lines if each.strip("\n").startswith("    ")] == []


def test_what_is_not_run_says_why() -> None:
    """The text or a comment before it says `Not run by the tests…: …`."""
    silent = [block for block in BLOCKS if not block.is_run]

    assert [str(block) for block in silent if not re.search(rf"{NOT_RUN}[^:]*: \w", block.before)] == []
    assert len(silent) <= 3, "what is not run is the exception"


def test_a_block_of_another_user_says_who_is_signed_in() -> None:
    """The sentence before it names the user, because readers do not see the info string of a code block."""
    theirs = [block for block in of("graphql") if block.words]
    pattern = r"Signed in as {}\b[^.]*:$"

    assert theirs
    assert [str(block) for block in theirs if not re.search(pattern.format(block.words[0]), block.before)] == []


@pytest.mark.parametrize("block", of("graphql"), ids=str)
def test_a_document_fits_the_schema(block: Block) -> None:
    """Validated as by the server."""
    assert validate(SERVED, parse(block.text)) == []


@pytest.mark.parametrize("block", of("json"), ids=str)
def test_json_is_the_variables_or_the_answer_of_the_document_before_it(block: Block) -> None:
    """The variables match those of the document."""
    value = json.loads(block.text)
    document = [each for each in of("graphql") if each.page == block.page and each.line < block.line][-1]
    [operation] = parse(document.text).definitions
    assert isinstance(operation, OperationDefinitionNode)
    names = {each.variable.name.value for each in operation.variable_definitions or ()}

    assert set(value) <= {"data", "errors"} or set(value) == names


def test_every_setting_that_is_named_exists() -> None:
    """On all pages except the changelog, which also mentions removed settings."""
    known = {line.environment for line in describe_settings()} | NOT_SETTINGS
    text = "".join(page.read_text(encoding="utf-8") for page in LINKING if page.name != "CHANGELOG.md")

    assert set(re.findall(r"\bSOTTO_[A-Z_]+[A-Z]\b", text)) - known == set()


def test_every_scalar_has_its_section() -> None:
    """`@specifiedBy` leads to a section of docs/scalars.md, which says the same things of each scalar."""
    page = ROOT / "docs/scalars.md"
    scalars = [each for each in SERVED.type_map.values() if is_scalar_type(each) and not is_specified_scalar_type(each)]
    text = page.read_text(encoding="utf-8")
    sections = {part.partition("\n")[0]: part for part in text.split("\n## ")[1:]}

    assert sorted(sections) == [each.name for each in scalars]
    for scalar in scalars:
        path, _, anchor = (scalar.specified_by_url or "").partition("#")
        assert path == "/docs/scalars"
        assert anchor in anchors_of(page)
        assert [f"\n| {part} | " in sections[scalar.name] for part in SCALAR_PARTS] == [True] * len(SCALAR_PARTS)


def test_the_page_of_the_scalars_leads_nowhere_in_the_repository() -> None:
    """The server serves this page alone: links to other pages would end there."""
    assert links_of(ROOT / "docs/scalars.md") == []


@pytest.mark.parametrize("block", of("toml"), ids=str)
def test_a_settings_file_is_taken(block: Block) -> None:
    """The settings accept it; an unknown name would raise."""
    assert Settings(**tomllib.loads(block.text)).issuers[0].issuer == "https://shop.example.org"


@pytest.mark.parametrize("block", of("bash", "sh"), ids=str)
def test_a_script_is_one(block: Block) -> None:
    """Bash parses it; tests/flow/test_docs.py runs it."""
    subprocess.run(["bash", "-n"], input=block.text, text=True, check=True)


@pytest.mark.parametrize("block", of("ts"), ids=str)
def test_a_configuration_is_the_one_of_the_example(block: Block) -> None:
    """tests/examples/run uses the same configuration."""
    assert block.text == (ROOT / "examples/react-apollo/codegen.ts").read_text(encoding="utf-8")


@pytest.mark.skipif(shutil.which("caddy") is None, reason="caddy is not installed")
@pytest.mark.parametrize("block", of("caddy"), ids=str)
def test_caddy_takes_its_configuration(block: Block, tmp_path: Path) -> None:
    """Caddy accepts the block without changes."""
    (tmp_path / "Caddyfile").write_text(block.text)
    command = ["caddy", "adapt", "--config", "Caddyfile", "--adapter", "caddyfile"]

    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0
