"""The limits of a document: the rule that runs before graphql-core's own, and the cache of documents already read."""

import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar

from graphql import (
    ASTValidationRule,
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    Lexer,
    NameNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    Source,
    Token,
)
from graphql.language.parser import MAX_NESTING_DEPTH, Parser
from graphql.validation.validate import ValidationAbortedError
from strawberry.extensions import SchemaExtension
from strawberry.schema.schema import validate_document

from gql.survey import TOO_COMPLEX, LimitExceeded, QueryLimits, Survey, check_values

__all__ = ["CACHE_BYTES", "TOO_COMPLEX", "Limit", "QueryLimits", "check_size", "limit_extensions", "limit_rule", "read"]

CACHE_BYTES = 32 * 1024 * 1024
BYTES_PER_TOKEN = 600  # what a parsed document holds; measured with tracemalloc: 560 for `{a a a …}`, fewer for others
MAX_ERRORS = 101  # where graphql-core's `validate` stops
BYTES_PER_ERROR = 2_000  # measured in the same way, with the sentence that suggests a name

_DEFAULT = QueryLimits()

Rules = tuple[type[ASTValidationRule], ...]


class Limit(ASTValidationRule):
    """The rule, to be first in the list: it decides at the document's door, before any other rule has seen a field.

    It stands once, as a class, because a class made per request would never be found in a cache again.
    """

    limits: ClassVar[QueryLimits] = _DEFAULT

    def enter_document(self, node: DocumentNode, *_args: Any) -> None:
        """Raise past a limit; whatever the other rules would have said about the document stays unsaid."""
        try:
            Survey(node, self.limits).check()
        except LimitExceeded as error:
            # The class that graphql-core's `validate` catches; it visits nothing more then.
            raise ValidationAbortedError(error.message, error.nodes, extensions=error.extensions) from None


@cache
def limit_rule(limits: QueryLimits = _DEFAULT) -> type[Limit]:
    """Return the one rule class for these limits."""
    return Limit if limits == _DEFAULT else type("Limit", (Limit,), {"limits": limits})


def check_size(text: str, limits: QueryLimits = _DEFAULT) -> None:
    """Raise GraphQLError when the document has too many bytes (UTF-8); transports call it before they parse."""
    # A character has at least one byte, so a text that is far too long is never encoded.
    found = len(text) if len(text) > limits.document_bytes else len(text.encode(errors="surrogatepass"))
    if found > limits.document_bytes:
        raise LimitExceeded("Bytes of the document", found, limits.document_bytes)


def read(text: str, limits: QueryLimits = _DEFAULT) -> DocumentNode:
    """Parse a document; raises GraphQLSyntaxError, or GraphQLError past the limits of bytes, tokens and nesting."""
    check_size(text, limits)
    lexer = Lexer(Source(text))
    first = lexer.token
    try:
        return Parser(lexer.source, max_tokens=limits.tokens, lexer=lexer).parse_document()
    except GraphQLSyntaxError as error:
        # graphql-core has no class of its own for the two limits of its parser.
        if "tokens. Parsing aborted" in error.message:
            raise LimitExceeded("Tokens of the document", f"over {limits.tokens:,}", limits.tokens) from None
        if "nested too deeply" in error.message:
            raise LimitExceeded("Nesting of the document", f"over {MAX_NESTING_DEPTH}", MAX_NESTING_DEPTH) from None
        raise
    except RecursionError:  # the stack was deep already: `parse` of graphql-core says the same
        raise LimitExceeded("Nesting of the document", f"over {MAX_NESTING_DEPTH}", MAX_NESTING_DEPTH) from None
    finally:
        _unlink(first)


def _unlink(token: Token | None) -> None:
    """Part the tokens, which hold each other both ways: only a collector's pause of 50 ms would free them."""
    while token is not None:
        following = token.next
        token.next = token.prev = None
        token = following


@dataclass(slots=True)
class _Reading:
    """A document as it was read: parsed or refused, and what validation said of it."""

    document: DocumentNode | None
    refusal: GraphQLError | None
    weight_bytes: int
    _errors: dict[tuple[GraphQLSchema, Rules], tuple[GraphQLError, ...]] = field(default_factory=dict)

    def errors(self, schema: GraphQLSchema, rules: Rules) -> list[GraphQLError]:
        """Return the refusal, or what validation says, found once for a schema and rules; the list is the caller's."""
        if self.document is None:
            return [self.refusal] if self.refusal else []
        found = self._errors.get((schema, rules))
        if found is None:
            errors = validate_document(schema, self.document, rules)
            found = self._errors[schema, rules] = tuple(_without_frames(error) for error in errors)
        return list(found)


