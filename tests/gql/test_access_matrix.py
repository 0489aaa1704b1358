"""The access matrix: 11 kinds of actor, 16 kinds of object, 5 paths; each of the 880 cells is tested.

Anybody who may see an object finds its mark in the answer. Anybody else gets the answer for an id that never existed,
byte for byte except for the id that they sent.
"""

import hashlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest
import pytest_asyncio

from gql.id import Kind, encode
from models import session as sessions
from models import user as users
from models.api_key import Scope
from models.base import conversation_of, now_ms
from models.setting import Audience
from services.account.credentials import Credentials
from services.file.upload_session import UploadForm
from services.limit import DeviceTrust, Limits
from services.message.draft import Draft
from services.person.setting import SettingsChange
from services.person.user import Reference, ReferenceKind, get_id
from services.transaction import WriteTransaction
from services.viewer import Viewer
from tests.gql.conftest import Site, settings_in, site_in
from tests.gql.raw_socket import CLOSE, TEXT, Wire

OBJECTS = (
    "message", "conversation", "attachment", "bytes", "receipt", "message of a group", "message after leaving",
    "group", "block", "presence", "device", "key", "upload", "participant", "participant of a group", "viewer",
)  # fmt: skip
OF_THE_PAIR = {"message", "conversation", "attachment", "bytes", "receipt", "presence", "participant"}
OF_THE_GROUP = {"message of a group", "message after leaving", "group", "participant of a group"}
SEES: dict[str, set[str]] = {
    "sender": OF_THE_PAIR | OF_THE_GROUP | {"upload"},
    "recipient": (OF_THE_PAIR | OF_THE_GROUP | {"block", "device", "key", "viewer"}) - {"presence"},  # not their own
    "blocked": OF_THE_GROUP,  # by one of its members: they no longer see that member's presence
    "asked": {
        "message of a group",
        "group",
        "participant of a group",
    },  # into the group, without an answer: later messages are withheld
    "declined": {
        "message of a group",
        "group",
        "participant of a group",
    },  # earlier messages can still be accepted; no new ones arrive
    "ex-participant": set(),
    "suspended": set(),
    "untrusted device": set(),
    "admin key": set(),
    "service key": set(),
    "anonymous": set(),
}
# Where an object can appear at all: other cells have no such path, and state that there is nothing to try.
HAS: dict[str, set[str]] = {
    "by id": {"message", "conversation", "attachment", "message of a group", "message after leaving", "group", "device",
              "key", "upload", "participant", "participant of a group", "viewer"},
    "in a list": set(OBJECTS) - {"bytes", "presence", "upload"},
    "through a neighbour": set(OBJECTS) - {"bytes", "block", "device", "key", "upload", "viewer"},
    "by subscription": {"message", "conversation", "attachment", "message of a group", "message after leaving", "group",
                        "block", "device", "participant", "participant of a group"},
    "by file URL": {"bytes", "attachment", "message after leaving"},
}  # fmt: skip
# Actors who see a part of a conversation: its page and its log differ from those of one that never existed.
IN_PART = {(actor, door) for actor in ("asked", "declined") for door in ("in a list", "by subscription")}

NODE = """... on Message { text attachments { filename } } ... on Conversation { lastMessage { text } }
  ... on Attachment { filename } ... on Device { device: name } ... on ApiKey { key: name }
  ... on UploadSession { filename byteSize uploadUrl directUploadUrl }"""
MESSAGE = "id text attachments { id filename } seenBy { edges { node { username } at } } deliveryStatus"
BY_ID = f"query ($id: ID!) {{ node(id: $id) {{ __typename id {NODE} }} nodes(ids: [$id]) {{ id {NODE} }} }}"
LIST = f"""query ($conversation: ID!, $id: ID!) {{
  conversation(id: $conversation) {{ id participants {{ nodes {{ id }} }} messages(last: 50) {{ nodes {{ {MESSAGE} }} }}
    attachments {{ edges {{ node {{ filename }} }} }} }}
  searchMessages(query: "secret", filter: {{ conversationId: $conversation }}) {{ edges {{ excerpt {{ text }} }} }}
  nodes(ids: [$id, $conversation]) {{ id }}
}}"""
OWN = """{ conversations { nodes { id title: lastMessage { text } } }
  viewer { id devices { id name } apiKeys { id name } blockedUsers { edges { node { username } } } } }"""
