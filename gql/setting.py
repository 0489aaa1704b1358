"""Messaging settings of the viewer: the type, and the mutation that changes them."""

from typing import Annotated

import strawberry

from gql.enum import described
from gql.node import Info, given
from gql.refusal import InvalidInputError, PermissionDeniedError
from gql.result import viewer_field
from models.setting import Audience, OutsideAction
from services.person.setting import Settings, SettingsChange

UNSET = strawberry.UNSET

described(
    Audience,
    "MessageAudience",
    "Who is allowed to do something, from the widest audience to the narrowest.",
    {
        "EVERYONE": "Everyone who is not blocked.",
        "FOLLOWED_BY_ME": "Only users whom the owner of the setting follows.",
        "MUTUAL_FOLLOWS": "Only users whom the owner of the setting follows and who follow back.",
        "NOBODY": "Nobody at all.",
    },
)
described(
    OutsideAction,
    "OutsideAudienceAction",
    "What happens to first messages and new groups from users outside `acceptMessagesFrom` or `whoMayAddToGroups`.",
    {
        "REQUEST": "They become message requests, which wait for an answer.",
        "REJECT": "The send is refused with NOT_ACCEPTING or MUST_BE_FOLLOWED.",
    },
)


@strawberry.type(description="The viewer's settings: who can write to them, and what others can see about them.")
class MessagingSettings:
    """Built from Settings: the current value, whether the viewer's or the server's default."""

    accept_messages_from: Audience = strawberry.field(
        description="Who can start a conversation with the viewer. Users to whom the viewer has written can always "
        "reply."
    )
    from_others: OutsideAction = strawberry.field(
        description="What happens to first messages and new groups from everyone else."
    )
    who_may_add_to_groups: Audience = strawberry.field(
        description="Who can add the viewer to a group: the viewer's choice, but never a wider audience than "
        "`acceptMessagesFrom`. `fromOthers` applies to everyone else."
    )
    send_read_receipts: bool = strawberry.field(
        description="Whether others see what the viewer has read. If false, the viewer does not see what others have "
        "read either."
    )
    send_delivery_receipts: bool = strawberry.field(
        description="Whether others see which messages the viewer has received. If false, the viewer does not see "
        "which messages others have received either."
    )
    send_typing_indicators: bool = strawberry.field(description="Whether others see when the viewer is typing.")
    share_presence: bool = strawberry.field(description="Whether others see when the viewer is online.")

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


@strawberry.input(description="The settings to change. Fields that are omitted or null keep their values.")
class UpdateMessagingSettingsInput:
    accept_messages_from: Audience | None = strawberry.field(
        default=UNSET,
        description="Who can start a conversation with the viewer; not wider than the server allows. Unchanged if "
        "omitted or null.",
    )
    from_others: OutsideAction | None = strawberry.field(
        default=UNSET,
        description="What happens to first messages and new groups from everyone else. Unchanged if omitted or null.",
    )
    who_may_add_to_groups: Audience | None = strawberry.field(
        default=UNSET,
        description="Who can add the viewer to a group; not wider than the server allows. If it is wider than "
        "`acceptMessagesFrom`, the narrower one applies. Unchanged if omitted or null.",
    )
    send_read_receipts: bool | None = strawberry.field(
        default=UNSET, description="Whether others see what the viewer has read. Unchanged if omitted or null."
    )
    send_delivery_receipts: bool | None = strawberry.field(
        default=UNSET,
        description="Whether others see which messages the viewer has received. Unchanged if omitted or null.",
    )
    send_typing_indicators: bool | None = strawberry.field(
        default=UNSET, description="Whether others see when the viewer is typing. Unchanged if omitted or null."
    )
    share_presence: bool | None = strawberry.field(
        default=UNSET, description="Whether others see when the viewer is online. Unchanged if omitted or null."
    )


@strawberry.type(description="The settings were changed.")
class UpdateMessagingSettingsSuccess:
    settings: MessagingSettings = strawberry.field(description="All settings after the change.")
    viewer = viewer_field()


UpdateMessagingSettingsResult = Annotated[
    UpdateMessagingSettingsSuccess | InvalidInputError | PermissionDeniedError,
    strawberry.union("UpdateMessagingSettingsResult", description="The result of `updateMessagingSettings`."),
]


@strawberry.mutation(description="Changes who can write to the viewer, and what others can see about them.")
async def update_messaging_settings(
    info: Info,
    input: Annotated[
        UpdateMessagingSettingsInput, strawberry.argument(description="The input of `updateMessagingSettings`.")
    ],
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
