"""A conversation over the API: every mutation of the contract's section 2, with its success and its refusals."""

import asyncio
from typing import Any

import pytest

from services.person.relation import MOST_FOLLOW_CHANGES
from tests.gql.conftest import Site
from tests.gql.gate import PROTOCOL
from tests.gql.person import Person

MISSING_CONVERSATION, MISSING_MESSAGE = "YwAAAAAAAAAB", "bQAAAAAAAAAB"


async def test_a_message_shows_all_that_became_of_it(people: list[Person]) -> None:
    """Edited, reacted to, delivered, read; a third person sees none of it."""
    alice, bob, carol = people
    id_ = await alice.send("bob", text="frist")
    place = await alice.place_of(id_)
    edited = await alice.do("editMessage", "message { text revision editedAt }", messageId=id_, text="first")
    reacted = await bob.do("setReaction", "message { id }", messageId=id_, emoji="👍", reacted=True)
    before = await alice.ask(MESSAGE, id=id_)
    await bob.do("acknowledgeDelivery", "conversation { id }", conversationId=place, upToMessageId=id_)
    delivered = await alice.ask(MESSAGE, id=id_)
    read = await bob.do("markConversationRead", "unreadMessageCount", conversationId=place)
    after = (await alice.ask(MESSAGE, id=id_))["message"]

    assert edited["message"]["text"] == "first"
    assert edited["message"]["editedAt"]
    assert reacted["__typename"] == "SetReactionSuccess"
    assert [each["message"]["deliveryStatus"] for each in (before, delivered)] == ["SENT", "DELIVERED"]
    assert (read["unreadMessageCount"], after["deliveryStatus"]) == (0, "READ")
    assert after["reactions"] == [
        {"emoji": "👍", "count": 1, "viewerHasReacted": False, "users": {"nodes": [{"username": "bob"}]}}
    ]
    assert [edge["node"]["text"] for edge in after["edits"]["edges"]] == ["frist", "first"]
    for receipts in (after["deliveredTo"], after["seenBy"]):
        assert receipts["totalCount"] == 1
        assert receipts["edges"][0]["node"] == {"username": "bob"}
    [participant] = after["conversation"]["otherParticipants"]
    assert participant["lastReadMessage"] == participant["lastDeliveredMessage"] == {"id": id_}
    assert participant["lastReadAt"]
    assert (after["viewerCanEdit"], after["viewerCanDeleteForEveryone"], after["state"]) == (True, True, "ACTIVE")
    assert (await carol.ask(MESSAGE, id=id_))["message"] is None


MESSAGE = """
query ($id: ID!) {
  message(id: $id) {
    text state revision deliveryStatus viewerCanEdit viewerCanDeleteForEveryone
    reactions { emoji count viewerHasReacted users(first: 5) { nodes { username } } }
    edits { edges { node { revision text editedAt } } }
    deliveredTo { totalCount edges { node { username } at } }
    seenBy { totalCount edges { node { username } at } }
    conversation { otherParticipants { lastReadAt lastReadMessage { id } lastDeliveredMessage { id } } }
  }
}
"""


async def test_deletes_by_scope(people: list[Person]) -> None:
    """FOR_ME answers without a message; FOR_EVERYONE within the silent window as well."""
    alice, bob, _carol = people
    first, second = await alice.send("bob"), await alice.send("bob")
    mine = await bob.do("deleteMessage", "deletedMessageId message { id }", messageId=first, scope="FOR_ME")
    denied = await bob.do("deleteMessage", messageId=second, scope="FOR_EVERYONE")
    all_ = await alice.do("deleteMessage", "deletedMessageId message { id }", messageId=second, scope="FOR_EVERYONE")

    assert (mine["deletedMessageId"], mine["message"]) == (first, None)
    assert denied["code"] == "PERMISSION_DENIED"
    assert (all_["deletedMessageId"], all_["message"]) == (second, None)