NEIGHBOUR = f"""query ($message: ID!, $reply: ID!) {{
  message(id: $message) {{ {MESSAGE} conversation {{ id lastMessage {{ text }} messages {{ nodes {{ text }} }}
    participants {{ nodes {{ id user {{ username presence {{ status }} }} lastReadAt }} }} }} replyTo {{ text }} }}
  reply: message(id: $reply) {{ replyTo {{ {MESSAGE} conversation {{ id }} }} }}
}}"""
PRESENCE = "query ($user: ID!) { user(by: { id: $user }) { presence { status } } }"
EVENTS = """subscription ($after: EventCursor, $conversation: ID!) {
  events(after: $after, conversationIds: [$conversation], includeEphemeral: false) {
    conversation { id lastMessage { text attachments { id filename } } } viewer { user { username } } event { __typename
    ... on MessageCreated { message { id text attachments { id filename } conversation { id } }
      messageEdge { cursor node { text } } }
    ... on ConversationCreated { conversation { id lastMessage { text } participants { nodes { id } } } } } } }"""
ALL_EVENTS = """subscription ($after: EventCursor) { events(after: $after, includeEphemeral: false) {
    conversation { id lastMessage { text } } event { __typename
    ... on BlocksChanged { user { username } isBlocked } ... on MessageCreated { message { text } }
    ... on UserUpdated { user { username viewerHasMuted } } ... on ViewerUpdated { viewer { user { username } } }
    ... on DeviceAdded { device { device: name } } } } }"""


@dataclass
class Actor:
    """Somebody who asks; `user_id` owns their cursors and signed paths."""

    headers: dict[str, str]
    user_id: int = 0
    has_paths: bool = True  # an untrusted device gets none, and cannot use its owner's


@dataclass
class World:
    """A site with everything in it; `ids` and `marks` by object, `never` the ids of objects that never existed."""

    site: Site
    actors: dict[str, Actor] = field(default_factory=dict)
    ids: dict[str, dict[str, str]] = field(default_factory=dict)
    marks: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)

    async def ask(self, actor: Actor, query: str, **variables: str) -> str:
        """The whole answer, as text."""
        status, answer = await self.site.post({"query": query, "variables": variables}, headers=actor.headers)
        if "errors" in answer and answer.get("data") is None:  # any of several root fields may be the first to fail
            answer["errors"] = [
                {"message": e["message"], "extensions": e.get("extensions")} for e in answer["errors"][:1]
            ]
        return f"{status} {json.dumps(answer, ensure_ascii=False)}"


NEVER = {
    "id": "",  # of the requested kind
    "message": encode(Kind.MESSAGE, (5 << 27) | 1),
    "reply": encode(Kind.MESSAGE, (5 << 27) | 2),
    "conversation": encode(Kind.CONVERSATION, 5),
}


def never_like(id_: str, kind: Kind) -> str:
    """An id of the same kind that refers to nothing."""
    return encode(kind, (5 << 27) | 3, 0 if kind in {Kind.ATTACHMENT, Kind.PARTICIPANT} else None)


async def by_id(world: World, actor: Actor, name: str) -> tuple[str, str | None]:
    """`node` and `nodes`."""
    kinds = {
        "device": Kind.DEVICE,
        "key": Kind.API_KEY,
        "upload": Kind.UPLOAD,
        "conversation": Kind.CONVERSATION,
        "group": Kind.CONVERSATION,
        "attachment": Kind.ATTACHMENT,
        "bytes": Kind.ATTACHMENT,
        "participant": Kind.PARTICIPANT,
        "participant of a group": Kind.PARTICIPANT,
        "viewer": Kind.VIEWER,
    }
    id_ = world.ids[name]["id"]
    other = never_like(id_, kinds.get(name, Kind.MESSAGE))
    return await world.ask(actor, BY_ID, id=id_), (await world.ask(actor, BY_ID, id=other)).replace(other, id_)


async def in_a_list(world: World, actor: Actor, name: str) -> tuple[str, str | None]:
    """Pages of a conversation, the search in it, and the viewer's own lists."""
    if name in {"block", "device", "key", "upload", "viewer"}:
        return await world.ask(actor, OWN), None
    ids = {"conversation": world.ids[name]["conversation"], "id": world.ids[name]["id"]}
    others = {"conversation": NEVER["conversation"], "id": NEVER["message"]}
    found, none = await world.ask(actor, LIST, **ids), await world.ask(actor, LIST, **others)
    return found + await world.ask(actor, OWN), none + await world.ask(actor, OWN)


