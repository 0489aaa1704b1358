"""Lookups by id: the root fields `node` and `nodes` (Relay's Object Identification)."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, cast

import strawberry

from gql.account import Viewer
from gql.api_key import ApiKey
from gql.attachment import Attachment
from gql.conversation import Conversation
from gql.device import Device
from gql.id import Kind, decode
from gql.message import Message
from gql.node import Info, Node
from gql.part import conversation_parts, message_parts, person_detail
from gql.participant import Participant
from gql.selection import selection_of
from gql.upload_session import UploadSession
from gql.user import User
from services.error import BadRequest
from services.message.conversation_view import ConversationView
from services.message.message_view import MessageView
from services.message.part import MEMBERS, NOTHING_OF_MESSAGE, ConversationParts, MessageParts
from services.message.viewer_view import ViewerView
from services.viewer import Viewer as ServiceViewer

MAX_NODES = 200

_PART_OF = {Kind.ATTACHMENT: Kind.MESSAGE, Kind.PARTICIPANT: Kind.CONVERSATION}  # found with what they belong to


@strawberry.field(description="The object with this id. Null if it does not exist or the viewer cannot see it.")
async def node(
    info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The id of an object of any type.")]
) -> Node | None:
    [found] = await _nodes_of(info, [id])
    return cast("Node | None", found)  # an exception becomes the error of the field


@strawberry.field(
    description="The objects with these ids, in the same order. An item is null if it does not exist or the viewer "
    "cannot see it, or with an error if it could not be read."
)
async def nodes(
    info: Info,
    ids: Annotated[
        list[strawberry.ID], strawberry.argument(description="The ids of objects of any types, at most 200.")
    ],
) -> list[Node | None]:
    if len(ids) > MAX_NODES:
        raise BadRequest(f"`ids` holds {len(ids)} ids; at most {MAX_NODES} are allowed.")
    return cast("list[Node | None]", await _nodes_of(info, ids))  # an exception becomes the error of its item


async def _nodes_of(info: Info, ids: list[strawberry.ID]) -> list[Node | Exception | None]:
    """The objects that the viewer may see; one call of a service for each type.

    A type that cannot be read has its error in the places of its ids; the objects of other types are in theirs.
    """
    named = [decode(id_) for id_ in ids]
    numbers: dict[Kind, set[int]] = {}
    for kind, number, _part in filter(None, named):
        numbers.setdefault(_PART_OF.get(kind, kind), set()).add(number)
    kinds = {kind for kind, _number, _part in filter(None, named)}
    found = {kind: await _find(info, kind, list(some), kinds) for kind, some in numbers.items()}

    def shown(kind: Kind, number: int, part: int) -> Node | Exception | None:
        views = found[_PART_OF.get(kind, kind)]
        if isinstance(views, Exception):
            return views
        view = views.get(number)
        return None if view is None else _object_of(info, kind, view, part)

    return [shown(*each) if each else None for each in named]


async def _find(info: Info, kind: Kind, numbers: list[int], kinds: set[Kind]) -> dict[int, Any] | Exception:
    services = info.context.services
    message, conversation = _parts_of(info, kinds)
    finders: dict[Kind, Callable[[ServiceViewer, list[int]], Awaitable[dict[int, Any]]]] = {
        Kind.USER: partial(services.user.find_many, detail=person_detail(selection_of(info))),
        Kind.MESSAGE: partial(services.message.find_many, parts=message),
        Kind.CONVERSATION: partial(services.conversation.find_many, parts=conversation),
        Kind.DEVICE: services.device.find_many,
        Kind.API_KEY: services.api_key.find_many,
        Kind.UPLOAD: services.upload.find_many,
        Kind.VIEWER: services.user.find_self_by_id,
    }
    viewer = info.context.signed_in()
    try:
        return await finders[kind](viewer, numbers) if kind in finders else {}
    except Exception as error:  # noqa: BLE001 -- as graphql-core does; `present` gives it a code, or masks it
        return error


def _parts_of(info: Info, kinds: set[Kind]) -> tuple[MessageParts, ConversationParts]:
    """What the fields show, and what the objects of these kinds are found in."""
    message, conversation = message_parts(selection_of(info)), conversation_parts(info)
    if Kind.ATTACHMENT in kinds:
        message |= replace(NOTHING_OF_MESSAGE, attachments=True)
    return message, conversation | MEMBERS if Kind.PARTICIPANT in kinds else conversation


def _object_of(info: Info, kind: Kind, view: Any, part: int) -> Node | None:
    viewer = info.context.signed_in()
    types: dict[Kind, Callable[[Any], Node | None]] = {
        Kind.USER: lambda person: User(person=person),
        Kind.MESSAGE: lambda view: Message(view=view),
        Kind.CONVERSATION: lambda view: Conversation(view=view),
        Kind.DEVICE: lambda row: Device(row=row, viewer_device_id=viewer.device_id),
        Kind.API_KEY: lambda row: ApiKey(row=row),
        Kind.UPLOAD: lambda view: UploadSession(view=view),
        Kind.ATTACHMENT: lambda message: _attachment_of(message, part),
        Kind.VIEWER: lambda person: Viewer.of(ViewerView(viewer, person)),
        Kind.PARTICIPANT: lambda conversation: _member_of(conversation, part),
    }
    return types[kind](view)


def _attachment_of(message: MessageView, position: int) -> Attachment | None:
    return next((Attachment(row=row) for row in message.attachments[position : position + 1]), None)


def _member_of(conversation: ConversationView, user_id: int) -> Participant | None:
    found = (each for each in conversation.participants if each.person.row.id == user_id)
    return next((Participant(view=view) for view in found), None)
