"""The drain: a signal in the middle of the rush, with a thousand subscribers and sends under way."""

import asyncio
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.flow.client import Person, Server, next_of, running
from tests.flow.crowd import Subscriber, gather_crowd

SUBSCRIBERS = 1_000
USERS = 20
RUSH_SECONDS = 1.5
SIGN_UP = """
mutation ($input: SignUpInput!) { signUp(input: $input) { __typename ... on SignUpSuccess { token } } }
"""


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """A client's connections."""
    async with aiohttp.ClientSession() as session:
        yield session


class Sender:
    """Sends to one neighbour without a pause, until the server is gone; each text is its `clientMessageId`."""

    def __init__(self, person: Person, number: int) -> None:
        self.person = person
        self.number = number
        self.to = {"users": [{"username": f"user{(number + 1) % USERS}"}]}
        self.acknowledged: list[str] = []
        self.open_key: str | None = None

    async def run(self) -> None:
        """Ends with one key of which nobody knows whether it was stored."""
        for count in range(1_000_000):
            self.open_key = f"{self.number}-{count}"
            try:
                sent = await self.person.send(self.open_key, to=self.to, clientMessageId=self.open_key)
            except (aiohttp.ClientError, AssertionError):  # cut off, refused the connection, or answered `errors`: 503
                return
            assert sent["__typename"] == "SendPrivateMessageSuccess", sent
            self.acknowledged.append(self.open_key)

    async def retry(self, server: Server) -> None:
        """Sends the open key again, to the next process."""
        assert self.open_key is not None
        person = Person(server, self.person.http, self.person.token)
        sent = await person.send(self.open_key, to=self.to, clientMessageId=self.open_key)
        assert (sent["__typename"], sent["message"]["text"]) == ("SendPrivateMessageSuccess", self.open_key)


async def sign_up_all(server: Server, http: aiohttp.ClientSession) -> list[Person]:
    """user0, user1, …"""
    people = []
    for number in range(USERS):
        form = {"username": f"user{number}", "password": "the drain's password"}
        async with http.post(server.graphql, json={"query": SIGN_UP, "variables": {"input": form}}) as response:
            people.append(Person(server, http, (await response.json())["data"]["signUp"]["token"]))
    return people


def stored_texts(data: Path) -> Counter[str]:
    """What the database of a stopped server holds."""
    with sqlite3.connect(f"file:{data / 'sotto.db'}?mode=ro", uri=True) as database:
        texts = Counter(text for (text,) in database.execute("SELECT body FROM message"))
    database.close()
    return texts


async def resume(server: Server, subscriber: Subscriber, count: int) -> list[str]:
    """What a subscriber hears after its cursor: so many messages, and then no more."""
    person = Person(server, subscriber.person.http, subscriber.person.token)
    async with person.hearing(after=subscriber.cursor) as deliveries:
        heard = [(await next_of(deliveries))["message"]["text"] for _ in range(count)]
        with pytest.raises(TimeoutError):
            await next_of(deliveries, 0.3)
    return heard


def texts_of(user: int, stored: Counter[str]) -> set[str]:
    """All that a user sent or was sent."""
    return {text for text in stored if int(text.split("-")[0]) in (user, (user - 1) % USERS)}


@pytest.fixture
def without_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """One address signs everybody up, and nobody rests."""
    monkeypatch.setenv("SOTTO_SIGN_UP_RATE_PER_MINUTE", "0")
    monkeypatch.setenv("SOTTO_SEND_RATE_PER_MINUTE", "0")


async def rush_until_stopped(server: Server, senders: list[Sender]) -> tuple[int, float]:
    """Everybody sends, and in the middle of it comes the signal; returns the exit status, and after how long."""
    sending = [asyncio.create_task(sender.run()) for sender in senders]
    await asyncio.sleep(RUSH_SECONDS)
    began = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    status = await asyncio.wait_for(server.process.wait(), 15)
    took = time.monotonic() - began
    await asyncio.gather(*sending)
    return status, took


@pytest.mark.usefixtures("without_limits")
async def test_a_signal_in_the_rush_loses_no_send_and_no_delivery(tmp_path: Path, http: aiohttp.ClientSession) -> None:
    """SIGTERM, 1,000 subscribers, running sends: 1001 to all, sends finish, exit 0 within 5 s, resumption by cursor."""
    async with running("serve", data=tmp_path) as server:
        people = await sign_up_all(server, http)
        crowd = await gather_crowd(people, [await person.cursor() for person in people], SUBSCRIBERS)
        senders = [Sender(person, number) for number, person in enumerate(people)]
        status, took = await rush_until_stopped(server, senders)
        await asyncio.gather(*(each.is_gone.wait() for each in crowd))
    stored = stored_texts(tmp_path)
    acknowledged = [text for sender in senders for text in sender.acknowledged]

    assert status == 0
    assert took < 5
    assert Counter(each.close_code for each in crowd) == {1001: SUBSCRIBERS}
    assert stored == Counter(acknowledged)  # once each; and nothing was stored whose answer was cut off
    assert len(acknowledged) > USERS

    async with running("serve", data=tmp_path) as server:
        await asyncio.gather(*(sender.retry(server) for sender in senders))
        expected = Counter([*acknowledged, *(str(sender.open_key) for sender in senders)])
        sample = crowd[:USERS]
        missing = [len(texts_of(user, expected)) - len(each.heard) for user, each in enumerate(sample)]
        rests = await asyncio.gather(*map(resume, [server] * USERS, sample, missing))

    assert stored_texts(tmp_path) == expected
    for user, (first, rest) in enumerate(zip(sample, rests, strict=True)):
        history = first.heard + rest
        assert Counter(history) == Counter(texts_of(user, expected))
        assert all(each.heard == history[: len(each.heard)] for each in crowd[user::USERS])
