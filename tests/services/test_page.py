"""Pages: every list has the same bounds, and says so before it reads anything."""

import inspect
from collections.abc import Awaitable, Callable

import pytest

from services.error import BadRequest
from services.message.inbox import ConversationFilter
from services.page import MAX_SIZE, PageRequest
from services.service import Services
from services.viewer import Viewer
from tests.services.conftest import World

Ask = Callable[[Services, Viewer, int, PageRequest], Awaitable[object]]


async def members(services: Services, viewer: Viewer, message_id: int, request: PageRequest) -> object:
    """Of the conversation of a message."""
    [view] = (await services.conversation.find_many(viewer, [message_id >> 27])).values()
    return services.conversation.page_of_members(viewer, view.participants, request)


async def reactors(services: Services, viewer: Viewer, message_id: int, request: PageRequest) -> object:
    """Of a reaction to a message."""
    await services.reaction.react(viewer, message_id, "👍", is_set=True)
    [group] = (await services.reaction.find_many(viewer, [message_id]))[message_id]
    return services.reaction.page_of_people(viewer, group, request)


LISTS: dict[str, Ask] = {
    "block.page_of": lambda services, viewer, _, request: services.block.page_of(viewer, request),
    "conversation.page_of": lambda services, viewer, _, request: services.conversation.page_of(
        viewer, ConversationFilter(), request
    ),
    "conversation.page_of_attachments": lambda services, viewer, id_, request: (
        services.conversation.page_of_attachments(viewer, id_ >> 27, None, request)
    ),
    "conversation.page_of_members": members,
    "edit.page_of": lambda services, viewer, id_, request: services.edit.page_of(viewer, id_, request),
    "message.page_of": lambda services, viewer, id_, request: services.message.page_of(viewer, id_ >> 27, request),
    "reaction.page_of_people": reactors,
    "relation.page_of_muted": lambda services, viewer, _, request: services.relation.page_of_muted(viewer, request),
    "user.page_of_messageable": lambda services, viewer, _, request: services.user.page_of_messageable(
        viewer, "bob", request
    ),
}
BAD = [PageRequest(first=0), PageRequest(first=-1), PageRequest(first=MAX_SIZE + 1), PageRequest(last=0),
       PageRequest(last=MAX_SIZE + 1), PageRequest(first=1, last=1)]  # fmt: skip


async def test_every_list_of_a_service_is_looked_at_here(world: World) -> None:
    """A new one says here how it is asked."""
    found = {
        f"{attribute}.{name}"
        for attribute, service in vars(world.services).items()
        for name, method in inspect.getmembers(service, inspect.ismethod)
        if not name.startswith("_")
        and any(each.annotation is PageRequest for each in inspect.signature(method).parameters.values())
    }

    assert found == set(LISTS)


@pytest.mark.parametrize("name", LISTS)
async def test_a_page_has_1_to_200_items_from_one_end(world: World, name: str) -> None:
    """Anything else is BadRequest, and names what is wrong; the bounds themselves pass."""
    alice, _bob = await world.people("alice", "bob")
    id_ = await world.send(alice, "bob")
    for request in BAD:
        with pytest.raises(BadRequest, match=r"`(first|last)`"):
            await LISTS[name](world.services, alice, id_, request)
    for size in (1, MAX_SIZE):
        assert await LISTS[name](world.services, alice, id_, PageRequest(first=size))
