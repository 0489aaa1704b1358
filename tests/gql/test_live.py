"""Every change is live: each device of the people concerned gets its event at once, and nobody else does.

A write without its hint delays the event until the periodic look, 30 seconds later; so each occasion here happens while
people listen, and lists the events of each of them. The mutations and events are taken from the schema: a new one
without an occasion fails.
"""

import hashlib
import io
import itertools
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from graphql import GraphQLUnionType
from PIL import Image

from gql.id import Kind, number_of
from gql.wire.schema import build_schema
from models import user as users
from pubsub.base import EphemeralEvent
from pubsub.memory import MemoryPubSub
from services.account import account as accounts
from services.limit import DeviceTrust, Limits
from services.person.user import get_id
from tests.gql.conftest import Site, settings_in, site_in
from tests.gql.gate import PROTOCOL
from tests.gql.person import Person

SECONDS = 5  # for a busy machine; the periodic look, which would hide a lost hint, comes after 30
PASSWORD = "correct horse"
EVENTS = """
subscription ($all: Boolean!) {
  events(includeEphemeral: $all) {
    cursor
    event {
      __typename
      ... on MessageUpdated { changes }
      ... on MessageRemoved { removalReason }
      ... on ReceiptUpdated { status user { username } }
      ... on TypingChanged { isTyping user { username } }
      ... on PresenceChanged { user { username } presence { status } }
      ... on BlocksChanged { isBlocked user { username } }
      ... on SettingsChanged { settings { sendReadReceipts sharePresence } }
      ... on UserUpdated { user { username isActive isFollowingViewer viewerIsFollowing viewerHasMuted } }
      ... on ViewerUpdated { viewer { user { username } } }
      ... on DeviceAdded { device { name } }
      ... on SessionRevoked { revocationReason }
    }
  }
}
"""
OF_THE_STREAM = {
    "StreamReady",
    "StreamCaughtUp",
    "StreamReset",
    "StreamHeartbeat",
}  # answers to a cursor, or to an idle stream
PASSING = {"TypingChanged", "PresenceChanged", "SessionRevoked"}  # not entries of a log


class Quiet(MemoryPubSub):
    """Drops ephemeral events while it is hushed: they wake a stream too, and would hide a lost hint."""

    is_hushed = True

    def publish_ephemeral(self, events: Iterable[EphemeralEvent]) -> None:
        """See `pubsub.base.PubSub`."""
        if not self.is_hushed:
            super().publish_ephemeral(events)


