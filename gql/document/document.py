"""Documents: parsed within limits, validated and estimated once, and cached."""

import asyncio
import sys
import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from graphql import (
    ASTValidationRule,
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    Lexer,
    OperationDefinitionNode,
    Token,
    get_operation_ast,
)
from graphql.language.parser import MAX_NESTING_DEPTH, Parser
from strawberry.schema.schema import validate_document
from strawberry.utils.operation import get_first_operation

from gql.document.cost import CostModel
from gql.document.introspection import key_of
from gql.document.reading import Reader, ReadingQueue
from gql.document.source import DocumentText
from gql.document.survey import LimitExceeded, QueryLimits, check_values

CACHE_BYTES = 32 * 1024 * 1024
BYTES_PER_TOKEN = 600  # memory of a parsed document; measured with tracemalloc: 560 for `{a a a …}`, less for others
SHORT = 200  # characters of a document that is parsed on the event loop; this takes 10 ms at most
MOST_MODELS = 4  # of one document; each may take a fifth of the document's memory
MAX_ERRORS = 101  # the number at which graphql-core's `validate` stops
BYTES_PER_LINE = 8  # for the locations of errors
BYTES_PER_ERROR = 2_000  # measured in the same way, with the sentence that suggests a name
COST_PER_TOKEN = 4  # of a parsed and validated document: 40 µs
CHARACTERS_PER_TOKEN = 5  # of an ordinary document, for the estimate before parsing
UNREAD = 500  # of a document that fails to parse: for the part that was parsed

_DEFAULT = QueryLimits()

Rules = tuple[type[ASTValidationRule], ...]


def check_size(text: str, limits: QueryLimits = _DEFAULT) -> None:
    """Raise GraphQLError if the document has too many bytes (UTF-8); transports call it before they parse."""
    # A character has at least one byte, so a text that is far too long need not be encoded.
    found = len(text) if len(text) > limits.document_bytes else len(text.encode(errors="surrogatepass"))
    if found > limits.document_bytes:
        raise LimitExceeded("Bytes of the document", found, limits.document_bytes)


def read(text: str, limits: QueryLimits = _DEFAULT) -> DocumentNode:
    """Parse a document; raises GraphQLSyntaxError, or GraphQLError past the limits of bytes, tokens and nesting."""
    check_size(text, limits)
    lexer = Lexer(DocumentText(text))
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
    except RecursionError:  # the stack was already deep; `parse` of graphql-core raises the same error
        raise LimitExceeded("Nesting of the document", f"over {MAX_NESTING_DEPTH}", MAX_NESTING_DEPTH) from None
    finally:
        _unlink(first)


def _unlink(token: Token | None) -> None:
    """Unlink the tokens, which refer to each other: freeing them by garbage collection would take a pause of 50 ms."""
    while token is not None:
        following = token.next
        token.next = token.prev = None
        token = following


@dataclass(slots=True)
class Reading:
    """The result of reading a document: parsed or refused, and the errors that validation found."""

    document: DocumentNode | None
    refusal: GraphQLError | None
    weight_bytes: int
    _errors: dict[tuple[GraphQLSchema, Rules], tuple[GraphQLError, ...]] = field(default_factory=dict)
    _introspections: dict[str | None, str | None] = field(default_factory=dict)
    _models: dict[tuple[GraphQLSchema, str | None], CostModel] = field(default_factory=dict)

    def is_validated(self, schema: GraphQLSchema, rules: Rules) -> bool:
        """Whether `errors` is cached already."""
        return self.document is None or (schema, rules) in self._errors

    def errors(self, schema: GraphQLSchema, rules: Rules) -> list[GraphQLError]:
        """Return the refusal or the validation errors, found once per schema and rules, in a new list."""
        if self.document is None:
            return [self.refusal] if self.refusal else []
        found = self._errors.get((schema, rules))
        if found is None:
            errors = validate_document(schema, self.document, rules)
            found = self._errors[schema, rules] = tuple(_without_frames(error) for error in errors)
        return list(found)

    @property
    def cost(self) -> int:
        """The cost of reading it, in the unit of cost.py: the parser and the rules visit each token many times."""
        return UNREAD if self.document is None else self.document.token_count * COST_PER_TOKEN

    def cost_model(self, schema: GraphQLSchema, name: str | None) -> CostModel | None:
        """Return the cost model of the operation of this name, or of the first; the document must be valid."""
        found = self._models.get((schema, name))
        if found is None and self.document is not None:
            operation = self._operation(name)
            if operation is not None:
                found = CostModel(schema, self.document, operation)
                if len(self._models) < MOST_MODELS:
                    self._models[schema, name] = found
        return found

    def introspection_key(self, name: str | None) -> str | None:
        """Return the key of the operation if it is pure introspection; computed once."""
        if name not in self._introspections:
            operation = self._operation(name)
            self._introspections[name] = key_of(self.document, operation) if self.document and operation else None
        return self._introspections[name]

    def _operation(self, name: str | None) -> OperationDefinitionNode | None:
        if self.document is None:
            return None
        return get_operation_ast(self.document, name) if name else get_first_operation(self.document)


