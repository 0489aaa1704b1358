"""The tables of docs/limits.md: every bound, from the settings and constants that keep it."""

from collections.abc import Iterator

from pydantic import ByteSize

from gql.document.survey import QueryLimits
from gql.query import MAX_NODES
from gql.reaction import MAX_USERS
from gql.scalar import MAX_JSON_DEPTH
from gql.stream import MAX_CONVERSATIONS
from gql.wire.frame import MAX_ID_LENGTH
from gql.wire.option import ViewOptions
from gql.wire.upload import MAX_MAP_BYTES
from gql.wire.view import UPLOAD_PATIENCE
from server.connection import HEAD_SECONDS, KEEP_ALIVE_SECONDS
from server.file import SEND_SECONDS
from server.manual.range_text import bounds_of
from server.setting.description import describe_settings
from server.setting.query_setting import QuerySettings
from server.setting.settings import Settings
from services.account.account import MOST_DEVICES
from services.account.issuer import MAX_SUBJECT_LENGTH, MAX_TOKEN_BYTES
from services.account.password import MAX_BYTES, MIN_LENGTH, MOST_WAITING
from services.file.picture_worker import MAX_FRAMES, MAX_PIXELS
from services.limit import Limits
from services.live.stream import MAX_REPLAY
from services.message.reaction import MAX_EMOJI_LENGTH
from services.message.report import MAX_COMMENT_LENGTH
from services.page import DEFAULT_SIZE, MAX_SIZE
from services.text import MAX_MARKS

_INPUT, _RATE = "`INVALID_INPUT`: ", "`RATE_LIMITED`, with `retryAfterSeconds`"
_FILES, _BODY = "`ATTACHMENTS_REJECTED`: ", "`PAYLOAD_TOO_LARGE` (413)"

# What happens beyond each; a numeric setting without a line here breaks the table, and the test of it.
BEYOND = {
    "max_text_length": _INPUT + "TOO_LONG",
    "max_text_bytes": _INPUT + "TOO_LONG",
    "max_recipients": _INPUT + "TOO_MANY",
    "max_attachments": _INPUT + "TOO_MANY; of a multipart request `BAD_MULTIPART`",
    "max_attachment_bytes": _FILES + "TOO_LARGE",
    "max_inline_request_bytes": _BODY,
    "max_json_bytes": _BODY,
    "quarantine_seconds": "they are deleted",
    "quota_bytes": _FILES + "TOO_LARGE",
    "upload_life_seconds": _FILES + "EXPIRED; over tus 410 to HEAD, 404 to PATCH",
    "url_life_seconds": "404",
    "event_retention_seconds": "`CURSOR_EXPIRED`, or `StreamReset` in `events`",
    "session_life_seconds": "`UNAUTHENTICATED`",
    "session_max_life_seconds": "`UNAUTHENTICATED`",
    "send_rate_per_minute": _RATE,
    "sign_in_rate_per_minute": _RATE,
    "sign_up_rate_per_minute": _RATE,
    "upload_rate_per_minute": _RATE,
    "search_rate_per_minute": _RATE,
    "typing_rate_per_minute": _RATE,
    "subscription_rate_per_minute": _RATE,
    "max_subscriptions": _RATE,
    "max_sockets": "the socket is closed with 1013",
    "max_request_messages": "`RECIPIENTS_REJECTED`: REQUEST_PENDING",
    "edit_window_seconds": "`TOO_LATE`",
    "delete_for_everyone_window_seconds": "`TOO_LATE`",
    "silent_delete_window_seconds": "a tombstone stays",
    "report_window_seconds": "`reportMessage`: `NOT_FOUND`, or a report of the tombstone",
    "typing_seconds": "typing is over",
    "max_reactions": _INPUT + "TOO_MANY",
    "report_rate_per_minute": _RATE,
    "body_timeout_seconds": "`TIMEOUT` (408)",
    **dict.fromkeys(QuerySettings.model_fields, "`QUERY_TOO_COMPLEX`"),
    "cost_rate_per_minute": _RATE,
    "anonymous_cost_rate_per_minute": _RATE,
}


def limit_tables() -> dict[str, list[str]]:
    """The lines of each table, by the name that docs/limits.md marks its place with."""
    return {"limits": list(_of_settings()), "fixed": list(_fixed())}


def _of_settings() -> Iterator[str]:
    yield "| setting | default | bounds | what it limits | beyond it |"
    yield "|---|---|---|---|---|"
    for row in describe_settings():
        info = Settings.model_fields[row.name]
        if info.annotation in (int, ByteSize) and row.name != "port":
            bounds = bounds_of(row.name, info)
            yield f"| `{row.environment}` | {row.default} | {bounds} | {row.description} | {BEYOND[row.name]} |"


