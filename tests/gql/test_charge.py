"""The cost of requests counts against the client's rate, is reported on request, and refunded where it was too high."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from graphql import ExecutionResult, GraphQLError, get_introspection_query

from gql.charge import end_event, reserved
from gql.context import Context
from gql.document.introspection import COST, MOST_BYTES, MOST_TOKENS, IntrospectionCache
from gql.wire.credentials import credentials_of
from services.cost import CostService
from services.limit import Limits
from services.live.signal import Revoked
from services.rate import RateLimiter
from services.revocation import RevocationReason
from tests.gql.conftest import Site
from tests.gql.gate import PROTOCOL

REPORT = {"GraphQL-Cost": "report"}
INBOX = "{ conversations(first: 10) { nodes { id } } }"
INBOX_COST = 61
STANDARD = get_introspection_query()


def restrict(site: Site, **limits: int) -> None:
    """Give the running server other rates."""
    fresh = CostService(Limits(**limits))  # type: ignore[arg-type]
    object.__setattr__(site.services, "cost", fresh)


async def test_a_client_can_ask_for_the_cost_of_an_operation(site: Site) -> None:
    """In HotChocolate's header and with Shopify's names, which clients know."""
    alice = await site.token_of("alice")

    _, response = await site.post({"query": INBOX}, token=alice, headers=REPORT)
    _, silent = await site.post({"query": INBOX}, token=alice)
    _, by_request = await site.post({"query": INBOX, "extensions": {"cost": "report"}}, token=alice)

    assert "extensions" not in silent
    cost = response["extensions"]["cost"]
    assert (cost["requestedQueryCost"], cost["actualQueryCost"], cost["maximumQueryCost"]) == (INBOX_COST, 21, 25_000)
    status = cost["throttleStatus"]
    assert (status["maximumAvailable"], status["restoreRate"]) == (300_000, 5_000)
    assert 299_000 < status["currentlyAvailable"] <= 300_000
    assert by_request["extensions"]["cost"]["requestedQueryCost"] == INBOX_COST


async def test_a_refusal_reports_its_cost_too(site: Site) -> None:
    """Nothing was executed, so nothing was spent on it."""
    aliases = " ".join(f"a{n}: name" for n in range(280))
    query = f"{{ __schema {{ types {{ fields {{ type {{ fields {{ {aliases} }} }} }} }} }} }}"

    _, answer = await site.post({"query": query}, headers=REPORT)

    cost = answer["extensions"]["cost"]
    assert cost["requestedQueryCost"] == answer["errors"][0]["extensions"]["cost"] > 25_000
    assert cost["actualQueryCost"] is None


async def test_a_client_that_requests_too_much_is_limited(site: Site) -> None:
    """RATE_LIMITED with the seconds, by 429 and Retry-After; it affects nobody else."""
    restrict(site, cost_rate_per_minute=600)
    alice, bob = await site.token_of("alice"), await site.token_of("bob")
    before = await site.stored()
    refused: dict[str, Any] = {}
    headers: Any = {}
    for _ in range(40):
        request = site.http.post(site.graphql, json={"query": INBOX}, headers={"Authorization": f"Bearer {alice}"})
        async with request as response:
            if response.status != 200:
                refused, headers = await response.json(), response.headers
                assert response.status == 429
                break

    (error,) = refused["errors"]
    assert "data" not in refused
    assert error["extensions"]["code"] == "RATE_LIMITED"
    assert 0 < error["extensions"]["retryAfterSeconds"] <= INBOX_COST / 10
    assert int(headers["Retry-After"]) >= 1
    assert (await site.post({"query": INBOX}, token=bob))[0] == 200
    assert (await site.post({"query": "{ serverInfo { version } }"}))[0] == 200
    assert await site.stored() == before


async def test_strangers_share_the_rate_of_their_address(site: Site) -> None:
    """Introspection that is not cached cannot cause an outage: anonymous clients have a lower rate."""
    restrict(site, anonymous_cost_rate_per_minute=3_000)
    queries = [f"{{ __schema {{ types {{ a{n}: name }} }} }}" for n in range(20)]

    answers = [await site.post({"query": query}) for query in queries]

    statuses = [status for status, _ in answers]
    assert statuses[:2] == [200, 200]
    assert statuses[-1] == 429
    assert answers[-1][1]["errors"][0]["extensions"]["code"] == "RATE_LIMITED"


@pytest.mark.parametrize(
    "text",
    [
        "{ unknown%d }",
        "{ viewer { id } # %d",
        "{ a%d: __schema { types { fields { type { fields { type { fields { name } } } } } } } }",
    ],
    ids=["invalid", "malformed", "too dear"],
)
async def test_refused_documents_use_up_the_rate(site: Site, text: str) -> None:
    """Reading them takes time too: a client without any rate left is refused before that."""
    restrict(site, anonymous_cost_rate_per_minute=100)

    answers = [await site.post({"query": text % number}) for number in range(20)]

    codes = [answer["errors"][0]["extensions"]["code"] for _, answer in answers]
    assert codes[0] != "RATE_LIMITED"
    assert (answers[-1][0], codes[-1]) == (429, "RATE_LIMITED")


async def test_a_rate_below_the_cost_of_one_request_holds_as_well(site: Site) -> None:
    """Only the counted part of the estimate is refunded: otherwise the bucket would be full again at once."""
    alice = await site.token_of("alice")
    await site.post({"query": INBOX}, token=alice)
    restrict(site, cost_rate_per_minute=INBOX_COST // 2)

    statuses = [(await site.post({"query": INBOX}, token=alice))[0] for _ in range(2)]

    assert statuses == [200, 429]


@pytest.mark.parametrize("query", ["{ viewer { " + "nothing " * 90 + "} }", "{ serverInfo { version "])
async def test_a_refusal_that_is_asked_for_again_and_again_ends(site: Site, query: str) -> None:
    """The document is cached, but its errors are sent each time."""
    restrict(site, anonymous_cost_rate_per_minute=3_000)

    answers = [await site.post({"query": query}) for _ in range(200)]

    codes = [answer["errors"][0]["extensions"]["code"] for _, answer in answers]
    assert codes[0] != "RATE_LIMITED"
    assert "RATE_LIMITED" in codes


@pytest.mark.parametrize("accept", ["text/event-stream", "text/event-stream, application/json;q=0.5"])
async def test_a_stream_that_is_refused_was_never_begun(site: Site, accept: str) -> None:
    """Over SSE the refusal is an answer, not an event."""
    restrict(site, anonymous_cost_rate_per_minute=1)
    await site.post({"query": "{ serverInfo { version features } }"})

    status, answer = await site.post({"query": "{ serverInfo { version } }"}, headers={"Accept": accept})

    assert status == 429
    assert answer["errors"][0]["extensions"]["code"] == "RATE_LIMITED"


async def test_a_socket_ends_the_operation_alone(site: Site) -> None:
    """The others on it continue."""
    alice = await site.token_of("alice")
    restrict(site, cost_rate_per_minute=200)
    async with site.http.ws_connect(site.graphql, protocols=PROTOCOL) as socket:
        await socket.send_json({"type": "connection_init", "payload": {"authorization": f"Bearer {alice}"}})
        await socket.receive_json()
        frames = []
        for number in range(10):
            payload = {"query": INBOX, "extensions": {"cost": "report"}}
            await socket.send_json({"id": str(number), "type": "subscribe", "payload": payload})
            frames.append(await socket.receive_json(timeout=5))
            if frames[-1]["type"] == "error":
                break
            await socket.receive_json(timeout=5)

    assert frames[0]["payload"]["extensions"]["cost"]["actualQueryCost"] == 21
    assert frames[-1]["type"] == "error"
    (error,) = frames[-1]["payload"]
    assert error["extensions"]["code"] == "RATE_LIMITED"
    assert error["extensions"]["retryAfterSeconds"] > 0


async def test_the_introspection_of_the_tools_is_answered_from_a_cache(site: Site) -> None:
    """Whatever its name and layout; the answer is the same."""
    other = STANDARD.replace("IntrospectionQuery", "Mine").replace("\n", " ")

    _, first = await site.post({"query": STANDARD}, headers=REPORT)
    _, second = await site.post({"query": other, "operationName": "Mine"}, headers=REPORT)
    _, other_options = await site.post({"query": get_introspection_query(descriptions=False)}, headers=REPORT)

    costs = [each.pop("extensions")["cost"]["actualQueryCost"] for each in (first, second, other_options)]
    assert first == second
    assert first["data"]["__schema"]["queryType"]["name"] == "Query"
    assert costs[0] > 5_000
    assert costs[1] == COST
    assert costs[2] > 5_000


@pytest.mark.parametrize(
    "query",
    [
        "query ($n: Boolean = true) { __schema { description @include(if: $n) } }",
        "{ __schema { queryType { name } } serverInfo { version } }",
        "{ __schema { queryType { name } } viewer { id } }",
        "{ __schema { queryType { " + "name " * MOST_TOKENS + "} } }",
    ],
)
async def test_an_operation_that_is_not_pure_introspection_is_never_cached(site: Site, query: str) -> None:
    """An answer that depends on the person or a variable must reach nobody else."""
    alice = await site.token_of("alice")

    answers = [await site.post({"query": query}, token=token, headers=REPORT) for token in (alice, alice, None)]

    assert all(answer["extensions"]["cost"]["actualQueryCost"] != COST for _, answer in answers)


def test_cached_answers_are_limited_in_bytes() -> None:
    """Otherwise documents that differ only by an alias would fill the memory."""
    cache = IntrospectionCache()
    for number in range(20):
        cache.put(str(number), ExecutionResult({"a": "x" * (MOST_BYTES // 4)}))
    cache.put("wrong", ExecutionResult({"a": None}, [GraphQLError("an error")]))
    cache.put("long", ExecutionResult({"a": "x" * (MOST_BYTES // 2)}))

    assert [number for number in range(20) if cache.get(str(number))] == [17, 18, 19]
    assert (cache.get("wrong"), cache.get("long")) == (None, None)


class Clock:
    """A clock that only sleep moves; during the sleep `meanwhile` runs."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self.meanwhile: Callable[[], Awaitable[object]] | None = None

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        if self.meanwhile is not None:
            await self.meanwhile()


