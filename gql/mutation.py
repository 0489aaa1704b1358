"""The root of all writing."""

import strawberry

from gql.account import (
    ChangePasswordResult,
    SignInResult,
    SignOutResult,
    SignUpResult,
    change_password,
    sign_in,
    sign_out,
    sign_up,
)
from gql.api_key import CreateApiKeyResult, RevokeApiKeyResult, create_api_key, revoke_api_key
from gql.block import BlockUserResult, UnblockUserResult, block_user, unblock_user
from gql.change import (
    DeleteMessageResult,
    EditMessageResult,
    SetReactionResult,
    delete_message,
    edit_message,
    set_reaction,
)
from gql.device import RevokeDeviceResult, TrustDeviceResult, revoke_device, trust_device
from gql.preference import (
    ClearConversationResult,
    LeaveConversationResult,
    SetConversationPreferencesResult,
    clear_conversation,
    leave_conversation,
    set_conversation_preferences,
)
from gql.presence import SetTypingResult, set_typing
from gql.receipt import (
    AcknowledgeDeliveryResult,
    MarkConversationReadResult,
    MarkConversationUnreadResult,
    acknowledge_delivery,
    mark_conversation_read,
    mark_conversation_unread,
)
from gql.relation import FollowUserResult, MuteUserResult, UnfollowUserResult, follow_user, mute_user, unfollow_user
from gql.report import ReportMessageResult, report_message
from gql.request import (
    AcceptMessageRequestResult,
    DeclineMessageRequestResult,
    accept_message_request,
    decline_message_request,
)
from gql.send import (
    SendPrivateMessageResult,
    SendPrivateMessageToEachResult,
    send_private_message,
    send_private_message_to_each,
)
from gql.setting import UpdateMessagingSettingsResult, update_messaging_settings
from gql.upload_session import (
    CancelUploadResult,
    CompleteUploadResult,
    CreateUploadResult,
    cancel_upload,
    complete_upload,
    create_upload,
)


@strawberry.type(description="Everything that can be done. Each answers with a union: a success, or a typed refusal.")
class Mutation:
    """One service call each."""

    sign_up: SignUpResult = strawberry.mutation(resolver=sign_up, description="Makes an account and signs in.")
    sign_in: SignInResult = strawberry.mutation(resolver=sign_in, description="Opens a session.")
    sign_out: SignOutResult = strawberry.mutation(
        resolver=sign_out, description="Ends this session, or all of the viewer's."
    )
    send_private_message: SendPrivateMessageResult = strawberry.mutation(
        resolver=send_private_message,
        description="Sends one message, with its files, to one person, to a group, or into a conversation. All "
        "recipients and files pass, or nothing is stored and every offender is named.",
    )
    send_private_message_to_each: SendPrivateMessageToEachResult = strawberry.mutation(
        resolver=send_private_message_to_each,
        description="Sends the same message to several people separately; each gets it or has an outcome of their own.",
    )
    block_user: BlockUserResult = strawberry.mutation(
        resolver=block_user,
        description="Blocks somebody: from now on neither can write to the other. They are not told.",
    )
    unblock_user: UnblockUserResult = strawberry.mutation(
        resolver=unblock_user, description="Takes a block back. What was refused meanwhile is not delivered later."
    )
    edit_message: EditMessageResult = strawberry.mutation(
        resolver=edit_message, description="Gives a message of the viewer another text."
    )
    delete_message: DeleteMessageResult = strawberry.mutation(
        resolver=delete_message, description="Deletes a message, for the viewer or for everyone."
    )
    set_reaction: SetReactionResult = strawberry.mutation(
        resolver=set_reaction, description="Sets an emoji on a message, or takes it back."
    )
    acknowledge_delivery: AcknowledgeDeliveryResult = strawberry.mutation(
        resolver=acknowledge_delivery, description="Says that messages have reached the viewer's device."
    )
    mark_conversation_read: MarkConversationReadResult = strawberry.mutation(
        resolver=mark_conversation_read, description="Says that the viewer has read up to a message."
    )
    mark_conversation_unread: MarkConversationUnreadResult = strawberry.mutation(
        resolver=mark_conversation_unread, description="Marks a conversation to come back to; nobody else notices."
    )
    set_typing: SetTypingResult = strawberry.mutation(
        resolver=set_typing, description="Shows the others of a conversation that the viewer types, or has stopped."
    )
    clear_conversation: ClearConversationResult = strawberry.mutation(
        resolver=clear_conversation, description="Empties a conversation for the viewer alone."
    )
    leave_conversation: LeaveConversationResult = strawberry.mutation(
        resolver=leave_conversation, description="Leaves a group for good."
    )
    set_conversation_preferences: SetConversationPreferencesResult = strawberry.mutation(
        resolver=set_conversation_preferences, description="Mutes, archives or pins a conversation for the viewer."
    )
    accept_message_request: AcceptMessageRequestResult = strawberry.mutation(
        resolver=accept_message_request, description="Lets a message request become a conversation."
    )
    decline_message_request: DeclineMessageRequestResult = strawberry.mutation(
        resolver=decline_message_request,
        description="Puts a message request away. No event tells its sender; a further send meets a closed inbox.",
    )
    follow_user: FollowUserResult = strawberry.mutation(
        resolver=follow_user, description="Follows somebody, who is then in the audience FOLLOWED_BY_ME."
    )
    unfollow_user: UnfollowUserResult = strawberry.mutation(resolver=unfollow_user, description="Follows no longer.")
    mute_user: MuteUserResult = strawberry.mutation(
        resolver=mute_user, description="Mutes somebody: the viewer gets no notifications for their messages."
    )
    update_messaging_settings: UpdateMessagingSettingsResult = strawberry.mutation(
        resolver=update_messaging_settings, description="Changes who may write to the viewer, and what others learn."
    )
    report_message: ReportMessageResult = strawberry.mutation(
        resolver=report_message, description="Shows a message, with what was said before it, to the operator."
    )
    change_password: ChangePasswordResult = strawberry.mutation(
        resolver=change_password, description="Changes the viewer's password and ends their other sessions."
    )
    trust_device: TrustDeviceResult = strawberry.mutation(
        resolver=trust_device, description="Confirms a device of the viewer's that waits to be trusted."
    )
    revoke_device: RevokeDeviceResult = strawberry.mutation(
        resolver=revoke_device, description="Signs a device of the viewer's out."
    )
    create_api_key: CreateApiKeyResult = strawberry.mutation(
        resolver=create_api_key, description="Makes an API key for a program of the viewer's."
    )
    revoke_api_key: RevokeApiKeyResult = strawberry.mutation(
        resolver=revoke_api_key, description="Ends an API key of the viewer's."
    )
    create_upload: CreateUploadResult = strawberry.mutation(
        resolver=create_upload,
        description="Begins a file that comes in parts and goes on where it broke off: for large ones, for bad lines.",
    )
    complete_upload: CompleteUploadResult = strawberry.mutation(
        resolver=complete_upload,
        description="Says that a file is whole at its `directUploadUrl`: the server fetches and checks it. Needed for "
        "no other upload, and the same again when it is called again.",
    )
    cancel_upload: CancelUploadResult = strawberry.mutation(
        resolver=cancel_upload, description="Forgets an upload of the viewer's."
    )
