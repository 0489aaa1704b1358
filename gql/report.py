"""Reports of messages to the operator."""

from typing import Annotated

import strawberry

from gql.enum import described
from gql.id import Kind, encode, number_of
from gql.message import Message
from gql.node import Info, given
from gql.refusal import InvalidInputError, NotFoundError, RateLimitedError
from gql.result import viewer_field
from services.message.report import ReportReason

UNSET = strawberry.UNSET

described(
    ReportReason,
    "ReportReason",
    "Why a message is reported.",
    {
        "SPAM": "Unwanted advertising or bulk messages.",
        "HARASSMENT": "Insults, stalking or hate.",
        "THREAT": "A threat of violence or other harm.",
        "SEXUAL": "Unwanted sexual content.",
        "ILLEGAL": "Other illegal content.",
        "IMPERSONATION": "The sender pretends to be someone else.",
        "OTHER": "Something else; explain it in `comment`.",
    },
)


@strawberry.input(description="The message to report to the operator, and why.")
class ReportMessageInput:
    message_id: strawberry.ID = strawberry.field(
        description="The id of a message that the viewer received. A message deleted for everyone can still be "
        "reported for `reportWindowSeconds`."
    )
    reason: ReportReason = strawberry.field(description="Why the message is reported.")
    comment: str | None = strawberry.field(
        default=UNSET,
        description="An explanation in the viewer's words: at most 1,000 characters. None if omitted or null.",
    )
    preceding_messages: int = strawberry.field(
        default=5, description="The number of preceding messages to include as context: 0 to 20, 5 if omitted."
    )
    block_sender: bool = strawberry.field(default=False, description="Whether to also block the sender of the message.")


@strawberry.type(
    description="The report was stored. The operator sees the message with its files and all versions of its text. The "
    "sender is not told. While a report is open and the message has not been edited since, reporting it again returns "
    "the same report, with its first reason, comment and preceding messages."
)
class ReportMessageSuccess:
    report_id: strawberry.ID = strawberry.field(description="The id of the report, to quote to the operator.")
    message: Message = strawberry.field(
        description="The message as the viewer sees it now. If they can no longer see it, its `state` is DELETED and "
        "it has no content; selecting its `edits` then fails with NOT_FOUND. After the viewer has left the "
        "conversation, selecting more of `conversation` than its `id` does too. Such an error leaves the report "
        "stored: send the same report again without these fields to get its `reportId`."
    )
    viewer = viewer_field()


ReportMessageResult = Annotated[
    ReportMessageSuccess | InvalidInputError | NotFoundError | RateLimitedError,
    strawberry.union("ReportMessageResult", description="The result of `reportMessage`."),
]


@strawberry.mutation(description="Reports a message to the operator, with some of the messages before it.")
async def report_message(
    info: Info, input: Annotated[ReportMessageInput, strawberry.argument(description="The input of `reportMessage`.")]
) -> ReportMessageResult:
    reported = await info.context.services.report.report(
        info.context.signed_in(),
        number_of(Kind.MESSAGE, input.message_id),
        input.reason,
        given(input.comment),
        input.preceding_messages,
        block=input.block_sender,
    )
    report_id = encode(Kind.REPORT, reported.report_id)
    return ReportMessageSuccess(report_id=report_id, message=Message(view=reported.message))
