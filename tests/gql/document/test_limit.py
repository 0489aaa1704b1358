"""The limits of a document: what is refused, that the work stays linear, and that nothing is validated twice."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar

import pytest
import strawberry
from graphql import ASTValidationRule, GraphQLError, get_introspection_query, parse, validate, visit
from graphql.language import Visitor

from gql.document.cache import CACHE_BYTES, DocumentCache, weight_of
from gql.document.limit import Limit, limit_rule, rules_for
from gql.document.parse import check_size, read
from gql.document.reading import Reader, ReadingQueue
from gql.document.survey import QueryLimits, Survey
from gql.wire.answer import Answer
from gql.wire.schema import SottoSchema
from tests.gql.executed import answer_to, answers_to

BOUNDLESS = QueryLimits(document_bytes=10**9, tokens=10**9)


@strawberry.type
class User:
    name: str

    @strawberry.field
    def friend(self) -> "User":
        return self

    @strawberry.field
    def friends(self, names: list[str] | None = None) -> list["User"]:
        return [User(name=name) for name in names or []]


@strawberry.type
class Query:
    @strawberry.field
    def me(self) -> User:
        return User(name="alice")


@strawberry.type
class Mutation:
    @strawberry.mutation
    def sign_in(self, password: str) -> bool:
        return password == "right"

    @strawberry.mutation
    def sign_up(self, password: str) -> bool:
        return bool(password)


class CountingRule(ASTValidationRule):
    """Counts, over a whole test, the documents and fields that other rules visit."""

    fields = 0
    documents = 0

    def enter_field(self, *_args: Any) -> None:
        CountingRule.fields += 1

    def leave_document(self, *_args: Any) -> None:
        CountingRule.documents += 1


@pytest.fixture(autouse=True)
def _count_from_zero() -> None:
    CountingRule.fields = CountingRule.documents = 0


def build(limits: QueryLimits = QueryLimits()) -> SottoSchema:  # noqa: B008 -- frozen
    """Return a small schema that validates with the counting rule after all others."""
    schema = SottoSchema(query=Query, mutation=Mutation, limits=limits)
    schema.documents = DocumentCache(schema.core, (*rules_for(limits), CountingRule), limits)
    return schema


def cache_of(limits: QueryLimits = QueryLimits(), limit_bytes: int = CACHE_BYTES) -> DocumentCache:  # noqa: B008 -- frozen
    """Return an empty cache of documents for the small schema."""
    return DocumentCache(build().core, rules_for(limits), limits, limit_bytes)


def codes(answer: Answer) -> list[Any]:
    return [(error.extensions or {}).get("code") for error in answer.errors]


def fragment_bomb(levels: int) -> str:
    """Return a document in which each fragment doubles the next: 2^levels fields in a few hundred bytes."""
    chain = "".join(f" fragment F{i} on User {{ ...F{i + 1} ...F{i + 1} }}" for i in range(levels))
    return f"{{ me {{ ...F0 }} }}{chain} fragment F{levels} on User {{ name }}"


def tree(depth: int) -> str:
    """Return 2^depth - 1 fields; those of one level share one path."""
    return "friend" if depth == 1 else f"friend {{ {tree(depth - 1)} {tree(depth - 1)} }}"


REFUSED = {
    "a fragment bomb of 2^20": (fragment_bomb(20), "Selections, fragments expanded: 1,000,000 or more, at most 10,000"),
    "a fragment bomb of 2^60": (fragment_bomb(60), "Selections, fragments expanded: 1,000,000 or more"),
    "a fragment bomb of 2^300": (fragment_bomb(300), "Fragments defined in the document: 301, at most 200"),
    "a bomb of unknown fragments": (
        "{ me { ...F0 } }" + "".join(f" fragment F{i} on User {{ ...F{i + 1} ...F{i + 1} }}" for i in range(20)),
        "Selections, fragments expanded: 1,000,000 or more, at most 10,000",
    ),
    "twenty thousand aliases": (
        "{ me { " + " ".join(f"a{i}: name" for i in range(20_000)) + " } }",
        "Bytes of the document",
    ),
    "two thousand aliases": ("{ me { " + "a: name " * 2_000 + "} }", "over 5,000, at most 5,000"),
    "unknown fields by the thousand": ("{ me { " + "x " * 5_000 + "} }", "over 5,000, at most 5,000"),
    "a list literal of 50,000": (
        "{ me { friends(names: [" + "1 " * 50_000 + "]) { name } } }",
        "Bytes of the document",
    ),
    "a list literal of 5,000": ("{ me { friends(names: [" + "1 " * 5_000 + "]) { name } } }", "Tokens of the document"),
    "a string of 900 kB": (
        f'{{ me {{ friends(names: ["{"x" * 900_000}"]) {{ name }} }} }}',
        "Bytes of the document: 900,0",
    ),
    "comments": ("{ me { name } }\n" + "#\n" * 6_000, "Tokens of the document: over 5,000, at most 5,000"),
    "directives": ("{ me { name " + "@skip(if: false) " * 201 + "} }", "Directives in the document: 201, at most 200"),
    "directives on an operation": ("query " + "@a " * 201 + "{ me { name } }", "Directives in the document: 201"),
    "spreads": (
        "{ me { " + "...F " * 1_001 + "} } fragment F on User { name }",
        "Fragment spreads in the document: 1,001",
    ),
    "nesting of 13": ("{ me" + "{ friend" * 12 + "}" * 13, "Depth of nested fields: 13, at most 12"),
    "nesting of 900": ("{ me" + "{ friend" * 900 + "}" * 901, "Nesting of the document: over 200, at most 200"),
    "nesting of 10,000": ("{ me" + "{ friend" * 10_000 + "}" * 10_001, "Nesting of the document: over 200"),
    "nesting by fragments": (
        "{ me { ...F0 } }" + "".join(f" fragment F{i} on User {{ friend {{ ...F{i + 1} }} }}" for i in range(20)),
        "Depth of nested fields: 21, at most 12",
    ),
    "nesting of introspection": (
        "{ __schema { queryType " + "{ ofType " * 20 + "{ name }" + " }" * 20 + " } }",
        "Depth of nested introspection fields: 23, at most 20",
    ),
    "introspection as a cloak": (
        "{ __schema { queryType { name } } me" + "{ friend" * 12 + "}" * 13,
        "Depth of nested fields: 13, at most 12",
    ),
    "root fields": ("{ " + " ".join(f"a{i}: __typename" for i in range(21)) + " }", "Root fields of an operation: 21"),
    "guessed passwords": (
        'mutation { a: signIn(password: "a") b: signIn(password: "b") }',
        "Calls of signIn in the document: 2, at most 1",
    ),
    "guessed passwords by fragments": (
        'mutation { ...A ... { a: signIn(password: "a") } } fragment A on Mutation { signIn(password: "b") }',
        "Calls of signIn in the document: 2, at most 1",
    ),
}


@pytest.mark.parametrize("attack", REFUSED)
async def test_an_attack_is_refused_alone_with_the_limit_and_the_figure_found(attack: str) -> None:
    """Security reference 0.17 and transport reference 2.6: refused before the standard rules look at a field."""
    text, sentence = REFUSED[attack]

    result = await answer_to(build(), text)

    assert codes(result) == ["QUERY_TOO_COMPLEX"]
    assert sentence in result.errors[0].message
    assert (result.data, CountingRule.fields, CountingRule.documents) == (None, 0, 0)


@pytest.mark.parametrize(
    "text",
    [
        fragment_bomb(20),
        fragment_bomb(60),
        "{ me { " + " ".join(f"a{i}: name" for i in range(20_000)) + " } }",
        "{ me { " + "a: name " * 1500 + "} }",
        "{ me { " + tree(8) + " } }",
        "{ me { ...F0 ...F1 } }"
        + "".join(
            f" fragment F{i} on User {{ friend {{ ...F{(i + 1) % 30} ...F{(i + 7) % 30} }} }}" for i in range(30)
        ),
        " ".join(f"query Q{i} {{ me {{ ...F }} }}" for i in range(60))
        + " fragment F on User { "
        + "friend { name } " * 9
        + "}",
        "{ me { ...F } } fragment F on User { " + "... { ... { name } } " * 9 + "}",
        get_introspection_query(),
    ],
)
@pytest.mark.parametrize("limits", [QueryLimits(), QueryLimits(fragments=30, spreads=60)])
def test_the_work_is_linear_in_the_document(text: str, limits: QueryLimits) -> None:
    """Every selection is visited once; its expansion only if it is known to be small."""
    document = parse(text)
    selections = SelectionCounter()
    visit(document, selections)
    survey = Survey(document, limits)

    with suppress(GraphQLError):
        survey.check()

    assert survey.visited <= 3 * selections.found + 100 * len(document.definitions)


class SelectionCounter(Visitor):
    """Counts fields, spreads and inline fragments as they are written."""

    def __init__(self) -> None:
        super().__init__()
        self.found = 0

    def enter_field(self, *_args: Any) -> None:
        self.found += 1

    def enter_fragment_spread(self, *_args: Any) -> None:
        self.found += 1

    def enter_inline_fragment(self, *_args: Any) -> None:
        self.found += 1


@pytest.mark.parametrize(
    "text",
    [
        "{ me { ...A } } fragment A on User { ...A }",
        "{ me { ...A } } fragment A on User { friend { ...B } } fragment B on User { friend { ...A } name }",
        "{ me { ...A ...B } } fragment A on User { ...B ...A name } fragment B on User { ...A ...B name }",
    ],
)
async def test_a_cycle_of_fragments_is_left_to_the_rule_that_names_it(text: str) -> None:
    """Only NoFragmentCyclesRule can say which fragment is at fault; the limit only has to terminate."""
    result = await answer_to(build(), text)

    assert codes(result)[0] == "GRAPHQL_VALIDATION_FAILED"
    assert "Cannot spread fragment" in str(result.errors)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"descriptions": False},
        {"type_depth": 13},
        {
            "specified_by_url": True,
            "directive_is_repeatable": True,
            "schema_description": True,
            "input_value_deprecation": True,
            "one_of": True,
        },
    ],
)
async def test_the_introspection_query_of_the_tools_is_answered(options: dict[str, Any]) -> None:
    """GraphiQL, graphql-codegen and graphql-js nest 15 fields; their query must not exceed any limit."""
    result = await answer_to(build(), get_introspection_query(**options))

    assert result.errors == []
    assert result.data is not None


def test_the_largest_introspection_query_meets_no_limit() -> None:
    """With all options, including those that this version of the schema does not support."""
    document = parse(get_introspection_query(True, True, True, True, True, True, True))  # noqa: FBT003

    survey = Survey(document, QueryLimits())
    survey.check()

    assert survey.visited < 1_000


@pytest.mark.parametrize(
    ("written", "limits"),
    [
        ("{ me" + "{ friend" * 10 + "{ name }" + "}" * 11, QueryLimits(depth=12)),
        ("{ me { name friend { name } } }", QueryLimits(selections=4, root_fields=1, depth=3)),
        (
            "{ me { name name } me { ...F } } fragment F on User { name }",
            QueryLimits(root_fields=1, spreads=1, fragments=1),
        ),
        ("{ me { name @skip(if: false) } }", QueryLimits(directives=1, document_bytes=32, tokens=13)),
    ],
)
async def test_a_document_at_its_limits_is_answered(written: str, limits: QueryLimits) -> None:
    """A limit is the highest accepted figure."""
    answer = await answer_to(build(limits), written)

    assert answer.errors == []


async def test_each_sensitive_mutation_may_be_called_once_in_a_document() -> None:
    """Sign up and sign in are two calls; guessing is two calls of one mutation, in any operation of the document."""
    both = 'mutation { signUp(password: "a") signIn(password: "a") }'
    twice = 'mutation A { signIn(password: "a") } mutation B { signIn(password: "b") }'

    allowed, [refused] = await answer_to(build(), both), await answers_to(build(), twice, name="A")

    assert allowed.data == {"signUp": True, "signIn": False}
    assert codes(refused) == ["QUERY_TOO_COMPLEX"]


async def test_a_document_is_validated_once() -> None:
    """Validation is three quarters of a send's cost: the second execution must skip it."""
    schema = build()

    first, second = await answer_to(schema, "{ me { name } }"), await answer_to(schema, "{ me { name } }")

    assert first.data == second.data == {"me": {"name": "alice"}}
    assert (CountingRule.documents, CountingRule.fields) == (1, 2)


