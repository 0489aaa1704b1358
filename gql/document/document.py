"""Documents: read within their limits, validated and estimated once, and remembered."""

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
BYTES_PER_TOKEN = 600  # what a parsed document holds; measured with tracemalloc: 560 for `{a a a …}`, fewer for others
SHORT = 200  # characters of a document that is read at once; the dearest of them takes 10 ms
MOST_MODELS = 4  # of one document; each may hold as much as a fifth of what the document does
MAX_ERRORS = 101  # where graphql-core's `validate` stops
BYTES_PER_LINE = 8  # where errors are to name it
BYTES_PER_ERROR = 2_000  # measured in the same way, with the sentence that suggests a name
COST_PER_TOKEN = 4  # of a document that is read: 40 µs
CHARACTERS_PER_TOKEN = 5  # of an ordinary document, for what is expected before it is read
UNREAD = 500  # of one that cannot be: what is parsed until then

_DEFAULT = QueryLimits()

Rules = tuple[type[ASTValidationRule], ...]


def check_size(text: str, limits: QueryLimits = _DEFAULT) -> None:
    """Raise GraphQLError when the document has too many bytes (UTF-8); transports call it before they parse."""
    # A character has at least one byte, so a text that is far too long is never encoded.
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
class Reading:
    """A document as it was read: parsed or refused, and what validation said of it."""

    document: DocumentNode | None
    refusal: GraphQLError | None
    weight_bytes: int
    _errors: dict[tuple[GraphQLSchema, Rules], tuple[GraphQLError, ...]] = field(default_factory=dict)
    _introspections: dict[str | None, str | None] = field(default_factory=dict)
    _models: dict[tuple[GraphQLSchema, str | None], CostModel] = field(default_factory=dict)

    def is_validated(self, schema: GraphQLSchema, rules: Rules) -> bool:
        """Whether `errors` has its answer already."""
        return self.document is None or (schema, rules) in self._errors

    def errors(self, schema: GraphQLSchema, rules: Rules) -> list[GraphQLError]:
        """Return the refusal, or what validation says, found once for a schema and rules; the list is the caller's."""
        if self.document is None:
            return [self.refusal] if self.refusal else []
        found = self._errors.get((schema, rules))
        if found is None:
            errors = validate_document(schema, self.document, rules)
            found = self._errors[schema, rules] = tuple(_without_frames(error) for error in errors)
        return list(found)

    @property
    def cost(self) -> int:
        """What reading it took, in the unit of cost.py: the parser and the rules see each token many times."""
        return UNREAD if self.document is None else self.document.token_count * COST_PER_TOKEN

    def cost_model(self, schema: GraphQLSchema, name: str | None) -> CostModel | None:
        """Return what the operation of this name costs, or the first; the document must have been found valid."""
        found = self._models.get((schema, name))
        if found is None and self.document is not None:
            operation = self._operation(name)
            if operation is not None:
                found = CostModel(schema, self.document, operation)
                if len(self._models) < MOST_MODELS:
                    self._models[schema, name] = found
        return found

    def introspection_key(self, name: str | None) -> str | None:
        """Return what the operation asks if that is introspection alone; found once."""
        if name not in self._introspections:
            operation = self._operation(name)
            self._introspections[name] = key_of(self.document, operation) if self.document and operation else None
        return self._introspections[name]

    def _operation(self, name: str | None) -> OperationDefinitionNode | None:
        if self.document is None:
            return None
        return get_operation_ast(self.document, name) if name else get_first_operation(self.document)


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
        """Return what `get` would, validated; a long document that is not known is read in a thread.

        The thread reads one document at a time, and one that many clients send at once is read once. Reading takes
        time that grows with the text, up to some 200 ms of it, which the event loop shares instead of waiting for it.
        Raises ServerUnavailable where too many documents wait for that.
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
        """Return the reading of this text; one with too many bytes is refused anew each time and never kept.

        So are variables with too many values, whatever the text.
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