def _without_frames(error: GraphQLError) -> GraphQLError:
    """Remove the traceback of an error: it would keep the parser or the rules in memory, in a cycle."""
    error.__context__ = None
    return error.with_traceback(None)


class DocumentCache:
    """Documents by their text, least recently used first out.

    The limit is memory, not a number of documents: 2,000 tokens are a megabyte of nodes, so a number that suits
    ordinary documents would let anybody fill a hundred megabytes. Refusals are cached too.
    """

    def __init__(self, limits: QueryLimits, limit_bytes: int = CACHE_BYTES) -> None:
        self._limits = limits
        self._limit_bytes = limit_bytes
        self._readings: OrderedDict[str, Reading] = OrderedDict()
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="document")
        self._queues: WeakKeyDictionary[asyncio.AbstractEventLoop, ReadingQueue] = WeakKeyDictionary()
        self.used_bytes = 0

    def __len__(self) -> int:
        return len(self._readings)

    def __contains__(self, text: object) -> bool:
        return text in self._readings

    async def prepare(
        self,
        text: str,
        variables: object,
        schema: GraphQLSchema,
        rules: Rules,
        name: str | None = None,
        reader: Reader = Reader(),  # noqa: B008 -- frozen
    ) -> Reading:
        """Return what `get` would, validated; a long document that is not cached is read in a thread.

        The thread reads one document at a time; one that many clients send at once is read once. Reading takes up to
        about 200 ms, depending on the length, during which the event loop continues. Raises ServerUnavailable if too
        many documents are waiting.
        """
        known = self._readings.get(text)
        if len(text) <= SHORT or len(text) > self._limits.document_bytes:
            return self.get(text, variables)
        if known is not None and known.is_validated(schema, rules):
            return self.get(text, variables)

        def read_aside() -> Reading:
            reading = self.get(text, variables)
            if not reading.errors(schema, rules):
                reading.cost_model(schema, name)
                reading.introspection_key(name)
            return reading

        loop = asyncio.get_running_loop()
        queue = self._queues.get(loop)
        if queue is None:
            queue = self._queues[loop] = ReadingQueue(self._thread)
        return await queue.run(read_aside, reader)

    def get(self, text: str, variables: object = None) -> Reading:
        """Return the reading of this text. One with too many bytes is refused anew each time and never cached.

        The same holds for variables with too many values, whatever the text.
        """
        try:
            check_values(variables, self._limits)
        except LimitExceeded as error:
            return Reading(None, error.with_traceback(None), 0)
        with self._lock:
            reading = self._readings.get(text)
            if reading is not None:
                self._readings.move_to_end(text)
                return reading
        reading = self._read(text)
        with self._lock:
            if len(text) <= self._limits.document_bytes and text not in self._readings:
                self._readings[text] = reading
                self.used_bytes += reading.weight_bytes
            while self.used_bytes > self._limit_bytes:
                self.used_bytes -= self._readings.popitem(last=False)[1].weight_bytes
        return reading

    def _read(self, text: str) -> Reading:
        weight_bytes = sys.getsizeof(text) + BYTES_PER_ERROR + BYTES_PER_LINE * (text.count("\n") + text.count("\r"))
        try:
            document = read(text, self._limits)
        except GraphQLError as error:
            return Reading(None, _without_frames(error), weight_bytes)
        tokens = document.token_count
        weight_bytes += tokens * BYTES_PER_TOKEN + min(tokens, MAX_ERRORS) * BYTES_PER_ERROR
        return Reading(document, None, weight_bytes)