async def test_a_refusal_is_found_once_and_sent_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of accepted documents alone would repeat the expensive half."""
    checks: list[Survey] = []
    check = Survey.check

    def counted(survey: Survey) -> None:
        checks.append(survey)
        check(survey)

    monkeypatch.setattr(Survey, "check", counted)
    schema = build()

    results = [await answer_to(schema, fragment_bomb(20)) for _ in range(3)]

    assert [codes(result) for result in results] == [["QUERY_TOO_COMPLEX"]] * 3
    assert len(checks) == 1


async def test_invalid_documents_are_remembered_with_their_errors() -> None:
    """The error list belongs to the caller: an extension that empties it must not make the document valid."""
    schema = build()
    first = await answer_to(schema, "{ nothing }")
    first.errors.clear()

    second = await answer_to(schema, "{ nothing }")

    assert second.errors[0].message == "Cannot query field 'nothing' on type 'Query'."
    assert CountingRule.documents == 1


def test_the_rule_is_one_class_for_one_set_of_limits() -> None:
    """Two schemas with the same limits validate with the same rules."""
    assert limit_rule() is limit_rule(QueryLimits()) is Limit
    assert limit_rule(QueryLimits(depth=3)) is limit_rule(QueryLimits(depth=3))
    assert limit_rule(QueryLimits(depth=3)) is not Limit


def test_the_rule_alone_ends_a_validation() -> None:
    """graphql-core's `validate` with the rule first returns only the refusal."""
    errors = validate(build().core, parse(fragment_bomb(20) + " { nothing }"), [Limit, CountingRule])

    assert [error.extensions for error in errors] == [{"code": "QUERY_TOO_COMPLEX"}]
    assert CountingRule.fields == 0


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{ me { name", "GRAPHQL_PARSE_FAILED"),
        ("{ me { " + "name " * 5_000 + "} }", "QUERY_TOO_COMPLEX"),
        ("#" * 100_001, "QUERY_TOO_COMPLEX"),
    ],
)
@pytest.mark.parametrize("operation_name", [None, "", "Named"])
async def test_a_document_that_cannot_be_read_is_a_result_on_every_path(
    text: str, code: str | None, operation_name: str | None
) -> None:
    """With the same code each time, whatever operation is asked for."""
    schema = build()

    answers = [each for _ in range(2) for each in await answers_to(schema, text, name=operation_name)]

    assert [(each.is_refused, codes(each)) for each in answers] == [(True, [code])] * 2


