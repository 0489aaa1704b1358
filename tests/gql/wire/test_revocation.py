"""Revocation of live sessions: streams say so and end, sockets are closed, within a second, for every reason."""

import asyncio
import hashlib
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from models import device as devices
from models import session as sessions
from models import user as users
from models.api_key import Scope
from models.base import now_ms
from models.transaction import Transaction
from services.transaction import WriteTransaction
from tests.gql.conftest import Site
from tests.gql.raw_socket import CLOSE, PING, Wire, wire
from tests.gql.wire.test_sse import frames_of

EVENTS = "subscription { events { event { __typename ... on SessionRevoked { revocationReason } } } }"
MESSAGES = "subscription { privateMessageReceived { message { id } } }"
PASSWORD = "correct horse"


def hash_of(token: str) -> bytes:
    """The hash in the table."""
    return hashlib.sha256(token.encode()).digest()


async def session_of(site: Site, token: str) -> sessions.SessionRow:
    """Its row."""
    row = await site.services.database.read(lambda tx: tx.first(sessions.FIND, token_hash=hash_of(token)))
    assert row is not None
    return row


async def signed_in(site: Site, name: str = "alice") -> tuple[str, str]:
    """Two devices of one person, whose password is PASSWORD."""
    token = await site.token_of(name)
    password_hash = await site.services.account._passwords.hash(PASSWORD)
    user_id = (await session_of(site, token)).user_id
    await site.services.database.write(lambda tx: tx.run(users.SET_PASSWORD, id=user_id, password_hash=password_hash))
    return token, (await site.services.account.sign_in(name, PASSWORD, "Phone", "")).token


async def last_events(wire_: Wire) -> tuple[list[Any], int, str]:
    """All messages until the close, its code and its reason."""
    messages: list[Any] = []
    while True:
        opcode, payload = await wire_.read()
        if opcode == CLOSE:
            return messages, int.from_bytes(payload[:2], "big"), payload[2:].decode()
        if opcode != PING:
            messages.append(json.loads(payload))


def check_end(messages: list[Any], reason: str) -> None:
    """The last event of stream 1 is SessionRevoked; before it there can be what the same change tells other devices."""
    of_stream = [each for each in messages if each.get("id") == "1"]
    events = [each["payload"]["data"]["events"]["event"] for each in of_stream[:-1]]
    assert of_stream[-1]["type"] == "complete"
    assert events[-1] == {"__typename": "SessionRevoked", "revocationReason": reason}
    assert {each["__typename"] for each in events[:-1]} <= {"StreamHeartbeat", "ViewerUpdated"}


async def do(site: Site, token: str, mutation: str, selection: str, **given: Any) -> None:
    """A mutation that must succeed."""
    name = mutation[0].upper() + mutation[1:]
    query = (
        f"mutation ($input: {name}Input!) {{ {mutation}(input: $input) {{ ... on {name}Success {{ {selection} }} }} }}"
    )
    status, answer = await site.post({"query": query, "variables": {"input": given}}, token)
    assert (status, list(answer["data"][mutation])) == (200, [selection]), answer


async def sign_out(site: Site, mine: str, _other: str) -> None:
    """From the same device."""
    await do(site, mine, "signOut", "endedSessions")


async def sign_out_everywhere(site: Site, _mine: str, other: str) -> None:
    """From another device."""
    await do(site, other, "signOut", "endedSessions", everywhere=True)


async def revoke_device(site: Site, mine: str, other: str) -> None:
    """From another device."""
    query = "{ viewer { devices { id isCurrent } } }"
    found = (await site.post({"query": query}, mine))[1]["data"]["viewer"]["devices"]
    [id_] = [each["id"] for each in found if each["isCurrent"]]
    await do(site, other, "revokeDevice", "deviceId", deviceId=id_)


async def change_password(site: Site, _mine: str, other: str) -> None:
    """From another device."""
    given = {"currentPassword": PASSWORD, "newPassword": "another horse"}
    await do(site, other, "changePassword", "endedSessions", **given)


async def suspend(site: Site, _mine: str, _other: str) -> None:
    """By the operator."""
    await site.services.account.set_state("alice", users.SUSPENDED)


async def deactivate(site: Site, _mine: str, _other: str) -> None:
    """By the operator."""
    await site.services.account.set_state("alice", users.DEACTIVATED)


