"""Who may write to whom: what is said before a send is what the send says, whatever stands between two people."""

import itertools

import pytest

from models.setting import Audience, OutsideAction
from services.error import NotFound, PermissionDenied, RecipientsRejected
from services.message.draft import Draft
from services.page import PageRequest
from services.person.policy import Eligibility
from services.person.setting import SettingsChange
from services.rejection import RecipientRejectionReason
from services.viewer import Viewer
from tests.services.conftest import MakeWorld, World, named, refused

Reason = RecipientRejectionReason
SENT_AS = {Eligibility.ALLOWED: 0, Eligibility.ALLOWED_AS_REQUEST: 1}
REFUSED_AS = {
    Eligibility.BLOCKED_BY_VIEWER: Reason.BLOCKED_BY_VIEWER,
    Eligibility.MUST_BE_FOLLOWED: Reason.MUST_BE_FOLLOWED,
    Eligibility.NOT_ACCEPTING: Reason.NOT_ACCEPTING,
}


async def choose(world: World, viewer: Viewer, **change: object) -> None:
    """Settings of a person."""
    await world.services.setting.change(viewer, SettingsChange(**change))  # type: ignore[arg-type]


async def eligibility(world: World, viewer: Viewer, name: str) -> Eligibility:
    """What is said beforehand."""
    person = await world.services.user.find(viewer, named(name)[0])
    assert person is not None
    return person.eligibility


async def reason_of(world: World, viewer: Viewer, *names: str) -> list[tuple[int, Reason]]:
    """Why a send is refused; nothing comes of it."""
    before = await world.stored()
    with pytest.raises(RecipientsRejected) as refused:
        await world.send(viewer, *names)
    assert await world.stored() == before
    return [(each.index, each.reason) for each in refused.value.rejections]


@pytest.mark.parametrize("audience", Audience)
@pytest.mark.parametrize("action", OutsideAction)
async def test_what_is_said_beforehand_is_what_the_send_says(
    world: World, audience: Audience, action: OutsideAction
) -> None:
    """SelfCommunity's pre-check and search, for every relation; a third person's relations play no part."""
    bob, carol = await world.people("bob", "carol")
    await choose(world, bob, accept_from=audience, from_others=action)
    relation, block = world.services.relation, world.services.block
    for number, flags in enumerate(itertools.product([False, True], repeat=4)):
        follows, followed, blocks, blocked = flags
        name = f"sender{number}"
        sender = await world.person(name)
        if follows:
            await relation.follow(sender, named("bob")[0])
        if followed:
            await relation.follow(bob, named(name)[0])
        if blocks:
            await block.block(sender, named("bob")[0])
        if blocked:
            await block.block(bob, named(name)[0])
        await relation.follow(carol, named(name)[0])

        said = await eligibility(world, sender, "bob")
        listed = await world.services.user.page_of_messageable(sender, "bob", PageRequest())
        assert [person.row.username for person in listed.items] == (["bob"] if said.may_send else [])
        if said.may_send:
            id_ = await world.send(sender, "bob")
            view = await world.services.conversation.find(bob, id_ >> 27)
            assert view is not None
            assert view.row.request_state == SENT_AS[said], flags
        else:
            assert await reason_of(world, sender, "bob") == [(0, REFUSED_AS[said])], flags


@pytest.mark.parametrize(
    ("audience", "follow", "expected"),
    [
        (Audience.EVERYONE, (), Eligibility.ALLOWED),
        (Audience.FOLLOWED_BY_ME, ("mine",), Eligibility.MUST_BE_FOLLOWED),
        (Audience.FOLLOWED_BY_ME, ("theirs",), Eligibility.ALLOWED),
        (Audience.MUTUAL_FOLLOWS, ("theirs",), Eligibility.MUST_BE_FOLLOWED),
        (Audience.MUTUAL_FOLLOWS, ("mine", "theirs"), Eligibility.ALLOWED),
        (Audience.NOBODY, ("mine", "theirs"), Eligibility.NOT_ACCEPTING),
    ],
)
async def test_an_audience_lets_in_whom_it_names(
    world: World, audience: Audience, follow: tuple[str, ...], expected: Eligibility
) -> None:
    """SelfCommunity: with FOLLOWED_BY_ME the sender must be followed by the recipient, not the other way round."""
    alice, bob = await world.people("alice", "bob")
    await choose(world, bob, accept_from=audience, from_others=OutsideAction.REJECT)
    if "mine" in follow:
        await world.services.relation.follow(alice, named("bob")[0])
    if "theirs" in follow:
        await world.services.relation.follow(bob, named("alice")[0])

    assert await eligibility(world, alice, "bob") is expected


