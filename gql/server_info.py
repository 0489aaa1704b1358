"""The features and limits of this server; readable without a token."""

from enum import Enum

import strawberry

from gql.node import Info
from gql.scalar import ByteSize
from services.limit import Limits
from services.page import MAX_SIZE
from services.version import VERSION


@strawberry.enum(
    description="An optional feature of the server. Later versions may add values: ignore values that you do not know."
)
class ServerFeature(Enum):
    """One value for each switch, and for features that not every version has."""

    SIGN_UP = strawberry.enum_value("sign_up", description="Users can create accounts with `signUp`.")
    SELF_CONVERSATIONS = strawberry.enum_value("self", description="Users can send messages to themselves.")
    GROUPS = strawberry.enum_value("groups", description="A message can be sent to several users as a group.")
    MESSAGE_REQUESTS = strawberry.enum_value(
        "requests", description="First messages from users outside an audience can become message requests."
    )
    FOLLOWS = strawberry.enum_value(
        "follows", description="Users can follow each other, and audiences can depend on it."
    )
    EDITS = strawberry.enum_value("edits", description="Messages can be edited.")
    REACTIONS = strawberry.enum_value("reactions", description="Messages can have reactions.")
    PRESENCE = strawberry.enum_value("presence", description="The server shows who is online and who is typing.")
    SEARCH = strawberry.enum_value("search", description="Messages can be searched with `searchMessages`.")
    EMAIL_LOOKUP = strawberry.enum_value("email", description="Users can be identified by email address.")


@strawberry.type(description="The limits of this server. All of them are inclusive.")
class ServerLimits:
    max_text_length: int = strawberry.field(
        description="The maximum length of a message's text in characters (code points)."
    )
    max_recipients: int = strawberry.field(description="The maximum number of recipients of one message.")
    max_attachments: int = strawberry.field(description="The maximum number of files in one message.")
    max_attachment_bytes: ByteSize = strawberry.field(description="The maximum size of one file in bytes.")
    max_inline_request_bytes: ByteSize = strawberry.field(
        description="The maximum size of a multipart request in bytes, including its files."
    )
    allowed_mime_types: list[str] = strawberry.field(
        description="The media types that files can have, detected from their content. An empty list allows all types."
    )
    edit_window_seconds: int | None = strawberry.field(
        description="The number of seconds after sending during which a message can be edited. Null if there is no "
        "limit."
    )
    delete_for_everyone_window_seconds: int | None = strawberry.field(
        description="The number of seconds after sending during which a message can be deleted for everyone. Null if "
        "there is no limit."
    )
    silent_delete_window_seconds: int = strawberry.field(
        description="The number of seconds after sending during which FOR_EVERYONE deletes without a tombstone; 0 "
        "for never."
    )
    report_window_seconds: int = strawberry.field(
        description="The number of seconds for which recipients can report a message after it was deleted for "
        "everyone; 0 for not at all. The server keeps the message that long, readable only by the operator in a report."
    )
    event_retention_seconds: int = strawberry.field(
        description="The number of seconds for which the server stores events. Older cursors fail with CURSOR_EXPIRED."
    )

    max_metadata_bytes: int = strawberry.field(
        description="The maximum size of the `metadata` of a message, in bytes of JSON."
    )
    max_page_size: int = strawberry.field(description="The maximum of `first` and `last`, in items.")
    max_reactions: int = strawberry.field(description="The maximum number of different emoji on one message.")
    max_request_messages: int = strawberry.field(
        description="The maximum number of messages from one user to another in unanswered message requests. Further "
        "messages are refused with REQUEST_PENDING."
    )
    typing_seconds: int = strawberry.field(
        description="The number of seconds after which a typing indicator disappears. While the viewer is typing, "
        "repeat `setTyping` before then."
    )
    url_lifetime_seconds: int = strawberry.field(
        description="The maximum of `expiresInSeconds` of `Attachment.url`, in seconds. A URL works for one to two "
        "times as long as requested."
    )
    upload_lifetime_seconds: int = strawberry.field(
        description="The number of seconds after which an upload expires, unless a message uses it by then."
    )

    @classmethod
    def of(cls, limits: Limits) -> "ServerLimits":
        return cls(
            max_text_length=_int(limits.max_text_length),
            max_recipients=_int(limits.max_recipients),
            max_attachments=_int(limits.max_attachments),
            max_attachment_bytes=ByteSize(limits.max_attachment_bytes),
            max_inline_request_bytes=ByteSize(limits.max_inline_request_bytes),
            allowed_mime_types=list(limits.allowed_mime_types),
            edit_window_seconds=_int(limits.edit_window_seconds) or None,
            delete_for_everyone_window_seconds=_int(limits.delete_for_everyone_window_seconds) or None,
            silent_delete_window_seconds=_int(limits.silent_delete_window_seconds),
            report_window_seconds=_int(limits.report_window_seconds),
            event_retention_seconds=_int(limits.event_retention_seconds),
            max_metadata_bytes=_int(limits.max_metadata_bytes),
            max_page_size=MAX_SIZE,
            max_reactions=_int(limits.max_reactions),
            max_request_messages=_int(limits.max_request_messages),
            typing_seconds=_int(limits.typing_seconds),
            url_lifetime_seconds=_int(limits.url_life_seconds),
            upload_lifetime_seconds=_int(limits.upload_life_seconds),
        )


def _int(limit: int) -> int:
    """GraphQL's Int has 32 bits: 68 years of seconds. A setting can be larger."""
    return min(limit, 2**31 - 1)


@strawberry.type(description="The version, features and limits of this server.")
class ServerInfo:
    version: str = strawberry.field(description="The version of Sotto that this server runs.")
    features: list[ServerFeature] = strawberry.field(description="The optional features that this server has.")
    limits: ServerLimits = strawberry.field(description="The limits that this server enforces.")


@strawberry.field(description="The version, features and limits of this server. Requires no token.")
def server_info(info: Info) -> ServerInfo:
    limits = info.context.services.limits
    features = [
        ServerFeature.GROUPS,
        ServerFeature.MESSAGE_REQUESTS,
        ServerFeature.FOLLOWS,
        ServerFeature.EDITS,
        ServerFeature.REACTIONS,
        ServerFeature.SEARCH,
        ServerFeature.PRESENCE,
    ]
    switches = {
        ServerFeature.SIGN_UP: limits.may_sign_up,
        ServerFeature.SELF_CONVERSATIONS: limits.self_conversations,
        ServerFeature.EMAIL_LOOKUP: limits.email_lookup,
    }
    features += [feature for feature, is_on in switches.items() if is_on]
    return ServerInfo(version=VERSION, features=features, limits=ServerLimits.of(limits))
