"""Issuers in the settings: validation, and tokens for development."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from server.__main__ import cli
from server.jwks import FetchError
from server.setting.problem import SettingsError
from server.setting.settings import load_settings
from services.account.issuer import Issuers

SECRET = "a secret of more than 32 characters"
GOOD = {"issuer": "https://host.example.org", "audience": "sotto", "secret": SECRET}
KEYS = {"issuer": "https://host.example.org", "audience": "sotto", "jwks_url": "https://host.example.org/jwks"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory without settings."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(monkeypatch: pytest.MonkeyPatch, value: object) -> Any:
    """Loads settings from the environment."""
    monkeypatch.setenv("SOTTO_ISSUERS", value if isinstance(value, str) else json.dumps(value))
    return load_settings()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("{", "JSON"),
        ('"x"', "tuple"),
        ([{**GOOD, "secret": "short"}], "at least 32 bytes"),
        ([{**GOOD, "algorithms": "HS512"}], "at least 64 bytes"),
        ([{**GOOD, "jwks_url": "https://x.example.org"}], "never mixed"),
        ([{"issuer": "a", "audience": "b"}], "never mixed"),
        ([{**GOOD, "algorithms": ["RS256"]}], "algorithms"),
        ([{**KEYS, "algorithms": ["HS256"]}], "algorithms"),
        ([{**GOOD, "algorithms": "none"}], "algorithms"),
        ([{**KEYS, "jwks_url": "http://host.example.org/jwks"}], "https"),
        ([{**KEYS, "jwks_url": "file:///etc/passwd"}], "https"),
        ([{**GOOD, "audience": []}], "at least 1"),
        ([{**GOOD, "issuer": ""}], "at least 1"),
        ([{**GOOD, "max_life_seconds": 0}], "greater than 0"),
        ([{**GOOD, "colour": "red"}], "Extra inputs"),
        ([GOOD, GOOD], "once"),
        ([GOOD, {**KEYS, "issuer": "b"}], "prefix"),
        ([{**GOOD, "prefix": "a"}, {**KEYS, "issuer": "b", "prefix": "ab"}], "prefix"),
    ],
)
def test_what_could_let_a_stranger_in_does_not_start(
    monkeypatch: pytest.MonkeyPatch, value: object, expected: str
) -> None:
    """The error is one line without the secret."""
    with pytest.raises(SettingsError) as caught:
        load(monkeypatch, value)

    [line] = caught.value.problems
    assert expected in line
    assert SECRET not in line


@pytest.mark.parametrize(
    "value", [GOOD, [GOOD], [KEYS], [{**KEYS, "jwks_url": "http://127.0.0.1:8080/jwks"}],
              [{**GOOD, "prefix": "a:"}, {**KEYS, "issuer": "b", "prefix": "b:"}]],
)  # fmt: skip
def test_issuers_are_accepted(monkeypatch: pytest.MonkeyPatch, value: object) -> None:
    """One or several; then sign-up is off unless the operator enables it explicitly."""
    settings = load(monkeypatch, value)

    assert settings.issuers[0].issuer == "https://host.example.org"
    assert not settings.may_sign_up
    assert SECRET not in repr(settings)
    monkeypatch.setenv("SOTTO_SIGN_UP", "true")
    assert load_settings().may_sign_up


def test_issuers_can_be_in_the_file(folder: Path) -> None:
    """`[[issuers]]` of sotto.toml."""
    lines = "\n".join(f'{key} = "{value}"' for key, value in GOOD.items())
    (folder / "sotto.toml").write_text(f"[[issuers]]\n{lines}\n", encoding="utf-8")

    assert [each.issuer for each in load_settings().issuers] == [GOOD["issuer"]]


async def test_a_token_for_development_is_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    """`./sotto token alice` prints a token like one from the host application."""
    settings = load(monkeypatch, [{**GOOD, "prefix": "host:"}])

    result = CliRunner().invoke(cli, ["token", "alice", "--name", "Alice A."])
    claims = await Issuers([each.to_service() for each in settings.issuers]).verify(result.stdout.strip())

    assert result.exit_code == 0
    assert (claims.external_id, claims.username, claims.display_name) == ("host:alice", "alice", "Alice A.")
    assert claims.expires_at - claims.issued_at == 3_600_000


@pytest.mark.parametrize(
    ("value", "arguments", "expected"),
    [
        ([], (), "SOTTO_ISSUERS="),
        ([KEYS], (), "SOTTO_ISSUERS="),
        ([GOOD], ("--issuer", "other"), "choose one of https://host.example.org"),
        ([GOOD], ("--seconds", "86401"), "at most 86400"),
    ],
)
def test_without_a_secret_there_is_no_token(
    monkeypatch: pytest.MonkeyPatch, value: object, arguments: tuple[str, ...], expected: str
) -> None:
    """The error is one line that says what to do; its example works."""
    load(monkeypatch, value)

    result = CliRunner().invoke(cli, ["token", "alice", *arguments])

    assert result.exit_code == 2
    [line] = result.stderr.splitlines()
    assert expected in line
    if "SOTTO_ISSUERS" in line:
        assert load(monkeypatch, line.split("'")[1]).issuers


def test_the_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """By `./sotto config`."""
    load(monkeypatch, [GOOD])

    result = CliRunner().invoke(cli, ["config"])

    assert "SOTTO_ISSUERS=(set)" in result.stdout
    assert SECRET not in result.output


def test_a_valid_token_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """`./sotto token --check` shows the user and the expiry; the token is an argument or on stdin."""
    load(monkeypatch, [{**GOOD, "prefix": "host:"}])
    token = CliRunner().invoke(cli, ["token", "al\nice", "--name", "Alice A."]).stdout.strip()
    del_sub = CliRunner().invoke(cli, ["token", "--check", token])
    assert (del_sub.exit_code, del_sub.stdout) == (2, "")
    assert "sub: must be printable text" in del_sub.stderr

    token = CliRunner().invoke(cli, ["token", "alice", "--name", "Alice A."]).stdout.strip()
    results = [
        CliRunner().invoke(cli, ["token", "--check", token]),
        CliRunner().invoke(cli, ["token", "--check", "-"], input=f"Bearer {token}\n"),
    ]

    for result in results:
        assert result.exit_code == 0
        first, *rest = result.stdout.splitlines()
        assert first.startswith("The token is valid until 20")
        assert rest == ["externalId: host:alice", "username: alice", "name: Alice A."]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"audience": "another"}, "aud: names none of the issuer's `audience`"),
        ({"issuer": "https://other.example.org"}, "iss: no issuer of the settings has this name"),
        ({"secret": "another secret of at least 32 bytes"}, "signature: it was made with another key"),
        ({"algorithms": ["HS384"], "secret": SECRET * 2}, "alg: this issuer's tokens are taken with HS384"),
        ({"max_life_seconds": 60}, "exp: must come after iat, and at most 60 seconds (`max_life_seconds`)"),
    ],
)
def test_the_check_says_why_a_token_is_refused(
    monkeypatch: pytest.MonkeyPatch, changed: dict[str, object], expected: str
) -> None:
    """One line names the claim or the key, and quotes nothing from the token."""
    load(monkeypatch, [GOOD])
    token = CliRunner().invoke(cli, ["token", "alice"]).stdout.strip()
    load(monkeypatch, [{**GOOD, **changed}])

    result = CliRunner().invoke(cli, ["token", "--check", "-"], input=token)

    [line] = result.stderr.splitlines()
    assert (result.exit_code, result.stdout) == (2, "")
    assert line.startswith(f"sotto: the token is refused: {expected}")
    assert not [part for part in token.split(".") if part in result.output]


def test_without_issuers_or_keys_there_is_nothing_to_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what is missing; it names a URL of keys that does not respond."""
    load(monkeypatch, [GOOD])
    token = CliRunner().invoke(cli, ["token", "alice"]).stdout.strip()
    load(monkeypatch, [])
    assert "no issuer is configured" in CliRunner().invoke(cli, ["token", "--check", token]).stderr

    load(monkeypatch, [KEYS])
    header = base64.urlsafe_b64encode(b'{"alg": "RS256", "kid": "1"}').decode().rstrip("=")
    payload = base64.urlsafe_b64encode(json.dumps({"iss": KEYS["issuer"]}).encode()).decode().rstrip("=")

    async def fail(_url: str) -> bytes:
        raise FetchError("status 500")

    monkeypatch.setattr("server.command.token.fetch_keys", fail)
    result = CliRunner().invoke(cli, ["token", "--check", f"{header}.{payload}.x"])

    assert (result.exit_code, result.stderr) == (
        2,
        f"sotto: the keys at {KEYS['jwks_url']} cannot be fetched: status 500.\n",
    )