class Listener:
    """A live subscription to everything, over a socket of its own."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def begin(self, token: str, *, with_ephemeral: bool) -> None:
        """Subscribes, and returns when the stream is live."""
        await self._socket.send_json({"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}})
        payload = {"query": EVENTS, "variables": {"all": with_ephemeral}}
        await self._socket.send_json({"id": "1", "type": "subscribe", "payload": payload})
        assert (await self._socket.receive_json(timeout=SECONDS))["type"] == "connection_ack"
        assert (await self.take())[0] == "StreamReady"

    async def take(self) -> list[Any]:
        """The next event: its type, and the selected fields."""
        frame = await self._socket.receive_json(timeout=SECONDS)
        assert frame["type"] == "next", frame
        event = frame["payload"]["data"]["events"]["event"]
        return [event.pop("__typename"), *_leaves(event)]

    async def is_silent(self) -> bool:
        """Whether no other event has arrived."""
        await self._socket.send_json({"type": "ping"})
        return bool((await self._socket.receive_json(timeout=SECONDS))["type"] == "pong")


def _leaves(value: Any) -> list[Any]:
    """The values of a selection, in order; usernames without their number."""
    if isinstance(value, dict):
        return [leaf for each in value.values() for leaf in _leaves(each)]
    if isinstance(value, list):
        return [leaf for each in value for leaf in _leaves(each)]
    return [value.rstrip("0123456789") if isinstance(value, str) else value]


class Actor(Person):
    """A person with two devices: one acts, the other one listens."""

    def __init__(self, site: Site, name: str, token: str, other: str) -> None:
        super().__init__(site, token)
        self.name = name
        self.other = other
        self.listens = True
        self.reference = {"username": name}

    async def do(self, mutation: str, selection: str = "", **given: Any) -> Any:
        """The success of a mutation."""
        name = mutation[0].upper() + mutation[1:]
        query = (
            f"mutation ($input: {name}Input!) {{ {mutation}(input: $input) "
            f"{{ __typename ... on {name}Success {{ __typename {selection} }} }} }}"
        )
        found = (await self.ask(query, input=given))[mutation]
        assert found["__typename"] == f"{name}Success"
        return found

    async def write_to(self, *others: "Actor", **draft: Any) -> tuple[str, str]:
        """The ids of a message and of its conversation."""
        id_ = await self.send(*(other.name for other in others), **draft)
        return id_, await self.place_of(id_)

    async def devices(self) -> dict[bool, str]:
        """The ids of the two devices; True is the one that acts."""
        found = await self.ask("{ viewer { devices { id isCurrent } } }")
        return {each["isCurrent"]: each["id"] for each in found["viewer"]["devices"]}


class Stage:
    """A running server, and new people for each occasion."""

    def __init__(self, site: Site, pubsub: Quiet) -> None:
        self.site = site
        self.pubsub = pubsub
        self.open = AsyncExitStack()  # closed after all events have been read
        self._numbers = itertools.count()

    async def people(self) -> dict[str, Actor]:
        """Alice, bob and carol, whose usernames end in a number."""
        number = next(self._numbers)
        return {name: await self._actor(f"{name}{number}") for name in ("alice", "bob", "carol")}

    async def _actor(self, name: str) -> Actor:
        token = await self.site.token_of(name)
        other = await self.site.services.account.open_session(name, "listens")
        return Actor(self.site, name, token, other.token)

    async def make_least_recent(self, token: str) -> None:
        """Both devices of an actor may have been seen in the same millisecond; after this, this one was before."""
        sql = (
            "UPDATE device SET last_seen_at = last_seen_at - 1000 "
            "WHERE id = (SELECT device_id FROM session WHERE token_hash = ?)"
        )
        session = hashlib.sha256(token.encode()).digest()
        await self.site.services.database.write(lambda tx: tx.database.connection().execute(sql, [session]).rowcount)

    @asynccontextmanager
    async def listener(self, token: str, *, with_ephemeral: bool = True) -> AsyncIterator[Listener]:
        """Somebody's live subscription."""
        async with self.site.http.ws_connect(self.site.graphql, protocols=PROTOCOL) as socket:
            found = Listener(socket)
            await found.begin(token, with_ephemeral=with_ephemeral)
            yield found

    async def position_of(self, actor: Actor) -> int:
        """The length of this person's log."""
        sql = "SELECT coalesce(max(n), 0) FROM event JOIN user ON user.id = user_id WHERE username = ?"
        return int(
            await self.site.services.database.read(
                lambda tx: tx.database.connection().execute(sql, [actor.name]).fetchone()[0]
            )
        )


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """One server for all occasions of this module: each of them has its own people."""
    folder, pubsub = tmp_path_factory.mktemp("live"), Quiet()
    limits = Limits(
        send_rate_per_minute=0,
        subscription_rate_per_minute=0,
        sign_in_rate_per_minute=0,
        may_sign_up=True,
        device_trust=DeviceTrust.NOTIFY,
    )
    async with site_in(folder, settings_in(folder), limits, pubsub) as site:
        yield Stage(site, pubsub)


Story = Callable[..., AsyncGenerator[None, None]]


@dataclass(frozen=True, slots=True)
class Occasion:
    """The action after the `yield` of its story, and the events of each of the three people, in order."""

    story: Story
    mutation: str | None
    heard: dict[str, list[list[Any]]]
    passes: bool

    @property
    def id(self) -> str:
        """Its name in test reports."""
        return self.story.__name__

    def grows(self, name: str) -> int:
        """By how much this person's log grows."""
        return sum(event[0] not in PASSING for event in self.heard.get(name, ()))

    def lives(self, name: str) -> bool:
        """Whether the session of a listener survives it."""
        return all(event[0] != "SessionRevoked" for event in self.heard.get(name, ()))