async def test_a_syntax_error_keeps_its_place() -> None:
    """The client's editor underlines this location."""
    result = await answer_to(build(), "{ me {\n name ! } }")

    assert result.errors[0].formatted["locations"] == [{"line": 2, "column": 7}]


def test_bytes_are_counted_not_characters() -> None:
    """A lone surrogate, which JSON can contain, counts and causes no error."""
    limits = QueryLimits(document_bytes=6)

    check_size("# éé", limits)
    check_size("# \ud800", limits)
    with pytest.raises(GraphQLError, match=r"Bytes of the document: 8, at most 6 allowed\."):
        check_size("# ééé", limits)


def test_the_cache_is_bounded_by_what_it_holds() -> None:
    """A thousand different documents of maximum size use no more memory than the limit."""
    cache = cache_of(BOUNDLESS, 400_000)
    first = cache.get("{ first }")
    for i in range(50):
        cache.get("{ a" + str(i) + " b" * 100 + " }")
        assert cache.used_bytes <= 400_000

    assert len(cache) == 1
    assert cache.get("{ first }") is not first


def test_a_document_as_large_as_the_cache_is_cached() -> None:
    """The limit is inclusive."""
    text = "{ me { name } }"
    weight = weight_of(text, cache_of().get(text))

    exact, smaller = (cache_of(limit_bytes=limit) for limit in (weight, weight - 1))
    exact.get(text)
    smaller.get(text)

    assert (len(exact), exact.used_bytes) == (1, weight)
    assert (len(smaller), smaller.used_bytes) == (0, 0)