async def test_whoever_was_written_to_may_always_answer(world: World) -> None:
    """Zulip: the audience is asked for opening a conversation, never for going on with one."""
    alice, bob = await world.people("alice", "bob")
    await choose(world, alice, accept_from=Audience.NOBODY, from_others=OutsideAction.REJECT)
    await world.send(alice, "bob")

    assert await eligibility(world, bob, "alice") is Eligibility.ALLOWED
    await world.send(bob, "alice", text="An answer")
    await choose(world, bob, accept_from=Audience.NOBODY, from_others=OutsideAction.REJECT)
    await world.send(alice, "bob", text="And on")


async def test_a_new_group_names_every_member_whose_setting_stands_in_the_way(world: World) -> None:
    """`whoMayAddToGroups`; once the group is there, its members write."""
    alice, bob, carol, dave = await world.people("alice", "bob", "carol", "dave")
    await choose(world, bob, add_to_groups=Audience.FOLLOWED_BY_ME, from_others=OutsideAction.REJECT)
    await choose(world, dave, add_to_groups=Audience.NOBODY, from_others=OutsideAction.REJECT)

    refused = await reason_of(world, alice, "bob", "carol", "dave")
    await world.services.relation.follow(bob, named("alice")[0])
    await choose(world, dave, add_to_groups=Audience.EVERYONE)
    await world.send(alice, "bob", "carol", "dave")
    await choose(world, dave, add_to_groups=Audience.NOBODY)
    await world.services.relation.unfollow(bob, named("alice")[0])

    assert refused == [(0, Reason.MUST_BE_FOLLOWED), (2, Reason.NOT_ACCEPTING)]
    assert await world.send(carol, "alice", "bob", "dave", text="again")


async def test_each_of_several_is_asked_for_themselves(world: World) -> None:
    """`sendPrivateMessageToEach`: one function for every path."""
    alice, bob, _carol, dave = await world.people("alice", "bob", "carol", "dave")
    await choose(world, bob, accept_from=Audience.FOLLOWED_BY_ME, from_others=OutsideAction.REJECT)
    await choose(world, dave, accept_from=Audience.NOBODY)
    draft = Draft(text="Hello", users=named("bob", "carol", "dave"))

    outcomes = await world.services.send.send_to_each(alice, draft)

    assert [each.rejection.reason if each.rejection else None for each in outcomes] == [
        Reason.MUST_BE_FOLLOWED, None, None,
    ]  # fmt: skip
    assert await world.services.conversation.count_requests(dave) == 1


async def test_the_server_sets_the_default_and_the_widest_audience(make_world: MakeWorld) -> None:
    """FOLLOWED_BY_ME and REJECT for all are SelfCommunity's rule; a wider choice is refused, an old one narrowed."""
    world = await make_world(
        accept_messages_from=Audience.MUTUAL_FOLLOWS,
        widest_audience=Audience.FOLLOWED_BY_ME,
        from_others=OutsideAction.REJECT,
    )
    alice, bob = await world.people("alice", "bob")
    assert (await world.services.setting.get(bob)).accept_from is Audience.MUTUAL_FOLLOWS
    for change in ({"accept_from": Audience.EVERYONE}, {"add_to_groups": Audience.EVERYONE}):
        await refused(world, choose(world, bob, **change), PermissionDenied)
    await choose(world, bob, accept_from=Audience.FOLLOWED_BY_ME)

    assert await reason_of(world, alice, "bob") == [(0, Reason.MUST_BE_FOLLOWED)]
    await world.services.relation.follow(bob, named("alice")[0])
    assert await eligibility(world, alice, "bob") is Eligibility.ALLOWED


async def test_a_setting_is_told_to_ones_own_devices_and_null_keeps_it(world: World) -> None:
    """SettingsChanged; what changes nothing tells nobody, and nobody else hears."""
    alice, bob = await world.people("alice", "bob")
    stream = world.services.stream
    await choose(world, alice, accept_from=Audience.NOBODY, send_typing=False)
    await choose(world, alice, accept_from=None, send_typing=False)

    settings = await world.services.setting.get(alice)
    assert (settings.accept_from, settings.send_typing, settings.send_read_receipts) == (Audience.NOBODY, False, True)
    assert [(await stream.position(viewer)).n for viewer in (alice, bob)] == [1, 0]


async def test_follows_and_mutes_are_ones_own_and_twice_is_once(world: World) -> None:
    """Only the followed one sees a follow; a mute is seen by nobody else."""
    alice, bob, carol = await world.people("alice", "bob", "carol")
    relation, users = world.services.relation, world.services.user
    for _ in range(2):
        await relation.follow(alice, named("bob")[0])
        muted = await relation.mute(alice, named("bob")[0])
    seen = {
        name: (await users.find(viewer, named(other)[0]))
        for name, viewer, other in (("bob", bob, "alice"), ("carol", carol, "alice"))
    }

    assert (muted.relation.is_followed, muted.relation.has_muted, muted.relation.is_following) == (1, 1, 0)
    assert seen["bob"]
    assert (seen["bob"].relation.is_following, seen["bob"].relation.has_muted) == (1, 0)
    assert seen["carol"]
    assert (seen["carol"].relation.is_following, seen["carol"].relation.is_followed) == (0, 0)
    page = await relation.page_of_muted(alice, PageRequest())
    assert [person.row.username for person, _at in page.items] == ["bob"]
    assert (await relation.page_of_muted(bob, PageRequest())).items == []
    await relation.unmute(alice, named("bob")[0])
    await relation.unfollow(alice, named("bob")[0])
    with pytest.raises(NotFound):
        await relation.follow(alice, named("nobody")[0])


