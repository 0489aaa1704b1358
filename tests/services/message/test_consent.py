"""Consent: nobody is put into a group by who may not write to them, and each of its members answers for themselves."""

import itertools
from typing import Any

import pytest

from models.inbox import Folder
from models.member import RequestState
from models.setting import Audience, OutsideAction
from services.error import PermissionDenied, RecipientsRejected
from services.message.draft import Draft
from services.message.inbox import ConversationFilter
from services.page import PageRequest
from services.person.policy import Eligibility
from services.person.setting import SettingsChange
from services.rejection import RecipientRejection, RecipientRejectionReason
from services.viewer import Viewer
from tests.services.conftest import MakeWorld, World, kinds_after, listed, named, refused
from tests.services.live.test_private import Ear
from tests.services.message.test_send import png

Reason = RecipientRejectionReason
REQUESTS = ConversationFilter(folder=Folder.REQUESTS)


async def choose(world: World, viewer: Viewer, **change: object) -> None:
    """Settings of a person."""
    await world.services.setting.change(viewer, SettingsChange(**change))  # type: ignore[arg-type]


async def closed(world: World, *names: str) -> None:
    """Their inboxes are for nobody; what comes waits as a request."""
    for name in names:
        await choose(world, world.viewers[name], accept_from=Audience.NOBODY)


async def rejections(world: World, viewer: Viewer, *names: str, **to: Any) -> list[RecipientRejection]:
    """Whom a send names as offenders; nothing came of it."""
    return list((await refused(world, world.send(viewer, *names, **to), RecipientsRejected)).rejections)


async def reasons(world: World, viewer: Viewer, *names: str, **to: Any) -> list[Reason]:
    """Why a send is refused; nothing came of it."""
    return [each.reason for each in await rejections(world, viewer, *names, **to)]


async def state_of(world: World, viewer: Viewer, place: int) -> RequestState:
    """How a conversation stands on one side."""
    view = await world.services.conversation.find(viewer, place)
    assert view is not None
    return RequestState(view.row.request_state)


async def texts(world: World, viewer: Viewer, place: int) -> list[str | None]:
    """All that somebody sees of a conversation."""
    page = await world.services.message.page_of(viewer, place, PageRequest(first=200))
    return [each.row.body for each in page.items]


@pytest.mark.parametrize("action", OutsideAction)
@pytest.mark.parametrize("inbox", Audience)
async def test_a_third_person_leads_around_no_inbox(world: World, inbox: Audience, action: OutsideAction) -> None:
    """For every setting and relation: what refuses a message refuses the group, and what makes it wait makes that wait.

    Who may add to groups is at most who may write; the third person, who lets everybody in, is in it at once.
    """
    bob, _carol = await world.people("bob", "carol")
    for number, (groups, follows) in enumerate(itertools.product(Audience, (False, True))):
        sender, name = await world.person(f"sender{number}"), f"sender{number}"
        await choose(world, bob, accept_from=inbox, from_others=action, add_to_groups=groups)
        assert (await world.services.setting.get(bob)).add_to_groups is max(inbox, groups)
        if follows:
            await world.services.relation.follow(bob, named(name)[0])
        alone = await world.services.user.find(sender, named("bob")[0])
        assert alone is not None
        is_in = max(inbox, groups) is Audience.EVERYONE or (follows and max(inbox, groups) is Audience.FOLLOWED_BY_ME)

        if is_in or action is OutsideAction.REQUEST:
            place = await world.send(sender, "bob", "carol") >> 27
            expected = RequestState.NONE if is_in else RequestState.PENDING
            assert [await state_of(world, each, place) for each in (bob, _carol)] == [expected, RequestState.NONE]
            assert await state_of(world, sender, place) is RequestState.NONE
        else:
            [reason] = await reasons(world, sender, "bob", "carol")
            is_nobodys = max(inbox, groups) is Audience.NOBODY
            assert reason is (Reason.NOT_ACCEPTING if is_nobodys else Reason.MUST_BE_FOLLOWED)
        assert alone.eligibility.may_send or not is_in


async def test_the_narrower_of_two_choices_holds_and_both_are_kept(world: World) -> None:
    """`whoMayAddToGroups` shows what holds; a wider inbox brings the choice back."""
    (bob,) = await world.people("bob")
    await choose(world, bob, add_to_groups=Audience.FOLLOWED_BY_ME, accept_from=Audience.NOBODY)
    narrow = await world.services.setting.get(bob)
    await choose(world, bob, accept_from=Audience.EVERYONE)

    assert narrow.add_to_groups is Audience.NOBODY
    assert (await world.services.setting.get(bob)).add_to_groups is Audience.FOLLOWED_BY_ME


