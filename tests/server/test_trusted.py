"""The manifest of trusted documents: checked when the server starts, and the pages that need other documents."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gql.document.register import digest_of
from gql.wire.schema import build_schema
from server import banner
from server.__main__ import cli
from server.output import StartError
from server.setting.problem import SettingsError
from server.setting.settings import load_settings
from server.trusted import trusted_documents_of
from tests.server.test_app import Serving, serving

__all__ = ["serving"]

GOOD = "query Inbox { viewer { id } }"


def load(path: Path, content: object, **options: Any) -> Any:
    """Read a manifest with this content."""
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return trusted_documents_of(path, build_schema(**options))


def test_without_the_setting_every_document_is_executed() -> None:
    """The default."""
    assert trusted_documents_of(None, build_schema()) is None


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("{", "is not valid JSON"),
        ("[" * 100_000, "is not valid JSON"),
        ('{"a": "{ __typename }", "a": "{ b }"}', "has 'a' twice in one object"),
        ([], "must hold a JSON object"),
        ({"a1": GOOD, digest_of(GOOD): "{ __typename }"}, "is the SHA-256 of another document in it"),
        ({"a1": GOOD, "b2": "query {"}, "document 'b2' of"),
        ({"a1": GOOD, "b2": "query B {\n  viewer { id nothing } }"}, "at line 2: Cannot query field 'nothing'"),
        ({"a1": "{ " * 60 + "a" + "}" * 60}, "document 'a1'"),
        ({"a1": "fragment F on User { id }"}, 'Fragment "F" is never used'),
        (
            {
                "format": "apollo-persisted-query-manifest",
                "version": 1,
                "operations": [{"id": "c3", "name": "Old", "type": "query", "body": "query Old { gone }"}],
            },
            "document 'c3' (Old) of",
        ),
    ],
)
def test_a_manifest_that_cannot_be_served_stops_the_start(tmp_path: Path, content: object, expected: str) -> None:
    """One sentence names the setting, the file and the document."""
    path = tmp_path / "manifest.json"
    with pytest.raises(StartError) as caught:
        load(path, content)

    sentence = str(caught.value)
    assert expected.replace('"', "'") in sentence.replace('"', "'")
    assert sentence.startswith("SOTTO_TRUSTED_DOCUMENTS: ")
    assert str(path) in sentence
    assert "\n" not in sentence


def test_introspection_in_a_manifest_needs_introspection(tmp_path: Path) -> None:
    """`SOTTO_INTROSPECTION=false` would refuse it later."""
    manifest = {"a1": "{ __schema { queryType { name } } }"}

    assert len(load(tmp_path / "m.json", manifest)) == 1
    with pytest.raises(StartError, match="introspection"):
        load(tmp_path / "m.json", manifest, introspection=False)


async def test_the_server_does_not_start_with_a_manifest_that_is_missing(serving: Serving, tmp_path: Path) -> None:
    """It would refuse every request."""
    with pytest.raises(StartError, match=r"missing\.json cannot be read \(No such file"):
        async with serving(trusted_documents=tmp_path / "missing.json"):
            raise AssertionError("it listens")

    async with serving() as (running, _):  # what was opened before is closed
        assert running.url


async def test_pages_that_send_other_documents_are_off(serving: Serving, tmp_path: Path) -> None:
    """The chat page and GraphiQL, unless the operator serves them on purpose; the schema's files stay."""
    path = tmp_path / "m.json"
    path.write_text(json.dumps({"a1": GOOD}), encoding="utf-8")
    browser = {"Accept": "text/html"}

    async with serving(trusted_documents=path) as (_, http):
        for address, expected in (("/", "Sotto"), ("/schema.graphql", "type Query")):
            async with http.get(address, headers=browser) as response:
                assert (response.status, expected in await response.text()) == (200, True)
                assert response.content_type != "text/html"
        async with http.get("/graphql", headers=browser) as response:
            assert response.status == 404
    async with serving(trusted_documents=path, explorer=True, chat_page=True) as (_, http):
        for address in ("/", "/graphql"):
            async with http.get(address, headers=browser) as response:
                assert (response.status, response.content_type) == (200, "text/html")


def test_the_addresses_say_that_only_trusted_documents_are_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And leave out the pages that are off."""
    monkeypatch.chdir(tmp_path)
    lines = banner.addresses("http://x", load_settings(trusted_documents=tmp_path / "m.json")).splitlines()

    assert lines[1].split(maxsplit=2)[1:] == ["http://x/graphql", "GraphQL; only trusted documents"]
    assert not any("the chat page" in line for line in lines)


def test_the_settings_show_what_is_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`./sotto config` prints the effective values."""
    monkeypatch.chdir(tmp_path)
    assert load_settings().has_explorer
    assert load_settings().trusted_documents is None

    monkeypatch.setenv("SOTTO_TRUSTED_DOCUMENTS", "m.json")
    shown = CliRunner().invoke(cli, ["config"]).stdout

    assert "SOTTO_EXPLORER=False" in shown
    assert "SOTTO_CHAT_PAGE=False" in shown
    assert "SOTTO_TRUSTED_DOCUMENTS=m.json" in shown


@pytest.mark.parametrize("value", ["", " "])
def test_an_empty_path_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """A variable that a deployment forgot to fill must not turn the list off, nor fall back to another source."""
    monkeypatch.chdir(tmp_path)
    expected = "must be the path of a manifest; remove the setting to execute every document"
    with pytest.raises(SettingsError, match=rf"--trusted-documents \(flag\): {expected}"):
        load_settings(trusted_documents=value)
    (tmp_path / "sotto.toml").write_text("trusted_documents = 'm.json'\n")
    monkeypatch.setenv("SOTTO_TRUSTED_DOCUMENTS", value)

    with pytest.raises(SettingsError) as caught:
        load_settings()

    found = f"found {value!r}"
    assert caught.value.problems == [f"SOTTO_TRUSTED_DOCUMENTS (environment): {expected}; {found}."]


@pytest.mark.parametrize(
    ("file", "line"),
    [
        (".env", "SOTTO_TRUSTED_DOCUMENTS="),
        (".env", "SOTTO_TRUSTED_DOCUMENTS"),
        ("sotto.toml", "trusted_documents = ''"),
        ("sotto.toml", "trusted_documents = false"),
        ("sotto.toml", "trusted_documents = 0"),
        ("sotto.toml", "trusted_documents = []"),
    ],
)
def test_an_empty_path_in_a_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, line: str
) -> None:
    """With one sentence that names the file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / file).write_text(line + "\n")

    with pytest.raises(SettingsError) as caught:
        load_settings()

    assert len(caught.value.problems) == 1
    assert f"({file}): must be the path of a manifest; remove the setting" in caught.value.problems[0]


async def test_a_link_with_an_id_is_a_request(serving: Serving, tmp_path: Path) -> None:
    """In a browser as well, because there is no page that could show it."""
    path = tmp_path / "m.json"
    path.write_text(json.dumps({"a1": "{ __typename }"}), encoding="utf-8")
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    async with serving(trusted_documents=path) as (_, http):
        for name in ("documentId", "doc_id"):
            async with http.get("/graphql", params={name: "a1"}, headers=browser) as response:
                assert (response.status, await response.json()) == (200, {"data": {"__typename": "Query"}})
