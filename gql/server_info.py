"""The features and limits of this server; readable without a token."""

from enum import Enum

import strawberry

from gql.node import Info
from gql.scalar import ByteSize
from services.limit import Limits
from services.version import VERSION


@strawberry.enum(description="What a server may or may not do, as its operator has set it. More will come.")
class ServerFeature(Enum):
    """One value for each switch, and for features that not every version has."""

    SIGN_UP = strawberry.enum_value("sign_up", description="People can make accounts with `signUp`.")
    SELF_CONVERSATIONS = strawberry.enum_value("self", description="People can write to themselves.")
    GROUPS = strawberry.enum_value("groups", description="A message can go to several people as a group.")
    MESSAGE_REQUESTS = strawberry.enum_value(
        "requests", description="First messages from outside of an audience can wait as message requests."
    )
    FOLLOWS = strawberry.enum_value("follows", description="People can follow each other, and audiences ask for it.")
    EDITS = strawberry.enum_value("edits", description="Messages can be edited.")
    REACTIONS = strawberry.enum_value("reactions", description="Messages can be reacted to.")
    PRESENCE = strawberry.enum_value("presence", description="It shows who is online and who is typing.")
    SEARCH = strawberry.enum_value("search", description="`searchMessages` finds messages by their words.")
    EMAIL_LOOKUP = strawberry.enum_value("email", description="People can be named by their e-mail addresses.")


@strawberry.type(description="The limits of this server; every one is inclusive.")
class ServerLimits:
    max_text_length: int = strawberry.field(description="Characters (code points) of a text.")
    max_recipients: int = strawberry.field(description="People that one message can name.")
    max_attachments: int = strawberry.field(description="Files of one message.")
    max_attachment_bytes: ByteSize = strawberry.field(description="Bytes of one file.")
    max_inline_request_bytes: ByteSize = strawberry.field(description="Bytes of a request with files in it.")
    allowed_mime_types: list[str] = strawberry.field(
        description="What a file may be, by its content; an empty list means anything."
    )
    edit_window_seconds: int | None = strawberry.field(
        description="How long after it was sent a message can be edited; null for no limit."
    )
    delete_for_everyone_window_seconds: int | None = strawberry.field(
        description="How long after it was sent a message can be deleted for everyone; null for no limit."
    )
    silent_delete_window_seconds: int = strawberry.field(
        description="How long after it was sent deleting a message for everyone leaves no trace."
    )
    report_window_seconds: int = strawberry.field(
        description="How long a message that was deleted for everyone can be reported by those who had it. That long "
        "the server puts it aside, where nobody but the operator can read it, and only in a report; 0 for not at all."
    )
    event_retention_seconds: int = strawberry.field(
        description="How long the server holds events for a cursor; after it, CURSOR_EXPIRED."
    )

    @classmethod
    def of(cls, limits: Limits) -> "ServerLimits":
        return cls(
            max_text_length=limits.max_text_length,
            max_recipients=limits.max_recipients,
            max_attachments=limits.max_attachments,
            max_attachment_bytes=ByteSize(limits.max_attachment_bytes),
            max_inline_request_bytes=ByteSize(limits.max_inline_request_bytes),
            allowed_mime_types=list(limits.allowed_mime_types),
            edit_window_seconds=limits.edit_window_seconds or None,
            delete_for_everyone_window_seconds=limits.delete_for_everyone_window_seconds or None,
            silent_delete_window_seconds=limits.silent_delete_window_seconds,
            report_window_seconds=limits.report_window_seconds,
            event_retention_seconds=limits.event_retention_seconds,
        )


@strawberry.type(description="What this server is and allows.")
class ServerInfo:
    version: str = strawberry.field(description="The version of Sotto.")
    features: list[ServerFeature] = strawberry.field(description="What it can do.")
    limits: ServerLimits = strawberry.field(description="How much of it.")


@strawberry.field(description="What this server is and allows; needs no token.")
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
