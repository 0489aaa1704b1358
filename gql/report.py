"""Reports of messages to the operator."""

from typing import Annotated

import strawberry

from gql.enum import described
from gql.id import Kind, encode, number_of
from gql.node import Info, given
from gql.refusal import InvalidInputError, NotFoundError, RateLimitedError
from services.message.report import ReportReason

UNSET = strawberry.UNSET

described(
    ReportReason,
    "ReportReason",
    "What is wrong with a message.",
    {
        "SPAM": "Unwanted advertising, or the same to many.",
        "HARASSMENT": "Insults, stalking, hate.",
        "THREAT": "A threat to somebody.",
        "SEXUAL": "Unwanted sexual content.",
        "ILLEGAL": "Against the law otherwise.",
        "IMPERSONATION": "Somebody passes for somebody else.",
        "OTHER": "Something else; say it in `comment`.",
    },
)


@strawberry.input(description="A message for the operator to look at.")
class ReportMessageInput:
    message_id: strawberry.ID = strawberry.field(
        description="The id of a message that the viewer has had; one that was deleted for everyone counts for "
        "`reportWindowSeconds`."
    )
    reason: ReportReason = strawberry.field(description="What is wrong.")
    comment: str | None = strawberry.field(
        default=UNSET, description="In the viewer's words; at most 1,000 characters."
    )
    preceding_messages: int = strawberry.field(
        default=5, description="How many messages before it go along, so that it can be understood: 0 to 20."
    )
    block: bool = strawberry.field(default=False, description="Block its sender as well.")


@strawberry.type(
    description="The operator will see it as it was sent, with its files and every text that it had. The one who wrote "
    "it is not told."
)
class ReportMessageSuccess:
    report_id: strawberry.ID = strawberry.field(description="Names the report to the operator.")


ReportMessageResult = Annotated[
    ReportMessageSuccess | InvalidInputError | NotFoundError | RateLimitedError,
    strawberry.union("ReportMessageResult", description="What becomes of `reportMessage`."),
]


@strawberry.mutation(description="Shows a message, with what was said before it, to the operator.")
async def report_message(
    info: Info, input: Annotated[ReportMessageInput, strawberry.argument(description="The report.")]
) -> ReportMessageResult:
    report_id = await info.context.services.report.report(
        info.context.signed_in(),
        number_of(Kind.MESSAGE, input.message_id),
        input.reason,
        given(input.comment),
        input.preceding_messages,
        block=input.block,
    )
    return ReportMessageSuccess(report_id=encode(Kind.REPORT, report_id))
