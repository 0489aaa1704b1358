"""The tables of docs/limits.md, from the settings and constants that define the limits."""

from collections.abc import Iterator

from pydantic import ByteSize

from gql.connection import FEW
from gql.document.register import MEMBER_BYTES, MOST_OF_ONE, STRANGER_BYTES
from gql.document.survey import QueryLimits
from gql.lookup import MAX_NODES
from gql.scalar import MAX_JSON_DEPTH
from gql.stream import MAX_CONVERSATIONS
from gql.wire.frame import MAX_ID_LENGTH
from gql.wire.option import ViewOptions
from gql.wire.upload import MAX_MAP_BYTES
from gql.wire.view import UPLOAD_PATIENCE
from server.connection import HEAD_SECONDS, KEEP_ALIVE_SECONDS
from server.manual.range_text import range_text
from server.setting.description import describe_settings
from server.setting.query_setting import QuerySettings
from server.setting.settings import Settings
from server.transfer import SEND_SECONDS
from services.account.account import MOST_DEVICES
from services.account.issuer import MAX_SUBJECT_LENGTH, MAX_TOKEN_BYTES
from services.account.password import MAX_BYTES, MIN_LENGTH, MOST_WAITING
from services.file.picture_worker import MAX_FRAMES, MAX_PIXELS
from services.limit import Limits
from services.live.stream import MAX_REPLAY
from services.message.emoji import MAX_EMOJI_LENGTH
from services.message.report import MAX_COMMENT_LENGTH
from services.page import DEFAULT_SIZE, MAX_SIZE
from services.person.relation import MOST_FOLLOW_CHANGES
from services.text import MAX_MARKS

_INPUT, _RATE = "`INVALID_INPUT`: ", "`RATE_LIMITED`, with `retryAfterSeconds`"
_FILES, _BODY = "`ATTACHMENTS_REJECTED`: ", "`PAYLOAD_TOO_LARGE` (413)"

# The effect of exceeding each numeric setting; a missing entry fails the tests.
WHEN_EXCEEDED = {
    "max_text_length": _INPUT + "TOO_LONG",
    "max_text_bytes": _INPUT + "TOO_LONG",
    "max_recipients": _INPUT + "TOO_MANY",
    "max_attachments": _INPUT + "TOO_MANY; `BAD_MULTIPART` in a multipart request",
    "max_attachment_bytes": _FILES + "TOO_LARGE",
    "max_inline_request_bytes": _BODY,
    "max_json_bytes": _BODY,
    "quarantine_seconds": "the files are deleted",
    "quota_bytes": _FILES + "TOO_LARGE",
    "upload_life_seconds": _FILES + "EXPIRED; over tus, 410 for HEAD and 404 for PATCH",
    "url_life_seconds": "404",
    "event_retention_seconds": "`CURSOR_EXPIRED`; in `events`, `StreamReset`",
    "session_life_seconds": "`UNAUTHENTICATED`",
    "session_max_life_seconds": "`UNAUTHENTICATED`",
    "send_rate_per_minute": _RATE,
    "sign_in_rate_per_minute": _RATE,
    "sign_up_rate_per_minute": _RATE,
    "upload_rate_per_minute": _RATE,
    "search_rate_per_minute": _RATE,
    "typing_rate_per_minute": _RATE,
    "read_all_rate_per_minute": _RATE,
    "relation_rate_per_minute": _RATE,
    "subscription_rate_per_minute": _RATE,
    "max_subscriptions": _RATE,
    "max_sockets": "the socket is closed with 1013",
    "max_request_messages": "`RECIPIENTS_REJECTED`: REQUEST_PENDING",
    "edit_window_seconds": "`TOO_LATE`",
    "delete_for_everyone_window_seconds": "`TOO_LATE`",
    "silent_delete_window_seconds": "a tombstone remains",
    "report_window_seconds": "`reportMessage` fails with `NOT_FOUND`, or reports the tombstone",
    "typing_seconds": "the typing indicator disappears",
    "max_reactions": _INPUT + "TOO_MANY",
    "report_rate_per_minute": _RATE,
    "body_timeout_seconds": "`TIMEOUT` (408)",
    **dict.fromkeys(QuerySettings.model_fields, "`QUERY_TOO_COMPLEX`"),
    "cost_rate_per_minute": _RATE,
    "anonymous_cost_rate_per_minute": _RATE,
}


_REGISTERED = (
    "registered documents (automatic persisted queries)",
    f"{MEMBER_BYTES:,} bytes for users, {STRANGER_BYTES:,} for others; 1/{MOST_OF_ONE} of it per user or address",
    "the least recently used ones are removed, and clients register them again",
)


def limit_tables() -> dict[str, list[str]]:
    """The Markdown lines of each table, by name."""
    return {"limits": list(_of_settings()), "fixed": list(_fixed())}