async def test_whether_an_edit_would_pass_follows_a_block(people: list[Person]) -> None:
    """`viewerCanEdit` predicts the answer of `editMessage`; what others see does not change."""
    alice, bob, carol = people
    id_ = await alice.send("bob")
    in_group = await alice.send("bob", "carol")
    asked = "query ($id: ID!) { message(id: $id) { viewerCanEdit viewerCanDeleteForEveryone } }"
    said, done = [], []
    for mutation in ("", "blockUser", "unblockUser"):
        if mutation:
            await bob.ask(f'mutation {{ {mutation}(input: {{user: {{username: "alice"}}}}) {{ __typename }} }}')
        said.append((await alice.ask(asked, id=id_))["message"]["viewerCanEdit"])
        done.append((await alice.do("editMessage", messageId=id_, text=f"again {mutation}"))["__typename"])
        group = (await alice.ask(asked, id=in_group))["message"]
        assert group == {"viewerCanEdit": True, "viewerCanDeleteForEveryone": True}

    assert said == [True, False, True]
    assert done == ["EditMessageSuccess", "PermissionDeniedError", "EditMessageSuccess"]
    for other, id_of in ((bob, id_), (carol, in_group)):
        shown = (await other.ask(asked, id=id_of))["message"]
        assert shown == {"viewerCanEdit": False, "viewerCanDeleteForEveryone": False}
    assert (await carol.ask(asked, id=id_))["message"] is None


async def test_a_conversation_shows_how_its_member_wants_it(people: list[Person]) -> None:
    """Mute, archive, pin, unread mark; the filters; the other member notices nothing."""
    alice, bob, _carol = people
    place = await bob.place_of(await alice.send("bob"))
    shown = "conversation { isMuted mutedUntil isArchived isPinned isUnread unreadCount }"
    await bob.do("markConversationRead", conversationId=place)
    wanted = {"isMuted": True, "isArchived": True, "isPinned": True}
    changed = await bob.do("setConversationPreferences", shown, conversationId=place, **wanted)
    marked = await bob.do("markConversationUnread", shown, conversationId=place)
    lists = await bob.ask(
        "{ inbox: conversations { nodes { id } } archive: conversations(filter: {folder: ARCHIVE, isUnread: true}) "
        "{ nodes { id } totalCount } }"
    )
    hers = await alice.ask("{ conversations { nodes { isMuted isArchived isPinned } } }")

    assert changed["conversation"] == {**wanted, "mutedUntil": None, "isUnread": False, "unreadCount": 0}
    assert (marked["conversation"]["isUnread"], marked["conversation"]["unreadCount"]) == (True, 0)
    assert lists == {"inbox": {"nodes": []}, "archive": {"nodes": [{"id": place}], "totalCount": 1}}
    assert hers["conversations"]["nodes"] == [{"isMuted": False, "isArchived": False, "isPinned": False}]
    cleared = await bob.do("clearConversation", "conversation { messages { nodes { id } } }", conversationId=place)
    assert cleared["conversation"]["messages"]["nodes"] == []


async def test_a_request_from_asking_to_answering(people: list[Person]) -> None:
    """Settings, eligibility before sending, the list of requests, accept; declining without a request is a conflict."""
    alice, bob, _carol = people
    settings = "settings { acceptMessagesFrom fromOthers whoMayAddToGroups sendReadReceipts }"
    updated = await bob.do("updateMessagingSettings", settings, acceptMessagesFrom="FOLLOWED_BY_ME")
    query = '{ user(by: {username: "bob"}) { viewerCanMessage messageEligibility } }'
    before = await alice.ask(query)
    place = await alice.place_of(await alice.send("bob"))
    waiting = await bob.ask(
        "{ viewer { messageRequestCount unreadMessageCount unmutedUnreadMessageCount } "
        "conversations(filter: {folder: REQUESTS}) { nodes { id requestState requestedBy { username } } } }"
    )
    own = await alice.ask("query ($id: ID!) { conversation(id: $id) { requestedBy { username } } }", id=place)
    accepted = await bob.do("acceptMessageRequest", "conversation { requestState }", conversationId=place)
    again = await bob.do("declineMessageRequest", conversationId=place, blockSender=False)
    after = await alice.ask(query)

    assert updated["settings"] == {
        "acceptMessagesFrom": "FOLLOWED_BY_ME", "fromOthers": "REQUEST", "whoMayAddToGroups": "FOLLOWED_BY_ME",
        "sendReadReceipts": True,
    }  # fmt: skip
    assert before["user"] == {"viewerCanMessage": True, "messageEligibility": "ALLOWED_AS_REQUEST"}
    assert waiting == {
        "viewer": {"messageRequestCount": 1, "unreadMessageCount": 0, "unmutedUnreadMessageCount": 0},
        "conversations": {"nodes": [{"id": place, "requestState": "PENDING", "requestedBy": {"username": "alice"}}]},
    }
    assert own == {"conversation": {"requestedBy": None}}
    assert accepted["conversation"] == {"requestState": "ACCEPTED"}
    assert again["code"] == "CONFLICT"
    assert after["user"]["messageEligibility"] == "ALLOWED"


