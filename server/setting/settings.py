"""The settings: every name, its default and its meaning stand here and nowhere else.

A value comes from a flag, else the environment, else `.env`, else `sotto.toml`, else its default. Both files are looked
for in the working directory. An empty string in the environment or in `.env` means unset, as in `SOTTO_PORT=`.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, BeforeValidator, ByteSize, ConfigDict, Field, ValidationError

from server.setting.field import (
    AudienceName,
    Bytes,
    Count,
    DatabaseUrl,
    DeviceTrustName,
    Issuers,
    Networks,
    Origins,
    OutsideActionName,
    PublicUrl,
    PubSubUrl,
    Rate,
    Seconds,
    StorageUrl,
    Window,
    lower,
)
from server.setting.query_setting import QuerySettings
from server.setting.source import SettingsSource, flag_source, read_sources
from services.file.media_type import PRESETS
from services.limit import Limits

_DEFAULT = Limits()


class GeneralSettings(BaseModel):
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
        default=_DEFAULT.may_sign_up,
        description="Whether anybody may make an account; false with `issuers` unless it is set.",
    )
    issuers: Issuers = Field(
        (), description="Host applications whose tokens (JWT) are taken: a JSON list of objects; see authentication.md."
    )
    device_trust: DeviceTrustName = Field(
        _DEFAULT.device_trust,
        description="Whether a new device (by password) is told to the others, or waits until one confirms it.",
    )
    self_conversations: bool = Field(
        default=_DEFAULT.self_conversations, description="Whether people may write to themselves."
    )
    email_lookup: bool = Field(
        default=_DEFAULT.email_lookup, description="Whether people can be found by their e-mail address."
    )
    act_as_required: bool = Field(
        default=_DEFAULT.act_as_required,
        description="Whether a key that can act for others must say for whom, in `X-Act-As`, with each request.",
    )
    require_text: bool = Field(
        default=_DEFAULT.require_text, description="Whether a message needs text even when it has files."
    )
    require_type: bool = Field(
        default=_DEFAULT.require_type,
        description="Whether a message needs its `type`.",
    )
    introspection: bool = Field(
        default=True, description="Whether the schema may be read, by introspection and as a file."
    )
    explorer: bool = Field(default=True, description="Whether GraphiQL is served.")
    chat_page: bool = Field(default=True, description="Whether the chat page is served, at `/`.")
    max_text_length: int = Field(
        _DEFAULT.max_text_length, gt=0, description="Longest text of a message, in code points."
    )
    max_text_bytes: Bytes = Field(
        ByteSize(_DEFAULT.max_text_bytes), description="Longest text of a message, in bytes of UTF-8."
    )
    max_recipients: Count = Field(_DEFAULT.max_recipients, description="Most recipients of one send.")
    max_attachments: Count = Field(_DEFAULT.max_attachments, description="Most files of one message.")
    max_attachment_bytes: Bytes = Field(ByteSize(_DEFAULT.max_attachment_bytes), description="Largest file, in bytes.")
    max_inline_request_bytes: Bytes = Field(
        ByteSize(_DEFAULT.max_inline_request_bytes),
        description="Largest multipart request, with all of its files, in bytes.",
    )
    max_json_bytes: Bytes = Field(ByteSize(256 * 1024), description="Largest JSON request, in bytes.")
    attachment_types: Literal["default", "ossn", "any"] = Field(
        "default", description="Which kinds of files may be attached: a careful list, that of OSSN, or any."
    )
    presigned_downloads: bool = Field(
        default=False, description="Whether S3 itself gives files that are saved, by URLs that are good for a minute."
    )
    presigned_uploads: bool = Field(
        default=_DEFAULT.presigned_uploads,
        description="Whether clients may put files into S3 themselves; the server fetches and checks them.",
    )
    quota_bytes: Annotated[ByteSize, Field(ge=0)] = Field(
        ByteSize(_DEFAULT.quota_bytes),
        description="Most bytes of files of one user, those of their messages included; 0 = no limit.",
    )
    upload_life_seconds: Seconds = Field(
        _DEFAULT.upload_life_seconds, description="How long an upload waits to be sent, in seconds."
    )
    quarantine_seconds: Seconds = Field(
        _DEFAULT.quarantine_seconds,
        description="How long files that nothing refers to are kept before they are deleted, in seconds.",
    )
    url_life_seconds: Seconds = Field(
        _DEFAULT.url_life_seconds, description="How long the URL of a file is good, in seconds."
    )
    event_retention_seconds: Seconds = Field(
        _DEFAULT.event_retention_seconds, description="How long events are kept for clients that come back, in seconds."
    )
    session_life_seconds: Seconds = Field(
        _DEFAULT.session_life_seconds, description="How long an unused session stays signed in, in seconds."
    )
    session_max_life_seconds: Seconds = Field(
        _DEFAULT.session_max_life_seconds,
        description="After how long a session ends however much it is used, in seconds.",
    )
    send_rate_per_minute: Rate = Field(
        _DEFAULT.send_rate_per_minute, description="Most sends of one user in a minute; 0 = no limit."
    )
    sign_in_rate_per_minute: Rate = Field(
        _DEFAULT.sign_in_rate_per_minute,
        description="Most attempts to sign in from one address or to one account in a minute; 0 = no limit.",
    )
    sign_up_rate_per_minute: Rate = Field(
        _DEFAULT.sign_up_rate_per_minute, description="Most new accounts from one address in a minute; 0 = no limit."
    )
    upload_rate_per_minute: Rate = Field(
        _DEFAULT.upload_rate_per_minute, description="Most files of one user in a minute; 0 = no limit."
    )
    search_rate_per_minute: Rate = Field(
        _DEFAULT.search_rate_per_minute, description="Most searches of one user in a minute; 0 = no limit."
    )
    typing_rate_per_minute: Rate = Field(
        _DEFAULT.typing_rate_per_minute, description="Most typing signals of one user in a minute; 0 = no limit."
    )
    subscription_rate_per_minute: Rate = Field(
        _DEFAULT.subscription_rate_per_minute,
        description="Most subscriptions that one user begins in a minute; 0 = no limit.",
    )
    max_subscriptions: Rate = Field(
        _DEFAULT.max_subscriptions, description="Most subscriptions of one user at once; 0 = no limit."
    )
    max_sockets: Rate = Field(_DEFAULT.max_sockets, description="Most WebSockets of one user at once; 0 = no limit.")
    accept_messages_from: AudienceName = Field(
        _DEFAULT.accept_messages_from,
        description="Whose first messages reach people who have not chosen for themselves.",
    )
    from_others: OutsideActionName = Field(
        _DEFAULT.from_others,
        description="What becomes of the first messages and groups of others: they wait as a request, or are refused.",
    )
    who_may_add_to_groups: AudienceName = Field(
        _DEFAULT.who_may_add_to_groups,
        description="Who may make a group with people who have not chosen; at most those who may write to them.",
    )
    widest_audience: AudienceName = Field(
        _DEFAULT.widest_audience,
        description="The widest audience that anybody can choose; `followed_by_me` is SelfCommunity's rule.",
    )
    audience_for_each_send: bool = Field(
        default=_DEFAULT.audience_for_each_send,
        description="Whether an audience is asked for every message, and not for the first one alone.",
    )
    max_request_messages: Count = Field(
        _DEFAULT.max_request_messages,
        description="Most messages of one person to another in requests that are not answered.",
    )
    edit_window_seconds: Window = Field(
        _DEFAULT.edit_window_seconds, description="How long a message can be edited, in seconds; 0 = no limit."
    )
    delete_for_everyone_window_seconds: Window = Field(
        _DEFAULT.delete_for_everyone_window_seconds,
        description="How long a message can be deleted for everyone, in seconds; 0 = no limit.",
    )
    silent_delete_window_seconds: Window = Field(
        _DEFAULT.silent_delete_window_seconds,
        description="How long deleting for everyone leaves no trace, in seconds; 0 = never.",
    )
    report_window_seconds: Window = Field(
        _DEFAULT.report_window_seconds,
        description="How long what was deleted for everyone is put aside, so that it can be reported; 0 = not at all.",
    )
    typing_seconds: Count = Field(
        _DEFAULT.typing_seconds, description="How long somebody who types is shown to, in seconds."
    )
    max_reactions: Count = Field(_DEFAULT.max_reactions, description="Most different emoji on one message.")
    report_rate_per_minute: Rate = Field(
        _DEFAULT.report_rate_per_minute, description="Most reports of one user in a minute; 0 = no limit."
    )
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
        """`sign_up`; with issuers, only if the operator set it explicitly."""
        return self.sign_up and (not self.issuers or "sign_up" in self.model_fields_set)

    @property
    def allowed_mime_types(self) -> tuple[str, ...]:
        """The MIME types that `attachment_types` stands for; empty for any."""
        return PRESETS[self.attachment_types]


class Settings(QuerySettings, GeneralSettings):
    """All settings; frozen. Use `load_settings`, which also reports unknown names."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SettingsError(Exception):
    """All problems with the settings, one per line; no line repeats a value that may be a password."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def load_settings(**flags: object) -> Settings:
    """The settings from all sources; a flag that is None was not given. Raises SettingsError with all problems."""
    sources = [flag_source(Settings.model_fields, flags), *read_sources(Settings.model_fields)]
    problems = [problem for source in sources for problem in source.problems]
    values = {key: value for source in reversed(sources) for key, value in source.values.items()}
    try:
        settings = Settings(**values)
    except ValidationError as error:
        problems += _sentences(error, sources)
    if problems:
        raise SettingsError(problems)
    return settings


def _sentences(error: ValidationError, sources: Iterable[SettingsSource]) -> list[str]:
    sentences = []
    for detail in error.errors(include_url=False, include_context=True):
        key = str(detail["loc"][0])
        source = next(source for source in sources if key in source.values)
        place = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in detail["loc"][1:])
        complaint = (f"`{place}`: " if place and key == "issuers" else "") + _complaint(detail["type"], detail["msg"])
        complaint += _found(key, source.values[key])
        sentences.append(f"{source.names[key]} ({source.origin}): {complaint}.")
    return list(dict.fromkeys(sentences))


def _complaint(kind: str, message: str) -> str:
    """Pydantic's message as the middle of a sentence."""
    if kind == "byte_size":
        return "must be a number of bytes, such as 26214400 or 25MiB"
    text = message.removeprefix("Value error, ").replace("Input should", "should", 1)
    return text.replace("a valid dictionary or instance of Issuer", "an object")


def _found(key: str, value: object) -> str:
    """The value as the end of a sentence; empty for URLs, issuers and whatever has an @, which may hold a password."""
    shown = str(value)
    return "" if key.endswith("_url") or key == "issuers" or "@" in shown else f"; found {shown[:60]!r}"