async def through_a_related_object(world: World, actor: Actor, name: str) -> tuple[str, str | None]:
    """From a message to its conversation and the message it replies to; from a person to their presence."""
    if name == "presence":
        users_ = world.ids["presence"]
        found = await world.ask(actor, PRESENCE, user=users_["id"])
        return found, await world.ask(actor, PRESENCE, user=users_["other"])
    ids = {"message": world.ids[name].get("message", NEVER["message"]), "reply": world.ids[name].get("reply", "x")}
    others = {"message": NEVER["message"], "reply": NEVER["reply"]}
    return await world.ask(actor, NEIGHBOUR, **ids), await world.ask(actor, NEIGHBOUR, **others)


async def by_subscription(world: World, actor: Actor, name: str) -> tuple[str, str | None]:
    """The log from its beginning: of one conversation, or all of it."""
    cursor = world.site.services.stream._signer.sign("event", actor.user_id or 1, 0)
    if name in {"block", "presence", "device", "key", "upload", "viewer"}:
        return await listen(world, actor, ALL_EVENTS, after=cursor), None
    conversation = world.ids[name]["conversation"]
    found = await listen(world, actor, EVENTS, after=cursor, conversation=conversation)
    return found, await listen(world, actor, EVENTS, after=cursor, conversation=NEVER["conversation"])


async def by_file_url(world: World, actor: Actor, name: str) -> tuple[str, str | None]:
    """A path signed for this actor, as if the server had a bug or its secret had leaked."""
    signer, expires_at = world.site.services.stream._signer, now_ms() // 1000 + 60
    answers = []
    for message_id in (world.numbers.get(name, 7), (5 << 27) | 3):
        user_id = actor.user_id if actor.has_paths else 0
        path = f"/files/{signer.sign('file', 0, user_id, message_id, 0, expires_at, 0)}"
        async with world.site.http.get(f"{world.site.url}{path}") as response:
            answers.append(f"{response.status} {(await response.read()).decode()}")
    return answers[0], answers[1]


DOORS: dict[str, Callable[[World, Actor, str], Awaitable[tuple[str, str | None]]]] = {
    "by id": by_id,
    "in a list": in_a_list,
    "through a neighbour": through_a_related_object,
    "by subscription": by_subscription,
    "by file URL": by_file_url,
}


async def listen(world: World, actor: Actor, query: str, **variables: str) -> str:
    """All messages of a subscription until it has caught up, ends, or the socket is closed."""
    wire = await Wire.open(world.site.url)
    try:
        await wire.shake()
        payload = {"authorization": actor.headers["Authorization"]} if actor.headers else {}
        wire.send({"type": "connection_init", "payload": payload})
        wire.send({"id": "1", "type": "subscribe", "payload": {"query": query, "variables": variables}})
        said = ""
        while True:
            opcode, content = await wire.read()
            if opcode == CLOSE:
                return f"{said} closed {int.from_bytes(content[:2], 'big')}"
            if opcode == TEXT:
                said += content.decode()
                if re.search('StreamCaughtUp|StreamReset|StreamReady|"type":"(error|complete)"', content.decode()):
                    return said
    finally:
        wire.abort()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """All actors and objects: created once, because no test changes them."""
    folder = tmp_path_factory.mktemp("matrix")
    limits = Limits(
        device_trust=DeviceTrust.REQUIRE,
        send_rate_per_minute=0,
        search_rate_per_minute=0,
        subscription_rate_per_minute=0,
        act_as_required=False,
        max_request_messages=1,
    )
    async with site_in(folder, settings_in(folder), limits) as site:
        made = World(site)
        await people(made)
        await things(made)
        await take_away(made)
        yield made


async def viewer_of(world: World, name: str) -> Viewer:
    """A session of this person, for the services."""
    token = world.actors[name].headers["Authorization"].removeprefix("Bearer ")
    viewer = await world.site.services.authenticator.authenticate(Credentials(token))
    assert viewer is not None
    return viewer


