"""Strawberry, aiohttp and Peewee as their documentation shows them, on the tables of Sotto.

Run: .venv/bin/python -m bench.peers.stock.server DATABASE [--cached]. Models are read on the event loop, and each send
is a transaction. --cached adds Strawberry's ParserCache and ValidationCache.
"""

import argparse
import hashlib
import json
import time
from typing import Any

import strawberry
from aiohttp import web
from peewee import fn
from strawberry.aiohttp.views import GraphQLView
from strawberry.extensions import ParserCache, ValidationCache

from bench.peers.stock.table import (
    Block,
    Conversation,
    Direct,
    Event,
    Idempotency,
    Job,
    Member,
    Message,
    Session,
    User,
    database,
)
from bench.peers.stock.type import ConversationConnection, ConversationType, MessageType, PageInfo


def viewer_of(info: strawberry.Info) -> User:
    """The user whose token the request has."""
    token = info.context["request"].headers["Authorization"].removeprefix("Bearer ")
    session = Session.get(Session.token_hash == hashlib.sha256(token.encode()).digest())
    if session.expires_at < time.time() * 1000:
        raise PermissionError("Sign in.")
    user: User = session.user
    return user


@strawberry.type
class Query:
    @strawberry.field
    def conversation(self, info: strawberry.Info, id: strawberry.ID) -> ConversationType | None:  # noqa: A002
        mine = (
            Member.select(Member, Conversation)
            .join(Conversation)
            .where(Member.user == viewer_of(info), Member.conversation == int(id[1:]))
            .get_or_none()
        )
        return None if mine is None else ConversationType.of(mine)

    @strawberry.field
    def conversations(self, info: strawberry.Info, first: int | None = 50) -> ConversationConnection:
        count, viewer = first or 50, viewer_of(info)
        rows: list[Any] = list(
            Member.select(Member, Conversation)
            .join(Conversation)
            .where(Member.user == viewer, Member.last_seq > Member.floor_seq)
            .where(Member.is_archived == 0, Member.request_state.not_in([1, 3]))
            .order_by(Member.activity.desc(), Member.conversation.desc())
            .limit(count + 1)
        )
        has_more, rows = len(rows) > count, rows[:count]
        others: dict[int, list[Any]] = {}
        members: Any = Member.select(Member, User).join(User).where(Member.user != viewer)
        for each in members.where(Member.conversation.in_([row.conversation_id for row in rows])):
            others.setdefault(each.conversation_id, []).append(each.user)
        ids = [(row.conversation_id << 27) + row.last_seq for row in rows]
        newest = {each.id >> 27: each for each in Message.select(Message, User).join(User).where(Message.id.in_(ids))}
        nodes = [
            ConversationType.of(
                row,
                others=others.get(row.conversation_id, []),
                last_message=MessageType.of(newest[row.conversation_id]),
            )
            for row in rows
        ]
        return ConversationConnection(nodes=nodes, page_info=PageInfo.of(nodes, has_next=has_more))


@strawberry.input
class UserReference:
    username: str


@strawberry.input
class MessageDestination:
    users: list[UserReference]


@strawberry.input
class SendPrivateMessageInput:
    to: MessageDestination
    text: str
    client_message_id: str | None = None


@strawberry.type
class SendPrivateMessageSuccess:
    message: MessageType


@strawberry.type
class RecipientsRejectedError:
    detail: str


@strawberry.type
class Mutation:
    @strawberry.mutation
    def send_private_message(
        self,
        info: strawberry.Info,
        input: SendPrivateMessageInput,  # noqa: A002
    ) -> SendPrivateMessageSuccess | RecipientsRejectedError:
        viewer = viewer_of(info)
        recipient = User.get_or_none(User.username_key == input.to.users[0].username.casefold(), User.state == 0)
        if recipient is None or is_blocked(viewer, recipient):
            return RecipientsRejectedError(detail="This person cannot be written to.")
        with database.atomic():
            message = store(viewer, recipient, input)
        return SendPrivateMessageSuccess(message=MessageType.of(message))


def is_blocked(one: User, other: User) -> bool:
    """In either direction."""
    mine, theirs = ((Block.blocker == each) for each in (one, other))
    return bool(Block.select().where((mine & (Block.blocked == other)) | (theirs & (Block.blocked == one))).exists())


def store(sender: User, recipient: User, given: SendPrivateMessageInput) -> Any:
    """Stores a message in the direct conversation; returns the first one for a key that was used."""
    first = Idempotency.get_or_none(Idempotency.key == given.client_message_id, Idempotency.user == sender)
    if first is not None:
        return Message.get_by_id(json.loads(first.result)[0][1])
    pair = sorted((sender, recipient), key=lambda user: user.id)
    conversation = Direct.get(Direct.user_lo == pair[0].id, Direct.user_hi == pair[1].id).conversation
    conversation.last_seq += 1
    conversation.save()
    now, seq = time.time_ns() // 1_000_000, conversation.last_seq
    key, id_ = given.client_message_id, (conversation.id << 27) + seq
    message = Message.create(id=id_, sender=sender, created_at=now, body=given.text, client_message_id=key)
    members = Member.conversation == conversation
    Member.update(last_seq=seq, activity=now, unread=Member.unread + 1).where(members).execute()
    read = {"read_seq": seq, "delivered_seq": seq, "seen_seq": seq, "unread": 0}
    Member.update(read).where(members, Member.user == sender).execute()
    for user in pair:
        last = Event.select(fn.MAX(Event.n)).where(Event.user == user).scalar() or 0
        Event.create(user=user, n=last + 1, subject_id=id_, at=now)
    Job.create(ref=id_)
    if key is not None:
        hash_ = hashlib.sha256(f"{recipient.username}\0{given.text}".encode()).digest()
        Idempotency.create(key=key, user=sender, request_hash=hash_, result=f"[[0,{id_},null]]", at=now)
    return message


async def live(_request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("database")
    parser.add_argument("--cached", action="store_true")
    options = parser.parse_args()
    database.init(options.database, pragmas={"journal_mode": "wal", "synchronous": "full"})
    database.connect()
    extensions = [ParserCache, ValidationCache] if options.cached else []
    app = web.Application()
    schema = strawberry.Schema(Query, Mutation, extensions=extensions)
    app.router.add_route("*", "/graphql", GraphQLView(schema=schema, graphql_ide=None))
    app.router.add_get("/healthz", live)
    web.run_app(app, host="127.0.0.1", port=0, access_log=None, print=lambda text: print(text, flush=True))


if __name__ == "__main__":
    main()
