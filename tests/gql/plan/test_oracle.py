"""Plans against graphql-core over the whole schema: the same bytes, the same errors, and the same rows afterwards."""

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio
from graphql import GraphQLSchema, OperationDefinitionNode, OperationType, parse
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis_graphql import queries

from gql.id import decode
from gql.wire.schema import build_schema, schema_text
from services.limit import Limits
from tests.contract.test_chat import documents
from tests.full import amount, full
from tests.gql.conftest import Site, settings_in, site_in
from tests.gql.person import Person
from tests.gql.plan.generator import Generator, Pool
from tests.gql.test_fuzz import SCALARS

COUNT = amount(12, 120)  # random queries and mutations for each kind of viewer
pytestmark = full
RATES: dict[str, Any] = {name: 0 for name in Limits.__dataclass_fields__ if name.endswith("_rate_per_minute")}
LIMITS = Limits(**RATES, max_subscriptions=0)
SCHEMA: GraphQLSchema = build_schema().core
# The session of the test, or a password that takes long to hash.
NEVER = {"signUp", "signIn", "signOut", "changePassword", "revokeDevice"}
MUTATIONS = sorted(set(SCHEMA.mutation_type.fields) - NEVER) if SCHEMA.mutation_type else []
CHAT = {
    name: text
    for name, text in documents().items()
    if not text.startswith("subscription") and not any(f" {each}(" in text for each in NEVER)
}
VIEWERS = ("alice", "bob", "carol", "dave", None)

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_OPAQUE = re.compile(r"[A-Za-z0-9_:/.?=&%+-]{30,}")  # cursors, tokens and URLs, which are signed or random
_ERROR_ID = re.compile(r"error id [0-9a-f]{16}")


class World:
    """A running site, and the tokens of its people."""

    def __init__(self, site: Site, tokens: dict[str | None, str | None]) -> None:
        self.site = site
        self.tokens = tokens

    async def answer(self, text: str, variables: dict[str, Any], viewer: str | None, *, by_plan: bool) -> Any:
        """Status and body; plans are switched for this request."""
        planner = self.site.view.schema.planner
        planner.is_enabled = by_plan
        try:
            return await self.site.post({"query": text, "variables": variables}, self.tokens[viewer])
        finally:
            planner.is_enabled = True


async def inhabit(site: Site) -> Pool:
    """Four people with direct conversations, a group, a request, a reply, reactions, an edit, a deletion, a block."""
    alice, bob, carol, dave = people = [Person(site, await site.token_of(each)) for each in VIEWERS if each]
    first = await alice.send("bob", text="Hello Bob, how are you?")
    place = await alice.place_of(first)
    answer = await bob.send("alice", text="Fine.", replyToId=first)
    ids = [first, answer, place]
    ids += [await alice.send("bob", text=f"Message {number} " * 5) for number in range(4)]
    ids += [await bob.send("alice", text=f"Answer {number} " * 5) for number in range(4)]
    group = await alice.send("bob", "carol", text="A group of three", metadata={"kind": ["x", 1, None]})
    ids += [group, await alice.place_of(group), await carol.send("alice", "bob", text="In the group")]
    await bob.do("setReaction", messageId=first, emoji="👍", reacted=True)
    await alice.do("setReaction", messageId=answer, emoji="🎉", reacted=True)
    await alice.do("editMessage", messageId=first, text="Hello Bob, how do you do?")
    await bob.do("deleteMessage", messageId=ids[-1], scope="FOR_EVERYONE")
    await bob.do("markConversationRead", conversationId=place)
    await carol.do("updateMessagingSettings", acceptMessagesFrom="FOLLOWED_BY_ME")
    await dave.send("bob", text="You do not know me")
    await alice.do("followUser", user={"username": "dave"})
    await carol.ask('mutation { blockUser(input: {user: {username: "bob"}}) { __typename } }')
    for each in people:
        ids.append((await each.ask("{ viewer { user { id } } }"))["viewer"]["user"]["id"])
        shown = await each.ask("{ viewer { id } conversations { nodes { id participants { nodes { id } } } } }")
        ids += [shown["viewer"]["id"]]
        ids += [member["id"] for one in shown["conversations"]["nodes"] for member in one["participants"]["nodes"]]
    await site.token_of("erin")
    unknown = ["YwAAAAAAAAAB", "bQAAAAAAAAAB", "no id"]
    return Pool(
        sorted({*ids, *unknown}),
        ["alice", "bob", "carol", "dave", "erin", "nobody"],
        ["Hello", "Bob", "", "👍", "x" * 30],
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool_and_worlds(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Pool, World, World]]:
    """Two worlds that are copies of each other, both running."""
    folder = tmp_path_factory.mktemp("worlds")
    one, other = folder / "one", folder / "other"
    one.mkdir()
    async with site_in(one, settings_in(one), LIMITS) as site:
        pool = await inhabit(site)
        tokens: dict[str | None, str | None] = {each: await site.token_of(each) for each in VIEWERS if each}
    tokens[None] = None
    await asyncio.to_thread(shutil.copytree, one, other)
    async with AsyncExitStack() as stack:
        sites = [await stack.enter_async_context(site_in(each, settings_in(each), LIMITS)) for each in (one, other)]
        yield pool, World(sites[0], tokens), World(sites[1], tokens)


def comparable(answer: Any, *, across: bool = False) -> tuple[str, dict[str, str]]:
    """What both ways must agree on: status and data, and for each null that an error caused, the error.

    Without the ids of errors, and `across` worlds without what is random or timed. Where several fields fail below one
    null, each way may report another of them (GraphQL §6.4.4), so these are only counted as one.
    """
    status, body = answer
    errors: dict[str, set[str]] = {}
    for error in body.pop("errors", ()):
        error.get("extensions", {}).pop("errorId", None)
        place = json.dumps(nulled_place(error.get("path"), body.get("data")))
        errors.setdefault(place, set()).add(_ERROR_ID.sub("", json.dumps(error, sort_keys=True)))
    told = {place: some.pop() if place == path_in(some) else "" for place, some in errors.items()}
    return json.dumps([status, masked(body) if across else body]), told