def test_a_document_larger_than_the_cache_is_answered_and_not_cached() -> None:
    """The limit also applies to a single document."""
    cache = cache_of(limit_bytes=1_000)

    assert cache.get("{ me { name } }").document is not None
    assert (len(cache), cache.used_bytes) == (0, 0)


def test_a_text_with_too_many_bytes_is_not_cached() -> None:
    """Otherwise each of them would displace a hundred ordinary documents."""
    cache = cache_of()

    assert len(cache.get("#" * 100_001).errors) == 1
    assert len(cache) == 0


def test_a_refusal_holds_no_frames() -> None:
    """A cached error with its traceback would keep the parser and the text of another request in memory."""
    errors = [*cache_of().get("{ me").errors, *cache_of().get("{ nothing }").errors]

    assert [(error.__traceback__, error.__context__) for error in errors] == [(None, None)] * 2


def test_reading_counts_tokens_with_comments() -> None:
    """5,000 tokens are read, one more is not."""
    assert read("{ " + "a " * 4_998 + "}").token_count == 5_000
    with pytest.raises(GraphQLError, match="Tokens of the document"):
        read("{ " + "a " * 4_998 + "} #")


async def test_concurrent_executions_share_one_verdict() -> None:
    """The cache is shared by the whole process."""
    schema = build()

    answers = await asyncio.gather(*(answer_to(schema, "{ me { friend { name } } }") for _ in range(20)))

    assert {str(answer.data) for answer in answers} == {"{'me': {'friend': {'name': 'alice'}}}"}
    assert CountingRule.documents == 1