async def new_password(site: Site, _mine: str, _other: str) -> None:
    """By the operator."""
    await site.services.account.set_password("alice", "another horse")


WAYS: list[tuple[Callable[[Site, str, str], Awaitable[None]], str, int]] = [
    (sign_out, "SIGNED_OUT", 4401),
    (sign_out_everywhere, "SIGNED_OUT", 4401),
    (revoke_device, "DEVICE_REVOKED", 4401),
    (change_password, "TOKEN_REVOKED", 4401),
    (new_password, "TOKEN_REVOKED", 4401),
    (suspend, "ACCOUNT_SUSPENDED", 4403),
    (deactivate, "ACCOUNT_DEACTIVATED", 4403),
]


@pytest.mark.parametrize(("end", "reason", "code"), WAYS, ids=lambda value: getattr(value, "__name__", ""))
async def test_what_ends_ends_its_sockets_within_a_second(
    site: Site, end: Callable[[Site, str, str], Awaitable[None]], reason: str, code: int
) -> None:
    """The stream's last event is SessionRevoked, then the close with the refusal's code; also on an idle socket."""
    mine, other = await signed_in(site)
    bob = await site.token_of("bob")
    async with (
        wire(site.url, token=mine) as live,
        wire(site.url, token=mine) as idle,
        wire(site.url, token=bob) as stranger,
    ):
        live.send({"id": "1", "type": "subscribe", "payload": {"query": EVENTS}})
        live.send({"id": "2", "type": "subscribe", "payload": {"query": MESSAGES}})
        stranger.send({"id": "1", "type": "subscribe", "payload": {"query": EVENTS}})
        assert (await live.message())["payload"]["data"]["events"]["event"]["__typename"] == "StreamReady"
        await stranger.message()
        await end(site, mine, other)
        began = time.monotonic()
        (messages, live_code, sentence), (_, idle_code, _) = await asyncio.gather(last_events(live), last_events(idle))
        seconds = time.monotonic() - began
        stranger.send({"type": "ping"})
        answer = await stranger.message()

    check_end(messages, reason)
    assert [each["type"] for each in messages if each.get("id") == "2"] in (["error"], ["next", "complete"])
    assert (live_code, idle_code) == (code, code)
    assert sentence
    assert seconds < 1
    assert answer == {"type": "pong"}


async def test_the_other_sessions_go_on(site: Site) -> None:
    """Signing out on one device ends nothing on the other."""
    mine, other = await signed_in(site)
    async with wire(site.url, token=other) as socket:
        await sign_out(site, mine, other)
        socket.send({"id": "1", "type": "subscribe", "payload": {"query": "{ viewer { user { username } } }"}})

        assert (await socket.message())["payload"]["data"]["viewer"]["user"]["username"] == "alice"


async def test_a_session_that_expires_ends_its_sockets_within_a_second(site: Site) -> None:
    """An expiry publishes no hint; the registry looks at the time."""
    token = await site.token_of("alice")
    expires_at = now_ms() + 1500
    last = now_ms() - 89 * 86_400_000

    def shorten(tx: Transaction) -> None:
        tx.run(sessions.EXTEND, token_hash=hash_of(token), expires_at=expires_at)
        tx.database.connection().execute("UPDATE session SET created_at = ?", [last - 86_400_000 * 2])

    await site.services.database.write(shorten)
    async with wire(site.url, token=token) as live, wire(site.url, token=token) as idle:
        live.send({"id": "1", "type": "subscribe", "payload": {"query": EVENTS}})
        await live.message()
        (messages, code, _), (_, idle_code, _) = await asyncio.gather(last_events(live), last_events(idle))

    check_end(messages, "TOKEN_EXPIRED")
    assert (code, idle_code) == (4401, 4401)
    assert 0 <= now_ms() - expires_at < 1000