NAMES = {
    "sender": "alice", "recipient": "bob", "blocked": "dave", "ex-participant": "carol", "suspended": "erin",
    "asked": "frank", "declined": "gina",
}  # fmt: skip


async def people(world: World) -> None:
    """The eleven actors."""
    services = world.site.services

    async def id_of(name: str) -> int:
        return await services.database.read(get_id, name)

    for actor, name in NAMES.items():
        token = await world.site.token_of(name)
        world.actors[actor] = Actor({"Authorization": f"Bearer {token}"}, await id_of(name))
    for name in ("host", "zoe"):
        await world.site.token_of(name)
    alice = world.actors["sender"].user_id

    def put(tx: WriteTransaction) -> tuple[str, str, str]:
        token = "sot_" + "U" * 43
        hash_ = hashlib.sha256(token.encode()).digest()
        sessions.put(tx, alice, hash_, now_ms() + 86_400_000 * 20, device_name="new", is_trusted=False)
        host = get_id(tx, "host")
        every = Scope.READ_MESSAGES | Scope.SEND_MESSAGES | Scope.ACT_AS_ANY_USER
        keys = services.api_key
        return token, keys.put(tx, host, "admin", Scope.ADMIN, None)[1], keys.put(tx, host, "host", every, None)[1]

    token, admin, service = await services.database.write(put)
    host = await id_of("host")
    world.actors["untrusted device"] = Actor({"Authorization": f"Bearer {token}"}, alice, has_paths=False)
    world.actors["admin key"] = Actor({"Authorization": f"Bearer {admin}"}, host)
    world.actors["service key"] = Actor({"Authorization": f"Bearer {service}"}, host)
    world.actors["anonymous"] = Actor({})


async def things(world: World) -> None:
    """The sixteen objects, created by the services, as for any client."""
    services = world.site.services
    alice, bob, dave, carol, erin, frank, gina = [await viewer_of(world, actor) for actor in NAMES]

    async def content() -> AsyncIterator[bytes]:
        yield b"bytes-secret"

    def named(*names: str) -> list[Reference]:
        return [Reference(ReferenceKind.USERNAME, name) for name in names]

    received = await services.attachment.receive(content(), "file-secret.txt")
    message = (
        await services.send.send(alice, Draft(text="message secret pair", users=named("bob"), files=[received]))
    ).message_id
    reply = (await services.send.send(bob, Draft(text="re", users=named("alice"), reply_to_id=message))).message_id
    await services.receipt.mark_read(bob, conversation_of(message), message)
    for asked in (frank, gina):
        await services.setting.change(asked, SettingsChange(accept_from=Audience.NOBODY))
    everybody = named("bob", "carol", "dave", "erin", "frank", "gina")
    group = (await services.send.send(alice, Draft(text="group secret before", users=everybody))).message_id
    place = conversation_of(group)
    await services.request.decline(gina, place, block=False)
    await services.preference.leave(carol, place)
    received = await services.attachment.receive(content(), "file-of-the-group.txt")
    after = (
        await services.send.send(bob, Draft(text="group secret after", conversation_id=place, files=[received]))
    ).message_id
    for asked in (frank, gina):
        await services.receipt.mark_read(asked, place, None)
    for other, name in ((dave, "dave"), (erin, "erin")):
        await services.send.send(other, Draft(text="hello", users=named("bob")))
        await services.send.send(bob, Draft(text="hello", users=named(name)))
    row, _ = await services.api_key.create(bob, "key-secret", Scope.READ_MESSAGES, None)
    await services.account.open_session("bob", "the first is trusted")
    device = (await services.account.open_session("bob", "device-secret")).viewer.device_id
    await services.sweeper.index()
    zoe = await services.database.read(get_id, "zoe")
    upload = await services.upload.create(alice, UploadForm("upload-secret.txt", 7654321))

    def conversation(id_: int) -> str:
        return encode(Kind.CONVERSATION, id_)

    def of_message(id_: int, **more: str) -> dict[str, str]:
        text = encode(Kind.MESSAGE, id_)
        return {"id": text, "message": text, "conversation": conversation(conversation_of(id_)), **more}

    pair, again = of_message(message), encode(Kind.MESSAGE, reply)
    attachment = {**pair, "id": encode(Kind.ATTACHMENT, message, 0), "reply": again}
    world.ids = {
        "message": {**pair, "reply": again},
        "conversation": {**pair, "id": pair["conversation"], "reply": again},
        "attachment": attachment,
        "bytes": attachment,
        "receipt": {**pair, "reply": again},
        "message of a group": of_message(group),
        "message after leaving": of_message(after),
        "group": {**of_message(group), "id": conversation(place)},
        "block": {**pair, "id": encode(Kind.USER, dave.user_id)},
        "presence": {**pair, "id": encode(Kind.USER, bob.user_id), "other": encode(Kind.USER, zoe)},
        "device": {**pair, "id": encode(Kind.DEVICE, device)},
        "key": {**pair, "id": encode(Kind.API_KEY, row.id)},
        "upload": {**pair, "id": encode(Kind.UPLOAD, upload.id)},
        "participant": {**pair, "id": encode(Kind.PARTICIPANT, conversation_of(message), bob.user_id)},
        "participant of a group": {**of_message(group), "id": encode(Kind.PARTICIPANT, place, bob.user_id)},
        "viewer": {**pair, "id": encode(Kind.VIEWER, bob.user_id)},
    }
    world.marks = {
        "message": "message secret pair",
        "conversation": pair["conversation"],
        "attachment": "file-secret.txt",
        "bytes": "bytes-secret",
        "receipt": '"seenBy": {"edges": [{"node": {"username": "bob"}',
        "message of a group": "group secret before",
        "message after leaving": "group secret after",
        "group": conversation(place),
        "block": "dave",
        "presence": '"presence": {"status"',
        "device": "device-secret",
        "key": "key-secret",
        "upload": '"byteSize": 7654321',
        **{name: world.ids[name]["id"] for name in ("participant", "participant of a group", "viewer")},
    }
    world.numbers = {"bytes": message, "attachment": message, "message after leaving": after}