async def test_relations_show_on_the_person(people: list[Person]) -> None:
    """Follow, mute and their removal; the list of muted people is the viewer's own."""
    alice, bob, _carol = people
    shown = "user { viewerIsFollowing isFollowingViewer viewerHasMuted }"
    to_bob = {"user": {"username": "bob"}}
    followed = await alice.do("followUser", shown, **to_bob)
    muted = await alice.do("muteUser", shown, **to_bob)
    seen = await bob.ask('{ user(by: {username: "alice"}) { isFollowingViewer viewerHasMuted } }')
    listed = await alice.ask("{ viewer { mutedUsers { nodes { username } } } }")
    own = await alice.do("followUser", user={"username": "alice"})
    unmuted = [await alice.do("unmuteUser", shown, **to_bob) for _ in range(2)]
    nobody = await alice.do("unmuteUser", user={"username": "nobody"})

    assert followed["user"] == {"viewerIsFollowing": True, "isFollowingViewer": False, "viewerHasMuted": False}
    assert muted["user"]["viewerHasMuted"] is True
    assert seen["user"] == {"isFollowingViewer": True, "viewerHasMuted": False}
    assert listed["viewer"]["mutedUsers"]["nodes"] == [{"username": "bob"}]
    assert own["code"] == "INVALID_INPUT"
    assert [each["user"]["viewerHasMuted"] for each in unmuted] == [False, False]
    assert nobody["code"] == "NOT_FOUND"
    assert (await alice.do("unfollowUser", shown, **to_bob))["user"]["viewerIsFollowing"] is False


async def test_too_many_changes_of_a_follow_are_an_error_of_the_request(people: list[Person]) -> None:
    """The unions of the results have no RateLimitedError; nothing changes."""
    alice, _bob, _carol = people
    for n in range(MOST_FOLLOW_CHANGES):
        await alice.do("unfollowUser" if n % 2 else "followUser", user={"username": "bob"})
    document = 'mutation { followUser(input: {user: {username: "bob"}}) { __typename } }'
    status, answer = await alice.site.post({"query": document}, alice.token)
    seen = await alice.ask('{ user(by: {username: "bob"}) { viewerIsFollowing } }')

    [error] = answer["errors"]
    assert (status, answer["data"], error["path"]) == (200, None, ["followUser"])
    assert error["extensions"]["code"] == "RATE_LIMITED"
    assert 300 < error["extensions"]["retryAfterSeconds"] <= 360
    assert seen["user"] == {"viewerIsFollowing": False}


FOREIGN: list[tuple[str, dict[str, Any]]] = [
    ("editMessage", {"messageId": "M", "text": "mine"}),
    ("deleteMessage", {"messageId": "M", "scope": "FOR_ME"}),
    ("deleteMessage", {"messageId": "M", "scope": "FOR_EVERYONE"}),
    ("setReaction", {"messageId": "M", "emoji": "👍", "reacted": True}),
    ("reportMessage", {"messageId": "M", "reason": "SPAM"}),
    ("acknowledgeDelivery", {"conversationId": "C", "upToMessageId": "M"}),
    ("markConversationRead", {"conversationId": "C"}),
    ("markConversationUnread", {"conversationId": "C"}),
    ("setTyping", {"conversationId": "C", "isTyping": True}),
    ("clearConversation", {"conversationId": "C"}),
    ("leaveConversation", {"conversationId": "C"}),
    ("setConversationPreferences", {"conversationId": "C", "isPinned": True}),
    ("acceptMessageRequest", {"conversationId": "C"}),
    ("declineMessageRequest", {"conversationId": "C", "blockSender": True}),
]


@pytest.mark.parametrize(("mutation", "given"), FOREIGN, ids=range(len(FOREIGN)))
async def test_objects_of_others_look_like_objects_that_never_existed(
    site: Site, people: list[Person], mutation: str, given: dict[str, Any]
) -> None:
    """The same answer, word by word, for another person's id, one that never existed and no id at all."""
    alice, _bob, carol = people
    message = await alice.send("bob")
    place = await alice.place_of(message)
    before = await site.stored()
    answers = []
    for c, m in ((place, message), (MISSING_CONVERSATION, MISSING_MESSAGE), ("nonsense", ""), (message, place)):
        names = {"C": c, "M": m}
        answers.append(await carol.do(mutation, **{key: names.get(str(value), value) for key, value in given.items()}))

    assert answers == [answers[0]] * 4
    assert answers[0]["code"] == "NOT_FOUND"
    assert await site.stored() == before


