"""Global ids: what `encode` writes can be read back, and nothing else is an id."""

import string
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gql.id import Kind, decode, encode, number_of
from models.base import new_conversation_id, new_id

NUMBERS = st.integers(0, 2**63 - 1)
PARTS = (Kind.ATTACHMENT, Kind.PARTICIPANT)
ROWS = [kind for kind in Kind if kind not in PARTS]


@given(kind=st.sampled_from(ROWS), number=NUMBERS)
def test_an_id_names_its_row_and_its_type(kind: Kind, number: int) -> None:
    """Twelve characters that fit into a URL; reading it as another type gives nothing."""
    id_ = encode(kind, number)

    assert decode(id_) == (kind, number, 0)
    assert len(id_) == 12
    assert set(id_) <= set(string.ascii_letters + string.digits + "-_")
    assert [number_of(each, id_) for each in Kind] == [number if each is kind else -1 for each in Kind]


@given(number=NUMBERS, position=st.integers(0, 255))
def test_an_id_of_a_file_names_its_message_and_its_place(number: int, position: int) -> None:
    """A file has no number of its own."""
    id_ = encode(Kind.ATTACHMENT, number, position)

    assert decode(id_) == (Kind.ATTACHMENT, number, position)
    assert len(id_) == 14


@given(conversation=NUMBERS, user=NUMBERS)
def test_an_id_of_a_member_names_their_conversation_and_their_user(conversation: int, user: int) -> None:
    """It stays the same as long as they are a member, and for whoever looks."""
    id_ = encode(Kind.PARTICIPANT, conversation, user)

    assert decode(id_) == (Kind.PARTICIPANT, conversation, user)
    assert len(id_) == 23
    assert set(id_) <= set(string.ascii_letters + string.digits + "-_")


@given(kind=st.sampled_from(Kind), number=NUMBERS, place=st.integers(0, 22), character=st.characters())
def test_a_changed_character_is_refused_or_another_id(kind: Kind, number: int, place: int, character: str) -> None:
    """Never two ids for one object: clients use them as cache keys."""
    id_ = encode(kind, number, 3 if kind in PARTS else None)
    place %= len(id_)
    changed = id_[:place] + character + id_[place + 1 :]

    found = decode(changed)

    assert found is None or (found == decode(id_)) == (changed == id_)


def test_the_unused_bits_of_a_files_id_are_zero() -> None:
    """Ten bytes fill 13 1/3 characters: fifteen other last characters would name the same file."""
    id_ = encode(Kind.ATTACHMENT, 5, 3)
    alphabet = string.ascii_letters + string.digits + "-_"

    same = [last for last in alphabet if decode(id_[:-1] + last) == (Kind.ATTACHMENT, 5, 3)]

    assert same == [id_[-1]]


@given(st.text(max_size=24) | st.text(string.ascii_letters + string.digits + "-_=+/", min_size=11, max_size=24))
def test_any_text_is_an_id_that_was_written_or_none(text: str) -> None:
    """No exception for any input; an id that can be read would have been written the same."""
    found = decode(text)

    if found is not None:
        kind, number, position = found
        assert encode(kind, number, position if kind in PARTS else None) == text
        assert number < 2**63


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        encode(Kind.USER, 1) + "=",
        encode(Kind.USER, 1) + "\n",
        encode(Kind.USER, 1)[:-1],
        encode(Kind.USER, 1, 0),
        encode(Kind.ATTACHMENT, 1),
        encode(Kind.PARTICIPANT, 1),
        encode(Kind.PARTICIPANT, 1, 2**63),
        encode(Kind.PARTICIPANT, 2**63, 1),
        encode(Kind.USER, 2**63),
        encode(Kind.USER, 2**64 - 1),
        encode(Kind.USER, 1).replace("d", "\uff44"),
        encode(Kind.USER, 0xFBFFFF << 8).replace("-", "+").replace("_", "/"),
    ],
)
def test_what_was_never_written_names_nothing(text: str) -> None:
    """Another alphabet, padding, a length of another type, a number that SQLite cannot hold."""
    assert decode(text) is None
    assert {number_of(kind, text) for kind in Kind} == {-1}


@pytest.mark.parametrize(("make", "bits"), [(new_id, 62), (new_conversation_id, 36)])
def test_ids_reveal_no_counts(make: Callable[[], int], bits: int) -> None:
    """They are random: they reveal neither an order in time nor a number of rows."""
    drawn = [make() for _ in range(200)]

    assert len(set(drawn)) == 200
    assert drawn not in (sorted(drawn), sorted(drawn, reverse=True))
    assert max(drawn) - min(drawn) > 2 ** (bits - 1)
    assert max(drawn) < 2**bits
