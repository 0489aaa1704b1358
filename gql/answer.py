"""Answers: the body and the status of a result, as the GraphQL over HTTP draft wants them."""

from collections.abc import Mapping

from aiohttp import web
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types.execution import ExecutionResult, PreExecutionError
from strawberry.types.graphql import OperationType

from gql.body import encode
from gql.context import Context
from gql.error import BAD_REQUEST, INTERNAL, HttpRefusal, mask_refusal
from gql.negotiation import GRAPHQL_RESPONSE

# 400 is what clients and the npm audits expect today; the draft of 2026 moves to 422.
REQUEST_ERROR_STATUS = 400


def check_kind(result: ExecutionResult) -> None:
    """Raise HttpRefusal when the document holds no operation that this method may execute."""
    if not isinstance(result, PreExecutionError) or not result.errors:
        return
    cause = result.errors[0].original_error
    if isinstance(cause, CannotGetOperationTypeError):
        raise HttpRefusal(400, BAD_REQUEST, result.errors[0].message)
    if isinstance(cause, InvalidOperationTypeError):
        if cause.operation_type is OperationType.SUBSCRIPTION:
            message = "Subscriptions are served over WebSocket, at this address: protocol graphql-transport-ws."
            raise HttpRefusal(400, BAD_REQUEST, message)
        # GraphQL over HTTP, "GET": a mutation must not be executed, and the answer is 405.
        raise HttpRefusal(405, BAD_REQUEST, "Mutations are served by POST.", {"Allow": "POST"})


def _is_request_error(result: ExecutionResult) -> bool:
    """Whether nothing was executed: parsing, validation, variables (GraphQL §7.1: then there is no `data`)."""
    if isinstance(result, PreExecutionError):
        return True
    return result.data is None and bool(result.errors) and all(error.path is None for error in result.errors or ())


def body_of(result: ExecutionResult) -> dict[str, object]:
    """GraphQL §7.1: no `data` where nothing was executed."""
    body: dict[str, object] = {}
    if result.errors:
        body["errors"] = [error.formatted for error in result.errors]
    if not _is_request_error(result):
        body["data"] = result.data
    if result.extensions:
        body["extensions"] = result.extensions
    return body


def status_of(result: ExecutionResult, media_type: str) -> int:
    """200, but for request errors to clients that accept the media type made for telling them."""
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
    """The encoded answer; one that cannot be encoded is a fault of ours, masked."""
    try:
        encoded = encode(body)
    except (TypeError, ValueError) as error:
        refusal = mask_refusal(error, context.request_id)
        encoded, status = encode(refusal.body()), refusal.status
    every = {
        "Content-Type": f"{media_type}; charset=utf-8",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "X-Request-Id": context.request_id,
    }
    return web.Response(body=encoded, status=status, headers={**every, **(headers or {})})
