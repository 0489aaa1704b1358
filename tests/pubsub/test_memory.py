"""Hints inside one process reach every listener of their user, in bounded memory and without delaying the publisher."""

import asyncio

from pubsub.base import Hint
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
