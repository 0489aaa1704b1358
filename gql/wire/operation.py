"""One operation: the request parameters, with their types checked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from graphql import OperationType

from gql.context import Context
from services.error import BadRequest

GET_OPERATIONS = frozenset({OperationType.QUERY})
POST_OPERATIONS = frozenset({OperationType.QUERY, OperationType.MUTATION})
STREAM_OPERATIONS = frozenset({OperationType.SUBSCRIPTION})
SOCKET_OPERATIONS = frozenset(OperationType)


@dataclass(frozen=True, slots=True)
class Operation:
    """The parameters of a GraphQL request; `name` selects one of several operations of the document.

    `query` is empty if the request only names its document, by one of `document_ids` or by a hash in `extensions`.
    """

    query: str
    variables: dict[str, object] | None = None
    name: str | None = None
    extensions: dict[str, object] | None = None
    document_ids: tuple[str, ...] = ()


Resolve = Callable[[Operation, Context], Operation]  # `Documents.resolve`: the operation with the document to execute


def operation_of(value: object) -> Operation:
    """Check the decoded parameters (GraphQL over HTTP, "Request Parameters"); raises BadRequest if one is wrong.

    Keys that the draft does not define are ignored, as it requires.
    """
    if isinstance(value, list):
        raise BadRequest("Send one operation at a time: batches (a list) are not accepted.")
    if not isinstance(value, dict):
        raise BadRequest('Send a JSON object, such as {"query": "{ __typename }"}.')
    query = value.get("query")
    document_ids = _document_ids_in(value) if "documentId" in value or "doc_id" in value else ()
    if not isinstance(query, str) or not query.strip():
        if not is_reference(value):
            raise BadRequest("`query` is required, and must be a string that holds a GraphQL document.")
        query = ""
    name = value.get("operationName")
    if name is not None and not isinstance(name, str):
        raise BadRequest("`operationName` must be a string or null.")
    for key in ("variables", "extensions"):
        if value.get(key) is not None and not isinstance(value[key], dict):
            raise BadRequest(f"`{key}` must be an object or null.")
    return Operation(query, value.get("variables"), name, value.get("extensions"), document_ids)


def is_reference(parameters: Mapping[str, object]) -> bool:
    """Whether the request names a persisted document and omits its text."""
    if parameters.get("query"):
        return False
    extensions = parameters.get("extensions")
    has_hash = isinstance(extensions, dict) and extensions.get("persistedQuery") is not None
    return has_hash or bool(_document_ids_in(parameters))


def _document_ids_in(parameters: Mapping[str, object]) -> tuple[str, ...]:
    """`documentId` (GraphQL over HTTP, appendix "Persisted Documents") and `doc_id`, as in the manual of Relay.

    Whether both name the same document is decided with `Documents`.
    """
    document_id, doc_id = parameters.get("documentId"), parameters.get("doc_id")
    if document_id is not None and (not isinstance(document_id, str) or not document_id):
        raise BadRequest("`documentId` must be a string that is not empty.")
    return tuple(each for each in (document_id, doc_id) if isinstance(each, str) and each)