def _fixed() -> Iterator[str]:
    """What no setting changes."""
    limits, view = Limits(), ViewOptions()
    once = ", ".join(f"`{each}`" for each in sorted(QueryLimits().once))
    yield "| what | bound | beyond it |"
    yield "|---|---|---|"
    for what, bound, beyond in (
        ("`clientMessageId`", f"{limits.max_client_message_id_length} characters", _INPUT + "TOO_LONG"),
        ("`metadata` of a message", f"{limits.max_metadata_bytes:,} bytes of JSON", _INPUT + "TOO_LONG"),
        ("levels of a `JSON` value", f"{MAX_JSON_DEPTH}", "`BAD_REQUEST`"),
        ("display, device and key names", f"{limits.max_display_name_length} characters", _INPUT + "TOO_LONG"),
        ("combining marks in a row, in texts and names", f"{MAX_MARKS}", _INPUT + "TOO_MANY; cut from a file's name"),
        ("a user name", "3 to 32 letters, digits, `_`, `.` and `-`", _INPUT + "TOO_SHORT, TOO_LONG, MALFORMED"),
        (
            "a password",
            f"{MIN_LENGTH} characters (code points) to {MAX_BYTES:,} bytes in UTF-8",
            _INPUT + "TOO_SHORT, TOO_LONG",
        ),
        ("an emoji", f"{MAX_EMOJI_LENGTH} code points", _INPUT + "MALFORMED"),
        ("the comment of a report", f"{MAX_COMMENT_LENGTH:,} characters", _INPUT + "TOO_LONG"),
        ("a file's name", f"{limits.max_filename_length} characters", "it is cut, its ending kept"),
        ("uploads of one user that are not finished", f"{limits.max_uploads}", "`RATE_LIMITED`"),
        ("API keys of one user", f"{limits.max_api_keys}", "`PERMISSION_DENIED`"),
        ("devices of one user", f"{MOST_DEVICES}", "the one unseen for longest is signed out"),
        ("pixels of a picture", f"{MAX_PIXELS:,}", _FILES + "UNSAFE"),
        ("frames of a picture", f"{MAX_FRAMES:,}", _FILES + "UNSAFE"),
        ("`first` and `last` of a page", f"1 to {MAX_SIZE}, {DEFAULT_SIZE} if left out", "`BAD_REQUEST`"),
        ("`ids` of `nodes`", f"{MAX_NODES}", "`BAD_REQUEST`"),
        ("`conversationIds` of `events`", f"{MAX_CONVERSATIONS}", "`BAD_REQUEST`"),
        ("people of one reaction", f"1 to {MAX_USERS} at once", "`BAD_REQUEST`"),
        ("events replayed to one subscription of `events`", f"{MAX_REPLAY:,}", "`StreamReset`: TOO_MANY_EVENTS"),
        ("a token (JWT)", f"{MAX_TOKEN_BYTES:,} bytes, `sub` {MAX_SUBJECT_LENGTH} characters", "`UNAUTHENTICATED`"),
        (f"each of {once} in one document", "1", "`QUERY_TOO_COMPLEX`"),
        ("sign-ins that wait for a hash", f"{MOST_WAITING}", "`UNAVAILABLE`"),
        ("the part `map` of a multipart request", f"{MAX_MAP_BYTES:,} bytes", _BODY),
        ("a whole multipart request", f"{UPLOAD_PATIENCE} times `SOTTO_BODY_TIMEOUT_SECONDS`", "`TIMEOUT` (408)"),
        ("one frame of a WebSocket", f"{view.max_frame_bytes:,} bytes", "the socket is closed with 1009"),
        ("the `id` of an operation on a WebSocket", f"1 to {MAX_ID_LENGTH} characters", "closed with 4400"),
        ("operations of one WebSocket at once", f"{view.max_operations_per_socket}", "`RATE_LIMITED`"),
        ("until `connection_init`", f"{view.connection_init_seconds:g} seconds", "closed with 4408"),
        ("a frame that a client does not read", f"{view.send_timeout_seconds:g} seconds", "the connection is cut"),
        ("a chunk of a file that a client does not read", f"{SEND_SECONDS:g} seconds", "the connection is cut"),
        ("the head of a connection's first request", f"{HEAD_SECONDS:g} seconds", "the connection is closed"),
        ("between two requests of a connection", f"{KEEP_ALIVE_SECONDS:g} seconds", "the connection is closed"),
    ):
        yield f"| {what} | {bound} | {beyond} |"