def _of_settings() -> Iterator[str]:
    yield "| setting | default | range | description | when exceeded |"
    yield "|---|---|---|---|---|"
    for row in describe_settings():
        info = Settings.model_fields[row.name]
        if info.annotation in (int, ByteSize) and row.name != "port":
            values = range_text(row.name, info)
            yield f"| `{row.environment}` | {row.default} | {values} | {row.description} | {WHEN_EXCEEDED[row.name]} |"


def _fixed() -> Iterator[str]:
    """The limits that are not settings."""
    limits, view = Limits(), ViewOptions()
    once = ", ".join(f"`{each}`" for each in sorted(QueryLimits().once))
    yield "| limit of | value | when exceeded |"
    yield "|---|---|---|"
    for what, value, effect in (
        ("`clientMessageId`", f"{limits.max_client_message_id_length} characters", _INPUT + "TOO_LONG"),
        ("`metadata` of a message", f"{limits.max_metadata_bytes:,} bytes of JSON", _INPUT + "TOO_LONG"),
        ("nesting of a `JSON` value", f"{MAX_JSON_DEPTH}", "`BAD_REQUEST`"),
        (
            "display names, device names and key names",
            f"{limits.max_display_name_length} characters",
            _INPUT + "TOO_LONG",
        ),
        (
            "consecutive combining marks in texts and names",
            f"{MAX_MARKS}",
            _INPUT + "TOO_MANY; removed from file names",
        ),
        ("username", "3 to 32 letters, digits, `_`, `.` and `-`", _INPUT + "TOO_SHORT, TOO_LONG, MALFORMED"),
        (
            "password",
            f"{MIN_LENGTH} characters (code points) to {MAX_BYTES:,} bytes in UTF-8",
            _INPUT + "TOO_SHORT, TOO_LONG",
        ),
        ("emoji", f"{MAX_EMOJI_LENGTH} code points", _INPUT + "MALFORMED"),
        ("comment of a report", f"{MAX_COMMENT_LENGTH:,} characters", _INPUT + "TOO_LONG"),
        ("file name", f"{limits.max_filename_length} characters", "the name is shortened and keeps its extension"),
        ("unfinished uploads per user", f"{limits.max_uploads}", "`RATE_LIMITED`"),
        ("follows and unfollows of the same user per hour", f"{MOST_FOLLOW_CHANGES}", "`RATE_LIMITED`"),
        ("API keys per user", f"{limits.max_api_keys}", "`PERMISSION_DENIED`"),
        ("devices per user", f"{MOST_DEVICES}", "the least recently used device is signed out"),
        ("pixels of an image", f"{MAX_PIXELS:,}", _FILES + "UNSAFE"),
        ("frames of an image", f"{MAX_FRAMES:,}", _FILES + "UNSAFE"),
        ("`first` and `last` of a page", f"1 to {MAX_SIZE}; {DEFAULT_SIZE} by default", "`BAD_REQUEST`"),
        ("`first` of `otherParticipants` and `recipients`", f"1 to {MAX_SIZE}; {FEW} by default", "`BAD_REQUEST`"),
        ("`ids` of `nodes`", f"{MAX_NODES}", "`BAD_REQUEST`"),
        ("`conversationIds` of `events`", f"{MAX_CONVERSATIONS}", "`BAD_REQUEST`"),
        ("events replayed per subscription to `events`", f"{MAX_REPLAY:,}", "`StreamReset`: TOO_MANY_EVENTS"),
        ("token (JWT)", f"{MAX_TOKEN_BYTES:,} bytes, `sub` {MAX_SUBJECT_LENGTH} characters", "`UNAUTHENTICATED`"),
        (f"{once}: each per document", "1", "`QUERY_TOO_COMPLEX`"),
        ("sign-ins waiting for a password hash", f"{MOST_WAITING}", "`UNAVAILABLE`"),
        _REGISTERED,
        ("part `map` of a multipart request", f"{MAX_MAP_BYTES:,} bytes", _BODY),
        ("time for a multipart request", f"{UPLOAD_PATIENCE} times `SOTTO_BODY_TIMEOUT_SECONDS`", "`TIMEOUT` (408)"),
        ("WebSocket frame", f"{view.max_frame_bytes:,} bytes", "the socket is closed with 1009"),
        ("`id` of an operation on a WebSocket", f"1 to {MAX_ID_LENGTH} characters", "the socket is closed with 4400"),
        ("concurrent operations per WebSocket", f"{view.max_operations_per_socket}", "`RATE_LIMITED`"),
        ("time until `connection_init`", f"{view.connection_init_seconds:g} seconds", "the socket is closed with 4408"),
        ("time for a client to read a frame", f"{view.send_timeout_seconds:g} seconds", "the connection is closed"),
        ("time for a client to read a chunk of a file", f"{SEND_SECONDS:g} seconds", "the connection is closed"),
        (
            "time for the headers of the first request on a connection",
            f"{HEAD_SECONDS:g} seconds",
            "the connection is closed",
        ),
        ("idle time between requests on a connection", f"{KEEP_ALIVE_SECONDS:g} seconds", "the connection is closed"),
    ):
        yield f"| {what} | {value} | {effect} |"
