"""What a screen needs in one request: the ticks, the first unread message, the viewer's own place and their answer."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gql.id import Kind, encode, number_of
from models.base import conversation_of, message_id
from models.setting import Audience
from models.transaction import Transaction
from server.setting.settings import Settings
from services.limit import Limits
from services.person.setting import SettingsChange
from tests.full import amount, full
from tests.gql.conftest import Site, site_in
from tests.gql.person import Person
from tests.services.chance import Chance
from tests.services.conftest import World

OPERATIONS = 30
STATES = {0: "NONE", 1: "PENDING", 2: "ACCEPTED", 3: "DECLINED", 4: "PENDING"}  # by `member.request_state`; 4 is SENT
SCREEN = """
query ($id: ID!) {
  conversation(id: $id) {
    unreadCount isUnread requestState viewerCanAnswerRequest deliveredToAllSequence readByAllSequence
    viewerParticipant { user { username } lastReadMessage { id } }
    firstUnreadMessage { id }
    messages(last: 200) { nodes { id sequence state deliveryStatus sender { username } } }
  }
}
"""


@pytest.fixture
async def crowd(settings: Settings, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    """A site where people write to themselves too, and no rate ends a history."""
    limits = Limits(
        send_rate_per_minute=0,
        report_rate_per_minute=0,
        read_all_rate_per_minute=0,
        relation_rate_per_minute=0,
        cost_rate_per_minute=0,
        self_conversations=True,
        **request.param,
    )
    async with site_in(tmp_path, settings, limits) as found:
        yield found


class Row:
    """A row of a table by the names of its columns."""

    def __init__(self, tx: Transaction, sql: str, *params: int) -> None:
        cursor = tx.database.connection().execute(sql, params)
        self.rows = [dict(zip([each[0] for each in cursor.description], row, strict=True)) for row in cursor.fetchall()]


def status_of(tx: Transaction, viewer_id: int, place: int, seq: int) -> str:
    """The status of a message, from the tables alone."""
    everybody = Row(
        tx,
        """
        SELECT member.user_id, read_seq, delivered_seq, request_state, coalesce(send_read_receipts, 1) AS reads,
          coalesce(send_delivery_receipts, 1) AS deliveries,
          EXISTS (SELECT 1 FROM block WHERE (blocker_id, blocked_id) IN
            (VALUES (?1, member.user_id), (member.user_id, ?1))) AS is_blocked
        FROM member LEFT JOIN setting ON setting.user_id = member.user_id WHERE conversation_id = ?2
        """,
        viewer_id,
        place,
    ).rows
    [mine] = [each for each in everybody if each["user_id"] == viewer_id]
    known = []
    for each in everybody:
        is_open = mine["request_state"] in {0, 2} and each["request_state"] in {0, 2} and not each["is_blocked"]
        if each is mine or not is_open:
            continue
        read = each["read_seq"] if mine["reads"] and each["reads"] else None
        delivered = each["delivered_seq"] if mine["deliveries"] and each["deliveries"] else read
        if delivered is not None:
            known.append((delivered, read or 0))
    if known and all(read >= seq for _, read in known):
        return "READ"
    return "DELIVERED" if known and all(delivered >= seq for delivered, _ in known) else "SENT"


async def check(site: Site, name: str, person: Person, user_id: int, places: set[int]) -> int:
    """Everything that the screens of one person say agrees with the messages and the tables; counts own messages."""
    own_messages = 0
    for place in sorted(places):
        found = (await person.ask(SCREEN, id=encode(Kind.CONVERSATION, place)))["conversation"]

        def read(tx: Transaction, place: int = place) -> list[dict[str, Any]]:
            return Row(tx, "SELECT * FROM member WHERE user_id = ? AND conversation_id = ?", user_id, place).rows

        rows = await site.services.database.read(read)
        assert (found is not None) == bool(rows)
        if found is None:
            continue
        [row], messages = rows, found["messages"]["nodes"]
        for each in messages:
            if each["sender"] == {"username": name}:
                own_messages += 1
                is_read, is_delivered = (
                    each["sequence"] <= found[key] for key in ("readByAllSequence", "deliveredToAllSequence")
                )
                assert ("READ" if is_read else "DELIVERED" if is_delivered else "SENT") == each["deliveryStatus"]
                seq = each["sequence"]
                assert await site.services.database.read(status_of, user_id, place, seq) == each["deliveryStatus"]
        assert 0 <= found["readByAllSequence"] <= found["deliveredToAllSequence"] <= row["last_seq"]
        unread = [
            each["id"]
            for each in messages
            if each["sequence"] > max(row["seen_seq"], row["floor_seq"])
            and each["state"] == "ACTIVE"
            and each["sender"] != {"username": name}
        ]
        assert found["firstUnreadMessage"] == ({"id": unread[0]} if unread else None)
        assert (found["unreadCount"], found["isUnread"]) == (len(unread), bool(unread or row["is_marked_unread"]))
        participant, visible = found["viewerParticipant"], {each["id"] for each in messages}
        last_read = encode(Kind.MESSAGE, message_id(place, row["read_seq"]))
        assert participant["user"] == {"username": name}
        assert participant["lastReadMessage"] == ({"id": last_read} if last_read in visible else None)
        assert found["viewerCanAnswerRequest"] == (row["request_state"] == 1)
        assert found["requestState"] == STATES[row["request_state"]]
    return own_messages


@full
@pytest.mark.parametrize(
    "crowd",
    [{}, {"silent_delete_window_seconds": 0, "accept_messages_from": Audience.FOLLOWED_BY_ME}],
    ids=["silent deletes", "tombstones and requests"],
    indirect=True,
)
async def test_a_screen_agrees_with_its_messages_whatever_happened(crowd: Site) -> None:
    """After random histories, for each member: with private receipts, blocks, requests, leaves, notes to oneself."""
    own_messages, seeds = 0, amount(2, 10)
    for seed in range(seeds):
        world = World(crowd.services, crowd.folder)
        names = [f"{name}-{seed}" for name in ("alice", "bob", "carol", "dave")]
        people = {name: Person(crowd, await crowd.token_of(name)) for name in names}
        for name in names:
            viewer = await world.authenticate(people[name].token)
            assert viewer is not None
            world.viewers[name] = viewer
        await crowd.services.setting.change(world.viewers[names[3]], SettingsChange(send_delivery_receipts=False))
        chance = Chance(world, names, seed, calm=False)
        chance.ids += [await world.send(world.viewers[name], name) for name in names]  # to themselves
        chance.addressed |= {id_: set() for id_ in chance.ids}
        for number in range(OPERATIONS):
            await chance.act()
            if number % 10 == 9:
                places = {conversation_of(id_) for id_ in chance.ids}
                for name, person in people.items():
                    own_messages += await check(crowd, name, person, world.viewers[name].user_id, places)

    assert own_messages > 12 * seeds


async def test_the_first_unread_message_follows_the_marks(site: Site) -> None:
    """After a read, from a message on, after a delete; null without one, also when only the conversation is marked."""
    alice, bob, carol = [Person(site, await site.token_of(name)) for name in ("alice", "bob", "carol")]
    ids = [await alice.send("bob", text=str(number)) for number in range(4)]
    place = await alice.place_of(ids[0])

    async def first(mutation: str = "", **given: Any) -> str | None:
        if mutation:
            await bob.do(mutation, conversationId=place, **given)
        found = (await bob.ask(SCREEN, id=place))["conversation"]["firstUnreadMessage"]
        return None if found is None else str(found["id"])

    assert await first() == ids[0]
    assert await first("markConversationRead", upToMessageId=ids[1]) == ids[2]
    await alice.do("deleteMessage", messageId=ids[2], scope="FOR_EVERYONE")
    assert await first() == ids[3]
    assert await first("markConversationRead") is None
    assert await first("markConversationUnread") is None
    assert await first("markConversationUnread", fromMessageId=ids[1]) == ids[1]
    await bob.do("deleteMessage", messageId=ids[1], scope="FOR_ME")
    assert await first() == ids[3]
    assert await first("clearConversation") is None
    later = await alice.send("bob")
    assert await first("markConversationUnread", fromMessageId=ids[3]) == later
    assert (await alice.ask(SCREEN, id=place))["conversation"]["firstUnreadMessage"] is None
    assert (await carol.ask(SCREEN, id=place))["conversation"] is None


async def test_the_ticks_do_not_lead_beyond_what_the_viewer_sees(site: Site) -> None:
    """A message that left no trace was read; its number does not show it."""
    alice, bob = [Person(site, await site.token_of(name)) for name in ("alice", "bob")]
    ids = [await alice.send("bob") for _ in range(3)]
    place = await alice.place_of(ids[0])
    await bob.do("markConversationRead", conversationId=place)

    async def ticks() -> list[int]:
        found = (await alice.ask(SCREEN, id=place))["conversation"]
        return [found[key] for key in ("deliveredToAllSequence", "readByAllSequence")]

    assert await ticks() == [3, 3]
    await alice.do("deleteMessage", messageId=ids[2], scope="FOR_EVERYONE")
    assert await ticks() == [2, 2]


async def test_only_the_one_who_was_asked_can_answer_a_request(site: Site) -> None:
    """PENDING looks the same from both sides; accept and decline succeed exactly where the field is true."""
    alice, bob = [Person(site, await site.token_of(name)) for name in ("alice", "bob")]
    await bob.do("updateMessagingSettings", acceptMessagesFrom="NOBODY")
    place = await alice.place_of(await alice.send("bob"))

    async def answers(person: Person) -> tuple[str, bool]:
        found = (await person.ask(SCREEN, id=place))["conversation"]
        return found["requestState"], found["viewerCanAnswerRequest"]

    assert [await answers(alice), await answers(bob)] == [("PENDING", False), ("PENDING", True)]
    before = await site.stored()
    refused = [await alice.do(f"{each}MessageRequest", conversationId=place) for each in ("accept", "decline")]
    assert [each["code"] for each in refused] == ["CONFLICT"] * 2
    assert await site.stored() == before
    await bob.do("declineMessageRequest", conversationId=place)
    assert await answers(bob) == ("DECLINED", False)
    await bob.do("acceptMessageRequest", conversationId=place)
    assert [await answers(alice), await answers(bob)] == [("ACCEPTED", False)] * 2


async def test_unread_messages_that_a_viewer_has_none_of_are_not_looked_for(site: Site) -> None:
    """An id of nowhere finds nothing either."""
    alice, bob = [Person(site, await site.token_of(name)) for name in ("alice", "bob")]
    place = number_of(Kind.CONVERSATION, await alice.place_of(await alice.send("bob")))
    world = World(site.services, site.folder)
    viewers = [await world.authenticate(person.token) for person in (alice, bob)]
    assert viewers[0] is not None
    assert viewers[1] is not None
    find = site.services.message.find_oldest_unread

    assert await find(viewers[0], [place, 7]) == {}
    assert list(await find(viewers[1], [place, 7])) == [place]