async def test_events_come_over_a_socket_with_all_that_happened(site: Site, people: list[Person]) -> None:
    """The contract's section 3: replay, caught up, live; typing has no cursor; the query for the log shows the same."""
    alice, bob, _carol = people
    cursor = (await bob.ask("{ viewer { eventCursor } }"))["viewer"]["eventCursor"]
    id_ = await alice.send("bob")
    place = await bob.place_of(id_)
    await alice.do("editMessage", messageId=id_, text="second")
    async with site.http.ws_connect(site.graphql, protocols=PROTOCOL) as socket:
        await socket.send_json({"type": "connection_init", "payload": {"authorization": f"Bearer {bob.token}"}})
        assert (await socket.receive_json(timeout=5))["type"] == "connection_ack"
        payload = {"query": EVENTS, "variables": {"after": cursor}}
        await socket.send_json({"id": "1", "type": "subscribe", "payload": payload})

        async def take(count: int) -> list[Any]:
            async with asyncio.timeout(5):
                frames = [await socket.receive_json() for _ in range(count)]
            assert [each["type"] for each in frames] == ["next"] * count, frames
            return [each["payload"]["data"]["events"] for each in frames]

        replayed = await take(4)
        await alice.do("setTyping", conversationId=place, isTyping=True)
        [typing] = await take(1)
        users = await bob.ask("query ($id: ID!) { conversation(id: $id) { typingUsers { username } } }", id=place)
        await bob.do("markConversationRead", conversationId=place)
        [updated] = await take(1)
        await alice.do("deleteMessage", messageId=id_, scope="FOR_EVERYONE")
        removed = await take(2)
    page = await bob.ask(
        "query ($after: EventCursor!) { events(after: $after) { nodes { event { __typename } } } }", after=cursor
    )

    names = [each["event"]["__typename"] for each in replayed]
    assert names == ["ConversationCreated", "MessageCreated", "MessageUpdated", "StreamCaughtUp"]
    assert replayed[2]["event"] == {"__typename": "MessageUpdated", "message": {"text": "second"}, "changes": ["TEXT"]}
    assert typing["cursor"] is None
    assert typing["event"] == {"__typename": "TypingChanged", "isTyping": True, "user": {"username": "alice"}}
    assert users["conversation"]["typingUsers"] == [{"username": "alice"}]
    assert updated["event"] == {"__typename": "ConversationUpdated", "conversation": {"unreadCount": 0}}
    assert [each["event"]["__typename"] for each in removed] == ["MessageRemoved", "ConversationRemoved"]
    assert removed[0]["event"] == {
        "__typename": "MessageRemoved",
        "messageId": id_,
        "conversationId": place,
        "sequence": 1,
        "removalReason": "DELETED_SILENTLY",
    }
    assert [each["event"]["__typename"] for each in page["events"]["nodes"]][-2:] == [
        "MessageRemoved",
        "ConversationRemoved",
    ]


EVENTS = """
subscription ($after: EventCursor) {
  events(after: $after) {
    cursor at
    event {
      __typename
      ... on MessageCreated { message { text } }
      ... on MessageUpdated { message { text } changes }
      ... on MessageRemoved { messageId conversationId sequence removalReason }
      ... on ConversationUpdated { conversation { unreadCount } }
      ... on TypingChanged { isTyping user { username } }
    }
  }
}
"""


async def test_a_mute_in_the_past_and_a_wrong_count_name_their_place(people: list[Person]) -> None:
    """InvalidInput with path, reason and bound."""
    alice, bob, _carol = people
    id_ = await alice.send("bob")
    place = await bob.place_of(id_)
    past = "2020-01-01T00:00:00Z"
    muted = await bob.do("setConversationPreferences", conversationId=place, mutedUntil=past)
    counted = await bob.do("reportMessage", messageId=id_, reason="SPAM", precedingMessages=1000)

    assert muted["issues"] == [{"path": ["mutedUntil"], "reason": "OUT_OF_RANGE", "limit": None}]
    assert counted["issues"] == [{"path": ["precedingMessages"], "reason": "OUT_OF_RANGE", "limit": 20}]
