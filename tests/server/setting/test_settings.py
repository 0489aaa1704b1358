"""The settings: precedence, validation and error messages."""

import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from pydantic import ValidationError

from gql.document.survey import QueryLimits
from gql.wire.origin import LOOPBACK
from server.setting.description import describe_settings
from server.setting.field import DAY_SECONDS, LOOPBACK_ORIGINS
from server.setting.problem import SettingsError
from server.setting.query_setting import QuerySettings
from server.setting.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and an environment without settings."""
    monkeypatch.chdir(tmp_path)
    for name in [*os.environ]:
        if name.startswith("SOTTO_") or name in {"DATABASE_URL", "STORAGE_URL", "PUBSUB_URL"}:
            monkeypatch.delenv(name)
    return tmp_path


def problems(**flags: object) -> list[str]:
    """Loads invalid settings; returns the error messages."""
    with pytest.raises(SettingsError) as caught:
        load_settings(**flags)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


def test_without_any_setting_the_defaults_hold() -> None:
    """`./sotto serve` works without any setting."""
    settings = load_settings()

    assert (settings.host, settings.port, settings.data) == ("127.0.0.1", 8000, Path("data"))
    assert (settings.database_path, settings.files_path) == (Path("data/sotto.db"), Path("data/files"))
    assert (settings.database_url, settings.storage_url, settings.pubsub_url) == ("", "", "")
    assert (settings.public_url, settings.allowed_origins) == ("", ())
    assert (settings.sign_up, settings.introspection, settings.explorer) == (True, True, True)
    assert (settings.self_conversations, settings.email_lookup, settings.require_text) == (False, False, False)
    assert (settings.max_text_length, settings.max_text_bytes) == (10_000, 40_000)
    assert (settings.max_recipients, settings.max_attachments) == (10, 10)
    assert (settings.max_attachment_bytes, settings.max_inline_request_bytes) == (26_214_400, 33_554_432)
    assert (settings.max_json_bytes, settings.attachment_types) == (262_144, "default")
    assert (settings.upload_life_seconds, settings.url_life_seconds) == (86_400, 300)
    assert (settings.event_retention_seconds, settings.session_life_seconds) == (30 * DAY_SECONDS, 30 * DAY_SECONDS)
    assert (settings.send_rate_per_minute, settings.sign_in_rate_per_minute) == (600, 10)
    assert (settings.sign_up_rate_per_minute, settings.body_timeout_seconds) == (10, 30)
    assert (settings.log_format, settings.log_level) == ("auto", "info")


def test_each_source_overrides_the_next(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Flag > environment > `.env` > `sotto.toml` > default."""
    (folder / "sotto.toml").write_text("port = 1\nmax_recipients = 2\nmax_attachments = 3\nhost = 'toml'\n")
    (folder / ".env").write_text("SOTTO_PORT=4\nSOTTO_MAX_RECIPIENTS=5\nSOTTO_MAX_ATTACHMENTS=6\n")
    monkeypatch.setenv("SOTTO_PORT", "7")
    monkeypatch.setenv("SOTTO_MAX_RECIPIENTS", "8")

    settings = load_settings(port=9)

    assert (settings.port, settings.max_recipients, settings.max_attachments) == (9, 8, 6)
    assert (settings.host, settings.url_life_seconds) == ("toml", 300)