async def test_a_group_waits_for_each_alone(world: World) -> None:
    """In the requests of who is asked, in the inbox of the others; who accepts does so for themselves, and all hear."""
    alice, bob, carol, dave = await world.people("alice", "bob", "carol", "dave")
    await closed(world, "bob", "dave")
    place = await world.send(alice, "bob", "carol", "dave") >> 27
    await world.send(carol, conversation_id=place)

    assert (await listed(world, bob), await listed(world, bob, REQUESTS)) == ([], [place])
    assert (await listed(world, carol), await listed(world, carol, REQUESTS)) == ([place], [])
    assert (await world.services.conversation.unread(bob)).messages == 0
    await world.services.receipt.mark_read(bob, place, None)
    view = await world.services.conversation.find(alice, place)
    assert view is not None
    assert {each.person.row.username: each.read_seq for each in view.others} == {"bob": None, "carol": 2, "dave": None}
    n = [await world.services.stream.position(each) for each in (alice, carol)]
    await world.services.request.accept(bob, place)

    states = [await state_of(world, each, place) for each in (alice, bob, carol, dave)]
    assert states == [RequestState.NONE, RequestState.ACCEPTED, RequestState.NONE, RequestState.PENDING]
    for each, position in zip((alice, carol), n, strict=True):
        assert await kinds_after(world, each, position) == ["CONVERSATION_UPDATED"]
    assert await listed(world, bob) == [place]


@pytest.mark.parametrize("by", ["accepting", "answering"])
async def test_who_has_not_answered_gets_as_much_as_a_request_holds(world: World, by: str) -> None:
    """The rest is not felt, found or counted, while the others go on; with the answer all of it is there."""
    alice, bob, carol = await world.people("alice", "bob", "carol")
    await closed(world, "bob")
    place = await world.send(alice, "bob", "carol", text="one") >> 27
    for text in ("two", "three"):
        await world.send(carol, conversation_id=place, text=text)
    ear = await Ear(world, bob).open()
    fourth = await world.send(alice, "bob", "carol", text="four")
    await world.send(carol, conversation_id=place, text="five")
    await world.services.edit.edit(alice, fourth, "four!", None)
    felt = [*(await ear.sounds())[0]]
    withheld = await texts(world, bob, place)
    assert await world.services.message.find_many(bob, [fourth]) == {}
    n = await world.services.stream.position(bob)
    if by == "accepting":
        await world.services.request.accept(bob, place)
    else:
        await world.send(bob, conversation_id=place, text="six")
    view = await world.services.conversation.find(bob, place)

    assert felt == []
    assert withheld == ["one", "two", "three"]
    assert (
        await texts(world, carol, place)
        == ["one", "two", "three", "four!", "five", "six"][: 5 if by == "accepting" else 6]
    )
    assert await texts(world, bob, place) == await texts(world, carol, place)
    assert view is not None
    assert view.last_message is not None
    assert (view.last_message.row.body, view.row.unread) == (("five", 5) if by == "accepting" else ("six", 0))
    kinds = await kinds_after(world, bob, n)
    assert kinds[:2] == ["CONVERSATION_REMOVED", "CONVERSATION_UPDATED"]
    assert await listed(world, bob) == [place]


async def test_requests_hold_a_few_messages_in_all(world: World) -> None:
    """REQUEST_PENDING past `maxRequestMessages`, however they are spread over conversations; nothing comes of it."""
    alice, bob, _carol, _dave = await world.people("alice", "bob", "carol", "dave")
    await closed(world, "bob")
    place = await world.send(alice, "bob") >> 27
    await world.send(alice, "bob", "carol")
    await world.send(alice, conversation_id=place)

    for names in (("bob",), ("carol", "dave", "bob"), ("bob", "dave")):
        [refusal] = await rejections(world, alice, *names)
        assert (refusal.reason, refusal.index) == (Reason.REQUEST_PENDING, names.index("bob"))
    assert await reasons(world, alice, conversation_id=place) == [Reason.REQUEST_PENDING]
    assert await world.send(alice, "bob", "carol", text="to carol, who has it")
    assert len(await listed(world, bob, REQUESTS)) == 2
    person = await world.services.user.find(alice, named("bob")[0])
    assert person is not None
    assert person.eligibility is Eligibility.REQUEST_PENDING
    await world.services.request.accept(bob, place)
    assert await world.send(alice, "bob", "dave")


