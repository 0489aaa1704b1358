"""The settings: every name, its default and its meaning stand here and nowhere else.

A value comes from a flag, else the environment, else `.env`, else `sotto.toml`, else its default. Both files are looked
for in the working directory. An empty string in the environment or in `.env` means unset, as in `SOTTO_PORT=`.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal, NamedTuple
from urllib.parse import unquote, urlsplit

from pydantic import BeforeValidator, ByteSize, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from server.setting.field import (
    DAY_SECONDS,
    AudienceName,
    Bytes,
    Count,
    DatabaseUrl,
    Issuers,
    Networks,
    Origins,
    PublicUrl,
    PubSubUrl,
    Rate,
    Seconds,
    StorageUrl,
    Window,
    lower,
)
from server.setting.query_setting import QuerySettings
from server.setting.source import Layer, LayerSource, environment_names, flag_layer, read_layers

EMPTY_MEANS = {
    "database_url": "sqlite:///<data>/sotto.db",
    "storage_url": "<data>/files",
    "pubsub_url": "in the process",
    "public_url": "relative to the request",
    "allowed_origins": "the server's own",
    "trusted_proxies": "none",
    "issuers": "none",
}


class GeneralSettings(BaseSettings):
    """Everything but the bounds of GraphQL documents."""

    host: str = Field("127.0.0.1", min_length=1, description="Address to listen on; `0.0.0.0` or `::` for all.")
    port: int = Field(8000, ge=0, le=65535, description="TCP port to listen on; 0 lets the system pick a free one.")
    data: Path = Field(Path("data"), description="Folder of the database and of the files.")
    database_url: DatabaseUrl = Field("", description="Database; so far only `sqlite:///` and the path of a file.")
    storage_url: StorageUrl = Field(
        "", description="Where files are kept; `file:///` and a path from the root, or `s3://bucket/prefix`."
    )
    pubsub_url: PubSubUrl = Field("", description="How processes tell each other of events; so far only `memory://`.")
    public_url: PublicUrl = Field(
        "", description="Absolute http(s) URL under which clients reach the server; for file links."
    )
    allowed_origins: Origins = Field(
        (),
        description="Other origins whose pages may call the API, open WebSockets and show files; exact, separated by "
        "commas. `loopback` stands for any page of this machine.",
    )
    trusted_proxies: Networks = Field(
        (), description="Addresses or networks of proxies whose `X-Forwarded-For` is believed; separated by commas."
    )
    sign_up: bool = Field(
        default=True, description="Whether anybody may make an account; false with `issuers` unless it is set."
    )
    issuers: Issuers = Field(
        (), description="Host applications whose tokens (JWT) are taken: a JSON list of objects; see authentication.md."
    )
    device_trust: Annotated[Literal["off", "notify", "require"], BeforeValidator(lower)] = Field(
        "off",
        description="Whether a new device (by password) is told to the others, or waits until one confirms it.",
    )
    self_conversations: bool = Field(default=False, description="Whether people may write to themselves.")
    email_lookup: bool = Field(default=False, description="Whether people can be found by their e-mail address.")
    act_as_required: bool = Field(
        default=True,
        description="Whether a key that can act for others must say for whom, in `X-Act-As`, with each request.",
    )
    require_text: bool = Field(default=False, description="Whether a message needs text even when it has files.")
    require_type: bool = Field(
        default=False,
        description="Whether a message needs its `type`.",
    )
    introspection: bool = Field(
        default=True, description="Whether the schema may be read, by introspection and as a file."
    )
    explorer: bool = Field(default=True, description="Whether GraphiQL is served.")
    chat_page: bool = Field(default=True, description="Whether the chat page is served, at `/`.")
    max_text_length: int = Field(10_000, gt=0, description="Longest text of a message, in code points.")
    max_text_bytes: Bytes = Field(ByteSize(40_000), description="Longest text of a message, in bytes of UTF-8.")
    max_recipients: Count = Field(10, description="Most recipients of one send.")
    max_attachments: Count = Field(10, description="Most files of one message.")
    max_attachment_bytes: Bytes = Field(ByteSize(25 * 1024**2), description="Largest file, in bytes.")
    max_inline_request_bytes: Bytes = Field(
        ByteSize(32 * 1024**2), description="Largest multipart request, with all of its files, in bytes."
    )
    max_json_bytes: Bytes = Field(ByteSize(256 * 1024), description="Largest JSON request, in bytes.")
    attachment_types: Literal["default", "ossn", "any"] = Field(
        "default", description="Which kinds of files may be attached: a careful list, that of OSSN, or any."
    )
    presigned_downloads: bool = Field(
        default=False, description="Whether S3 itself gives files that are saved, by URLs that are good for a minute."
    )
    presigned_uploads: bool = Field(
        default=False,
        description="Whether clients may put files into S3 themselves; the server fetches and checks them.",
    )
    quota_bytes: Annotated[ByteSize, Field(ge=0)] = Field(
        ByteSize(0), description="Most bytes of files of one user, those of their messages included; 0 = no limit."
    )
    upload_life_seconds: Seconds = Field(DAY_SECONDS, description="How long an upload waits to be sent, in seconds.")
    quarantine_seconds: Seconds = Field(
        7 * DAY_SECONDS,
        description="How long files that nothing refers to are kept before they are deleted, in seconds.",
    )
    url_life_seconds: Seconds = Field(300, description="How long the URL of a file is good, in seconds.")
    event_retention_seconds: Seconds = Field(
        30 * DAY_SECONDS, description="How long events are kept for clients that come back, in seconds."
    )
    session_life_seconds: Seconds = Field(
        30 * DAY_SECONDS, description="How long an unused session stays signed in, in seconds."
    )
    session_max_life_seconds: Seconds = Field(
        90 * DAY_SECONDS, description="After how long a session ends however much it is used, in seconds."
    )
    send_rate_per_minute: Rate = Field(600, description="Most sends of one user in a minute; 0 = no limit.")
    sign_in_rate_per_minute: Rate = Field(
        10, description="Most attempts to sign in from one address or to one account in a minute; 0 = no limit."
    )
    sign_up_rate_per_minute: Rate = Field(
        10, description="Most new accounts from one address in a minute; 0 = no limit."
    )
    upload_rate_per_minute: Rate = Field(600, description="Most files of one user in a minute; 0 = no limit.")
    search_rate_per_minute: Rate = Field(120, description="Most searches of one user in a minute; 0 = no limit.")
    typing_rate_per_minute: Rate = Field(120, description="Most typing signals of one user in a minute; 0 = no limit.")
    subscription_rate_per_minute: Rate = Field(
        120, description="Most subscriptions that one user begins in a minute; 0 = no limit."
    )
    max_subscriptions: Rate = Field(100, description="Most subscriptions of one user at once; 0 = no limit.")
    max_sockets: Rate = Field(50, description="Most WebSockets of one user at once; 0 = no limit.")
    accept_messages_from: AudienceName = Field(
        "everyone", description="Whose first messages reach people who have not chosen for themselves."
    )
    from_others: Annotated[Literal["request", "reject"], BeforeValidator(lower)] = Field(
        "request",
        description="What becomes of the first messages and groups of others: they wait as a request, or are refused.",
    )
    who_may_add_to_groups: AudienceName = Field(
        "everyone",
        description="Who may make a group with people who have not chosen; at most those who may write to them.",
    )
    widest_audience: AudienceName = Field(
        "everyone", description="The widest audience that anybody can choose; `followed_by_me` is SelfCommunity's rule."
    )
    audience_for_each_send: bool = Field(
        default=False, description="Whether an audience is asked for every message, and not for the first one alone."
    )
    max_request_messages: Count = Field(
        3, description="Most messages of one person to another in requests that are not answered."
    )
    edit_window_seconds: Window = Field(0, description="How long a message can be edited, in seconds; 0 = no limit.")
    delete_for_everyone_window_seconds: Window = Field(
        0, description="How long a message can be deleted for everyone, in seconds; 0 = no limit."
    )
    silent_delete_window_seconds: Window = Field(
        60, description="How long deleting for everyone leaves no trace, in seconds; 0 = never."
    )
    report_window_seconds: Window = Field(
        7 * DAY_SECONDS,
        description="How long what was deleted for everyone is put aside, so that it can be reported; 0 = not at all.",
    )
    typing_seconds: Count = Field(6, description="How long somebody who types is shown to, in seconds.")
    max_reactions: Count = Field(20, description="Most different emoji on one message.")
    report_rate_per_minute: Rate = Field(10, description="Most reports of one user in a minute; 0 = no limit.")
    body_timeout_seconds: Seconds = Field(30, description="How long the body of a request may take, in seconds.")
    log_format: Annotated[Literal["auto", "json", "text"], BeforeValidator(lower)] = Field(
        "auto", description="Form of the log; `auto` is `text` on a terminal, else `json`."
    )
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(lower)] = Field(
        "info", description="Least severe entry of the log."
    )

    @property
    def database_path(self) -> Path:
        """The SQLite file that `database_url` names; three slashes are relative, four absolute, as in SQLAlchemy."""
        return Path(unquote(urlsplit(self.database_url).path)[1:]) if self.database_url else self.data / "sotto.db"

    @property
    def files_path(self) -> Path:
        """The folder of the files unless `storage_url` names another."""
        return self.data / "files"

    @property
    def may_sign_up(self) -> bool:
        """`sign_up`; where the host application brings its users, only if the operator asked for both."""
        return self.sign_up and (not self.issuers or "sign_up" in self.model_fields_set)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put our three layers, which know their unknown names, in the place of the stock sources."""
        del env_settings, dotenv_settings, file_secret_settings
        return (init_settings, *(LayerSource(settings_cls, layer) for layer in read_layers(cls.model_fields)))


