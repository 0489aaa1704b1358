"""Hints inside one process reach every listener of their user, in bounded memory and without delaying the publisher."""

import asyncio

from pubsub.base import EPHEMERAL_LIMIT, EphemeralEvent, EphemeralKind, Hint
from pubsub.memory import MemoryPubSub


async def test_a_hint_reaches_every_mailbox_of_its_user_and_no_other() -> None:
    """Every device of a user has its own mailbox; other users get nothing."""
    pubsub = MemoryPubSub()
    with pubsub.listen(1) as phone, pubsub.listen(1) as laptop, pubsub.listen(2) as other:
        pubsub.publish([Hint(1, 7)])

        assert [await box.wait(0.01) for box in (phone, laptop, other)] == [True, True, False]


async def test_hints_that_nobody_waits_for_become_one() -> None:
    """Hints are merged, so a slow listener costs no memory."""
    pubsub = MemoryPubSub()
    with pubsub.listen(1) as mailbox:
        for n in range(10_000):
            pubsub.publish([Hint(1, n)])

        assert [await mailbox.wait(0.01), await mailbox.wait(0.01)] == [True, False]


async def test_a_hint_between_opening_and_waiting_is_not_lost() -> None:
    """Every hint published after `listen` reaches the mailbox."""
    pubsub = MemoryPubSub()
    with pubsub.listen(1) as mailbox:
        pubsub.publish([Hint(1, 1)])
        await asyncio.sleep(0)

        assert await mailbox.wait(0.01)


async def test_a_waiting_listener_is_woken() -> None:
    """Immediately, not after its timeout."""
    pubsub = MemoryPubSub()
    with pubsub.listen(1) as mailbox:
        waiting = asyncio.create_task(mailbox.wait(5))
        await asyncio.sleep(0.01)
        pubsub.publish([Hint(1, 1)])

        assert await asyncio.wait_for(waiting, 0.5)


async def test_a_closed_mailbox_is_forgotten() -> None:
    """Closed mailboxes use no memory; closing again and publishing without listeners do nothing."""
    pubsub = MemoryPubSub()
    mailbox = pubsub.listen(1)
    with mailbox, pubsub.listen(1):
        opened = pubsub.listeners()
    pubsub.forget(1, mailbox)
    pubsub.publish([Hint(1, 1)])

    assert (opened, pubsub.listeners()) == (2, 0)
    assert not await mailbox.wait(0.01)


class Ear:
    """A listener that counts."""

    def __init__(self) -> None:
        self.hints = 0
        self.events: list[EphemeralEvent] = []

    def wake(self) -> None:
        """See `pubsub.base.Listener`."""
        self.hints += 1

    def put(self, event: EphemeralEvent) -> None:
        """See `pubsub.base.Listener`."""
        self.events.append(event)


async def test_a_listener_is_told_once_however_often_it_is_attached() -> None:
    """It listens for several streams, and hears until the last of them has ended; of other users nothing."""
    pubsub, ear, event = MemoryPubSub(), Ear(), EphemeralEvent(1, EphemeralKind.PRESENCE, 5)
    counts = []
    for _ in range(2):
        pubsub.attach(1, ear)
    for _ in range(3):
        pubsub.publish([Hint(1, 1), Hint(2, 1)])
        pubsub.publish_ephemeral([event, event._replace(user_id=2)])
        counts.append((pubsub.listeners(), ear.hints, len(ear.events)))
        pubsub.forget(1, ear)

    assert counts == [(2, 1, 1), (1, 2, 2), (0, 2, 2)]
    assert set(ear.events) == {event}


async def test_an_ephemeral_event_wakes_a_mailbox_and_the_oldest_are_lost() -> None:
    """Bounded memory for a listener that takes none."""
    pubsub = MemoryPubSub()
    with pubsub.listen(1) as mailbox:
        for number in range(EPHEMERAL_LIMIT + 3):
            pubsub.publish_ephemeral([EphemeralEvent(1, EphemeralKind.PRESENCE, number)])

        assert mailbox.is_woken
        assert await mailbox.wait(0)
        assert [each.subject_id for each in mailbox.take_ephemeral()] == list(range(3, EPHEMERAL_LIMIT + 3))
        assert (mailbox.take_ephemeral(), mailbox.is_woken) == ([], False)
