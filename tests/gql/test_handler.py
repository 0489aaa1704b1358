"""Handlers: a service's refusal as data is a member of a mutation's union, not an error of the request."""

from types import SimpleNamespace
from typing import Annotated

import pytest
import strawberry
from strawberry.schema.config import StrawberryConfig

from gql import refusal as errors
from gql.handler import HANDLERS
from gql.scalar import SCALAR_MAP
from gql.wire.schema import SottoSchema
from services import error as refusals
from services.error import Refusal
from services.rejection import (
    AttachmentRejection,
    AttachmentRejectionReason,
    RecipientRejection,
    RecipientRejectionReason,
)
from services.viewer import Viewer
from tests.gql.executed import answer_to, stranger

Reason = AttachmentRejectionReason


def rejected(reason: Reason) -> AttachmentRejection:
    """A file that is refused."""
    return AttachmentRejection(0, reason, "detail")


REFUSALS: list[Refusal] = [
    refusals.InvalidInput([]),
    refusals.RecipientsRejected([]),
    refusals.AttachmentsRejected([rejected(Reason.EMPTY)]),
    refusals.NotFound("detail"),
    refusals.PermissionDenied("detail"),
    refusals.RateLimited("detail", 1.5),
    refusals.IdempotencyConflict("detail"),
    refusals.TooLate("detail", 60),
    refusals.Conflict("detail"),
    refusals.AlreadyExists("detail"),
    refusals.InvalidCredentials("detail"),
    refusals.AttachmentsRejected([rejected(Reason.NOT_READY), rejected(Reason.STORAGE_FAILED)]),
    refusals.AttachmentsRejected([rejected(Reason.NOT_READY), rejected(Reason.EMPTY)]),
    refusals.RecipientsRejected([RecipientRejection(0, RecipientRejectionReason.REQUEST_PENDING, "detail")]),
]
RETRYABLE = {5, 11}


@strawberry.type
class Done:
    """The success type, which no test here gets."""

    is_done: bool


Result = Annotated[
    Done
    | errors.InvalidInputError
    | errors.RecipientsRejectedError
    | errors.AttachmentsRejectedError
    | errors.NotFoundError
    | errors.PermissionDeniedError
    | errors.RateLimitedError
    | errors.IdempotencyConflictError
    | errors.TooLateError
    | errors.ConflictError
    | errors.AlreadyExistsError
    | errors.InvalidCredentialsError,
    strawberry.union("Result"),
]


@strawberry.type
class Query:
    """GraphQL requires one."""

    nothing: str | None = None


@strawberry.type
class Mutation:
    """Always refused."""

    @strawberry.mutation
    def refuse(self, n: int) -> Result:
        raise REFUSALS[n]


SCHEMA = SottoSchema(
    query=Query,
    mutation=Mutation,
    config=StrawberryConfig(scalar_map=SCALAR_MAP),
    exception_handlers=HANDLERS,
)


async def nobody(*_: object) -> dict[int, object]:
    """The people of a rejection without recipients."""
    return {}


def test_the_refusals_of_this_test_are_all_that_there_are() -> None:
    """A new one without a handler would end the request with an error that no client expects."""
    assert {type(refusal) for refusal in REFUSALS} == set(Refusal.__subclasses__())
    assert not [each for refusal in REFUSALS for each in type(refusal).__subclasses__()]


@pytest.mark.parametrize("n", range(len(REFUSALS)), ids=lambda n: f"{n} {type(REFUSALS[n]).__name__}")
async def test_a_refusal_is_a_member_of_the_union_of_its_mutation(n: int) -> None:
    """With its own type, its code, its sentence, and whether the same call may pass later."""
    refusal = REFUSALS[n]
    query = "mutation ($n: Int!) { refuse(n: $n) { __typename ... on UserError { code detail isRetryable } } }"

    context = stranger()
    context.viewer = Viewer(1, b"s", 2**53)
    context.services.user = SimpleNamespace(find_many=nobody)  # type: ignore[assignment]
    result = await answer_to(SCHEMA, query, {"n": n}, context)

    expected = {
        "__typename": f"{type(refusal).__name__}Error",
        "code": refusal.code,
        "detail": refusal.detail,
        "isRetryable": n in RETRYABLE,
    }
    assert (result.data, result.errors) == ({"refuse": expected}, [])
