"""The numbers of the house, as the operator has set them; `serverInfo.limits` shows them."""

from dataclasses import dataclass
from enum import Enum

from models.setting import Audience, OutsideAction

MIB = 1 << 20


class DeviceTrust(Enum):
    """What a device that is not trusted means: nothing; the others are told; or it sees its own viewer alone."""

    OFF = "off"
    NOTIFY = "notify"
    REQUIRE = "require"  # MongoDB chat: an untrusted device is refused


@dataclass(frozen=True, slots=True)
class Limits:
    """Every bound is inclusive. Defaults are those of design.md, section 10."""

    max_text_length: int = 10_000  # code points (Zulip)
    max_text_bytes: int = 40_000
    max_recipients: int = 10
    max_attachments: int = 10
    max_attachment_bytes: int = 25 * MIB
    max_inline_request_bytes: int = 32 * MIB
    max_metadata_bytes: int = 4096
    max_client_message_id_length: int = 128
    max_display_name_length: int = 64
    max_filename_length: int = 255
    upload_life_seconds: int = 86_400
    max_uploads: int = 100  # of one user, begun and not ended
    quarantine_seconds: int = 7 * 86_400  # of bytes that no row names
    quota_bytes: int = 0  # of one user's files; 0: no limit
    url_life_seconds: int = 300
    event_retention_seconds: int = 30 * 86_400
    session_life_seconds: int = 30 * 86_400
    session_max_life_seconds: int = 90 * 86_400
    device_trust: DeviceTrust = DeviceTrust.OFF
    max_api_keys: int = 50  # of one user
    sends_per_minute: int = 600  # 0: no limit
    sign_ins_per_minute: int = 10
    sign_ups_per_minute: int = 10
    allowed_mime_types: tuple[str, ...] = ()  # empty: any
    presigned_uploads: bool = False  # past this server, where the storage can
    sign_up: bool = True
    self_conversations: bool = False
    email_lookup: bool = False
    act_as_required: bool = True  # a key that can act for others names somebody in each request
    require_text: bool = False  # OSSN, MongoDB chat: text even when there is a file
    require_type: bool = False  # MongoDB chat
    accept_messages_from: Audience = Audience.EVERYONE  # for people who chose nothing
    from_others: OutsideAction = OutsideAction.REQUEST
    who_may_add_to_groups: Audience = Audience.EVERYONE
    widest_audience: Audience = Audience.EVERYONE
    audience_for_each_send: bool = False  # SelfCommunity, with FOLLOWED_BY_ME; else for the first message alone
    max_request_messages: int = 3
    edit_window_seconds: int = 0  # 0: no limit
    delete_for_everyone_window_seconds: int = 0  # 0: no limit; 7200 is MongoDB chat's
    silent_delete_window_seconds: int = 60  # SelfCommunity
    # A week: whoever looks in at weekends can still report it, and what is deleted is soon so in truth. 0: not at all.
    report_window_seconds: int = 7 * 86_400
    typing_seconds: int = 6  # OSSN
    max_reactions: int = 20  # different emoji on one message
    reports_per_minute: int = 10
    uploads_per_minute: int = 600  # files
    searches_per_minute: int = 120
    typing_per_minute: int = 120
    streams_per_minute: int = 120
    cost_per_minute: int = 300_000  # of one user's requests
    anonymous_cost_per_minute: int = 60_000  # of one address
    max_streams: int = 100  # of one user, at once
    max_sockets: int = 50  # of one user, at once