async def test_a_fragment_counts_once_in_a_merged_selection_set() -> None:
    """The specification's CollectFields visits each fragment once, so twelve spreads of it are one field."""
    text = "{ me { " + "...F " * 12 + "} } fragment F on User { name }"

    answer = await answer_to(build(), text)

    assert answer.errors == []


def test_the_limit_stands_before_all_other_rules() -> None:
    """Some standard rules work on entering the document."""
    limits = QueryLimits(depth=3)

    assert rules_for(limits, CountingRule).index(limit_rule(limits)) == 0


class ThreadRule(ASTValidationRule):
    """Records which thread validates."""

    names: ClassVar[list[str]] = []

    def enter_document(self, *_args: Any) -> None:
        ThreadRule.names.append(threading.current_thread().name)


async def test_a_long_document_is_read_once_and_in_a_thread() -> None:
    """Parsing and validating 5,000 tokens takes 200 ms, which must not block the event loop."""
    ThreadRule.names = []
    cache = DocumentCache(build().core, (Limit, ThreadRule), QueryLimits())
    text = "{ me { " + "name " * 100 + "} }"

    readings = await asyncio.gather(*(cache.prepare(text) for _ in range(20)))

    assert len(set(map(id, readings))) == 1
    assert [name.rpartition("_")[0] for name in ThreadRule.names] == ["document"]
    assert readings[0].errors == ()


async def test_a_document_of_middle_length_needs_no_thread_if_it_is_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Handing it over would take longer than reading it; an invalid one takes the rules up to 50 ms."""
    aside: list[object] = []
    run = ReadingQueue.run

    async def noted(queue: ReadingQueue, work: Callable[[], Any], reader: Reader) -> Any:
        aside.append(work)
        return await run(queue, work, reader)

    monkeypatch.setattr(ReadingQueue, "run", noted)
    cache = cache_of()
    fields = "name " * 150

    proved = await cache.prepare(f"{{ me {{ {fields} }} }}")
    assert (proved.errors, proved.is_proved, aside) == ((), True, [])
    invalid = await cache.prepare(f"{{ me {{ {fields} nothing }} }}")
    assert (len(invalid.errors), invalid.is_proved, len(aside)) == (1, False, 1)
    long = await cache.prepare(f"{{ me {{ {fields} {fields} }} }}")
    assert (long.errors, long.is_proved, len(aside)) == ((), True, 2)
    assert len(cache) == 3


async def test_a_long_document_that_cannot_be_read_is_refused_from_the_thread() -> None:
    """One with too many bytes does not reach the thread."""
    cache = cache_of()

    broken = await cache.prepare("{ me " + "{ friend " * 100)
    large = await cache.prepare("#" * 100_001)

    assert (broken.document, len(broken.errors)) == (None, 1)
    assert "Bytes of the document" in large.errors[0].message
    assert len(cache) == 1


def test_a_document_of_many_operations_holds_few_prepared() -> None:
    """Fifty operations that spread one large fragment would hold ten times what the cache counts for the document."""
    schema = build().core
    text = " ".join(f"query Q{number} {{ me {{ ...All }} }}" for number in range(20))
    reading = cache_of().get(text + " fragment All on User { name friend { name } }")

    found = [reading.prepare(schema, f"Q{number}") for number in range(20)]

    again = [reading.prepare(schema, f"Q{number}") for number in range(20)]
    assert [one is other for one, other in zip(found, again, strict=True)] == [True] * 4 + [False] * 16
