"""Messaging settings of the viewer: the type, and the mutation that changes them."""

from typing import Annotated

import strawberry

from gql.enum import described
from gql.node import Info, given
from gql.refusal import InvalidInputError, PermissionDeniedError
from models.setting import Audience, OutsideAction
from services.person.setting import Settings, SettingsChange

UNSET = strawberry.UNSET

described(
    Audience,
    "MessageAudience",
    "Who is let in; one line further down is a smaller circle.",
    {
        "EVERYONE": "Anybody who is not blocked.",
        "FOLLOWED_BY_ME": "People whom the owner of the setting follows.",
        "MUTUAL_FOLLOWS": "People whom they follow, and who follow them.",
        "NOBODY": "No one.",
    },
)
described(
    OutsideAction,
    "OutsideAudienceAction",
    "What becomes of a first message, or a group, from outside of `acceptMessagesFrom` or `whoMayAddToGroups`.",
    {"REQUEST": "It waits as a message request.", "REJECT": "It is refused."},
)


@strawberry.type(description="Who may write to the viewer, and what the viewer lets others know.")
class MessagingSettings:
    """Built from Settings: the current value, whether the viewer's or the server's default."""

    accept_messages_from: Audience = strawberry.field(
        description="Who may open a conversation with the viewer. Whoever was written to may always answer."
    )
    from_others: OutsideAction = strawberry.field(
        description="What becomes of the first messages and the groups of all others."
    )
    who_may_add_to_groups: Audience = strawberry.field(
        description="Who may make a group with the viewer in it: what was chosen, and never more people than "
        "`acceptMessagesFrom`. Groups of all others meet `fromOthers`."
    )
    send_read_receipts: bool = strawberry.field(
        description="Whether others learn what the viewer has read. If not, the viewer does not learn it of others."
    )
    send_delivery_receipts: bool = strawberry.field(
        description="Whether others learn what has reached the viewer. If not, the viewer does not learn it of others."
    )
    send_typing_indicators: bool = strawberry.field(description="Whether others see that the viewer is typing.")
    share_presence: bool = strawberry.field(description="Whether others see that the viewer is online.")

    @classmethod
    def of(cls, settings: Settings) -> "MessagingSettings":
        return cls(
            accept_messages_from=settings.accept_from,
            from_others=settings.from_others,
            who_may_add_to_groups=settings.add_to_groups,
            send_read_receipts=settings.send_read_receipts,
            send_delivery_receipts=settings.send_delivery_receipts,
            send_typing_indicators=settings.send_typing,
            share_presence=settings.share_presence,
        )


@strawberry.input(description="What is to be different; what is left out, or null, stays.")
class UpdateMessagingSettingsInput:
    accept_messages_from: Audience | None = strawberry.field(
        default=UNSET, description="Who may open a conversation; not wider than the server allows."
    )
    from_others: OutsideAction | None = strawberry.field(default=UNSET, description="What becomes of all others.")
    who_may_add_to_groups: Audience | None = strawberry.field(
        default=UNSET,
        description="Who may make a group with the viewer; not wider than the server allows. Where it is wider than "
        "`acceptMessagesFrom`, that one holds.",
    )
    send_read_receipts: bool | None = strawberry.field(default=UNSET, description="Whether others learn what was read.")
    send_delivery_receipts: bool | None = strawberry.field(
        default=UNSET, description="Whether others learn what has arrived."
    )
    send_typing_indicators: bool | None = strawberry.field(default=UNSET, description="Whether others see typing.")
    share_presence: bool | None = strawberry.field(default=UNSET, description="Whether others see who is online.")


@strawberry.type(description="The settings hold from now on.")
class UpdateMessagingSettingsSuccess:
    settings: MessagingSettings = strawberry.field(description="The settings as they are now.")


UpdateMessagingSettingsResult = Annotated[
    UpdateMessagingSettingsSuccess | InvalidInputError | PermissionDeniedError,
    strawberry.union("UpdateMessagingSettingsResult", description="What becomes of `updateMessagingSettings`."),
]


@strawberry.mutation(description="Changes who may write to the viewer, and what others learn.")
async def update_messaging_settings(
    info: Info, input: Annotated[UpdateMessagingSettingsInput, strawberry.argument(description="The choices.")]
) -> UpdateMessagingSettingsResult:
    change = SettingsChange(
        accept_from=given(input.accept_messages_from),
        from_others=given(input.from_others),
        add_to_groups=given(input.who_may_add_to_groups),
        send_read_receipts=given(input.send_read_receipts),
        send_delivery_receipts=given(input.send_delivery_receipts),
        send_typing=given(input.send_typing_indicators),
        share_presence=given(input.share_presence),
    )
    settings = await info.context.services.setting.change(info.context.signed_in(), change)
    return UpdateMessagingSettingsSuccess(settings=MessagingSettings.of(settings))