OCCASIONS: list[Occasion] = []


def occasion(mutation: str | None, *, passes: bool = False, **heard: list[Any]) -> Callable[[Story], Story]:
    """Adds a story: it prepares before its `yield`, unobserved, and acts after it.

    `heard` lists the events of each person; others get none. `passes` if they are never replayed.
    """
    found = {name: [each if isinstance(each, list) else [each] for each in events] for name, events in heard.items()}

    def add(story: Story) -> Story:
        OCCASIONS.append(Occasion(story, mutation, found, passes))
        return story

    return add


NEW = ["ConversationCreated", "MessageCreated"]


@occasion("sendPrivateMessage", alice=NEW, bob=NEW)
async def a_message(_stage: Stage, alice: Actor, bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """The first one between two people."""
    yield
    await alice.write_to(bob)


@occasion("sendPrivateMessageToEach", alice=NEW * 2, bob=NEW, carol=NEW)
async def a_message_to_each(_stage: Stage, alice: Actor, bob: Actor, carol: Actor) -> AsyncGenerator[None, None]:
    """Two conversations."""
    yield
    await alice.do("sendPrivateMessageToEach", recipients=[bob.reference, carol.reference], text="Hello")


@occasion(
    "sendPrivateMessage",
    alice=["ConversationUpdated", ["ReceiptUpdated", "READ", "bob"], "MessageCreated"],
    bob=["ConversationUpdated", "MessageCreated"],
)
async def an_answer(_stage: Stage, alice: Actor, bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """Answering marks as read, and accepts a request."""
    await bob.do("updateMessagingSettings", acceptMessagesFrom="NOBODY")
    await alice.write_to(bob)
    yield
    await bob.write_to(alice)


@occasion("editMessage", alice=[["MessageUpdated", "TEXT"]], bob=[["MessageUpdated", "TEXT"]])
async def an_edit(_stage: Stage, alice: Actor, bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """By its sender."""
    id_, _ = await alice.write_to(bob)
    yield
    await alice.do("editMessage", messageId=id_, text="other words")


@occasion("deleteMessage", bob=[["MessageRemoved", "DELETED_FOR_VIEWER"], "ConversationUpdated"])
async def a_delete_for_oneself(_stage: Stage, alice: Actor, bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """The sender gets no event."""
    id_, _ = await alice.write_to(bob)
    yield
    await bob.do("deleteMessage", messageId=id_, scope="FOR_ME")


GONE = [["MessageRemoved", "DELETED_SILENTLY"], "ConversationRemoved"]


@occasion("deleteMessage", alice=GONE, bob=GONE)
async def a_delete_for_everyone(_stage: Stage, alice: Actor, bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """Within the silent window."""
    id_, _ = await alice.write_to(bob)
    yield
    await alice.do("deleteMessage", messageId=id_, scope="FOR_EVERYONE")


@occasion("setReaction", alice=[["MessageUpdated", "REACTIONS"]], bob=[["MessageUpdated", "REACTIONS"]])
async def a_reaction(_stage: Stage, alice: Actor, bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """By its recipient."""
    id_, _ = await alice.write_to(bob)
    yield
    await bob.do("setReaction", messageId=id_, emoji="👍", reacted=True)


@occasion("acknowledgeDelivery", alice=[["ReceiptUpdated", "DELIVERED", "bob"]], bob=["ConversationUpdated"])
async def a_delivery(_stage: Stage, alice: Actor, bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """The sender gets the receipt."""
    id_, place = await alice.write_to(bob)
    yield
    await bob.do("acknowledgeDelivery", conversationId=place, upToMessageId=id_)


@occasion("markConversationRead", alice=[["ReceiptUpdated", "READ", "bob"]], bob=["ConversationUpdated"])
async def a_mark_as_read(_stage: Stage, alice: Actor, bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """The sender gets the receipt."""
    _, place = await alice.write_to(bob)
    yield
    await bob.do("markConversationRead", conversationId=place)


@occasion("markConversationUnread", bob=["ConversationUpdated"])
async def a_mark_as_unread(_stage: Stage, alice: Actor, bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """Nobody else gets an event."""
    _, place = await alice.write_to(bob)
    yield
    await bob.do("markConversationUnread", conversationId=place)


@occasion(
    "markAllConversationsRead",
    alice=[["ReceiptUpdated", "READ", "bob"]],
    bob=["ConversationUpdated", "ConversationUpdated"],
    carol=[["ReceiptUpdated", "READ", "bob"]],
)
async def marks_as_read_of_all(_stage: Stage, alice: Actor, bob: Actor, carol: Actor) -> AsyncGenerator[None, None]:
    """Each sender gets the receipt of their own conversation."""
    await alice.write_to(bob)
    await carol.write_to(bob)
    yield
    await bob.do("markAllConversationsRead")


@occasion("setTyping", passes=True, bob=[["TypingChanged", True, "alice"]])
async def typing(_stage: Stage, alice: Actor, bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """Shown to the other person, not to oneself."""
    _, place = await alice.write_to(bob)
    yield
    await alice.do("setTyping", conversationId=place, isTyping=True)


@occasion("clearConversation", bob=[["MessageRemoved", "CLEARED"], "ConversationRemoved"])
async def a_clearing(_stage: Stage, alice: Actor, bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """Nobody else gets an event."""
    _, place = await alice.write_to(bob)
    yield
    await bob.do("clearConversation", conversationId=place)


@occasion(
    "leaveConversation", alice=["ConversationUpdated"], bob=["ConversationRemoved"], carol=["ConversationUpdated"]
)
async def a_leave(_stage: Stage, alice: Actor, bob: Actor, carol: Actor) -> AsyncGenerator[None, None]:
    """The remaining members see who is left."""
    _, place = await alice.write_to(bob, carol)
    yield
    await bob.do("leaveConversation", conversationId=place)


@occasion("setConversationPreferences", bob=["ConversationUpdated"])
async def a_preference(_stage: Stage, alice: Actor, bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """Nobody else gets an event."""
    _, place = await alice.write_to(bob)
    yield
    await bob.do("setConversationPreferences", conversationId=place, isPinned=True)


async def _request(alice: Actor, bob: Actor) -> str:
    await bob.do("updateMessagingSettings", acceptMessagesFrom="NOBODY")
    return (await alice.write_to(bob))[1]


@occasion("acceptMessageRequest", alice=["ConversationUpdated"], bob=["ConversationUpdated"])
async def an_acceptance(_stage: Stage, alice: Actor, bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """Its sender gets an event."""
    place = await _request(alice, bob)
    yield
    await bob.do("acceptMessageRequest", conversationId=place)


@occasion("declineMessageRequest", bob=["ConversationRemoved", ["BlocksChanged", True, "alice"]])
async def a_decline(_stage: Stage, alice: Actor, bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """Its sender gets no event."""
    place = await _request(alice, bob)
    yield
    await bob.do("declineMessageRequest", conversationId=place, blockSender=True)


@occasion("blockUser", bob=[["BlocksChanged", True, "alice"]])
async def a_block(_stage: Stage, alice: Actor, bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """The blocked person gets no event."""
    await alice.write_to(bob)
    yield
    await bob.do("blockUser", user=alice.reference)


@occasion("unblockUser", bob=[["BlocksChanged", False, "alice"]])
async def the_end_of_a_block(_stage: Stage, alice: Actor, bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """The blocked person gets no event."""
    await bob.do("blockUser", user=alice.reference)
    yield
    await bob.do("unblockUser", user=alice.reference)


@occasion("reportMessage", bob=[["BlocksChanged", True, "alice"]])
async def a_report(_stage: Stage, alice: Actor, bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """Together with a block; the reported person gets no event."""
    id_, _ = await alice.write_to(bob)
    yield
    await bob.do("reportMessage", messageId=id_, reason="SPAM", blockSender=True)


@occasion("updateMessagingSettings", bob=[["SettingsChanged", False, True]])
async def a_setting(_stage: Stage, alice: Actor, bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """The current settings; nobody else gets an event."""
    await alice.write_to(bob)
    yield
    await bob.do("updateMessagingSettings", sendReadReceipts=False)


def user(name: str, *, active: bool = True, follows: bool = False, followed: bool = False, muted: bool = False) -> Any:
    """A UserUpdated: the person, and their relations to the listener as they are then."""
    return ["UserUpdated", name, active, follows, followed, muted]


@occasion("followUser", alice=[user("bob", followed=True)], bob=[user("alice", follows=True)])
async def a_follow(_stage: Stage, alice: Actor, bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """The followed person gets an event too."""
    yield
    await alice.do("followUser", user=bob.reference)


@occasion("followUser")
async def a_repeated_follow(_stage: Stage, alice: Actor, bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """No event, because nothing changes."""
    await alice.do("followUser", user=bob.reference)
    yield
    await alice.do("followUser", user=bob.reference)


@occasion("followUser", alice=[user("bob", followed=True)])
async def a_follow_by_a_blocked_person(
    _stage: Stage, alice: Actor, bob: Actor, _carol: Actor
) -> AsyncGenerator[None, None]:
    """The blocker hears nothing of them."""
    await bob.do("blockUser", user=alice.reference)
    yield
    await alice.do("followUser", user=bob.reference)


@occasion("followUser", alice=[user("bob", followed=True)])
async def a_follow_of_a_blocked_person(
    _stage: Stage, alice: Actor, bob: Actor, _carol: Actor
) -> AsyncGenerator[None, None]:
    """The blocked person hears nothing of the blocker."""
    await alice.do("blockUser", user=bob.reference)
    yield
    await alice.do("followUser", user=bob.reference)


@occasion("unfollowUser", alice=[user("bob")], bob=[user("alice")])
async def the_end_of_a_follow(_stage: Stage, alice: Actor, bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """The person who was followed gets an event too."""
    await alice.do("followUser", user=bob.reference)
    yield
    await alice.do("unfollowUser", user=bob.reference)


@occasion("muteUser", alice=[user("bob", muted=True)])
async def a_mute(_stage: Stage, alice: Actor, bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """The muted person gets no event."""
    await alice.write_to(bob)
    yield
    await alice.do("muteUser", user=bob.reference)


@occasion("unmuteUser", alice=[user("bob")])
async def the_end_of_a_mute(_stage: Stage, alice: Actor, bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """The person who was muted gets no event."""
    await alice.do("muteUser", user=bob.reference)
    yield
    await alice.do("unmuteUser", user=bob.reference)


@occasion("signUp")
async def a_sign_up(_stage: Stage, alice: Actor, _bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """Of a new person."""
    yield
    await alice.do("signUp", username=f"new_{secrets.token_hex(4)}", password=PASSWORD)


async def _with_password(stage: Stage, actor: Actor) -> None:
    services = stage.site.services
    password_hash = await services.account._passwords.hash(PASSWORD)
    await services.database.write(
        lambda tx: tx.run(users.SET_PASSWORD, id=get_id(tx, actor.name), password_hash=password_hash)
    )


@occasion("signIn", alice=[["DeviceAdded", "Phone"]])
async def a_sign_in(stage: Stage, alice: Actor, _bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """A new device gets an event, like every change of devices."""
    await _with_password(stage, alice)
    yield
    await alice.do("signIn", username=alice.name, password=PASSWORD, deviceName="Phone")


@occasion("signIn", alice=[["ViewerUpdated", "alice"]])
async def a_sign_in_without_trust(stage: Stage, alice: Actor, _bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """On a server whose devices need no trust, as by default: the other devices show one device more."""
    await _with_password(stage, alice)
    account = stage.site.services.account
    yield
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(account, "_limits", replace(account._limits, device_trust=DeviceTrust.OFF))
        await alice.do("signIn", username=alice.name, password=PASSWORD, deviceName="Phone")


@occasion("changePassword", alice=[["SessionRevoked", "TOKEN_REVOKED"]])
async def another_password(stage: Stage, alice: Actor, _bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """Ends the other device."""
    await _with_password(stage, alice)
    yield
    await alice.do("changePassword", currentPassword=PASSWORD, newPassword="another horse")


@occasion("changePassword", alice=[["ViewerUpdated", "alice"]])
async def another_password_elsewhere(
    stage: Stage, alice: Actor, _bob: Actor, _carol: Actor
) -> AsyncGenerator[None, None]:
    """The device that changes it remains, and shows that it is the only one."""
    await _with_password(stage, alice)
    alice.other = alice.token
    yield
    await alice.do("changePassword", currentPassword=PASSWORD, newPassword="another horse")


@occasion("changePassword")
async def another_password_of_the_only_device(
    stage: Stage, alice: Actor, _bob: Actor, _carol: Actor
) -> AsyncGenerator[None, None]:
    """No event, because no session ends."""
    await _with_password(stage, alice)
    await alice.do("revokeDevice", deviceId=(await alice.devices())[False])
    alice.other = alice.token
    yield
    await alice.do("changePassword", currentPassword=PASSWORD, newPassword="another horse")


@occasion("signOut", alice=[["SessionRevoked", "SIGNED_OUT"]])
async def a_sign_out(_stage: Stage, alice: Actor, _bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """Ends the streams of the same session."""
    alice.other = alice.token
    yield
    await alice.do("signOut")


@occasion("signOut", alice=[["ViewerUpdated", "alice"]])
async def a_sign_out_elsewhere(_stage: Stage, alice: Actor, _bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """The remaining device shows one device less."""
    yield
    await alice.do("signOut")


@occasion("signOut", alice=[["SessionRevoked", "SIGNED_OUT"]])
async def a_sign_out_everywhere(_stage: Stage, alice: Actor, _bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """Ends the other device."""
    yield
    await alice.do("signOut", everywhere=True)


@occasion("revokeDevice", alice=[["SessionRevoked", "DEVICE_REVOKED"]])
async def the_end_of_a_device(_stage: Stage, alice: Actor, _bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """The other one."""
    devices = await alice.devices()
    yield
    await alice.do("revokeDevice", deviceId=devices[False])


@occasion("revokeDevice", alice=[["ViewerUpdated", "alice"]])
async def the_end_of_a_third_device(
    stage: Stage, alice: Actor, _bob: Actor, _carol: Actor
) -> AsyncGenerator[None, None]:
    """The others show one device less."""
    await stage.site.services.account.open_session(alice.name, "third")
    found = await alice.ask("{ viewer { devices { id name } } }")
    [third] = [each["id"] for each in found["viewer"]["devices"] if each["name"] == "third"]
    yield
    await alice.do("revokeDevice", deviceId=third)


@occasion("trustDevice", alice=[["ViewerUpdated", "alice"]])
async def a_trust(stage: Stage, alice: Actor, _bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """Of a device that waits for it."""
    await stage.site.services.account.open_session(alice.name, "third")
    found = await alice.ask("{ viewer { devices { id isTrusted } } }")
    [third] = [each["id"] for each in found["viewer"]["devices"] if not each["isTrusted"]]
    yield
    await alice.do("trustDevice", deviceId=third)


@occasion("createApiKey", alice=[["ViewerUpdated", "alice"]])
async def a_key(_stage: Stage, alice: Actor, _bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """The other devices show it."""
    yield
    await alice.do("createApiKey", name="bot", scopes=["READ_MESSAGES"])


@occasion("revokeApiKey", alice=[["ViewerUpdated", "alice"]])
async def the_end_of_an_idle_key(_stage: Stage, alice: Actor, _bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """The other devices show it no more."""
    made = await alice.do("createApiKey", "apiKey { id }", name="bot", scopes=["READ_MESSAGES"])
    yield
    await alice.do("revokeApiKey", apiKeyId=made["apiKey"]["id"])


@occasion("revokeApiKey", alice=[["SessionRevoked", "TOKEN_REVOKED"]])
async def the_end_of_a_key(_stage: Stage, alice: Actor, _bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """Disconnects the program that listens with it."""
    made = await alice.do("createApiKey", "secret apiKey { id }", name="bot", scopes=["READ_MESSAGES"])
    alice.other = made["secret"]
    yield
    await alice.do("revokeApiKey", apiKeyId=made["apiKey"]["id"])


async def _uploaded(alice: Actor, name: str, content: bytes) -> str:
    """The id of a complete upload."""
    made = await alice.do("createUpload", "upload { id uploadUrl }", filename=name, byteSize=len(content))
    headers = {
        "Authorization": f"Bearer {alice.token}",
        "Content-Type": "application/offset+octet-stream",
        "Tus-Resumable": "1.0.0",
        "Upload-Offset": "0",
    }
    async with alice.site.http.patch(made["upload"]["uploadUrl"], data=content, headers=headers) as response:
        assert response.status == 204
    return str(made["upload"]["id"])


@occasion("createUpload")
async def an_upload(_stage: Stage, alice: Actor, _bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """No event before the file is sent."""
    yield
    await alice.do("createUpload", filename="a.txt", byteSize=5)


@occasion("completeUpload")
async def a_whole_upload(_stage: Stage, alice: Actor, _bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """No event before the file is sent."""
    id_ = await _uploaded(alice, "a.txt", b"hello")
    yield
    await alice.do("completeUpload", uploadId=id_)


@occasion("cancelUpload")
async def the_end_of_an_upload(_stage: Stage, alice: Actor, _bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """No event."""
    made = await alice.do("createUpload", "upload { id }", filename="a.txt", byteSize=5)
    yield
    await alice.do("cancelUpload", uploadId=made["upload"]["id"])


async def _send_picture(alice: Actor, bob: Actor) -> None:
    written = io.BytesIO()
    Image.new("RGB", (3, 2), "navy").save(written, "PNG")
    await alice.write_to(bob, attachments=[{"uploadId": await _uploaded(alice, "sea.png", written.getvalue())}])


@occasion(None, alice=[["MessageUpdated", "ATTACHMENTS"]], bob=[["MessageUpdated", "ATTACHMENTS"]])
async def a_thumbnail(stage: Stage, alice: Actor, bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """Made some time after its message."""
    await _send_picture(alice, bob)
    yield
    await stage.site.services.sweeper.shrink()


@occasion(None, alice=[["MessageUpdated", "ATTACHMENTS"]], bob=[["MessageUpdated", "ATTACHMENTS"]])
async def no_thumbnail(stage: Stage, alice: Actor, bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """A bug while processing the picture: clients stop waiting for it."""

    async def stumble(*_arguments: object) -> None:
        raise LookupError("a bug")

    await _send_picture(alice, bob)
    yield
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage.site.services.sweeper._thumbnailer._pictures, "shrink", stumble)
        await stage.site.services.sweeper.shrink()


@occasion(None, passes=True, alice=[["PresenceChanged", "bob", "ONLINE"]])
async def coming(stage: Stage, alice: Actor, bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """The first live stream of a person; strangers get no event."""
    await alice.write_to(bob)
    await bob.write_to(alice)
    bob.listens = False
    yield
    await stage.open.enter_async_context(stage.listener(bob.other))


@occasion(None, passes=True, alice=[["PresenceChanged", "bob", "OFFLINE"]])
async def going(stage: Stage, alice: Actor, bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """The end of the last."""
    await alice.write_to(bob)
    await bob.write_to(alice)
    bob.listens = False
    async with stage.listener(bob.other):
        yield


@occasion(None, alice=[["SessionRevoked", "ACCOUNT_SUSPENDED"]], bob=[user("alice", active=False)])
async def a_suspension(stage: Stage, alice: Actor, bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """By the operator. Those who share a conversation with the person get an event, and nobody else."""
    await alice.write_to(bob)
    yield
    await stage.site.services.account.set_state(alice.name, users.SUSPENDED)


@occasion(None, bob=[user("alice")])
async def a_restoration(stage: Stage, alice: Actor, bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """By the operator; even a request that is not answered is a shared conversation."""
    await _request(alice, bob)
    await stage.site.services.account.set_state(alice.name, users.SUSPENDED)
    alice.listens = False
    yield
    await stage.site.services.account.set_state(alice.name, users.ACTIVE)


@occasion(None)
async def another_kind_of_suspension(
    stage: Stage, alice: Actor, bob: Actor, _carol: Actor
) -> AsyncGenerator[None, None]:
    """By the operator: to others, a suspended account looks like a deactivated one."""
    await alice.write_to(bob)
    await stage.site.services.account.set_state(alice.name, users.SUSPENDED)
    alice.listens = False
    yield
    await stage.site.services.account.set_state(alice.name, users.DEACTIVATED)


@occasion(None, alice=[["SessionRevoked", "TOKEN_REVOKED"]])
async def a_password_that_is_set(stage: Stage, alice: Actor, _bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """By the operator."""
    yield
    await stage.site.services.account.set_password(alice.name, PASSWORD)


@occasion(None, alice=[["SessionRevoked", "TOKEN_REVOKED"]])
async def a_key_that_is_removed(stage: Stage, alice: Actor, _bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """By the operator."""
    made = await alice.do("createApiKey", "secret apiKey { id }", name="bot", scopes=["READ_MESSAGES"])
    alice.other = made["secret"]
    yield
    await stage.site.services.api_key.remove(alice.name, number_of(Kind.API_KEY, made["apiKey"]["id"]))


@occasion(None, alice=[["SessionRevoked", "TOKEN_REVOKED"]])
async def one_device_too_many(stage: Stage, alice: Actor, _bob: Actor, _carol: Actor) -> AsyncGenerator[None, None]:
    """The device seen least recently is removed."""
    alice.other = alice.token
    await stage.make_least_recent(alice.other)
    yield
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accounts, "MOST_DEVICES", 2)
        await stage.site.services.account.open_session(alice.name, "third")


@occasion(None, alice=[["DeviceAdded", "third"], ["ViewerUpdated", "alice"]])
async def one_device_too_many_elsewhere(
    stage: Stage, alice: Actor, _bob: Actor, _carol: Actor
) -> AsyncGenerator[None, None]:
    """The remaining device gets one event of the new device, and one of the removed device."""
    await stage.make_least_recent(alice.token)
    yield
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accounts, "MOST_DEVICES", 2)
        await stage.site.services.account.open_session(alice.name, "third")


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("each", OCCASIONS, ids=lambda each: each.id)
async def test_the_people_concerned_get_the_event_at_once(stage: Stage, each: Occasion) -> None:
    """On their other device, exactly these events in this order; no other entry is added to a log."""
    people, stage.pubsub.is_hushed = await stage.people(), True
    story = each.story(stage, *people.values())
    await anext(story)
    async with stage.open:
        listeners = {
            name: await stage.open.enter_async_context(stage.listener(actor.other, with_ephemeral=each.passes))
            for name, actor in people.items()
            if actor.listens
        }
        before = {name: await stage.position_of(actor) for name, actor in people.items()}
        stage.pubsub.is_hushed = not each.passes
        with pytest.raises(StopAsyncIteration):
            await anext(story)
        heard = {name: [await listeners[name].take() for _ in wanted] for name, wanted in each.heard.items()}
        grown = {name: await stage.position_of(actor) - before[name] for name, actor in people.items()}
        silent = [name for name, listener in listeners.items() if each.lives(name) and await listener.is_silent()]

    assert heard == each.heard
    alive = [name for name in people if each.lives(name)]
    assert [grown[name] for name in alive] == [each.grows(name) for name in alive]
    assert silent == [name for name in alive if name in listeners]


def test_every_mutation_and_every_event_has_its_occasion() -> None:
    """If the schema has a new one, add an occasion that says who gets which event."""
    schema = build_schema()._schema
    event = schema.type_map["Event"]
    assert schema.mutation_type is not None
    assert isinstance(event, GraphQLUnionType)

    assert {each.mutation for each in OCCASIONS} - {None} == set(schema.mutation_type.fields)
    heard = {one[0] for each in OCCASIONS for events in each.heard.values() for one in events}
    assert heard == {each.name for each in event.types} - OF_THE_STREAM
