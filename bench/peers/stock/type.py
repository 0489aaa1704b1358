"""The GraphQL types of the stock server, and what they read."""

from datetime import UTC, datetime
from typing import Any

import strawberry
from peewee import fn

from bench.peers.stock.table import Attachment, Block, Hidden, Message, Reaction, User

KINDS = ("DIRECT", "GROUP", "SELF")


def moment(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC)


@strawberry.type(name="User")
class UserType:
    id: strawberry.ID
    username: str
    display_name: str

    @classmethod
    def of(cls, user: Any) -> "UserType":
        return cls(id=strawberry.ID(f"u{user.id}"), username=user.username, display_name=user.display_name)


@strawberry.type(name="Attachment")
class AttachmentType:
    id: strawberry.ID
    filename: str
    mime_type: str
    byte_size: int
    url: str | None

    @classmethod
    def of(cls, file: Any) -> "AttachmentType":
        id_ = f"a{file.message_id}.{file.position}"
        return cls(
            id=strawberry.ID(id_),
            filename=file.filename,
            mime_type=file.mime_type,
            byte_size=file.byte_size,
            url=f"http://127.0.0.1/files/{id_}/{file.filename}",
        )


@strawberry.type
class ReactionGroup:
    emoji: str
    count: int
    viewer_has_reacted: bool


@strawberry.type(name="Message")
class MessageType:
    id: strawberry.ID
    text: str | None
    created_at: datetime
    sender: UserType
    attachments: list[AttachmentType]
    reactions: list[ReactionGroup]
    conversation: "ConversationType"

    @classmethod
    def of(cls, message: Any, files: Any = (), reactions: Any = ()) -> "MessageType":
        return cls(
            id=strawberry.ID(f"m{message.id}"),
            text=message.body,
            created_at=moment(message.created_at),
            sender=UserType.of(message.sender),
            attachments=[AttachmentType.of(file) for file in files],
            reactions=list(reactions),
            conversation=ConversationType(id=strawberry.ID(f"c{message.id >> 27}")),
        )


@strawberry.type
class PageInfo:
    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None

    @classmethod
    def of(cls, nodes: list[Any], *, has_next: bool = False, has_previous: bool = False) -> "PageInfo":
        first, last = (nodes[0].id, nodes[-1].id) if nodes else (None, None)
        return cls(has_next_page=has_next, has_previous_page=has_previous, start_cursor=first, end_cursor=last)


@strawberry.type
class MessageConnection:
    nodes: list[MessageType]
    page_info: PageInfo


@strawberry.type
class Participant:
    user: UserType


@strawberry.type(name="Conversation")
class ConversationType:
    id: strawberry.ID
    member: strawberry.Private[Any] = None
    others: strawberry.Private[Any] = ()
    last_message: MessageType | None = None

    @classmethod
    def of(cls, member: Any, **more: Any) -> "ConversationType":
        return cls(id=strawberry.ID(f"c{member.conversation_id}"), member=member, **more)

    @strawberry.field
    def type(self) -> str:
        return KINDS[self.member.conversation.kind]

    @strawberry.field
    def unread_count(self) -> int:
        return int(self.member.unread)

    @strawberry.field
    def last_activity_at(self) -> datetime:
        return moment(self.member.activity)

    @strawberry.field
    def other_participants(self) -> list[Participant]:
        return [Participant(user=UserType.of(user)) for user in self.others[:10]]

    @strawberry.field
    def messages(self, last: int | None = 50) -> MessageConnection:
        count, base = last or 50, self.member.conversation_id << 27
        rows: list[Any] = list(
            Message.select(Message, User)
            .join(User)
            .where(Message.id > base + self.member.floor_seq, Message.id <= base + self.member.last_seq)
            .where(~fn.EXISTS(Hidden.select().where(Hidden.user == self.member.user_id, Hidden.message == Message.id)))
            .order_by(Message.id.desc())
            .limit(count + 1)
        )
        has_more, rows = len(rows) > count, rows[:count][::-1]
        files, reactions = files_of(rows), reactions_of(rows, self.member.user_id)
        nodes = [MessageType.of(row, files.get(row.id, ()), reactions.get(row.id, ())) for row in rows]
        return MessageConnection(nodes=nodes, page_info=PageInfo.of(nodes, has_previous=has_more))


@strawberry.type
class ConversationConnection:
    nodes: list[ConversationType]
    page_info: PageInfo


def files_of(messages: list[Any]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    query: Any = Attachment.select().where(Attachment.message.in_([each.id for each in messages if each.attachments]))
    for file in query.order_by(Attachment.message, Attachment.position):
        found.setdefault(file.message_id, []).append(file)
    return found


def reactions_of(messages: list[Any], viewer_id: int) -> dict[int, list[ReactionGroup]]:
    users: dict[int, dict[str, list[int]]] = {}
    query: Any = Reaction.select().where(Reaction.message.in_([each.id for each in messages]))
    blocked = Block.select(Block.blocked).where(Block.blocker == viewer_id)
    for each in query.where(Reaction.user.not_in(blocked)).order_by(Reaction.at):
        users.setdefault(each.message_id, {}).setdefault(each.emoji, []).append(each.user_id)
    return {
        message: [
            ReactionGroup(emoji=key, count=len(ids), viewer_has_reacted=viewer_id in ids) for key, ids in by.items()
        ]
        for message, by in users.items()
    }
