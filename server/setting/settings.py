"""All settings with their defaults and descriptions.

Precedence: flags, the environment, `.env`, `sotto.toml`, defaults. Both files are read from the working directory. An
empty value in the environment or in `.env` means unset, as in `SOTTO_PORT=`.
"""

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
from server.setting.problem import SettingsError, problems_of
from server.setting.query_setting import DocumentSettings, QuerySettings
from server.setting.source import flag_source, read_sources
from services.file.media_type import PRESETS
from services.limit import Limits

_DEFAULT = Limits()


class GeneralSettings(BaseModel):
    """All settings except the limits of GraphQL documents."""

    host: str = Field(
        "127.0.0.1", min_length=1, description="Address to listen on; `0.0.0.0` or `::` for all interfaces."
    )
    port: int = Field(8000, ge=0, le=65535, description="TCP port to listen on; 0 picks a free one.")
    data: Path = Field(Path("data"), description="Folder for the database and the files.")
    database_url: DatabaseUrl = Field("", description="The database; only SQLite is supported.")
    storage_url: StorageUrl = Field("", description="Where files are stored: a local folder or an S3 bucket.")
    pubsub_url: PubSubUrl = Field(
        "", description="How server processes notify each other; only `memory://` is supported."
    )
    public_url: PublicUrl = Field(
        "", description="Absolute http(s) URL at which clients reach the server; used in links to files."
    )
    allowed_origins: Origins = Field(
        (),
        description="Other origins whose pages can call the API, open WebSockets and display files; exact, "
        "separated by commas. `loopback` allows any page served from this machine.",
    )
    trusted_proxies: Networks = Field(
        (),
        description="Addresses or networks of proxies whose `X-Forwarded-For` header is trusted; separated by commas.",
    )
    sign_up: bool = Field(
        default=_DEFAULT.may_sign_up,
        description="Whether anyone can create an account; false with `issuers` unless it is set explicitly.",
    )
    issuers: Issuers = Field(
        (),
        description="Host applications whose tokens (JWT) are accepted: a JSON list of objects; see authentication.md.",
    )
    device_trust: DeviceTrustName = Field(
        _DEFAULT.device_trust,
        description="What happens after a sign-in with a password on a new device: nothing, the user's other "
        "devices get an event, or the device has no access until another one confirms it.",
    )
    self_conversations: bool = Field(
        default=_DEFAULT.self_conversations, description="Whether users can send messages to themselves."
    )
    email_lookup: bool = Field(
        default=_DEFAULT.email_lookup, description="Whether users can be found by their email address."
    )
    act_as_required: bool = Field(
        default=_DEFAULT.act_as_required,
        description="Whether an API key that can act for others must name a user in `X-Act-As` with every request.",
    )
    require_text: bool = Field(
        default=_DEFAULT.require_text, description="Whether a message needs text even if it has files."
    )
    require_type: bool = Field(
        default=_DEFAULT.require_type,
        description="Whether a message needs its `type`.",
    )
    introspection: bool = Field(
        default=True,
        description="Whether the schema is public: introspection, `/schema.graphql`, `/possible-types.json`.",
    )
    explorer: bool = Field(
        default=True,
        description="Whether GraphiQL is served at `/graphql`; false with `trusted_documents` unless it is set "
        "explicitly.",
    )
    chat_page: bool = Field(
        default=True,
        description="Whether the chat page is served at `/`; false with `trusted_documents` unless it is set "
        "explicitly.",
    )
    max_text_length: int = Field(
        _DEFAULT.max_text_length, gt=0, description="Maximum length of a message text, in code points."
    )
    max_text_bytes: Bytes = Field(
        ByteSize(_DEFAULT.max_text_bytes), description="Maximum length of a message text, in bytes of UTF-8."
    )
    max_recipients: Count = Field(_DEFAULT.max_recipients, description="Maximum number of recipients per send.")
    max_attachments: Count = Field(_DEFAULT.max_attachments, description="Maximum number of files per message.")
    max_attachment_bytes: Bytes = Field(
        ByteSize(_DEFAULT.max_attachment_bytes), description="Maximum size of a file, in bytes."
    )
    max_inline_request_bytes: Bytes = Field(
        ByteSize(_DEFAULT.max_inline_request_bytes),
        description="Maximum size of a multipart request including its files, in bytes.",
    )
    max_json_bytes: Bytes = Field(ByteSize(256 * 1024), description="Maximum size of a JSON request, in bytes.")
    attachment_types: Literal["default", "ossn", "any"] = Field(
        "default", description="Which types of files can be attached: a conservative list, the list of OSSN, or any."
    )
    presigned_downloads: bool = Field(
        default=False,
        description="Whether files that are saved rather than displayed are downloaded directly from S3, by URLs "
        "that are valid for one minute.",
    )
    presigned_uploads: bool = Field(
        default=_DEFAULT.presigned_uploads,
        description="Whether clients can upload files directly to S3; the server then fetches and checks them.",
    )
    quota_bytes: Annotated[ByteSize, Field(ge=0)] = Field(
        ByteSize(_DEFAULT.quota_bytes),
        description="Maximum total size of a user's files, including those in their messages, in bytes; 0 = no limit.",
    )
    upload_life_seconds: Seconds = Field(
        _DEFAULT.upload_life_seconds,
        description="How long an upload is kept until it is sent with a message, in seconds.",
    )
    quarantine_seconds: Seconds = Field(
        _DEFAULT.quarantine_seconds,
        description="How long files without a reference are kept before they are deleted, in seconds.",
    )
    url_life_seconds: Seconds = Field(
        _DEFAULT.url_life_seconds,
        description="How long a client gets the same URL of a file, in seconds; it is valid for up to twice as long.",
    )
    event_retention_seconds: Seconds = Field(
        _DEFAULT.event_retention_seconds, description="How long events are kept for clients that reconnect, in seconds."
    )
    session_life_seconds: Seconds = Field(
        _DEFAULT.session_life_seconds, description="How long an unused session stays signed in, in seconds."
    )
    session_max_life_seconds: Seconds = Field(
        _DEFAULT.session_max_life_seconds,
        description="Maximum lifetime of a session, even if it is in use, in seconds.",
    )
    send_rate_per_minute: Rate = Field(
        _DEFAULT.send_rate_per_minute, description="Maximum sends per user per minute; 0 = no limit."
    )
    sign_in_rate_per_minute: Rate = Field(
        _DEFAULT.sign_in_rate_per_minute,
        description="Maximum sign-in attempts per minute, from one address or to one account; 0 = no limit.",
    )
    sign_up_rate_per_minute: Rate = Field(
        _DEFAULT.sign_up_rate_per_minute, description="Maximum new accounts per address per minute; 0 = no limit."
    )
    upload_rate_per_minute: Rate = Field(
        _DEFAULT.upload_rate_per_minute, description="Maximum files per user per minute; 0 = no limit."
    )
    search_rate_per_minute: Rate = Field(
        _DEFAULT.search_rate_per_minute, description="Maximum searches per user per minute; 0 = no limit."
    )
    typing_rate_per_minute: Rate = Field(
        _DEFAULT.typing_rate_per_minute, description="Maximum typing signals per user per minute; 0 = no limit."
    )
    read_all_rate_per_minute: Rate = Field(
        _DEFAULT.read_all_rate_per_minute,
        description="Maximum calls of `markAllConversationsRead` per user per minute; 0 = no limit.",
    )
    relation_rate_per_minute: Rate = Field(
        _DEFAULT.relation_rate_per_minute,
        description="Maximum follows, unfollows, mutes and unmutes together per user per minute; 0 = no limit.",
    )
    subscription_rate_per_minute: Rate = Field(
        _DEFAULT.subscription_rate_per_minute,
        description="Maximum new subscriptions per user per minute; 0 = no limit.",
    )
    max_subscriptions: Rate = Field(
        _DEFAULT.max_subscriptions, description="Maximum concurrent subscriptions per user; 0 = no limit."
    )
    max_sockets: Rate = Field(_DEFAULT.max_sockets, description="Maximum concurrent WebSockets per user; 0 = no limit.")
    accept_messages_from: AudienceName = Field(
        _DEFAULT.accept_messages_from,
        description="Who can start a conversation with users who have not chosen an audience themselves.",
    )
    from_others: OutsideActionName = Field(
        _DEFAULT.from_others,
        description="What happens to first messages and new groups from outside the audience: they become a "
        "request, or they are rejected.",
    )
    who_may_add_to_groups: AudienceName = Field(
        _DEFAULT.who_may_add_to_groups,
        description="Who can create a group with users who have not chosen an audience for it; never wider than "
        "who can write to them.",
    )
    widest_audience: AudienceName = Field(
        _DEFAULT.widest_audience,
        description="Widest audience that users can choose; `followed_by_me` is SelfCommunity's rule.",
    )
    audience_for_each_send: bool = Field(
        default=_DEFAULT.audience_for_each_send,
        description="Whether the audience is checked for every message instead of only the first one.",
    )
    max_request_messages: Count = Field(
        _DEFAULT.max_request_messages,
        description="Maximum number of messages from one user to another in unanswered requests.",
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
        description="How long a message can be deleted for everyone without a tombstone, in seconds; 0 = never.",
    )
    report_window_seconds: Window = Field(
        _DEFAULT.report_window_seconds,
        description="How long a message deleted for everyone is kept for reports, in seconds; 0 = not at all.",
    )
    typing_seconds: Count = Field(_DEFAULT.typing_seconds, description="How long a typing signal lasts, in seconds.")
    max_reactions: Count = Field(_DEFAULT.max_reactions, description="Maximum number of different emoji on a message.")
    report_rate_per_minute: Rate = Field(
        _DEFAULT.report_rate_per_minute, description="Maximum reports per user per minute; 0 = no limit."
    )
    body_timeout_seconds: Seconds = Field(30, description="Maximum time for the body of a request, in seconds.")
    log_format: Annotated[Literal["auto", "json", "text"], BeforeValidator(lower)] = Field(
        "auto", description="Format of the log; `auto` is `text` on a terminal, otherwise `json`."
    )
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(lower)] = Field(
        "info", description="Lowest level that is logged."
    )

    @property
    def database_path(self) -> Path:
        """The SQLite file; in a URL, three slashes start a relative path and four an absolute one, as in SQLAlchemy."""
        return Path(unquote(urlsplit(self.database_url).path)[1:]) if self.database_url else self.data / "sotto.db"

    @property
    def files_path(self) -> Path:
        """The folder for files unless `storage_url` is set."""
        return self.data / "files"

    @property
    def may_sign_up(self) -> bool:
        """`sign_up`; with issuers, only if the operator set it explicitly."""
        return self.sign_up and (not self.issuers or "sign_up" in self.model_fields_set)

    @property
    def allowed_mime_types(self) -> tuple[str, ...]:
        """The MIME types that `attachment_types` stands for; empty for any."""
        return PRESETS[self.attachment_types]


class Settings(DocumentSettings, QuerySettings, GeneralSettings):
    """All settings; frozen. Use `load_settings`, which also reports unknown names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @property
    def has_explorer(self) -> bool:
        """`explorer`; with trusted documents, only if the operator set it explicitly."""
        return self.explorer and (self.trusted_documents is None or "explorer" in self.model_fields_set)

    @property
    def has_chat_page(self) -> bool:
        """`chat_page`; with trusted documents, only if the operator set it explicitly."""
        return self.chat_page and (self.trusted_documents is None or "chat_page" in self.model_fields_set)


def load_settings(**flags: object) -> Settings:
    """The settings from all sources; a flag that is None was not given. Raises SettingsError with all problems."""
    sources = [flag_source(Settings.model_fields, flags), *read_sources(Settings.model_fields)]
    problems = [problem for source in sources for problem in source.problems]
    values = {key: value for source in reversed(sources) for key, value in source.values.items()}
    try:
        settings = Settings(**values)
    except ValidationError as error:
        problems += problems_of(error, sources)
    if problems:
        raise SettingsError(problems)
    return settings