async def test_a_request_that_waits_makes_a_group_wait_too(world: World) -> None:
    """Also once the inbox is open to everybody: the question that was asked is answered first."""
    alice, bob, _carol = await world.people("alice", "bob", "carol")
    await closed(world, "bob")
    await world.send(alice, "bob")
    await choose(world, bob, accept_from=Audience.EVERYONE)
    place = await world.send(alice, "bob", "carol") >> 27

    assert await state_of(world, bob, place) is RequestState.PENDING


async def test_full_requests_are_no_reason_where_the_sender_has_blocked(world: World) -> None:
    """The block is theirs to lift, and is what they are told."""
    alice, _bob = await world.people("alice", "bob")
    await closed(world, "bob")
    for _ in range(3):
        await world.send(alice, "bob")
    await world.services.block.block(alice, named("bob")[0])

    assert await reasons(world, alice, "bob") == [Reason.BLOCKED_BY_VIEWER]


async def test_a_group_that_nobody_has_agreed_to_holds_a_few_messages(world: World) -> None:
    """As a request to one person does; what is said beforehand is what the send says."""
    alice, _bob, carol = await world.people("alice", "bob", "carol")
    await closed(world, "bob", "carol")
    place = await world.send(alice, "bob", "carol") >> 27
    for _ in range(2):
        view = await world.services.conversation.find(alice, place)
        assert view is not None
        assert view.send_restriction is None
        await world.send(alice, conversation_id=place)
    view = await world.services.conversation.find(alice, place)
    assert view is not None
    assert view.send_restriction is Eligibility.REQUEST_PENDING
    for to in ({"conversation_id": place}, {"users": named("bob", "carol")}):
        refusal = await refused(world, world.send(alice, **to), RecipientsRejected)
        assert {each.reason for each in refusal.rejections} == {Reason.REQUEST_PENDING}
    await world.services.request.accept(carol, place)
    assert await world.send(alice, conversation_id=place)


@pytest.mark.parametrize("first", ["alone", "in a group"])
async def test_a_decline_binds_alone_and_in_groups(world: World, first: str) -> None:
    """Who was declined can neither write nor make a group, whatever the settings become; others of the group can."""
    alice, bob, carol, _dave = await world.people("alice", "bob", "carol", "dave")
    await closed(world, "bob")
    place = await world.send(alice, *(["bob"] if first == "alone" else ["bob", "carol"])) >> 27
    await world.services.request.decline(bob, place, block=False)
    await choose(world, bob, accept_from=Audience.EVERYONE)

    for names in (("bob",), ("bob", "dave"), ("bob", "carol")):
        assert await reasons(world, alice, *names) == [Reason.NOT_ACCEPTING], names
    assert await world.send(carol, "bob", "alice", "dave")
    assert await world.send(carol, "bob")
    await world.services.request.accept(bob, place)
    assert await world.send(alice, "bob", "dave")


async def test_a_declined_group_goes_on_without_a_sound(world: World) -> None:
    """The others write, and who asked is not told; nothing comes to who declined until they accept after all."""
    alice, bob, carol = await world.people("alice", "bob", "carol")
    await closed(world, "bob")
    place = await world.send(alice, "bob", "carol", text="one") >> 27
    n = await world.services.stream.position(alice)
    await world.services.request.decline(bob, place, block=False)
    assert await kinds_after(world, alice, n) == []
    ear = await Ear(world, bob).open()
    await world.send(carol, conversation_id=place, text="two")
    await world.send(alice, conversation_id=place, text="three")
    await world.services.receipt.mark_read(carol, place, None)
    await world.services.presence.type(carol, place, is_typing=True)

    assert await ear.sounds() == ([], 0)
    assert (await listed(world, bob), await listed(world, bob, REQUESTS)) == ([], [])
    assert await texts(world, bob, place) == ["one"]
    await world.services.request.accept(bob, place)
    assert await texts(world, bob, place) == ["one", "two", "three"]


