"""API keys over the API: created as requested, shown once, and revoked by id."""

from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

import pytest

from tests.gql.conftest import Site
from tests.gql.person import Person
from tests.gql.test_life import MISSING_MESSAGE

CREATE = """
mutation ($input: CreateApiKeyInput!) {
  createApiKey(input: $input) {
    __typename
    ... on CreateApiKeySuccess { secret apiKey { id name scopes createdAt expiresAt lastUsedAt } }
    ... on UserError { code detail }
    ... on InvalidInputError { issues { path reason } }
  }
}
"""
REVOKE = """
mutation ($id: ID!) {
  revokeApiKey(input: {apiKeyId: $id}) {
    __typename ... on RevokeApiKeySuccess { apiKeyId } ... on UserError { code detail }
  }
}
"""
LIST = "{ viewer { apiKeys { id name scopes createdAt expiresAt lastUsedAt } } }"


@pytest.fixture
async def alice(site: Site) -> Person:
    """A person with a session."""
    return Person(site, await site.token_of("alice"))


async def create(person: Person, **given: Any) -> Any:
    """The result of creating a key."""
    return (await person.ask(CREATE, input={"name": "bot", "scopes": ["READ_MESSAGES"], **given}))["createApiKey"]


async def listed(person: Person) -> Any:
    """The person's keys."""
    return (await person.ask(LIST))["viewer"]["apiKeys"]


async def test_a_key_has_exactly_the_scopes_that_were_asked_for(alice: Person) -> None:
    """Every set that a person may grant; the list shows the same as the answer, newest first."""
    open_scopes = ["READ_MESSAGES", "SEND_MESSAGES"]
    wanted = [list(some) for size in (1, 2) for some in combinations(open_scopes, size)]
    made = [(await create(alice, name=f"bot {n}", scopes=scopes))["apiKey"] for n, scopes in enumerate(wanted)]

    assert [each["scopes"] for each in made] == wanted
    assert sorted(await listed(alice), key=lambda each: each["name"]) == made
    assert [each["name"] for each in made] == ["bot 0", "bot 1", "bot 2"]


async def test_a_key_does_what_its_scopes_say_and_no_more(site: Site, alice: Person) -> None:
    """With its secret, which no list shows; its last use is recorded."""
    await site.token_of("bob")
    made = await create(alice)
    bot = Person(site, made["secret"])
    name = await bot.ask("{ viewer { user { username } } }")
    child = await create(bot)

    assert name == {"viewer": {"user": {"username": "alice"}}}
    assert child["code"] == "PERMISSION_DENIED"
    [key] = await listed(alice)
    assert made["apiKey"]["lastUsedAt"] is None
    assert key["lastUsedAt"] is not None
    assert key | {"lastUsedAt": None} == made["apiKey"]
    assert made["secret"] not in str(key)


async def test_a_key_expires_at_its_time(alice: Person) -> None:
    """To the millisecond; never, if omitted or null."""
    end = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=123_000)
    ends = [(await create(alice, **given))["apiKey"]["expiresAt"] for given in ({}, {"expiresAt": None})]
    said = (await create(alice, expiresAt=end.isoformat()))["apiKey"]["expiresAt"]

    assert ends == [None, None]
    assert datetime.fromisoformat(said) == end


async def test_the_key_that_was_named_is_revoked_and_no_other(site: Site, alice: Person) -> None:
    """The answer names it; its secret is no longer valid, the other key still is."""
    first, second = await create(alice, name="first"), await create(alice, name="second")
    bots = [Person(site, each["secret"]) for each in (first, second)]
    for bot in bots:
        await bot.ask("{ viewer { user { username } } }")
    revoked = (await alice.ask(REVOKE, id=first["apiKey"]["id"]))["revokeApiKey"]
    status, _ = await site.post({"query": LIST}, first["secret"])

    assert revoked == {"__typename": "RevokeApiKeySuccess", "apiKeyId": first["apiKey"]["id"]}
    assert [each["id"] for each in await listed(alice)] == [second["apiKey"]["id"]]
    assert status == 401
    assert await bots[1].ask("{ viewer { user { username } } }")


async def test_what_is_not_ones_own_cannot_be_revoked(site: Site, alice: Person) -> None:
    """A key of another person, one that never existed, another kind of id, no id: the same answer, and no change."""
    bob = Person(site, await site.token_of("bob"))
    mine, theirs = await create(alice), await create(bob)
    user = (await alice.ask("{ viewer { user { id } } }"))["viewer"]["user"]["id"]
    before = await site.stored()
    answers = [
        (await alice.ask(REVOKE, id=id_))["revokeApiKey"]
        for id_ in (theirs["apiKey"]["id"], "awAAAAAAAAAB", user, MISSING_MESSAGE, "nonsense", "")
    ]

    assert {each["code"] for each in answers} == {"NOT_FOUND"}
    assert len({each["detail"] for each in answers}) == 1
    assert await site.stored() == before
    assert [each["id"] for each in await listed(alice)] == [mine["apiKey"]["id"]]


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ({"scopes": []}, [{"path": ["scopes"], "reason": "EMPTY"}]),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, [{"path": ["expiresAt"], "reason": "OUT_OF_RANGE"}]),
        ({"scopes": ["READ_MESSAGES", "ADMIN"]}, "PERMISSION_DENIED"),
        ({"scopes": ["ACT_AS_ANY_USER"]}, "PERMISSION_DENIED"),
    ],
)
async def test_a_key_that_cannot_be_is_not_made(site: Site, alice: Person, given: Any, refusal: Any) -> None:
    """Without a scope, already expired, or with a scope that only the operator grants."""
    before = await site.stored()
    answer = await create(alice, **given)

    assert refusal in (answer["code"], answer.get("issues"))
    assert await site.stored() == before
