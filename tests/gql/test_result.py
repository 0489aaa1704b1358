"""Results for caches: the viewer, the conversation and the people of a result equal a fresh load."""

from typing import Any

import pytest

from tests.gql.conftest import SEND, Site
from tests.gql.person import Person
from tests.gql.test_fault import answer_of
from tests.gql.test_statements import cost_of, statements

__all__ = ["statements"]

VIEWER = """
  id email user { id } unreadMessageCount unmutedUnreadMessageCount unreadConversationCount messageRequestCount
  settings { acceptMessagesFrom sendReadReceipts } devices { id } apiKeys { id name }
  blockedUsers { nodes { id viewerHasBlocked } } mutedUsers { nodes { id viewerHasMuted } }
"""
CONVERSATION = """
  id unreadCount isUnread isArchived isPinned isMuted mutedUntil requestState viewerCanSend lastActivityAt
  lastMessage { id text state } participants { nodes { id user { id viewerHasBlocked } lastReadMessage { id } } }
"""
MESSAGE = "id text state sender { id viewerHasBlocked viewerHasMuted }"
USER = "id username viewerHasBlocked viewerHasMuted messageEligibility"
FRESH = f"""
query ($place: ID!, $message: ID!, $user: ID!) {{
  viewer {{ {VIEWER} }}
  conversation: node(id: $place) {{ ... on Conversation {{ {CONVERSATION} }} }}
  message(id: $message) {{ {MESSAGE} }}
  user(by: {{ id: $user }}) {{ {USER} }}
}}
"""
UNREAD = {"unreadMessageCount", "unmutedUnreadMessageCount", "unreadConversationCount"}


class Place:
    """Bob's conversations: two unread messages of alice, two in a group with both, and a request of carol's."""

    def __init__(self, site: Site) -> None:
        self.site = site

    async def open(self) -> "Place":
        """Sends the messages."""
        self.alice, self.bob, self.carol = [
            Person(self.site, await self.site.token_of(name)) for name in ("alice", "bob", "carol")
        ]
        self.first = await self.alice.send("bob", text="one")
        self.second = await self.alice.send("bob", text="two")
        self.in_group = await self.alice.send("bob", "carol", text="three")
        await self.alice.send("bob", "carol", text="four")
        await self.bob.do("updateMessagingSettings", acceptMessagesFrom="NOBODY")
        self.request = await self.carol.send("bob", text="please")
        self.direct, self.group, self.asked = [
            await self.bob.place_of(each) for each in (self.first, self.in_group, self.request)
        ]
        self.ids = {
            name: (await person.ask("{ viewer { user { id } } }"))["viewer"]["user"]["id"]
            for name, person in (("alice", self.alice), ("carol", self.carol))
        }
        return self

    async def fresh(self, place: str, message: str, user: str) -> Any:
        """What bob sees now."""
        return await self.bob.ask(FRESH, place=place, message=message, user=user)


@pytest.fixture
async def place(site: Site) -> Place:
    """Bob's conversations."""
    return await Place(site).open()


async def do(person: Person, mutation: str, selection: str, given: dict[str, Any]) -> Any:
    """The success of a mutation."""
    name = mutation[0].upper() + mutation[1:]
    query = (
        f"mutation ($input: {name}Input!) {{ {mutation}(input: $input) {{ __typename ... on {name}Success "
        f"{{ {selection} }} }} }}"
    )
    found = (await person.ask(query, input=given))[mutation]
    assert found.pop("__typename") == f"{name}Success"
    return found


# For each mutation: its input, what else of its result is compared, and the fields of the viewer that it changes.
RESULTS: dict[str, tuple[str, str, set[str]]] = {
    "sendPrivateMessage": ("conversationId: direct", "conversation", UNREAD),
    "deleteMessage": ("messageId: second, scope: FOR_ME", "conversation", UNREAD - {"unreadConversationCount"}),
    "markConversationRead": ("conversationId: direct", "conversation", UNREAD),
    "markConversationUnread": ("conversationId: direct, fromMessageId: second", "conversation", UNREAD),
    "markAllConversationsRead": ("includeArchived: false", "", UNREAD),
    "clearConversation": ("conversationId: direct", "conversation", UNREAD),
    "leaveConversation": ("conversationId: group", "", UNREAD),
    "setConversationPreferences": (
        "conversationId: direct, isMuted: true, isPinned: true", "conversation", {"unmutedUnreadMessageCount"},
    ),
    "acceptMessageRequest": ("conversationId: asked", "conversation", {"messageRequestCount", *UNREAD}),
    "declineMessageRequest": (
        "conversationId: asked, blockSender: true", "user", {"messageRequestCount", "blockedUsers"},
    ),
    "reportMessage": ("messageId: second, reason: SPAM, blockSender: true", "message", {"blockedUsers"}),
    "blockUser": ("user: alice", "user", {"blockedUsers"}),
    "unblockUser": ("user: alice", "user", {"blockedUsers"}),
    "muteUser": ("user: alice", "user", {"mutedUsers", "unmutedUnreadMessageCount"}),
    "unmuteUser": ("user: alice", "user", {"mutedUsers", "unmutedUnreadMessageCount"}),
    "updateMessagingSettings": ("acceptMessagesFrom: EVERYONE", "", {"settings"}),
    "createApiKey": ("name: bot, scopes: READ_MESSAGES", "", {"apiKeys"}),
}  # fmt: skip
BEFORE = {
    "markConversationUnread": ("markConversationRead", "conversationId: direct"),
    "unblockUser": ("blockUser", "user: alice"),
    "unmuteUser": ("muteUser", "user: alice"),
}
SELECTED = {"conversation": CONVERSATION, "message": MESSAGE, "user": USER}