class Settings(QuerySettings, GeneralSettings):
    """What an operator may choose; frozen. Use `load_settings`, which also finds unknown names."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid")


class SettingsError(Exception):
    """All that is wrong with the settings, a line each; no line repeats what may be a password."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def load_settings(**flags: object) -> Settings:
    """Read all settings; a flag that is None was not given. Raises SettingsError with every problem at once."""
    layers = [flag_layer(Settings.model_fields, flags), *read_layers(Settings.model_fields)]
    problems = [problem for layer in layers for problem in layer.problems]
    try:
        settings = Settings(**layers[0].values)
    except ValidationError as error:
        problems += _sentences(error, layers)
    if problems:
        raise SettingsError(problems)
    return settings


def _sentences(error: ValidationError, layers: Iterable[Layer]) -> list[str]:
    sentences = []
    for detail in error.errors(include_url=False, include_context=True):
        key = str(detail["loc"][0])
        layer = next(layer for layer in layers if key in layer.values)
        place = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in detail["loc"][1:])
        complaint = (f"`{place}`: " if place and key == "issuers" else "") + _complaint(detail["type"], detail["msg"])
        complaint += _found(key, layer.values[key])
        sentences.append(f"{layer.names[key]} ({layer.origin}): {complaint}.")
    return list(dict.fromkeys(sentences))


