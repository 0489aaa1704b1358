"""The cache of documents: each is parsed, limited and validated once, by its text."""

import asyncio
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from weakref import WeakKeyDictionary

from graphql import DocumentNode, GraphQLError, GraphQLSchema, OperationDefinitionNode

from gql.document.document import Reading
from gql.document.limit import Limit, Rules
from gql.document.parse import read
from gql.document.prepared import PreparedOperation
from gql.document.proof import Proof, covers
from gql.document.reading import Reader, ReadingQueue
from gql.document.survey import LimitExceeded, QueryLimits, Survey
from gql.document.validation import Validator

T = TypeVar("T")

CACHE_BYTES = 32 * 1024 * 1024
BYTES_PER_TOKEN = 600  # memory of a parsed document; measured with tracemalloc: 560 for `{a a a …}`, less for others
BYTES_PER_LINE = 8  # for the locations of errors
BYTES_PER_ERROR = 2_000  # measured in the same way, with the sentence that suggests a name
SHORT = 200  # characters of a document that is read on the event loop; this takes 10 ms at most
MIDDLE = 1_000  # of one that is read there if it can be proved; this takes as long


class DocumentCache:
    """Documents by their text, least recently used first out; for one schema, and the same rules for all.

    The limit is memory, not a number of documents: 2,000 tokens are a megabyte of nodes, so a number that suits
    ordinary documents would let anybody fill a hundred megabytes. Refusals are cached too.
    """

    def __init__(
        self, schema: GraphQLSchema, rules: Rules, limits: QueryLimits, limit_bytes: int = CACHE_BYTES
    ) -> None:
        self._schema = schema
        self._validator = Validator(schema, rules)
        self._is_provable = covers(each for each in rules if not issubclass(each, Limit))
        self._limits = limits
        self._limit_bytes = limit_bytes
        self._readings: OrderedDict[str, tuple[Reading, int]] = OrderedDict()
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="document")
        self._queues: WeakKeyDictionary[asyncio.AbstractEventLoop, ReadingQueue] = WeakKeyDictionary()
        self.used_bytes = 0

    def __len__(self) -> int:
        return len(self._readings)

    def find(self, text: str) -> Reading | None:
        """The reading of this text if it is cached; it becomes the most recently used one."""
        with self._lock:
            found = self._readings.get(text)
            if found is None:
                return None
            self._readings.move_to_end(text)
            return found[0]

    async def prepare(self, text: str, name: str | None = None, reader: Reader = Reader()) -> Reading:  # noqa: B008 -- frozen
        """Return what `get` would; a long document that is not cached is read in a thread, with this operation.

        One of middle length is parsed here, and remains here if it is proved to be valid. The thread reads one document
        at a time; one that many clients send at once is read once. Reading takes up to about 100 ms, depending on the
        length, during which the event loop continues. Raises ServerUnavailable if too many documents are waiting.
        """
        if len(text) <= SHORT or len(text) > self._limits.document_bytes:
            return self.get(text)
        if len(text) <= MIDDLE:
            reading = self._read(text, is_quick=True)
            if reading is not None:
                return self._add(text, reading)

        def read_aside() -> Reading:
            reading = self.get(text)
            if not reading.errors:
                reading.prepare(self._schema, name)
            return reading

        return await self.run_aside(read_aside, reader)

    async def run_aside(self, work: Callable[[], T], reader: Reader) -> T:
        """Do in the thread what takes long for a document; raises ServerUnavailable if too many are waiting."""
        loop = asyncio.get_running_loop()
        queue = self._queues.get(loop)
        if queue is None:
            queue = self._queues[loop] = ReadingQueue(self._thread)
        return await queue.run(work, reader)

    def get(self, text: str) -> Reading:
        """Return the reading of this text. One with too many bytes is refused anew each time and never cached."""
        found = self.find(text)
        if found is None:
            read = self._read(text)
            assert read is not None
            found = self._add(text, read)
        return found

    def add_weight(self, text: str, prepared: PreparedOperation, weight_bytes: int) -> None:
        """Count memory that is kept with an operation, such as its plans, if the operation is cached."""
        with self._lock:
            found = self._readings.get(text)
            if found is not None and found[0].holds(prepared):
                self._readings[text] = found[0], found[1] + weight_bytes
                self.used_bytes += weight_bytes
                self._evict()

    def _add(self, text: str, reading: Reading) -> Reading:
        weight_bytes = weight_of(text, reading)
        with self._lock:
            if len(text) <= self._limits.document_bytes and text not in self._readings:
                self._readings[text] = reading, weight_bytes
                self.used_bytes += weight_bytes
            self._evict()
        return reading

    def _evict(self) -> None:
        """Drop what was not used for longest, until the rest fits; the caller holds the lock."""
        while self.used_bytes > self._limit_bytes:
            _, (_, dropped_bytes) = self._readings.popitem(last=False)
            self.used_bytes -= dropped_bytes

    def _read(self, text: str, *, is_quick: bool = False) -> Reading | None:
        """Parse and validate; None if that `is_quick` only for documents that can be proved, and this one cannot."""
        try:
            document = read(text, self._limits)
        except GraphQLError as error:
            return Reading(None, (_without_frames(error),))
        operations = tuple(each for each in document.definitions if isinstance(each, OperationDefinitionNode))
        if self._is_provable and self._is_proved(document):
            return Reading(document, (), operations, is_proved=True)
        if is_quick:
            return None
        errors = tuple(_without_frames(error) for error in self._validator.validate(document))
        return Reading(document, errors, operations)

    def _is_proved(self, document: DocumentNode) -> bool:
        try:
            Survey(document, self._limits).check()
        except LimitExceeded:
            return False  # the first of the rules refuses it, with its code
        return Proof(self._schema, document).holds()


def weight_of(text: str, reading: Reading) -> int:
    """The memory of a reading with its text and the errors in it, approximately."""
    tokens = reading.document.token_count if reading.document else 0
    lines = text.count("\n") + text.count("\r")
    return (
        sys.getsizeof(text)
        + lines * BYTES_PER_LINE
        + tokens * BYTES_PER_TOKEN
        + (len(reading.errors) + 1) * BYTES_PER_ERROR
    )


def _without_frames(error: GraphQLError) -> GraphQLError:
    """Remove the traceback of an error: it would keep the parser or the rules in memory, in a cycle."""
    error.__context__ = None
    return error.with_traceback(None)