def _without_frames(error: GraphQLError) -> GraphQLError:
    """Take from an error what would keep the parser or the rules alive with it, in a cycle."""
    error.__context__ = None
    return error.with_traceback(None)


class DocumentCache:
    """Documents by their text; the least recently used make room.

    Bounded by the memory that they may hold, not by their number: 2,000 tokens are a megabyte of nodes, so a number
    that suits ordinary documents would let anybody fill a hundred megabytes. Refusals are kept as well.
    """

    def __init__(self, limits: QueryLimits, limit_bytes: int = CACHE_BYTES) -> None:
        self._limits = limits
        self._limit_bytes = limit_bytes
        self._readings: OrderedDict[str, _Reading] = OrderedDict()
        self.used_bytes = 0

    def __len__(self) -> int:
        return len(self._readings)

    def get(self, text: str, variables: object = None) -> _Reading:
        """Return the reading of this text; one with too many bytes is refused anew each time and never kept.

        So are variables with too many values, whatever the text.
        """
        try:
            check_values(variables, self._limits)
        except LimitExceeded as error:
            return _Reading(None, error.with_traceback(None), 0)
        reading = self._readings.get(text)
        if reading is not None:
            self._readings.move_to_end(text)
            return reading
        reading = self._read(text)
        if len(text) <= self._limits.document_bytes:
            self._readings[text] = reading
            self.used_bytes += reading.weight_bytes
        while self.used_bytes > self._limit_bytes:
            self.used_bytes -= self._readings.popitem(last=False)[1].weight_bytes
        return reading

    def _read(self, text: str) -> _Reading:
        weight_bytes = sys.getsizeof(text) + BYTES_PER_ERROR
        try:
            document = read(text, self._limits)
        except GraphQLError as error:
            return _Reading(None, _without_frames(error), weight_bytes)
        tokens = document.token_count
        weight_bytes += tokens * BYTES_PER_TOKEN + min(tokens, MAX_ERRORS) * BYTES_PER_ERROR
        return _Reading(document, None, weight_bytes)


class DocumentLimit(SchemaExtension):
    """Reads, limits and validates a document, each once for as long as the cache remembers it.

    It does the work of ParserCache and ValidationCache, which cannot refuse: an error raised by a `parsing` hook
    leaves `Schema.stream` as an exception, and with it the socket. So a document that cannot be read is replaced by an
    empty one, and its refusal goes the way of every validation error.
    """

    def __init__(self, rule: type[Limit], documents: DocumentCache) -> None:
        super().__init__()
        self._rule = rule
        self._documents = documents
        self._reading: _Reading | None = None

    def on_operation(self) -> Iterator[None]:
        """Put the rule before all others; it keeps its place when other extensions add theirs."""
        self.execution_context.validation_rules = (self._rule, *self.execution_context.validation_rules)
        yield

    def on_parse(self) -> Iterator[None]:
        """Take the document from the cache; a missing text is left to Strawberry, which has its own error for it."""
        context = self.execution_context
        if context.query and context.graphql_document is None:
            self._reading = self._documents.get(context.query, context.variables)
            context.graphql_document = self._reading.document or _empty_document(context.operation_name)
        yield

    def on_validate(self) -> Iterator[None]:
        """Answer from the cache; the rules are part of the question."""
        context = self.execution_context
        if self._reading is not None and context.pre_execution_errors is None:
            context.pre_execution_errors = self._reading.errors(context.schema._schema, context.validation_rules)  # noqa: SLF001
        yield


def _empty_document(operation_name: str | None) -> DocumentNode:
    """Return a query of that name, so that the search for the operation does not fail before the refusal is told."""
    operation = OperationDefinitionNode(
        operation=OperationType.QUERY,
        name=NameNode(value=operation_name) if operation_name is not None else None,
        selection_set=SelectionSetNode(selections=()),
    )
    return DocumentNode(definitions=(operation,))


def limit_extensions(limits: QueryLimits = _DEFAULT) -> list[Callable[[], SchemaExtension]]:
    """Return the extensions for `strawberry.Schema(extensions=[*limit_extensions(), …])`, with a cache of their own.

    Every other extension that touches parsing or validation rules comes after them. Call it once for a schema.
    """
    rule, documents = limit_rule(limits), DocumentCache(limits)
    return [lambda: DocumentLimit(rule, documents)]
