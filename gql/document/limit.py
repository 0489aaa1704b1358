"""The limits of a document: the rule that runs before graphql-core's own, and the extension that enforces them."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, ClassVar

from graphql import (
    ASTValidationRule,
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    NameNode,
    OperationDefinitionNode,
    OperationType,
    OverlappingFieldsCanBeMergedRule,
    SelectionSetNode,
    specified_rules,
)
from graphql.validation.validate import ValidationAbortedError
from strawberry.extensions import SchemaExtension

from gql.charge import admit_reading, charge_reading
from gql.context import Context
from gql.document.document import CHARACTERS_PER_TOKEN, COST_PER_TOKEN, DocumentCache, Reading, Rules, check_size, read
from gql.document.merge import MergeableFields
from gql.document.reading import Reader
from gql.document.survey import TOO_COMPLEX, LimitExceeded, QueryLimits, Survey, TooExpensive
from services.rate import network_of

__all__ = [
    "TOO_COMPLEX",
    "DocumentCache",
    "Limit",
    "QueryLimits",
    "check_size",
    "limit_extensions",
    "limit_rule",
    "read",
    "reader_of",
    "rules_for",
]

_DEFAULT = QueryLimits()


class Limit(ASTValidationRule):
    """The rule, to be first in the list: it decides on entering the document, before any other rule visits a field.

    It is one class, because a class created per request would never be found in a cache again.
    """

    limits: ClassVar[QueryLimits] = _DEFAULT

    def enter_document(self, node: DocumentNode, *_args: Any) -> None:
        """Raise if a limit is exceeded; then no other rule runs."""
        try:
            Survey(node, self.limits).check()
        except LimitExceeded as error:
            # graphql-core's `validate` catches this class and visits nothing more.
            raise ValidationAbortedError(error.message, error.nodes, extensions=error.extensions) from None


@cache
def limit_rule(limits: QueryLimits = _DEFAULT) -> type[Limit]:
    """Return the rule class for these limits; always the same one."""
    return Limit if limits == _DEFAULT else type("Limit", (Limit,), {"limits": limits})


class DocumentLimit(SchemaExtension):
    """Reads, limits and validates a document, once while it is cached.

    It replaces ParserCache and ValidationCache, which cannot refuse: an error raised by a `parsing` hook leaves
    `Schema.stream` as an exception and closes the socket. So a document that cannot be read is replaced by an empty
    one, and its refusal becomes a validation error.
    """

    def __init__(self, rule: type[Limit], documents: DocumentCache) -> None:
        super().__init__()
        self._rule = rule
        self._documents = documents
        self._reading: Reading | None = None

    def on_operation(self) -> Iterator[None]:
        """Put the rule before all others; it stays first when other extensions add theirs."""
        context = self.execution_context
        context.validation_rules = _with_limits(self._rule, context.validation_rules)  # type: ignore[arg-type]  # a class is hashable
        yield

    async def prepare(self) -> None:
        """Read a long document before `on_parse` needs it, without blocking the event loop.

        Raises RateLimited first if the viewer's rate is used up; a cached document costs nothing.
        """
        context, asker = self.execution_context, self.execution_context.context
        if not context.query or context.graphql_document is not None:
            return
        is_known = context.query in self._documents
        tokens = min(len(context.query) // CHARACTERS_PER_TOKEN, self._rule.limits.tokens)
        expected = 0 if is_known else tokens * COST_PER_TOKEN
        counted = admit_reading(asker, expected) if isinstance(asker, Context) else 0.0
        schema = context.schema._schema  # noqa: SLF001
        self._reading = await self._documents.prepare(
            context.query,
            context.variables,
            schema,
            context.validation_rules,
            context.operation_name,
            reader_of(asker) if isinstance(asker, Context) else Reader(),
        )
        if isinstance(asker, Context) and not is_known:
            charge_reading(asker, counted, self._reading.cost)

    @property
    def reading(self) -> Reading | None:
        """The document, once it has been read."""
        return self._reading

    def on_parse(self) -> Iterator[None]:
        """Take the document from the cache; Strawberry has its own error for a missing text."""
        context = self.execution_context
        if context.query and context.graphql_document is None:
            self._reading = self._reading or self._documents.get(context.query, context.variables)
            context.graphql_document = self._reading.document or _empty_document(context.operation_name)
        yield

    def on_validate(self) -> Iterator[None]:
        """Answer from the cache, by document and rules."""
        context = self.execution_context
        if self._reading is not None and context.pre_execution_errors is None:
            schema = context.schema._schema  # noqa: SLF001
            found = self._reading.errors(schema, context.validation_rules)
            context.pre_execution_errors = found or self._refusal_of_cost(schema)
        yield

    def _refusal_of_cost(self, schema: GraphQLSchema) -> list[GraphQLError]:
        """Estimate the operation; returns the refusal if it costs too much."""
        context, limit = self.execution_context, self._rule.limits.cost
        model = self._reading.cost_model(schema, context.operation_name) if self._reading else None
        if model is None:
            return []
        estimate, asker = model.estimate(context.variables), context.context
        is_too_dear = estimate.cost > limit
        if isinstance(asker, Context):
            asker.estimated = estimate.cost
            if is_too_dear:  # all that will be charged for it
                charge_reading(asker, 0, model.visited)
        return [TooExpensive(estimate.cost, limit, estimate.path)] if is_too_dear else []


@cache
def _with_limits(rule: type[Limit], rules: Rules) -> Rules:
    """The rules with ours first, and with MergeableFields instead of the rule that compares pairs."""
    is_slow = OverlappingFieldsCanBeMergedRule
    return (rule, *(MergeableFields if each is is_slow else each for each in rules))


def reader_of(context: Context) -> Reader:
    """The person or the address that sent a document, and that owns it if it is registered."""
    viewer = context.viewer
    return Reader(viewer.user_id if viewer else network_of(context.remote), is_stranger=viewer is None)


def _empty_document(operation_name: str | None) -> DocumentNode:
    """A query of that name, so that the search for the operation succeeds and the refusal is returned."""
    operation = OperationDefinitionNode(
        operation=OperationType.QUERY,
        name=NameNode(value=operation_name) if operation_name is not None else None,
        selection_set=SelectionSetNode(selections=()),
    )
    return DocumentNode(definitions=(operation,))


def limit_extensions(
    limits: QueryLimits = _DEFAULT, documents: DocumentCache | None = None
) -> list[Callable[[], SchemaExtension]]:
    """Return the extensions for `strawberry.Schema(extensions=[*limit_extensions(), …])`, with their own cache.

    Every other extension that affects parsing or validation rules must come after them. Call it once per schema.
    """
    rule, cache = limit_rule(limits), DocumentCache(limits) if documents is None else documents
    return [lambda: DocumentLimit(rule, cache)]


def rules_for(limits: QueryLimits, *others: type[ASTValidationRule]) -> Rules:
    """The rules of a request, without one."""
    return _with_limits(limit_rule(limits), (*specified_rules, *others))  # type: ignore[arg-type]  # a class is hashable
