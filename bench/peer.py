"""The baseline of bench/send.py: the same mutation, written as in the documentation of Strawberry and Peewee.

It is as durable as ours (WAL, FULL) and does the same work: token, recipient, blocks in both directions, find or create
the conversation, sequence number, message, positions, an event per participant, and idempotency key.
"""

import argparse
import secrets
import time
from pathlib import Path
from typing import Any

import strawberry
from aiohttp import web
from peewee import (
    BigIntegerField,
    BooleanField,
    CharField,
    CompositeKey,
    ForeignKeyField,
    Model,
    SqliteDatabase,
    TextField,
)
from strawberry.aiohttp.views import GraphQLView

database = SqliteDatabase(None)


class Table(Model):
    """The base of all tables."""

    class Meta:
        database = database


class User(Table):
    username = CharField(unique=True)


class Session(Table):
    token = CharField(unique=True)
    user = ForeignKeyField(User)


class Block(Table):
    blocker = ForeignKeyField(User, backref="blocks")
    blocked = ForeignKeyField(User, backref="blocked_by")

    class Meta:
        primary_key = CompositeKey("blocker", "blocked")


class Conversation(Table):
    key = CharField(unique=True)
    last_seq = BigIntegerField(default=0)


class Member(Table):
    user = ForeignKeyField(User)
    conversation = ForeignKeyField(Conversation)
    read_seq = BigIntegerField(default=0)
    activity = BigIntegerField(default=0)
    is_muted = BooleanField(default=False)

    class Meta:
        primary_key = CompositeKey("user", "conversation")


class Message(Table):
    conversation = ForeignKeyField(Conversation)
    seq = BigIntegerField()
    sender = ForeignKeyField(User)
    text = TextField()
    client_message_id = CharField(null=True)
    created_at = BigIntegerField()

    class Meta:
        indexes = ((("conversation", "seq"), True), (("sender", "client_message_id"), True))


class Event(Table):
    user = ForeignKeyField(User)
    n = BigIntegerField()
    message = ForeignKeyField(Message)

    class Meta:
        primary_key = CompositeKey("user", "n")


TABLES = [User, Session, Block, Conversation, Member, Message, Event]


@strawberry.type
class UserType:
    username: str


@strawberry.type
class ConversationType:
    id: strawberry.ID


@strawberry.type
class MessageType:
    id: strawberry.ID
    text: str
    created_at: str
    sender: UserType
    conversation: ConversationType


@strawberry.type
class SendPrivateMessageSuccess:
    message: MessageType


@strawberry.type
class Query:
    ok: bool = True


@strawberry.type
class Mutation:
    @strawberry.mutation
    def send_private_message(
        self, info: strawberry.Info, to: str, text: str, client_message_id: str
    ) -> SendPrivateMessageSuccess:
        """Runs on the event loop, with one transaction per request."""
        token = info.context["request"].headers["Authorization"].removeprefix("Bearer ")
        sender = Session.get(Session.token == token).user
        recipient = User.get(User.username == to)
        with database.atomic():
            message = store(sender, recipient, text, client_message_id)
        return SendPrivateMessageSuccess(
            message=MessageType(
                id=strawberry.ID(str(message.id)),
                text=message.text,
                created_at=str(message.created_at),
                sender=UserType(username=sender.username),
                conversation=ConversationType(id=strawberry.ID(str(message.conversation_id))),
            )
        )


def store(sender: User, recipient: User, text: str, client_message_id: str) -> Any:
    """Stores one message."""
    existing = Message.get_or_none(Message.sender == sender, Message.client_message_id == client_message_id)
    if existing is not None:
        return existing
    either = ((Block.blocker == sender) & (Block.blocked == recipient)) | (
        (Block.blocker == recipient) & (Block.blocked == sender)
    )
    if Block.select().where(either).exists():
        raise ValueError("blocked")
    key = "-".join(sorted((sender.username, recipient.username)))
    conversation, is_new = Conversation.get_or_create(key=key)  # type: ignore[no-untyped-call]
    if is_new:
        for user in (sender, recipient):
            Member.create(user=user, conversation=conversation)
    conversation.last_seq += 1
    conversation.save()
    now = time.time_ns() // 1_000_000
    message = Message.create(
        conversation=conversation,
        seq=conversation.last_seq,
        sender=sender,
        text=text,
        client_message_id=client_message_id,
        created_at=now,
    )
    Member.update(activity=now).where(Member.conversation == conversation).execute()
    Member.update(read_seq=message.seq).where(Member.conversation == conversation, Member.user == sender).execute()
    for user in (sender, recipient):
        last = Event.select().where(Event.user == user).order_by(Event.n.desc()).first()
        Event.create(user=user, n=last.n + 1 if last else 1, message=message)
    return message


def populate(path: Path, pairs: int) -> list[tuple[str, str]]:
    """Creates tables and users; returns a token and a recipient for each pair."""
    database.init(str(path), pragmas={"journal_mode": "wal", "synchronous": "full"})
    people = []
    with database.connection_context():
        database.create_tables(TABLES)
        for number in range(pairs):
            sender, recipient = (User.create(username=f"{name}{number}") for name in ("sender", "recipient"))
            people.append((secrets.token_urlsafe(), recipient.username))
            Session.create(token=people[-1][0], user=sender)
    return people


def count(path: Path) -> int:
    """The number of messages."""
    database.init(str(path))
    with database.connection_context():
        return int(Message.select().count())


def main() -> None:
    """Serves an existing database."""
    parser = argparse.ArgumentParser()
    parser.add_argument("path")
    database.init(parser.parse_args().path, pragmas={"journal_mode": "wal", "synchronous": "full"})
    database.connect()
    app = web.Application()
    app.router.add_route("*", "/graphql", GraphQLView(schema=strawberry.Schema(Query, Mutation), graphql_ide=None))
    web.run_app(app, host="127.0.0.1", port=0, access_log=None, print=lambda text: print(text, flush=True))


if __name__ == "__main__":
    main()
