"""Answers of operations, and responses: body and status as specified by the GraphQL over HTTP draft."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import GraphQLError

from gql.context import Context
from gql.error import INTERNAL, mask_refusal
from gql.wire.body import encode
from gql.wire.negotiation import GRAPHQL_RESPONSE
from gql.wire.reply import Reply

# Clients and the npm audits expect 400 today; the 2026 draft changes it to 422.
REQUEST_ERROR_STATUS = 400


@dataclass(slots=True)
class Answer:
    """The result of an operation, or of one event of a subscription; the errors have been through `present`.

    `is_refused`: nothing was executed.
    """

    data: Any
    errors: list[GraphQLError] = field(default_factory=list)
    extensions: dict[str, object] = field(default_factory=dict)
    is_refused: bool = False

    @property
    def is_request_error(self) -> bool:
        """Whether parsing, validation or variables failed, so that nothing was executed (GraphQL §7.1: no `data`)."""
        if self.is_refused:
            return True
        return self.data is None and bool(self.errors) and all(error.path is None for error in self.errors)

    def body(self) -> dict[str, object]:
        """The response body; without `data` if nothing was executed (GraphQL §7.1)."""
        body: dict[str, object] = {}
        if self.errors:
            body["errors"] = [error.formatted for error in self.errors]
        if not self.is_request_error:
            body["data"] = self.data
        if self.extensions:
            body["extensions"] = self.extensions
        return body

    def status(self, media_type: str) -> int:
        """200, or the status of a request error if the client accepts `application/graphql-response+json`."""
        if not self.errors or not self.is_request_error:
            return 200
        if any((error.extensions or {}).get("code") == INTERNAL for error in self.errors):
            return 500
        return REQUEST_ERROR_STATUS if media_type == GRAPHQL_RESPONSE else 200


def respond(
    body: dict[str, object],
    media_type: str,
    context: Context,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """The encoded response."""
    content, fault = encoded(body, context)
    return Reply(body=content, status=fault or status, headers={**headers_of(media_type, context), **(headers or {})})


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
