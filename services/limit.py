"""The operator's limits and switches, as the services read them; `serverInfo.limits` shows most of them."""

from dataclasses import dataclass
from enum import Enum

from models.setting import Audience, OutsideAction

MIB = 1 << 20


class DeviceTrust(Enum):
    """What happens when a user signs in with a password on a new device."""

    OFF = "off"
    NOTIFY = "notify"  # the user's other devices get an event
    REQUIRE = "require"  # MongoDB chat: the device has no access until another one confirms it


@dataclass(frozen=True, slots=True)
class Limits:
    """Every limit is inclusive. A field has the name of its setting and holds its default; the rest have no setting."""

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
    max_uploads: int = 100  # unfinished, per user
    quarantine_seconds: int = 7 * 86_400
    quota_bytes: int = 0  # 0: no limit
    url_life_seconds: int = 300
    event_retention_seconds: int = 30 * 86_400
    session_life_seconds: int = 30 * 86_400
    session_max_life_seconds: int = 90 * 86_400
    device_trust: DeviceTrust = DeviceTrust.OFF
    max_api_keys: int = 50  # per user
    send_rate_per_minute: int = 600  # this and the other rates: 0 means no limit
    sign_in_rate_per_minute: int = 10
    sign_up_rate_per_minute: int = 10
    allowed_mime_types: tuple[str, ...] = ()  # empty: any; the setting `attachment_types` names a list
    presigned_uploads: bool = False
    may_sign_up: bool = True  # the setting is `sign_up`
    self_conversations: bool = False
    email_lookup: bool = False
    act_as_required: bool = True
    require_text: bool = False  # OSSN, MongoDB chat: text even when there is a file
    require_type: bool = False  # MongoDB chat
    accept_messages_from: Audience = Audience.EVERYONE
    from_others: OutsideAction = OutsideAction.REQUEST
    who_may_add_to_groups: Audience = Audience.EVERYONE
    widest_audience: Audience = Audience.EVERYONE
    audience_for_each_send: bool = False  # SelfCommunity, with FOLLOWED_BY_ME
    max_request_messages: int = 3
    edit_window_seconds: int = 0  # 0: no limit
    delete_for_everyone_window_seconds: int = 0  # 0: no limit; MongoDB chat has 7200
    silent_delete_window_seconds: int = 60  # SelfCommunity
    report_window_seconds: int = 7 * 86_400  # a week, so that people who read at weekends can still report; 0: never
    typing_seconds: int = 6  # OSSN
    max_reactions: int = 20
    report_rate_per_minute: int = 10
    upload_rate_per_minute: int = 600
    search_rate_per_minute: int = 120
    typing_rate_per_minute: int = 120
    read_all_rate_per_minute: int = 10
    relation_rate_per_minute: int = 60
    subscription_rate_per_minute: int = 120
    cost_rate_per_minute: int = 300_000
    anonymous_cost_rate_per_minute: int = 60_000
    max_subscriptions: int = 100  # per user
    max_sockets: int = 50  # per user
