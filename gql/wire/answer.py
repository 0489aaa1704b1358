"""Responses: the body and the status of a result, as specified by the GraphQL over HTTP draft."""

from collections.abc import Mapping

from aiohttp import web
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types.execution import ExecutionResult, PreExecutionError
from strawberry.types.graphql import OperationType

from gql.context import Context
from gql.error import BAD_REQUEST, INTERNAL, HttpRefusal, mask_refusal
from gql.wire.body import encode
from gql.wire.negotiation import GRAPHQL_RESPONSE

# Clients and the npm audits expect 400 today; the 2026 draft changes it to 422.
REQUEST_ERROR_STATUS = 400


def check_method(result: ExecutionResult) -> None:
    """Raise HttpRefusal 405 for a mutation by GET: it must not be executed (GraphQL over HTTP, "GET")."""
    cause = _cause_of(result)
    if isinstance(cause, InvalidOperationTypeError) and cause.operation_type is OperationType.MUTATION:
        raise HttpRefusal(405, BAD_REQUEST, "Mutations are served by POST.", {"Allow": "POST"})


def check_kind(result: ExecutionResult) -> None:
    """Raise HttpRefusal if the document contains no operation that a single response can answer."""
    check_method(result)
    cause = _cause_of(result)
    if isinstance(cause, CannotGetOperationTypeError):
        raise HttpRefusal(400, BAD_REQUEST, cause.as_http_error_reason())
    if isinstance(cause, InvalidOperationTypeError):
        message = "Subscribe at this address by WebSocket (graphql-transport-ws), or accept text/event-stream."
        raise HttpRefusal(400, BAD_REQUEST, message)


def _cause_of(result: ExecutionResult) -> Exception | None:
    """Why nothing was executed, if a single error explains it."""
    is_refused = isinstance(result, PreExecutionError) and result.errors
    return result.errors[0].original_error if is_refused and result.errors else None


def _is_request_error(result: ExecutionResult) -> bool:
    """Whether parsing, validation or variables failed, so that nothing was executed (GraphQL §7.1: no `data`)."""
    if isinstance(result, PreExecutionError):
        return True
    return result.data is None and bool(result.errors) and all(error.path is None for error in result.errors or ())


def body_of(result: ExecutionResult) -> dict[str, object]:
    """The response body; without `data` if nothing was executed (GraphQL §7.1)."""
    body: dict[str, object] = {}
    if result.errors:
        body["errors"] = [error.formatted for error in result.errors]
    if not _is_request_error(result):
        body["data"] = result.data
    if result.extensions:
        body["extensions"] = result.extensions
    return body


def status_of(result: ExecutionResult, media_type: str) -> int:
    """200, or the status of a request error if the client accepts `application/graphql-response+json`."""
    if not result.errors or not _is_request_error(result):
        return 200
    if any((error.extensions or {}).get("code") == INTERNAL for error in result.errors):
        return 500
    return REQUEST_ERROR_STATUS if media_type == GRAPHQL_RESPONSE else 200


def respond(
    body: dict[str, object],
    media_type: str,
    context: Context,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """The encoded response."""
    content, fault = encoded(body, context)
    return web.Response(
        body=content, status=fault or status, headers={**headers_of(media_type, context), **(headers or {})}
    )


def encoded(body: dict[str, object], context: Context) -> tuple[bytes, int | None]:
    """The body as JSON. If it cannot be encoded, which is a bug, a masked error with its status instead."""
    try:
        return encode(body), None
    except (TypeError, ValueError) as error:
        refusal = mask_refusal(error, context.request_id)
        return encode(refusal.body()), refusal.status


def headers_of(media_type: str, context: Context) -> dict[str, str]:
    """The headers of every GraphQL response."""
    return {
        "Content-Type": f"{media_type}; charset=utf-8",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "X-Request-Id": context.request_id,
    }