async def take_away(world: World) -> None:
    """Two who could see everything of the group, and bob's presence: bob blocks one, the other one is suspended."""
    for actor in (world.actors["blocked"], world.actors["suspended"]):
        for name in OF_THE_GROUP:
            for door in (by_id, in_a_list, by_subscription):
                found, _never = await door(world, actor, name)
                assert world.marks[name] in found, (name, door)
        assert world.marks["presence"] in (await through_a_related_object(world, actor, "presence"))[0]
    bob = await viewer_of(world, "recipient")
    await world.site.services.block.block(bob, Reference(ReferenceKind.USERNAME, "dave"))
    await world.site.services.account.set_state("erin", users.SUSPENDED)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("actor", SEES)
async def test_the_matrix(world: World, actor: str, door: str) -> None:
    """Sixteen cells each."""
    asked = world.actors[actor]
    wrong = []
    for name in OBJECTS:
        mark = world.marks["bytes"] if door == "by file URL" else world.marks[name]
        found, never = await DOORS[door](world, asked, name)
        may_see = name in SEES[actor] and name in HAS[door]
        if may_see != (mark in found):
            wrong.append((name, "seen" if mark in found else "not seen", found, ""))
        if name in {"presence", "block"} and name not in HAS[door]:
            continue  # anybody who is signed in may see the person
        if name == "message after leaving" and (actor, door) in IN_PART:
            continue
        if not may_see and never is not None and found != never and (name in HAS[door] or not SEES[actor]):
            wrong.append((name, "not as what never was", found, never))

    assert wrong == []