def input_of(place: Place, given: str) -> dict[str, Any]:
    """The input written in short: names stand for ids of the place."""
    values: dict[str, Any] = {}
    for name, word in (each.split(": ") for each in given.split(", ")):
        known = {"true": True, "false": False, "alice": {"username": "alice"}, "READ_MESSAGES": ["READ_MESSAGES"]}
        values[name] = known.get(word, getattr(place, word, word))
    return values


@pytest.mark.parametrize("mutation", RESULTS)
async def test_a_result_equals_a_fresh_load(place: Place, mutation: str) -> None:
    """The viewer's counters and lists, and the conversation, message or person that changed, each with its id."""
    given, more, expected = RESULTS[mutation]
    if mutation in BEFORE:
        prior, prior_given = BEFORE[mutation]
        await do(place.bob, prior, "__typename", input_of(place, prior_given))
    values = input_of(place, given)
    if mutation == "sendPrivateMessage":
        values = {"to": values, "text": "answer"}
    about = values.get("conversationId") or (place.asked if "asked" in given else place.direct)
    message = values.get("messageId", place.second)
    user = place.ids["carol" if mutation == "declineMessageRequest" else "alice"]
    before = await place.fresh(about, message, user)
    selection = f"viewer {{ {VIEWER} }} {f'{more} {{ {SELECTED[more]} }}' if more else ''}"
    result = await do(place.bob, mutation, selection, values)
    after = await place.fresh(about, message, user)

    assert result == {"viewer": after["viewer"], **({more: after[more]} if more else {})}
    assert {name for name, value in after["viewer"].items() if value != before["viewer"][name]} == expected


async def test_a_deletion_for_everyone_shows_the_conversation_as_it_is_without_the_message(place: Place) -> None:
    """For its sender; where it was the only message as well."""
    for message, about in ((place.second, place.direct), (place.first, place.direct)):
        result = await do(
            place.alice, "deleteMessage", f"message {{ id }} conversation {{ {CONVERSATION} }} viewer {{ {VIEWER} }}",
            {"messageId": message, "scope": "FOR_EVERYONE"},
        )  # fmt: skip
        fresh = await place.alice.ask(FRESH, place=about, message=message, user=place.ids["alice"])

        assert result == {"message": None, "conversation": fresh["conversation"], "viewer": fresh["viewer"]}
    assert fresh["conversation"]["lastMessage"] is None


async def test_a_request_declined_without_a_block_names_nobody(place: Place) -> None:
    """`user` is who was blocked."""
    result = await do(place.bob, "declineMessageRequest", "conversationId user { id }", {"conversationId": place.asked})

    assert result == {"conversationId": place.asked, "user": None}


async def test_each_mutation_of_an_operation_has_the_viewer_after_it(place: Place) -> None:
    """They run one after the other: the first result does not see the second change, the second sees both."""
    answer = await place.bob.ask(
        """mutation ($one: ID!, $two: ID!) {
          one: markConversationRead(input: { conversationId: $one }) {
            ... on MarkConversationReadSuccess { viewer { unreadMessageCount } }
          }
          two: markConversationRead(input: { conversationId: $two }) {
            ... on MarkConversationReadSuccess { viewer { unreadMessageCount } }
          }
        }""",
        one=place.direct,
        two=place.group,
    )

    assert [answer[each]["viewer"]["unreadMessageCount"] for each in ("one", "two")] == [2, 0]


