"""Signed tokens: opaque, bound to one user and one purpose, with one spelling."""

import re

import pytest

from services.cursor import Signer
from services.error import CursorInvalid

SIGNER = Signer(b"s" * 32)
EXTREMES = (0, -1, 1, (1 << 63) - 1, -(1 << 63))


def test_a_token_holds_its_numbers() -> None:
    """64 bits each, signed, in characters that need no escape in a URL."""
    token = SIGNER.sign("event", 7, *EXTREMES)

    assert SIGNER.verify("event", 7, token, 5) == EXTREMES
    assert re.fullmatch(r"[A-Za-z0-9_-]+", token)


@pytest.mark.parametrize(
    ("signer", "purpose", "user_id", "count"),
    [(SIGNER, "event", 8, 1), (SIGNER, "message", 7, 1), (SIGNER, "event", 7, 2), (Signer(b"t" * 32), "event", 7, 1)],
    ids=["another user", "another purpose", "another count", "another server"],
)
def test_a_token_is_good_for_what_it_was_given_for(signer: Signer, purpose: str, user_id: int, count: int) -> None:
    """Whoever is handed somebody else's cursor cannot use it."""
    with pytest.raises(CursorInvalid):
        signer.verify(purpose, user_id, SIGNER.sign("event", 7, 42), count)


def test_every_changed_bit_is_seen() -> None:
    """All 160 bits of a token with one number, each by itself; a character's unused bits too."""
    token = SIGNER.sign("event", 7, 42)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    changed = [
        token[:at] + alphabet[alphabet.index(char) ^ 1 << bit] + token[at + 1 :]
        for at, char in enumerate(token)
        for bit in range(6)
    ]

    for each in changed:
        with pytest.raises(CursorInvalid):
            SIGNER.verify("event", 7, each, 1)


@pytest.mark.parametrize("rubbish", ["", "=", "A", "AAAA", "\x00", "é", "\ud800", "+/==", "A" * 100_000, " ", "%00"])
def test_rubbish_is_no_cursor(rubbish: str) -> None:
    """One answer for all of it, and never a traceback."""
    with pytest.raises(CursorInvalid):
        SIGNER.verify("event", 7, rubbish, 1)


@pytest.mark.parametrize("ending", ["=", "==", "\n", " "])
def test_a_token_has_one_spelling(ending: str) -> None:
    """What `write` cannot produce is refused, though it would decode to the same bytes."""
    with pytest.raises(CursorInvalid):
        SIGNER.verify("event", 7, SIGNER.sign("event", 7, 42) + ending, 1)