async def test_a_decline_of_a_group_blocks_who_asked_and_nobody_else(world: World) -> None:
    """The third person has done nothing."""
    alice, bob, _carol = await world.people("alice", "bob", "carol")
    await closed(world, "bob")
    place = await world.send(alice, "bob", "carol") >> 27
    sender = await world.services.request.decline(bob, place, block=True)

    assert sender is not None
    assert sender.row.id == alice.user_id
    blocked = await world.services.block.page_of(bob, PageRequest())
    assert [person.row.id for person, _at in blocked.items] == [alice.user_id]


async def asked_by(world: World, viewer: Viewer, place: int) -> str | None:
    """Whom a conversation names as having asked its viewer."""
    view = await world.services.conversation.find(viewer, place)
    assert view is not None
    return None if view.requested_by is None else view.requested_by.row.username


async def test_a_request_names_who_asked_to_who_was_asked_alone(world: World) -> None:
    """Not the first other member, who may be a friend; also once it was answered, and when the maker has left."""
    carol, alice, bob, dave = await world.people("carol", "alice", "bob", "dave")
    await closed(world, "bob", "dave")
    place = await world.send(alice, "carol", "bob", "dave") >> 27
    await world.send(carol, conversation_id=place, text="the newest is of somebody else")
    pair = await world.send(alice, "bob") >> 27

    assert [await asked_by(world, each, place) for each in (bob, dave)] == ["alice", "alice"]
    assert [await asked_by(world, each, place) for each in (alice, carol)] == [None, None]
    assert [await asked_by(world, each, pair) for each in (bob, alice)] == ["alice", None]
    await world.services.request.accept(bob, place)
    await world.services.request.decline(dave, place, block=True)
    await world.services.preference.leave(alice, place)
    assert [await asked_by(world, each, place) for each in (bob, dave)] == ["alice", "alice"]
    assert await asked_by(world, carol, place) is None


async def edit(world: World, id_: int) -> None:
    """Another text."""
    await world.services.edit.edit(world.viewers["alice"], id_, "heard?", None)


async def react(world: World, id_: int) -> None:
    """An emoji."""
    await world.services.reaction.react(world.viewers["alice"], id_, "👍", is_set=True)


async def delete(world: World, id_: int) -> None:
    """For everyone, without a trace or with one."""
    await world.services.deletion.delete_for_everyone(world.viewers["alice"], id_)


async def leave(world: World, id_: int) -> None:
    """The maker goes."""
    await world.services.preference.leave(world.viewers["alice"], id_ >> 27)


async def make_thumbnails(world: World, _id: int) -> None:
    """Of a picture that came with the message."""
    await world.services.sweeper.shrink()


async def accept(world: World, id_: int) -> None:
    """Somebody else who was asked agrees."""
    await world.services.request.accept(world.viewers["dave"], id_ >> 27)


async def answer(world: World, id_: int) -> None:
    """Somebody else who was asked agrees by a message."""
    await world.send(world.viewers["dave"], conversation_id=id_ >> 27)


CHANGES = [edit, react, delete, leave, make_thumbnails, accept, answer]


@pytest.mark.parametrize("silent_seconds", [0, 60])
@pytest.mark.parametrize("change", CHANGES, ids=lambda each: each.__name__)
async def test_no_change_is_felt_by_who_has_declined(make_world: MakeWorld, change: Any, silent_seconds: int) -> None:
    """Of a message that they had, they feel as little as of new ones; the others do."""
    world = await make_world(silent_delete_window_seconds=silent_seconds)
    alice, bob, carol, _dave = await world.people("alice", "bob", "carol", "dave")
    await closed(world, "bob", "dave")
    id_ = await world.send(alice, "bob", "carol", "dave", files=[await world.file(png(), "a.png")])
    await world.services.request.decline(bob, id_ >> 27, block=True)
    ears = [await Ear(world, each).open() for each in (bob, carol)]
    await change(world, id_)

    assert await ears[0].sounds() == ([], 0)
    heard, grown = await ears[1].sounds()
    assert len(heard) == grown > 0


async def test_who_has_declined_hears_on_another_device_what_they_did_themselves(world: World) -> None:
    """A delete for oneself in what was declined is still their own."""
    alice, bob = await world.people("alice", "bob")
    await closed(world, "bob")
    id_ = await world.send(alice, "bob")
    await world.services.request.decline(bob, id_ >> 27, block=False)
    n = await world.services.stream.position(bob)
    await world.services.deletion.delete_for_me(bob, id_)

    assert await kinds_after(world, bob, n) == ["MESSAGE_REMOVED", "CONVERSATION_UPDATED"]