GROUP = """query ($id: ID!) {
  conversation(id: $id) { requestedBy { username } unreadCount typingUsers { username } lastMessage { text }
    firstUnreadMessage { text } deliveredToAllSequence readByAllSequence viewerCanAnswerRequest
    viewerParticipant { user { username } }
    participants { nodes { user { username presence { status } } lastReadAt lastReadMessage { id }
      lastDeliveredMessage { id } } }
    messages(last: 50) { nodes { text seenBy { edges { node { username } } } deliveredTo { totalCount } } }
    attachments { edges { node { filename } } } }
  searchMessages(query: "secret") { nodes { text } }
  conversations { totalCount }
  requests: conversations(filter: { folder: REQUESTS }) { totalCount }
  viewer { unreadMessageCount messageRequestCount }
}"""


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("actor", ["asked", "declined"])
async def test_a_member_who_has_not_accepted_a_group_sees_only_its_first_messages(world: World, actor: str) -> None:
    """They see its members and requester; no presence, receipt or typing, no later message, file or search result."""
    services = world.site.services
    place = conversation_of(world.numbers["message after leaving"])
    bob = await viewer_of(world, "recipient")
    async with services.presence.streaming(bob.user_id):
        await services.presence.type(bob, place, is_typing=True)
        answer = json.loads((await world.ask(world.actors[actor], GROUP, id=world.ids["group"]["id"]))[4:])["data"]
    conversation = answer.pop("conversation")

    people = conversation.pop("participants")["nodes"]
    assert {each["user"]["username"] for each in people} == {"alice", "bob", "dave", "erin", "frank", "gina"}
    others = [each for each in people if each["user"]["username"] != NAMES[actor]]
    assert all(each["user"]["presence"] is None for each in others)
    assert not any(each[name] for each in others for name in ("lastReadAt", "lastReadMessage", "lastDeliveredMessage"))
    own = {"seenBy": {"edges": [{"node": {"username": NAMES[actor]}}]}, "deliveredTo": {"totalCount": 1}}
    first = {"text": "group secret before", **own}
    assert conversation == {
        "requestedBy": {"username": "alice"}, "unreadCount": 0, "typingUsers": [],
        "lastMessage": {"text": "group secret before"}, "messages": {"nodes": [first]}, "attachments": {"edges": []},
        "firstUnreadMessage": None, "deliveredToAllSequence": 0, "readByAllSequence": 0,
        "viewerCanAnswerRequest": actor == "asked", "viewerParticipant": {"user": {"username": NAMES[actor]}},
    }  # fmt: skip
    waiting = int(actor == "asked")
    assert answer == {
        "searchMessages": {"nodes": [{"text": "group secret before"}]}, "conversations": {"totalCount": 0},
        "requests": {"totalCount": waiting}, "viewer": {"unreadMessageCount": 0, "messageRequestCount": waiting},
    }  # fmt: skip


@pytest.mark.asyncio(loop_scope="module")
async def test_members_who_have_not_accepted_a_group_look_private_to_others(world: World) -> None:
    """Both have read, type and are online: to the others they look like people who keep that private."""
    services = world.site.services
    place = conversation_of(world.numbers["message after leaving"])
    asked = [await viewer_of(world, actor) for actor in ("asked", "declined")]
    async with services.presence.streaming(asked[0].user_id), services.presence.streaming(asked[1].user_id):
        for each in asked:
            await services.presence.type(each, place, is_typing=True)
        for actor in ("sender", "recipient"):
            answer = json.loads((await world.ask(world.actors[actor], GROUP, id=world.ids["group"]["id"]))[4:])["data"]
            conversation = answer["conversation"]
            nothing = {"lastReadAt": None, "lastReadMessage": None, "lastDeliveredMessage": None}
            shown = [each for each in conversation["participants"]["nodes"] if each["user"]["username"] in "frank gina"]
            shown.sort(key=lambda each: each["user"]["username"])  # sorted by id, and ids are random
            assert shown == [{"user": {"username": name, "presence": None}, **nothing} for name in ("frank", "gina")]
            assert conversation["requestedBy"] is None
            life = json.dumps([conversation["typingUsers"], conversation["messages"]])
            assert [name for name in ("frank", "gina") if name in life] == []


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("field", ["completeUpload", "cancelUpload"])
@pytest.mark.parametrize("actor", [name for name in SEES if name != "sender"])
async def test_an_upload_is_ended_by_its_uploader_alone(world: World, actor: str, field: str) -> None:
    """Anybody else gets the answer for an upload that never existed, and the upload does not change."""
    name = f"{field[0].upper()}{field[1:]}"
    query = (
        f"mutation ($input: {name}Input!) {{ {field}(input: $input) {{ __typename ... on UserError {{ detail }} }} }}"
    )
    asked, id_ = world.actors[actor], world.ids["upload"]["id"]
    before = await world.site.stored()
    answers = []
    for each in (id_, encode(Kind.UPLOAD, 5), "nonsense"):
        body = {"query": query, "variables": {"input": {"uploadId": each}}}
        answers.append(json.dumps(await world.site.post(body, headers=asked.headers)))

    assert len(set(answers)) == 1
    assert "Success" not in answers[0]
    assert await world.site.stored() == before
    assert '"byteSize": 7654321' in await world.ask(world.actors["sender"], BY_ID, id=id_)