async def test_what_was_sent_stays_told_where_the_viewer_cannot_be_read(site: Site, place: Place) -> None:
    """A key that may only send gets null without an error; a field of the viewer that fails empties the viewer."""
    made = await do(place.bob, "createApiKey", "secret", {"name": "bot", "scopes": ["SEND_MESSAGES"]})
    key = Person(site, made["secret"])
    query = SEND.replace(
        "message {", "viewer { id unreadMessageCount blockedUsers(first: $first) { nodes { id } } } message {"
    )
    query = query.replace("($input:", "($first: Int, $input:")
    draft = {"to": {"users": [{"username": "alice"}]}, "text": "now"}
    answers = {
        "key": await answer_of(key, query, input=draft),
        "failed": await answer_of(place.bob, query, input=draft, first=0),
        "whole": await answer_of(place.bob, query, input=draft),
    }
    sent = {name: each["data"]["sendPrivateMessage"] for name, each in answers.items()}

    assert {name: (each["viewer"] is None, each["message"]["text"]) for name, each in sent.items()} == {
        "key": (True, "now"), "failed": (True, "now"), "whole": (False, "now"),
    }  # fmt: skip
    assert {name for name, each in answers.items() if "errors" in each} == {"failed"}
    [error] = answers["failed"]["errors"]
    assert error["path"] == ["sendPrivateMessage", "viewer", "blockedUsers"]


@pytest.mark.parametrize("mutation", ["markConversationRead", "muteUser", "blockUser", "updateMessagingSettings"])
async def test_the_viewer_is_read_only_where_it_is_selected(place: Place, statements: list[str], mutation: str) -> None:
    """One statement for the person, and one for a counter; none for the id alone."""
    name = mutation[0].upper() + mutation[1:]
    values = input_of(place, RESULTS[mutation][0])
    costs = []
    viewers = ("viewer { id }", "viewer { id email }", "viewer { id email unreadMessageCount }")
    for selection in ("__typename", *viewers):
        success = f"... on {name}Success {{ {selection} }}"
        query = f"mutation ($input: {name}Input!) {{ {mutation}(input: $input) {{ {success} }} }}"
        costs.append((await cost_of(place.bob, statements, query, input=values))[1])

    assert [each - costs[0] for each in costs] == [0, 0, 1, 2]


async def test_the_viewer_is_found_again_by_its_id_and_by_nobody_else(place: Place) -> None:
    """Its id is not that of its user, and stays; by any other person it is as if it had never been."""
    own = (await place.bob.ask("{ viewer { id user { id } } }"))["viewer"]
    fields = "__typename id ... on Viewer { unreadMessageCount }"
    query = f"query ($id: ID!) {{ node(id: $id) {{ {fields} }} nodes(ids: [$id]) {{ id }} }}"
    found = await place.bob.ask(query, id=own["id"])
    again = Person(place.site, await place.site.token_of("bob"))
    strangers = [await each.ask(query, id=own["id"]) for each in (place.alice, place.carol)]

    assert own["id"] != own["user"]["id"]
    assert found["node"] == {"__typename": "Viewer", "id": own["id"], "unreadMessageCount": 4}
    assert found["nodes"] == [{"id": own["id"]}]
    assert (await again.ask("{ viewer { id } }"))["viewer"]["id"] == own["id"]
    assert strangers == [{"node": None, "nodes": [None]}] * 2
    assert (await place.bob.ask("query ($id: ID!) { user(by: { id: $id }) { id } }", id=own["id"]))["user"] is None


async def test_a_participant_is_found_again_by_the_members_of_the_conversation_alone(place: Place) -> None:
    """The same id for each of them and for ever; null for a third person, and once they have left."""
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id ... on Participant { user { username } } } }"
    members = "query ($id: ID!) { conversation(id: $id) { participants { nodes { id user { username } } } } }"
    seen = [
        {each["user"]["username"]: each["id"] for each in found["conversation"]["participants"]["nodes"]}
        for found in [await person.ask(members, id=place.group) for person in (place.alice, place.bob, place.carol)]
    ]
    direct = (await place.bob.ask(members, id=place.direct))["conversation"]["participants"]["nodes"]
    ids = [seen[0]["bob"], seen[0]["carol"]]
    found = (await place.alice.ask(query, ids=ids))["nodes"]
    dave = Person(place.site, await place.site.token_of("dave"))
    stranger = (await dave.ask(query, ids=[*ids, *(each["id"] for each in direct)]))["nodes"]
    outside = (await place.carol.ask(query, ids=[each["id"] for each in direct]))["nodes"]
    await place.carol.do("leaveConversation", conversationId=place.group)
    left = [(await person.ask(query, ids=ids))["nodes"] for person in (place.alice, place.carol)]

    assert seen[0] == seen[1] == seen[2]
    assert len({*seen[0].values(), *(each["id"] for each in direct)}) == 5
    assert found == [
        {"__typename": "Participant", "id": seen[0][name], "user": {"username": name}} for name in ("bob", "carol")
    ]
    assert stranger == [None] * 4
    assert outside == [None] * 2
    assert left == [[found[0], None], [None, None]]
