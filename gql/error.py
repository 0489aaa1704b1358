"""Errors for clients: each one gets a code, unexpected ones are masked, and no secret is logged."""

import re
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog
from graphql import FieldNode, GraphQLError, GraphQLSyntaxError
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError

from services.cause import causes_of
from services.error import SottoError, Unauthenticated

log = structlog.get_logger(__name__)

BAD_REQUEST = "BAD_REQUEST"
INTERNAL = "INTERNAL"
PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"

_LONG_NUMBER = re.compile(rf"(?<![0-9])[0-9]{{{sys.get_int_max_str_digits() + 1}}}")

WRONG_OPERATION = (CannotGetOperationTypeError, InvalidOperationTypeError, MissingQueryError)


@dataclass(eq=False)
class HttpRefusal(Exception):
    """Ends an HTTP request before GraphQL begins: a status, and the single error of the JSON body."""

    status: int
    code: str
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)
    extensions: Mapping[str, object] = field(default_factory=dict)

    def body(self) -> dict[str, object]:
        """The response in GraphQL's shape; without `data`, because nothing was executed."""
        return {"errors": [{"message": self.message, "extensions": {"code": self.code, **self.extensions}}]}


def extensions_of(error: SottoError) -> dict[str, object]:
    """`code`, and `retryAfterSeconds` if the error has it."""
    if error.retry_after_seconds is None:
        return {"code": error.code}
    return {"code": error.code, "retryAfterSeconds": error.retry_after_seconds}


def refusal_of(error: SottoError, status: int | None = None) -> HttpRefusal:
    """A refusal for an error raised before execution; `status` defaults to the error's own."""
    headers: dict[str, str] = {}
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"  # RFC 9110 §11.6.1: a 401 must carry a challenge
    if error.retry_after_seconds is not None:
        headers["Retry-After"] = str(max(1, round(error.retry_after_seconds)))
    return HttpRefusal(status or error.http_status, error.code, error.detail, headers, extensions_of(error))


def mask(error: BaseException, request_id: str | None, field_name: str | None = None) -> tuple[str, str]:
    """Log an unexpected exception under a new error id; returns the sentence for the client, and the id.

    The log gets the output of `causes_of` and the field's name in the schema; an alias would be the client's text.
    """
    error_id = secrets.token_hex(8)
    log.error("unexpected_error", error_id=error_id, request_id=request_id, field=field_name, causes=causes_of(error))
    return f"Something went wrong on our side; error id {error_id}.", error_id


def mask_refusal(error: BaseException, request_id: str) -> HttpRefusal:
    """Log and mask an unexpected exception outside execution: status 500."""
    message, error_id = mask(error, request_id)
    return HttpRefusal(500, INTERNAL, message, {"X-Request-Id": request_id}, {"errorId": error_id})


def present(error: GraphQLError, request_id: str | None = None) -> GraphQLError:
    """The error as the client may see it: with a code, or masked; an error presented before is returned unchanged."""
    cause = error.original_error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    if isinstance(cause, SottoError):
        return _with(error, cause.detail, extensions_of(cause))
    if isinstance(cause, WRONG_OPERATION):
        return _with(error, error.message or "The request holds no GraphQL document.", {"code": BAD_REQUEST})
    if cause is None or isinstance(cause, GraphQLError):
        if isinstance((error.extensions or {}).get("code"), str):
            return error  # by limit.py, or presented before
        if isinstance(error, GraphQLSyntaxError):
            return _with(error, error.message, {"code": PARSE_FAILED})
        # Without a path it concerns the whole request: variables of a wrong type.
        if error.path is None or _is_of_argument(cause):
            return _with(error, error.message, {"code": BAD_REQUEST})
    message, error_id = mask(cause or error, request_id, _field_of(error))
    return _with(error, message, {"code": INTERNAL, "errorId": error_id}, forget=True)


def present_all(errors: list[GraphQLError], request_id: str | None) -> None:
    """Present the errors in place. Errors that are not masked are logged at the level debug."""
    for index, error in enumerate(errors):
        errors[index] = shown = present(error, request_id)
        code = (shown.extensions or {}).get("code")
        if code != INTERNAL:
            log.debug("refused", code=code, field=_field_of(shown), request_id=request_id)


def _field_of(error: GraphQLError) -> str | None:
    """The schema's name of the field that failed; None if nothing was executed."""
    nodes = error.nodes if error.path is not None else None
    return next((node.name.value for node in nodes or () if isinstance(node, FieldNode)), None)


def _is_of_argument(cause: GraphQLError | None) -> bool:
    """Whether graphql-core found a wrong argument during execution, e.g. a null variable: such errors name its node."""
    return (
        cause is not None and bool(cause.nodes) and not any(isinstance(node, FieldNode) for node in cause.nodes or ())
    )


def _with(error: GraphQLError, message: str, extensions: dict[str, object], *, forget: bool = False) -> GraphQLError:
    """The same locations and path, another text; a masked error drops its cause."""
    cause = None if forget else error.original_error
    presented = GraphQLError(message, path=error.path, original_error=cause, extensions=extensions)
    presented.nodes, presented.source, presented.positions = error.nodes, error.source, error.positions
    presented.locations = error.locations  # known already: finding them again takes longer than all the rest
    return presented


def present_document_error(error: GraphQLError) -> GraphQLError:
    """An error of parsing or validation, with its code."""
    if _is_of_long_number(error):
        return _with(error, "A number in the document has too many digits.", {"code": VALIDATION_FAILED}, forget=True)
    if (
        isinstance(error, GraphQLSyntaxError)
        or error.original_error is not None
        or (error.extensions or {}).get("code")
    ):
        return error
    return _with(error, error.message, {"code": VALIDATION_FAILED})


def _is_of_long_number(error: GraphQLError) -> bool:
    """Whether Python refused to parse a long integer: graphql-core passes its ValueError on, like a bug in a scalar."""
    places = [node.loc for node in error.nodes or () if node.loc is not None]
    return isinstance(error.original_error, ValueError) and any(
        _LONG_NUMBER.search(place.source.body, place.start, place.end) for place in places
    )