@pytest.mark.parametrize("kind", ["block", "follow", "mute"])
async def test_what_somebody_takes_back_is_their_own(world: World, kind: str) -> None:
    """Of two who did the same to the same person, and of two of one: one ends, and the others stay."""
    alice, bob, _carol, _dave = await world.people("alice", "bob", "carol", "dave")
    service = world.services.block if kind == "block" else world.services.relation
    begin, end = getattr(service, kind), getattr(service, f"un{kind}")
    for viewer in (alice, bob):
        for other in ("carol", "dave"):
            await begin(viewer, named(other)[0])
    await end(alice, named("carol")[0])
    shown = {"block": "has_blocked", "follow": "is_followed", "mute": "has_muted"}[kind]

    found = [
        (viewer.user_id, person.row.username)
        for viewer in (alice, bob)
        for other in ("carol", "dave")
        if (person := await world.services.user.find(viewer, named(other)[0])) and getattr(person.row, shown)
    ]
    assert found == [(alice.user_id, "dave"), (bob.user_id, "carol"), (bob.user_id, "dave")]


async def test_where_the_audience_is_asked_for_each_send_an_unfollow_ends_a_conversation(make_world: MakeWorld) -> None:
    """SelfCommunity: the sender must be followed by the recipient, whatever was said before; by no door around it."""
    world = await make_world(
        accept_messages_from=Audience.FOLLOWED_BY_ME,
        from_others=OutsideAction.REJECT,
        who_may_add_to_groups=Audience.FOLLOWED_BY_ME,
        audience_for_each_send=True,
    )
    alice, bob, carol = await world.people("alice", "bob", "carol")
    relation = world.services.relation
    for follower in (bob, carol):
        await relation.follow(follower, named("alice")[0])
    direct, group = await world.send(alice, "bob"), await world.send(alice, "bob", "carol")
    answer = [await reason_of(world, bob, "alice"), await eligibility(world, bob, "alice")]
    await relation.unfollow(bob, named("alice")[0])

    assert answer == [[(0, Reason.MUST_BE_FOLLOWED)], Eligibility.MUST_BE_FOLLOWED]
    assert await eligibility(world, alice, "bob") is Eligibility.MUST_BE_FOLLOWED
    assert await reason_of(world, alice, "bob") == [(0, Reason.MUST_BE_FOLLOWED)]
    assert await reason_of(world, alice, "carol", "bob") == [(1, Reason.MUST_BE_FOLLOWED)]
    for place in (direct >> 27, group >> 27):
        into = world.send(alice, conversation_id=place)
        assert [each.reason for each in (await refused(world, into, RecipientsRejected)).rejections] == [
            Reason.MUST_BE_FOLLOWED
        ]
        view = await world.services.conversation.find(alice, place)
        assert view is not None
        assert (view.send_restriction, view.is_reachable) == (Eligibility.MUST_BE_FOLLOWED, False)
    for id_ in (direct, group):
        await refused(world, world.services.edit.edit(alice, id_, "else", None), PermissionDenied)
        await refused(world, world.services.reaction.react(alice, id_, "👍", is_set=True), PermissionDenied)
    [outcome] = await world.services.send.send_to_each(alice, Draft(text="Hello", users=named("bob")))
    assert outcome.rejection is not None
    assert outcome.rejection.reason is Reason.MUST_BE_FOLLOWED

    await relation.follow(bob, named("alice")[0])
    assert await world.send(alice, conversation_id=group >> 27, text="again") == group + 1
    assert (await world.services.edit.edit(alice, direct, "else", None)).row.body == "else"


async def test_an_accepted_request_is_as_good_as_a_follow_for_each_send(make_world: MakeWorld) -> None:
    """Whoever accepted has agreed to the sender, and who asked has agreed to be answered."""
    world = await make_world(accept_messages_from=Audience.FOLLOWED_BY_ME, audience_for_each_send=True)
    alice, bob = await world.people("alice", "bob")
    place = await world.send(alice, "bob") >> 27

    assert await eligibility(world, bob, "alice") is Eligibility.ALLOWED
    await world.services.request.accept(bob, place)
    for sender, other in ((alice, "bob"), (bob, "alice"), (alice, "bob")):
        assert await eligibility(world, sender, other) is Eligibility.ALLOWED
        await world.send(sender, other)
