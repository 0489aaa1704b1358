"""Static checks of the chat page: its GraphQL is valid, its texts are complete in every language, and it is small."""

import gzip
import json
import re
from pathlib import Path

import pytest
from graphql import parse, validate

from gql.document.limit import limit_rule
from server.page import CHAT
from tests.contract.served import SERVED

ROOT = Path(__file__).parents[2]
SCRIPTS = {path.name: path.read_text() for path in CHAT.glob("*.js")}
LANGUAGES = {path.stem: json.loads(path.read_text()) for path in (CHAT / "text").glob("*.json")}
MOST_BYTES = 60_000

_TEMPLATE = re.compile(r"`([^`]*)`")


def documents() -> dict[str, str]:
    """Every operation of query.js with its fragments, as the page sends it."""
    templates = [
        text.replace("${refusal}", "... on UserError { detail code }")
        for text in _TEMPLATE.findall(SCRIPTS["query.js"])
    ]
    fragments = {text.split()[1]: text for text in templates if text.startswith("fragment")}
    found = {}
    for text in templates:
        if not re.match(r"(query|mutation|subscription) ", text):
            continue
        whole, wanted = text, list(re.findall(r"\.\.\.(\w+)", text))
        while wanted:
            name = wanted.pop()
            if name in fragments and f"fragment {name} on" not in whole:
                whole += "\n" + fragments[name]
                wanted += re.findall(r"\.\.\.(\w+)", fragments[name])
        found[text.split("(")[0].split("{")[0].split()[1]] = whole
    return found


@pytest.mark.parametrize("name", documents())
def test_every_operation_fits_the_schema_and_the_limits(name: str) -> None:
    """A schema change that breaks the page is found without a browser."""
    assert validate(SERVED, parse(documents()[name])) == []
    assert validate(SERVED, parse(documents()[name]), [limit_rule()]) == []


def test_every_operation_of_the_page_is_found() -> None:
    """No operation is missed by the test above."""
    keys = re.findall(r"^  (\w+): `", SCRIPTS["query.js"], re.MULTILINE)

    assert len(documents()) == len(keys) > 30


def test_every_language_has_every_text_with_the_same_placeholders() -> None:
    """Issue 7: one JSON file per language."""
    assert set(LANGUAGES) == set(re.findall(r'"(\w+)"', re.search(r"LANGUAGES = (\[.*?\])", SCRIPTS["text.js"])[1]))  # type: ignore[index]
    english = LANGUAGES["en"]
    for texts in LANGUAGES.values():
        assert list(texts) == list(english)
        for key, text in texts.items():
            assert isinstance(text, dict) == isinstance(english[key], dict)
            assert places(text) == places(english[key]), key


def places(text: str | dict[str, str]) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", json.dumps(text)))


def test_every_text_exists_and_is_used() -> None:
    """Composed keys (`error.${code}`) count by their prefix."""
    asked, families = set(), set()
    for script in SCRIPTS.values():
        asked |= set(re.findall(r'\b(?:t|has)\("([\w.]+)"', script))
        asked |= {
            key for pair in re.findall(r'\bt\(\w+ ? "?([^)`]*?)\)', script) for key in re.findall(r'"([\w.]+)"', pair)
        }
        asked |= {
            key
            for choice in re.findall(r"\bt\((?:[\w.]+) \? ([^)]*)\)", script)
            for key in re.findall(r'"([\w.]+)"', choice)
        }
        families |= set(re.findall(r"\b(?:t|has|worded)\(`([\w]+\.)\$", script))
    known = set(LANGUAGES["en"])

    assert asked - known == set()
    assert {key for key in known - asked if not key.startswith(tuple(families))} == set()


def test_every_reason_has_its_own_text() -> None:
    """Reasons and restrictions have no fallback text, so none can be missing."""
    schema = (ROOT / "schema.graphql").read_text()
    for enum, family in {
        "ReportReason": "reason",
        "MessageEligibility": "restriction",
        "RecipientRejectionReason": "recipient",
        "DeliveryStatus": "status",
    }.items():
        body = re.search(rf"^enum {enum} {{(.*?)^}}", schema, re.MULTILINE | re.DOTALL)
        assert body is not None
        assert {f"{family}.{value}" for value in re.findall(r"^  ([A-Z_]+)$", body[1], re.MULTILINE)} <= set(
            LANGUAGES["en"]
        )


def test_the_texts_do_not_reveal_a_block() -> None:
    """A block, a closed inbox and a suspended account have the same text, which does not sound like a block."""
    for texts in LANGUAGES.values():
        keys = ["recipient.NOT_ACCEPTING", "recipient.UNAVAILABLE", "restriction.NOT_ACCEPTING"]

        assert {texts[key] for key in keys} == {texts["restriction.UNAVAILABLE"]}
        assert re.findall(r"\b(?:you|dir)\b", texts["restriction.UNAVAILABLE"]) == []


def imports_of(name: str) -> list[str]:
    return re.findall(r'^(?:import|export) [^"]*"\./([\w.]+)";$', SCRIPTS[name], re.MULTILINE)


def scripts_below(name: str) -> set[str]:
    found, waiting = set(), [name]
    while waiting:
        found.add(here := waiting.pop())
        waiting += [each for each in imports_of(here) if each not in found]
    return found


def test_every_script_is_preloaded() -> None:
    """Every script is preloaded; those that the entry script does not need have a low priority."""
    index = (CHAT / "index.html").read_text()
    links = re.findall(r'<link rel="modulepreload" href="/chat/([\w.]+)"( fetchpriority="low")?>', index)
    at_once = set(re.findall(r'<script type="module" src="/chat/([\w.]+)"', index))
    entry = scripts_below("main.js")

    assert at_once == {"main.js", "text.js"}
    assert imports_of("text.js") == []  # it can begin before the others have come
    assert sorted(name for name, is_low in links if not is_low) == sorted(entry - at_once)
    assert sorted(name for name, is_low in links if is_low) == sorted(scripts_below("layout.js") - entry)
    assert entry | scripts_below("layout.js") == set(SCRIPTS)
    assert "layout.js" in SCRIPTS["main.js"]


def test_the_page_makes_no_markup_of_strings_and_asks_no_other_host() -> None:
    """Issue 7: no innerHTML; the Content-Security-Policy enforces it too."""
    whole = "\n".join(SCRIPTS.values())

    for word in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "DOMParser",
    ):
        assert word not in whole, word
    assert re.findall(r"https?://[\w.]+", whole + (CHAT / "style.css").read_text()) == []
    assert "//" not in re.sub(r"</?\w+[^>]*>", "", (CHAT / "index.html").read_text())


def test_the_page_weighs_less_than_sixty_kilobytes() -> None:
    """Issue 7: less than 60 kB compressed, with one language and all scripts."""
    paths = [path for path in CHAT.rglob("*") if path.is_file() and path.parent.name != "text"]

    assert sum(len(gzip.compress(path.read_bytes())) for path in [*paths, CHAT / "text" / "en.json"]) < MOST_BYTES
    assert all(len(script.splitlines()) <= 300 for script in SCRIPTS.values())