async def test_no_edit_of_a_direct_request_is_felt_once_it_was_declined(world: World) -> None:
    """Who was declined cannot go on writing by editing what they had sent."""
    alice, bob = await world.people("alice", "bob")
    await closed(world, "bob")
    id_ = await world.send(alice, "bob")
    await world.services.request.decline(bob, id_ >> 27, block=False)
    ear = await Ear(world, bob).open()
    await edit(world, id_)
    await react(world, id_)
    await delete(world, id_)

    assert await ear.sounds() == ([], 0)


@pytest.mark.parametrize("is_declined", [False, True])
async def test_leaving_does_not_undo_a_decline(world: World, is_declined: bool) -> None:
    """With the row a decline would be gone, and so would the request, and the same person could ask anew."""
    alice, bob, _carol, _dave = await world.people("alice", "bob", "carol", "dave")
    await closed(world, "bob")
    place = await world.send(alice, "bob", "carol") >> 27
    if is_declined:
        await world.services.request.decline(bob, place, block=False)
    await refused(world, world.services.preference.leave(bob, place), PermissionDenied, match="declin")

    assert (await reasons(world, alice, "bob", "dave") if is_declined else []) == (
        [Reason.NOT_ACCEPTING] if is_declined else []
    )
    await world.services.request.accept(bob, place)
    await world.services.preference.leave(bob, place)
    assert await world.services.conversation.find(bob, place) is None


async def test_what_was_cleared_is_not_unread_with_the_answer(world: World) -> None:
    """Also where it was marked as unread since: only what was withheld is counted."""
    alice, bob, _carol = await world.people("alice", "bob", "carol")
    await closed(world, "bob")
    first = await world.send(alice, "bob", "carol")
    place = first >> 27
    for _ in range(4):
        await world.send(alice, conversation_id=place)
    await world.services.preference.clear(bob, place, None)
    await world.services.receipt.mark_unread(bob, place, first)
    view = await world.services.request.accept(bob, place)

    assert (view.row.unread, len(await texts(world, bob, place))) == (2, 2)


async def test_a_group_stays_usable_for_who_agreed_to_it(world: World) -> None:
    """A setting is asked for a new group; what is there goes on, for who accepted and for who was let in at once."""
    alice, bob, carol = await world.people("alice", "bob", "carol")
    await closed(world, "bob")
    place = await world.send(alice, "bob", "carol") >> 27
    await world.services.request.accept(bob, place)
    for viewer in (alice, bob, carol):
        await choose(world, viewer, accept_from=Audience.NOBODY, from_others=OutsideAction.REJECT)
    for viewer, others in ((alice, ("bob", "carol")), (bob, ("alice", "carol")), (carol, ("alice", "bob"))):
        await world.send(viewer, *others)
        await world.send(viewer, conversation_id=place)

    assert {len(await texts(world, viewer, place)) for viewer in (alice, bob, carol)} == {7}


async def test_who_was_asked_into_a_group_has_answered_for_every_message(make_world: MakeWorld) -> None:
    """`SOTTO_AUDIENCE_FOR_EACH_SEND`: an audience is asked of those who were let in, not of those who accepted."""
    world = await make_world(audience_for_each_send=True)
    alice, bob, carol = await world.people("alice", "bob", "carol")
    await closed(world, "bob")
    place = await world.send(alice, "bob", "carol") >> 27
    for is_accepted in (False, True):
        if is_accepted:
            await world.services.request.accept(bob, place)
        await world.send(alice, conversation_id=place)
        id_ = await world.send(alice, "bob", "carol")
        await world.services.edit.edit(alice, id_, "better", None)
        view = await world.services.conversation.find(alice, place)
        assert view is not None
        assert (view.send_restriction, view.is_reachable) == (None, True)
    await choose(world, carol, accept_from=Audience.NOBODY)

    for to in ({"conversation_id": place}, {"users": named("bob", "carol")}):
        found = await rejections(world, alice, **to)
        assert [(each.reason, each.user_id) for each in found] == [(Reason.NOT_ACCEPTING, carol.user_id)]


async def test_a_block_holds_in_a_group_of_which_two_are_left(world: World) -> None:
    """It is a group still: the message is stored, and never comes to who has blocked its sender."""
    alice, bob, carol = await world.people("alice", "bob", "carol")
    place = await world.send(alice, "bob", "carol", text="one") >> 27
    await world.services.preference.leave(carol, place)
    await world.services.block.block(bob, named("alice")[0])
    await world.send(alice, conversation_id=place, text="two")

    assert await texts(world, bob, place) == ["one"]


