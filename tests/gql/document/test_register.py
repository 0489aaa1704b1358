"""The register of automatic persisted queries: who displaces whose documents."""

import pytest

from gql.document.reading import Reader
from gql.document.register import ENTRY_BYTES, MOST_OF_ONE, Register, Share, digest_of

ALICE, BOB = Reader(1, is_stranger=False), Reader(2, is_stranger=False)
STRANGER = Reader("203.0.113.0/24")
SMALL = 64 * 1024  # bytes of a share; an owner has an eighth of it


def put(register: Register, text: str, owner: Reader) -> bool:
    """Register a text as a request does: under its own hash."""
    return register.add(digest_of(text), text, owner)


def documents(count: int, of: str = "x") -> list[str]:
    """Different documents of about a thousand bytes."""
    return [f"{{ __typename }} # {of} {number} ".ljust(1_000, "#") for number in range(count)]


def test_the_digest_is_that_of_apollos_documentation() -> None:
    """Lower-case hexadecimal of the SHA-256 of the UTF-8."""
    assert digest_of("{__typename}") == "ecf4edb46db40b5132295c0291d62fb65d6759a9eedfa4d5d612dd5ec54a6b38"
    assert len(digest_of("\ud800")) == 64


def test_a_text_is_found_by_its_hash_by_everybody() -> None:
    """There is no other text for the hash, so it does not matter who registered it."""
    register = Register()

    assert put(register, "{ a }", STRANGER)
    assert not put(register, "{ a }", STRANGER)
    assert register.find(digest_of("{ a }")) == "{ a }"
    assert register.find(digest_of("{ b }")) is None


def test_strangers_displace_nothing_of_signed_in_people() -> None:
    """From any number of addresses."""
    register = Register(SMALL, SMALL)
    put(register, "{ hers }", ALICE)

    for number, text in enumerate(documents(500)):
        assert put(register, text, Reader(f"203.0.{number}.0/24"))

    assert register.find(digest_of("{ hers }")) == "{ hers }"
    assert register.find(digest_of(documents(500)[0])) is None
    assert register.find(digest_of(documents(500)[-1])) is not None


def test_one_person_displaces_an_eighth_of_the_others_at_most() -> None:
    """Beyond that they lose their own, least recently used first."""
    register = Register(SMALL, SMALL)
    put(register, "{ hers }", ALICE)
    flood = documents(500, "bob")

    for text in flood:
        assert put(register, text, BOB)

    assert register.find(digest_of("{ hers }")) == "{ hers }"
    held = [text for text in flood if register.find(digest_of(text))]
    assert held == flood[-len(held) :]
    assert 0 < len(held) * 1_000 <= SMALL // MOST_OF_ONE


def test_a_person_takes_over_what_a_stranger_registered() -> None:
    """Otherwise strangers could remove the documents that an application registers before its users sign in."""
    register = Register(SMALL, SMALL)
    put(register, "{ shared }", STRANGER)

    assert put(register, "{ shared }", ALICE)
    for number, text in enumerate(documents(500)):
        put(register, text, Reader(f"203.0.{number}.0/24"))

    assert register.find(digest_of("{ shared }")) == "{ shared }"
    assert not put(register, "{ shared }", STRANGER)


def test_what_is_used_stays() -> None:
    """Least recently used first out, in the whole share and among an owner's own."""
    register = Register(SMALL, SMALL)
    put(register, "{ used }", ALICE)

    for number, text in enumerate(documents(500)):
        put(register, text, Reader(number, is_stranger=False))
        assert register.find(digest_of("{ used }")) == "{ used }"


@pytest.mark.parametrize("size", [SMALL // MOST_OF_ONE, SMALL, SMALL * 10])
def test_what_is_larger_than_one_may_hold_is_not_registered(size: int) -> None:
    """And removes nothing."""
    register = Register(SMALL, SMALL)
    put(register, "{ hers }", ALICE)

    assert not put(register, "#" * size, ALICE)
    assert register.find(digest_of("{ hers }")) == "{ hers }"


def test_the_bytes_are_counted_exactly() -> None:
    """They never exceed the limit, and are zero when all is removed."""
    share = Share(SMALL)
    texts = [text for number in range(20) for text in documents(20, str(number))]

    for number, text in enumerate(texts):
        assert share.add(digest_of(text), text, number % 7)
        assert ENTRY_BYTES < share.used_bytes <= SMALL
    for text in texts:
        share.remove(digest_of(text))

    assert share.used_bytes == 0
    assert share.find(digest_of(texts[-1])) is None