@pytest.fixture
def clock(site: Site, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the streams' allowance: 600 a minute for each person."""
    made = Clock()
    monkeypatch.setattr("services.cost.asyncio", SimpleNamespace(sleep=made.sleep))
    monkeypatch.setattr(site.services.cost, "_streams", RateLimiter(600, "costly events", lambda: made.now))
    return made


async def context_of(site: Site, estimated: int, name: str = "alice") -> Context:
    """The context of a subscription whose events are expected to cost this much."""
    token = f"Bearer {await site.token_of(name)}"
    credentials = credentials_of(token, None, is_from_page=False, is_from_socket=False)
    viewer = await site.services.authenticator.authenticate(credentials)
    return Context(services=site.services, viewer=viewer, request_id="1", remote="", estimated=estimated)


async def signals(*each: object) -> AsyncGenerator[object, None]:
    """A stream of these signals."""
    for one in each:
        yield one


async def test_events_that_cost_much_come_later_and_not_less(site: Site, clock: Clock) -> None:
    """A hundred streams that wake together must not be executed together: each event is reserved first."""
    context = await context_of(site, 400)
    costs, viewer = site.services.cost, context.signed_in()

    heard = [each async for each in reserved(signals(1, 2, 3, 4), context)]

    assert heard == [1, 2, 3, 4]
    assert [round(seconds) for seconds in clock.slept] == [20, 40]
    costs.take(viewer, "", 600)  # requests have a separate allowance


async def test_an_event_gives_back_no_more_than_was_counted(site: Site, clock: Clock) -> None:
    """Otherwise an estimate above the whole allowance would refill it with each event."""
    viewer = (await context_of(site, 0)).signed_in()
    costs = site.services.cost

    counted = costs.reserve_event(viewer, 10_000)
    costs.settle_event(viewer, 500 - counted)

    assert counted == 600
    assert costs._streams.left(viewer.user_id) == 100


async def test_a_stream_that_waits_delivers_nothing_after_the_session(site: Site, clock: Clock) -> None:
    """A session that ended during the wait gets that signal without another wait, and no event."""
    context = await context_of(site, 600)
    viewer = context.signed_in()
    clock.meanwhile = lambda: site.services.account.sign_out(viewer, everywhere=False)
    ended = Revoked(RevocationReason.SIGNED_OUT)

    heard = [each async for each in reserved(signals(1, 2, 3, ended), context)]

    assert heard == [1, 2, ended]
    assert len(clock.slept) == 1


async def test_events_are_executed_at_once_only_as_far_as_there_is_room(site: Site, clock: Clock) -> None:
    """The second starts when the first is done; a stream that ended in the meantime delivers nothing."""
    costs = site.services.cost
    first, second = await context_of(site, 30_000), await context_of(site, 30_000, "bob")
    first.loader = object()
    running, waiting = reserved(signals(1), first), reserved(signals(2, 3), second)
    assert await anext(running) == 1
    task = asyncio.create_task(anext(waiting))
    await asyncio.sleep(0.02)
    assert not task.done()

    end_event(first)
    assert await asyncio.wait_for(task, 5) == 2
    assert first.loader is None  # an idle stream holds nothing of its last event
    assert not costs.has_room(30_000)
    await waiting.aclose()
    assert costs.has_room(50_000)
    await running.aclose()


async def test_an_event_that_waits_for_room_beyond_the_session_is_not_delivered(site: Site) -> None:
    """It releases its capacity too."""
    context = await context_of(site, 50_000)
    viewer, costs = context.signed_in(), site.services.cost
    taken = await costs.begin_event(50_000)
    ended = Revoked(RevocationReason.SIGNED_OUT)
    heard = reserved(signals(1, ended), context)
    task = asyncio.create_task(anext(heard))
    await asyncio.sleep(0.02)
    await site.services.account.sign_out(viewer, everywhere=False)
    costs.end_event(taken)

    assert await asyncio.wait_for(task, 5) == ended
    assert costs.has_room(50_000)
    await heard.aclose()


async def test_a_hundred_streams_of_one_person_share_the_allowance(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that waited for room ask again whether there is allowance left: it would be overdrawn by all of them."""
    context = await context_of(site, 10_000)
    viewer, costs = context.signed_in(), site.services.cost
    monkeypatch.setattr(costs, "_streams", RateLimiter(300_000, "costly events", lambda: 0.0))
    contexts = [context.for_operation() for _ in range(100)]
    done = 0

    async def run(one: Context) -> None:
        nonlocal done
        one.estimated = 10_000
        async for _ in reserved(signals(1), one):
            await asyncio.sleep(0)
            end_event(one)
            done += 1

    tasks = [asyncio.create_task(run(one)) for one in contexts]
    for _ in range(100):
        await asyncio.sleep(0.01)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    assert 30 <= done <= 36  # the last of them may overdraw it, as far as there is room
    assert costs._streams.left(viewer.user_id) <= 0
    assert costs.has_room(50_000)