async def test_what_was_withheld_and_edited_during_a_block_does_not_come_with_the_answer(world: World) -> None:
    """An edit is written during the block, as a new message is; what was not edited is there."""
    alice, bob, carol = await world.people("alice", "bob", "carol")
    await closed(world, "bob")
    place = await world.send(alice, "bob", "carol", text="one") >> 27
    sent = [await world.send(carol, conversation_id=place, text=text) for text in ("two", "three", "four", "five")]
    await world.services.block.block(bob, named("carol")[0])
    await world.services.edit.edit(carol, sent[-1], "five!", None)

    await world.services.request.accept(bob, place)

    assert await texts(world, bob, place) == ["one", "two", "three", "four"]
    assert (await world.services.message.find_many(bob, sent[-1:])) == {}
    assert await texts(world, alice, place) == ["one", "two", "three", "four", "five!"]


async def refuse(world: World) -> None:
    """An inbox that lets nobody in."""
    await choose(world, world.viewers["bob"], accept_from=Audience.NOBODY, from_others=OutsideAction.REJECT)


async def only_followed(world: World) -> None:
    """An inbox for people whom bob follows."""
    await choose(world, world.viewers["bob"], accept_from=Audience.FOLLOWED_BY_ME, from_others=OutsideAction.REJECT)


async def fill(world: World) -> None:
    """Three requests, and no answer."""
    await closed(world, "bob")
    for _ in range(3):
        await world.send(world.viewers["alice"], "bob")


async def decline(world: World) -> None:
    """One request, and a no."""
    await closed(world, "bob")
    place = await world.send(world.viewers["alice"], "bob") >> 27
    await world.services.request.decline(world.viewers["bob"], place, block=False)


@pytest.mark.parametrize("before", [refuse, only_followed, fill, decline], ids=lambda each: each.__name__)
async def test_a_block_looks_like_what_refuses_without_it(make_world: MakeWorld, before: object) -> None:
    """Where an inbox is closed to somebody already, a block changes nothing that they can see, at any door."""
    seen = []
    for is_blocked in (False, True):
        world = await make_world()
        alice, bob, carol = await world.people("alice", "bob", "carol")
        await before(world)  # type: ignore[operator]
        if is_blocked:
            await world.services.block.block(bob, named("alice")[0])
        services = world.services
        person = await services.user.find(alice, named("bob")[0])
        assert person is not None
        said: list[object] = [person.eligibility, (await services.presence.find_many(alice, [bob.user_id])) == {}]
        for names in (("bob",), ("bob", "carol")):
            said += [(each.reason, each.detail, each.index) for each in await rejections(world, alice, *names)]
        outcomes = await services.send.send_to_each(alice, Draft(text="Hello", users=named("bob")))
        said += [each.rejection and each.rejection.detail for each in outcomes]
        said.append(
            [each.row.username for each in (await services.user.page_of_messageable(alice, "bo", PageRequest())).items]
        )
        for place in await listed(world, alice):
            view = await services.conversation.find(alice, place)
            assert view is not None
            said += [view.send_restriction, [each.read_seq for each in view.others], view.row.request_state]
            said += [(each.reason, each.detail) for each in await rejections(world, alice, conversation_id=place)]
            _view, until = await services.presence.type(alice, place, is_typing=True)
            said.append(until is not None)
        assert carol
        seen.append(said)

    assert seen[0] == seen[1]


async def test_a_stranger_cannot_tell_a_block_from_an_inbox_that_is_closed(make_world: MakeWorld) -> None:
    """Who never wrote sees the same words for both, alone and in a group."""
    seen = []
    for is_blocked in (False, True):
        world = await make_world()
        alice, bob, _carol = await world.people("alice", "bob", "carol")
        if is_blocked:
            await world.services.block.block(bob, named("alice")[0])
        else:
            await refuse(world)
        person = await world.services.user.find(alice, named("bob")[0])
        assert person is not None
        found = [await rejections(world, alice, *names) for names in (("bob",), ("carol", "bob"))]
        seen.append([person.eligibility, *[(each.reason, each.detail, each.index) for some in found for each in some]])

    assert seen[0] == seen[1]