def _complaint(kind: str, message: str) -> str:
    """Return pydantic's message as the middle of a sentence."""
    if kind == "byte_size":
        return "must be a number of bytes, such as 26214400 or 25MiB"
    words = message.removeprefix("Value error, ").replace("Input should", "should", 1)
    return words.replace("a valid dictionary or instance of Issuer", "an object")


def _found(key: str, value: object) -> str:
    """Return the value as the end of a sentence, or nothing: any URL may hold a password, and so may what has an @."""
    shown = str(value)
    return "" if key.endswith("_url") or key == "issuers" or "@" in shown else f"; found {shown[:60]!r}"


class SettingLine(NamedTuple):
    """A row of the table of settings."""

    name: str
    environment: str
    default: str
    description: str


def describe_settings() -> list[SettingLine]:
    """Return all settings in the order of the class: for the tables of docs/ and for `./sotto config`."""
    names = environment_names(Settings.model_fields)
    return [
        SettingLine(key, names[key], EMPTY_MEANS.get(key) or _as_text(info.default), info.description or "")
        for key, info in Settings.model_fields.items()
    ]


def _as_text(value: object) -> str:
    """Return a default as one would write it in `.env`."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, ByteSize):
        for unit, size in (("MiB", 1024**2), ("KiB", 1024)):
            if value and value % size == 0:
                return f"{value // size}{unit}"
    return str(value)