async def test_a_key_that_is_revoked_ends_its_sockets(site: Site) -> None:
    """A bot that listens; its owner's own session continues."""
    alice = await site.token_of("alice")
    row = await session_of(site, alice)

    def put(tx: WriteTransaction) -> tuple[int, str]:
        key, secret = site.services.api_key.put(tx, row.user_id, "bot", Scope.READ_MESSAGES, None)
        return key.id, secret

    key_id, secret = await site.services.database.write(put)
    async with wire(site.url, token=secret) as bot, wire(site.url, token=alice) as own:
        bot.send({"id": "1", "type": "subscribe", "payload": {"query": EVENTS}})
        await bot.message()
        await site.services.api_key.remove("alice", key_id)
        messages, code, _ = await last_events(bot)
        own.send({"type": "ping"})

        assert await own.message() == {"type": "pong"}
    check_end(messages, "TOKEN_REVOKED")
    assert code == 4401


async def test_a_lost_hint_is_made_good_by_the_sweep(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The row is deleted without a hint, as if another process had done it and the hint was lost: 30 s, here 0.5."""
    monkeypatch.setattr("gql.wire.socket_registry.RECHECK_SECONDS", 0.5)
    monkeypatch.setattr("services.live.stream.RECHECK_SECONDS", 0.5)
    monkeypatch.setattr("services.account.authentication.FRESH_MS", 400)
    token = await site.token_of("alice")
    row = await session_of(site, token)
    async with wire(site.url, token=token) as live, wire(site.url, token=token) as idle:
        live.send({"id": "1", "type": "subscribe", "payload": {"query": EVENTS}})
        await live.message()
        await site.services.database.write(lambda tx: tx.run(devices.DELETE, user=row.user_id, id=row.device_id))
        began = time.monotonic()
        (messages, code, _), (_, idle_code, _) = await asyncio.gather(last_events(live), last_events(idle))

    check_end(messages, "TOKEN_REVOKED")
    assert (code, idle_code) == (4401, 4401)
    assert time.monotonic() - began < 3


async def test_an_event_stream_says_so_and_ends(site: Site) -> None:
    """Server-Sent Events: `next` with SessionRevoked, then `complete`."""
    mine, other = await signed_in(site)
    headers = {"Accept": "text/event-stream", "Authorization": f"Bearer {mine}"}
    async with site.http.post(site.graphql, json={"query": EVENTS}, headers=headers) as response:
        await response.content.readuntil(b"\n\n")
        await revoke_device(site, mine, other)
        body = await asyncio.wait_for(response.content.read(), 1)

    revoked = {"__typename": "SessionRevoked", "revocationReason": "DEVICE_REVOKED"}
    assert frames_of(body)[-2:] == [("next", {"data": {"events": {"event": revoked}}}), ("complete", None)]


@pytest.mark.parametrize(
    ("state", "code"), [(users.SUSPENDED, "ACCOUNT_SUSPENDED"), (users.DEACTIVATED, "ACCOUNT_DEACTIVATED")]
)
async def test_a_suspended_person_is_refused_everywhere(site: Site, state: int, code: str) -> None:
    """HTTP and the event stream have the code; a socket is closed with 4403."""
    token = await site.token_of("alice")
    await site.services.account.set_state("alice", state)
    for accept in ("application/json", "text/event-stream"):
        status, answer = await site.post({"query": EVENTS}, token, headers={"Accept": accept})
        assert (status, answer["errors"][0]["extensions"]["code"]) == (403, code)
    async with wire(site.url, init=False) as socket:
        socket.send({"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}})
        assert await socket.closing() == 4403


async def test_the_session_of_a_restored_person_is_valid_again(site: Site) -> None:
    """A suspension does not end the session; nothing has to be done on the device."""
    token = await site.token_of("alice")
    for state, expected in ((users.SUSPENDED, 403), (users.ACTIVE, 200)):
        await site.services.account.set_state("alice", state)
        assert (await site.post({"query": "{ viewer { email } }"}, token))[0] == expected


async def test_one_person_has_so_many_sockets(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """1013 for one more; a place is free again when a socket is closed, and others have their own."""
    monkeypatch.setattr(site.view.sockets._limit, "_most", 2)
    token, bob = await site.token_of("alice"), await site.token_of("bob")
    async with wire(site.url, token=token) as first, wire(site.url, token=token), wire(site.url, token=bob):
        async with wire(site.url, init=False) as third:
            third.send({"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}})
            assert await third.closing() == 1013
        first.abort()
        async with asyncio.timeout(2):
            while len(site.view.sockets) > 2:
                await asyncio.sleep(0.01)
        async with wire(site.url, token=token) as again:
            again.send({"type": "ping"})
            assert await again.message() == {"type": "pong"}