def nulled_place(path: list[Any] | None, data: Any) -> list[Any] | None:
    """The beginning of an error's path that is null; None for an error of the whole request."""
    if path is None:
        return None
    value = data
    for length, step in enumerate(path):
        if value is None:
            return path[:length]
        value = value[step]
    return path


def path_in(errors: set[str]) -> str | None:
    """The path of the only error, which is that of its null unless the null has bubbled up."""
    return json.dumps(json.loads(next(iter(errors))).get("path")) if len(errors) == 1 else None


def masked(value: Any) -> Any:
    """A value without what two copies of a world cannot have in common: times, new ids, cursors, tokens and URLs."""
    if isinstance(value, dict):
        return {key: masked(each) for key, each in value.items()}
    if isinstance(value, list):
        return [masked(each) for each in value]
    if isinstance(value, str):
        named = decode(value)
        return named[0].name if named else _OPAQUE.sub("opaque", _TIME.sub("time", value))
    return value


async def compare(world: World, text: str, variables: dict[str, Any], viewer: str | None) -> None:
    """Ask in both ways; once more if a second has passed between them."""
    for attempt in range(3):
        found, wanted = [
            comparable(await world.answer(text, variables, viewer, by_plan=by_plan)) for by_plan in (True, False)
        ]
        if found == wanted:
            return
        await asyncio.sleep(0.01 * attempt)
    assert found == wanted, (text, variables, viewer)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("viewer", VIEWERS)
async def test_random_queries_have_the_same_answer(
    viewer: str | None, pool_and_worlds: tuple[Pool, World, World]
) -> None:
    """Over all fields of the schema that read, with ids, names and pages that exist, and some that do not."""
    pool, world, _ = pool_and_worlds
    generator = Generator(SCHEMA, pool, VIEWERS.index(viewer))

    for _ in range(COUNT):
        await compare(world, *generator.query(), viewer)


@pytest.mark.asyncio(loop_scope="module")
async def test_people_who_ask_at_the_same_time_get_their_own_answers(
    pool_and_worlds: tuple[Pool, World, World],
) -> None:
    """They share the plan and the readers, and nothing that was loaded: nobody sees what is another's."""
    pool, world, _ = pool_and_worlds
    generator = Generator(SCHEMA, pool, 7)

    async def answers_to(text: str, variables: dict[str, Any], *, together: bool) -> list[Any]:
        asked = [world.answer(text, variables, viewer, by_plan=True) for viewer in VIEWERS]
        found = await asyncio.gather(*asked) if together else [await each for each in asked]
        return [comparable(each) for each in found]

    for _ in range(COUNT):
        text, variables = generator.query()
        for attempt in range(3):  # once more if a second has passed between them
            alone = await answers_to(text, variables, together=False)
            if await answers_to(text, variables, together=True) == alone:
                break
            assert attempt < 2, (text, variables)


@pytest.mark.asyncio(loop_scope="module")
async def test_random_mutations_have_the_same_effect(pool_and_worlds: tuple[Pool, World, World]) -> None:
    """One world executes by plans and its copy without: the same answers, and then as many rows in every table."""
    pool, planned, plain = pool_and_worlds
    generator = Generator(SCHEMA, pool, 99)
    both = ((planned, True), (plain, False))

    for number in range(COUNT * 3):
        text, variables = generator.mutation(MUTATIONS[number % len(MUTATIONS)])
        viewer = VIEWERS[number % 4]
        found, wanted = [
            comparable(await world.answer(text, variables, viewer, by_plan=by_plan), across=True)
            for world, by_plan in both
        ]
        assert found == wanted, (text, variables, viewer)
    rows = [{**await world.site.stored(), "content": 0} for world, _ in both]

    assert rows[0] == rows[1]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", CHAT)
async def test_the_documents_of_the_chat_page_have_the_same_answer(
    name: str, pool_and_worlds: tuple[Pool, World, World]
) -> None:
    """Each with variables that find something, and some that do not; a mutation runs once in each world."""
    pool, planned, plain = pool_and_worlds
    [operation, *_] = parse(CHAT[name]).definitions
    assert isinstance(operation, OperationDefinitionNode)
    generator = Generator(SCHEMA, pool, len(name))

    for viewer in ("alice", "carol"):
        for _ in range(1 + COUNT // 12):
            variables = generator.variables_for(operation)
            if operation.operation is OperationType.QUERY:
                await compare(planned, CHAT[name], variables, viewer)
                continue
            found, wanted = [
                comparable(await world.answer(CHAT[name], variables, viewer, by_plan=by_plan), across=True)
                for world, by_plan in ((planned, True), (plain, False))
            ]
            assert found == wanted, (variables, viewer)


@pytest.mark.asyncio(loop_scope="module")
async def test_documents_of_another_generator_have_the_same_answer(
    pool_and_worlds: tuple[Pool, World, World],
) -> None:
    """hypothesis-graphql writes arguments, aliases and fragments that ours does not."""
    _, world, _ = pool_and_worlds
    loop = asyncio.get_running_loop()

    @settings(
        max_examples=COUNT, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(queries(schema_text(), custom_scalars=SCALARS))
    def ask(document: str) -> None:
        asyncio.run_coroutine_threadsafe(compare(world, document, {}, "alice"), loop).result(20)

    await asyncio.to_thread(ask)