@pytest.mark.parametrize("place", ["environment", ".env", "sotto.toml", "flag"])
def test_urls_have_names_without_a_prefix(place: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hosting platforms set DATABASE_URL."""
    flags: dict[str, object] = {}
    match place:
        case "environment":
            monkeypatch.setenv("DATABASE_URL", "sqlite:////srv/a.db")
        case ".env":
            (folder / ".env").write_text("DATABASE_URL=sqlite:////srv/a.db\n")
        case "sotto.toml":
            (folder / "sotto.toml").write_text("database_url = 'sqlite:////srv/a.db'\n")
        case _:
            flags["database_url"] = "sqlite:////srv/a.db"

    assert load_settings(**flags).database_path == Path("/srv/a.db")


def test_a_flag_that_is_none_was_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """None is the default of every flag; False is a value."""
    monkeypatch.setenv("SOTTO_PORT", "7")

    settings = load_settings(port=None, sign_up=False)

    assert (settings.port, settings.sign_up) == (7, False)


def test_an_empty_variable_is_unset(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose files write `SOTTO_PORT=${PORT:-}`."""
    (folder / "sotto.toml").write_text("port = 1\n")
    (folder / ".env").write_text("SOTTO_PORT=\nSOTTO_SIGN_UP\n")
    monkeypatch.setenv("SOTTO_PORT", "")
    monkeypatch.setenv("DATABASE_URL", "")

    settings = load_settings()

    assert (settings.port, settings.sign_up, settings.database_url) == (1, True, "")


@pytest.mark.parametrize(
    ("place", "name", "sentence"),
    [
        ("environment", "SOTTO_PROT", "SOTTO_PROT (environment): there is no such setting; did you mean SOTTO_PORT?"),
        (".env", "SOTTO_SIGNUP", "SOTTO_SIGNUP (.env): there is no such setting; did you mean SOTTO_SIGN_UP?"),
        (
            "sotto.toml",
            "max_recipient",
            "max_recipient (sotto.toml): there is no such setting; did you mean max_recipients?",
        ),
        ("sotto.toml", "xyzzy", "xyzzy (sotto.toml): there is no such setting; `./sotto config` lists them all."),
        ("flag", "log_levle", "--log-levle (flag): there is no such setting; did you mean --log-level?"),
        (
            "environment",
            "SOTTO_DATABASE_URL",
            "SOTTO_DATABASE_URL (environment): there is no such setting; did you mean DATABASE_URL?",
        ),
    ],
)
def test_an_unknown_name_is_an_error_with_the_nearest_one(
    place: str, name: str, sentence: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A misspelt setting must not be ignored silently."""
    flags: dict[str, object] = {}
    match place:
        case "environment":
            monkeypatch.setenv(name, "hunter2")
        case ".env":
            (folder / ".env").write_text(f"{name}=hunter2\n")
        case "sotto.toml":
            (folder / "sotto.toml").write_text(f"{name} = 'hunter2'\n")
        case _:
            flags[name] = "hunter2"

    assert problems(**flags) == [sentence]


def test_names_of_other_programs_are_ignored(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`.env` can have variables of other programs; SOTTO_PYTHON belongs to the start script."""
    (folder / ".env").write_text("COMPOSE_PROJECT_NAME=chat\nPORT=1\nSOTTO_PYTHON=python3\n")
    monkeypatch.setenv("SOTTO_PYTHON", "/usr/bin/python3")

    assert load_settings().port == 8000


def test_all_problems_are_reported_together_with_their_sources(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise five mistakes would need five starts."""
    (folder / "sotto.toml").write_text("max_recipients = 0\nunknown_thing = 1\n")
    (folder / ".env").write_text("SOTTO_SIGN_UP=maybe\n")
    monkeypatch.setenv("SOTTO_PORT", "70000")
    monkeypatch.setenv("SOTTO_MAX_JSON_BYTES", "much")
    monkeypatch.setenv("SOTTO_PROT", "1")

    assert problems(log_level="loud") == [
        "SOTTO_PROT (environment): there is no such setting; did you mean SOTTO_PORT?",
        "unknown_thing (sotto.toml): there is no such setting; `./sotto config` lists them all.",
        "SOTTO_PORT (environment): should be less than or equal to 65535; found '70000'.",
        "SOTTO_SIGN_UP (.env): should be a valid boolean, unable to interpret input; found 'maybe'.",
        "max_recipients (sotto.toml): should be greater than 0; found '0'.",
        "SOTTO_MAX_JSON_BYTES (environment): must be a number of bytes, such as 26214400 or 25MiB; found 'much'.",
        "--log-level (flag): should be 'debug', 'info', 'warning' or 'error'; found 'loud'.",
    ]


@pytest.mark.parametrize(
    ("written", "size_bytes"),
    [
        ("25MiB", 26_214_400),
        ("25 MiB", 26_214_400),
        ("25MB", 25_000_000),
        ("1024", 1024),
        (1024, 1024),
        ("1.5kib", 1536),
    ],
)
def test_sizes_are_plain_or_have_a_unit(written: object, size_bytes: int) -> None:
    """IEC 80000-13: MiB is a power of two, MB a power of ten."""
    assert load_settings(max_attachment_bytes=written).max_attachment_bytes == size_bytes


@pytest.mark.parametrize("size", ["0", "-1", "0MiB", "1 potato"])
def test_an_invalid_size_is_refused(size: str) -> None:
    """A limit of zero would refuse everything."""
    assert len(problems(max_attachment_bytes=size)) == 1


@pytest.mark.parametrize(
    ("name", "lowest", "highest"),
    [
        ("port", 0, 65_535),
        ("max_text_length", 1, None),
        ("max_recipients", 1, None),
        ("send_rate_per_minute", 0, None),
        ("sign_in_rate_per_minute", 0, None),
        ("sign_up_rate_per_minute", 0, None),
        ("url_life_seconds", 1, 36_500 * DAY_SECONDS),
        ("event_retention_seconds", 1, 36_500 * DAY_SECONDS),
    ],
)
def test_numbers_have_a_range(name: str, lowest: int, highest: int | None) -> None:
    """0 disables a rate limit and picks a free port; elsewhere it is invalid."""
    assert getattr(load_settings(**{name: lowest}), name) == lowest
    assert len(problems(**{name: lowest - 1})) == 1
    if highest is not None:
        assert getattr(load_settings(**{name: highest}), name) == highest
        assert len(problems(**{name: highest + 1})) == 1


def test_origins_are_a_list_or_separated_by_commas(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both sources accept them; browsers send the host in lower case."""
    expected = ("https://a.example", "http://localhost:3000")
    (folder / "sotto.toml").write_text('allowed_origins = ["https://a.example", "http://localhost:3000"]\n')
    assert load_settings().allowed_origins == expected

    monkeypatch.setenv("SOTTO_ALLOWED_ORIGINS", " https://A.example, http://localhost:3000,")
    assert load_settings().allowed_origins == expected

    monkeypatch.setenv("SOTTO_ALLOWED_ORIGINS", "Loopback,https://a.example")
    assert load_settings().allowed_origins == (LOOPBACK_ORIGINS, "https://a.example")
    assert LOOPBACK_ORIGINS == LOOPBACK


@pytest.mark.parametrize(
    "origin",
    ["*", "a.example", "https://a.example/", "https://a.example/x", "ftp://a.example", "https://u:hunter2@a.example"],
)
def test_an_origin_is_exact(origin: str) -> None:
    """A path, a wildcard or a user never matches what a browser sends."""
    (problem,) = problems(allowed_origins=f"https://fine.example,{origin}")

    assert problem.startswith("--allowed-origins (flag): each must be scheme://host[:port] and nothing else")
    assert "hunter2" not in problem


@pytest.mark.parametrize(
    ("name", "url", "sentence"),
    [
        (
            "database_url",
            "postgresql://sotto:hunter2@db/sotto",
            "only sqlite URLs are supported, such as sqlite:///data/sotto.db; found the scheme 'postgresql'.",
        ),
        (
            "database_url",
            "hunter2.db",
            "only sqlite URLs are supported, such as sqlite:///data/sotto.db; found no scheme.",
        ),
        (
            "database_url",
            "sqlite://hunter2",
            "a sqlite URL needs three slashes and the path of a file, as in sqlite:///data/sotto.db.",
        ),
        (
            "database_url",
            "sqlite:///:memory:",
            "a sqlite URL needs three slashes and the path of a file, as in sqlite:///data/sotto.db.",
        ),
        (
            "storage_url",
            "s3://key:hunter2@bucket",
            (
                "an S3 URL names a bucket, as in s3://bucket/prefix?region=eu-central-1, and an `endpoint` if the "
                "server is not Amazon's; credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
            ),
        ),
        (
            "storage_url",
            "file://hunter2/files",
            "a file URL needs three slashes and an absolute path, as in file:///srv/sotto/files.",
        ),
        (
            "pubsub_url",
            "redis://:hunter2@cache",
            "only memory URLs are supported, such as memory://; found the scheme 'redis'.",
        ),
        (
            "public_url",
            "https://user:hunter2@chat.example.org",
            "must be an http or https URL without a user, query or fragment, as in https://chat.example.org.",
        ),
        (
            "public_url",
            "chat.example.org",
            "must be an http or https URL without a user, query or fragment, as in https://chat.example.org.",
        ),
        ("public_url", "http://chat:hunter2/", "is not a URL."),
        ("database_url", "sqlite://[hunter2", "is not a URL."),
    ],
)
def test_a_url_of_another_kind_is_refused_without_its_password(name: str, url: str, sentence: str) -> None:
    """Terminals and logs are read by more people than may see a password."""
    assert problems(**{name: url}) == [f"--{name.replace('_', '-')} (flag): {sentence}"]


def test_the_urls_that_are_known_are_accepted() -> None:
    """Three slashes and a path: relative for sqlite, as in SQLAlchemy, absolute for files."""
    settings = load_settings(
        database_url="sqlite:///var/my%20chat.db",
        storage_url="file:///srv/files",
        pubsub_url="memory://",
        public_url="https://example.org/chat/",
    )

    assert settings.database_path == Path("var/my chat.db")
    assert (settings.storage_url, settings.pubsub_url) == ("file:///srv/files", "memory://")
    assert settings.public_url == "https://example.org/chat"


def test_the_data_folder_moves_database_and_files() -> None:
    """One setting moves everything that must be backed up."""
    settings = load_settings(data="/srv/sotto")

    assert (settings.database_path, settings.files_path) == (Path("/srv/sotto/sotto.db"), Path("/srv/sotto/files"))


def _break_toml(folder: Path) -> str:
    (folder / "sotto.toml").write_text("port = \n")
    return "sotto.toml cannot be read: Invalid value (at line 1, column 8)."


def _latin_toml(folder: Path) -> str:
    (folder / "sotto.toml").write_bytes(b"host = '\xe9'\n")
    return "sotto.toml cannot be read: it is not UTF-8."


def _latin_dotenv(folder: Path) -> str:
    (folder / ".env").write_bytes(b"SOTTO_HOST=\xe9\n")
    return ".env cannot be read: it is not UTF-8."


def _folder_toml(folder: Path) -> str:
    (folder / "sotto.toml").mkdir()
    return "sotto.toml cannot be read: Is a directory."


@pytest.mark.parametrize("spoil", [_break_toml, _latin_toml, _latin_dotenv, _folder_toml])
def test_a_file_that_cannot_be_read_is_one_line(spoil: Callable[[Path], str], folder: Path) -> None:
    """Other problems are reported too, without a traceback."""
    sentence = spoil(folder)

    assert problems(port=-1) == [sentence, "--port (flag): should be greater than or equal to 0; found '-1'."]


def test_settings_do_not_change() -> None:
    """The settings are frozen."""
    settings = load_settings()

    with pytest.raises(ValidationError, match="frozen"):
        settings.port = 1


def test_words_are_case_insensitive(monkeypatch: pytest.MonkeyPatch) -> None:
    """For example LOG_LEVEL=INFO."""
    monkeypatch.setenv("SOTTO_LOG_LEVEL", "WARNING")
    monkeypatch.setenv("SOTTO_SIGN_UP", "No")

    settings = load_settings()

    assert (settings.log_level, settings.sign_up) == ("warning", False)


def test_every_setting_is_described() -> None:
    """The table of docs/configure.md is generated from these rows."""
    lines = describe_settings()

    assert [line.name for line in lines] == list(Settings.model_fields)
    assert all(line.description.endswith(".") and line.default for line in lines)
    shown = {line.name: (line.environment, line.default) for line in lines}
    assert shown["database_url"] == ("DATABASE_URL", "sqlite:///<data>/sotto.db")
    assert shown["max_attachment_bytes"] == ("SOTTO_MAX_ATTACHMENT_BYTES", "25MiB")
    assert shown["max_text_bytes"] == ("SOTTO_MAX_TEXT_BYTES", "40000")
    assert shown["sign_up"] == ("SOTTO_SIGN_UP", "true")
    assert shown["port"] == ("SOTTO_PORT", "8000")


def test_every_described_default_can_be_written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every default in the table is valid in `.env` and has the same effect."""
    words = {"issuers", "trusted_proxies", "storage_url", "pubsub_url", "public_url", "allowed_origins", "database_url"}
    words |= {"trusted_documents"}
    for line in describe_settings():
        if line.name not in words:
            monkeypatch.setenv(line.environment, line.default)

    assert load_settings() == Settings.model_construct()


def test_every_limit_of_a_document_is_a_setting() -> None:
    """Every limit of documents can be changed by a setting."""
    names = [name for name in QuerySettings.model_fields if not name.endswith("_per_minute")]
    numbers = {name: number for number, name in enumerate(names, 51)}

    limits = asdict(QuerySettings.model_validate(numbers).query_limits)

    assert limits.pop("once") == QueryLimits().once
    assert sorted(limits.values()) == sorted(numbers.values())
    assert load_settings().query_limits == QueryLimits()
