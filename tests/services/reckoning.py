"""A reckoning of consent from the tables alone: what a new group would be to somebody, said without the policy."""

from typing import Any

from models.setting import Audience, OutsideAction
from models.transaction import Transaction
from services.limit import Limits


def meets_group(tx: Transaction, limits: Limits, sender_id: int, other_id: int) -> str:
    """IN, ASKED or REFUSED: what becomes of this person when the sender makes a group with them."""

    def one(sql: str, *params: int) -> Any:
        row = tx.database.connection().execute(sql, params).fetchone()
        return None if row is None else row[0]

    def follows(who: int, whom: int) -> bool:
        return bool(one("SELECT 1 FROM follow WHERE follower_id = ? AND followed_id = ?", who, whom))

    def setting(name: str, default: int) -> int:
        chosen = one(f"SELECT {name} FROM setting WHERE user_id = ?", other_id)
        return default if chosen is None else int(chosen)

    pair = (sender_id, other_id)
    if one("SELECT 1 FROM block WHERE (blocker_id, blocked_id) IN (VALUES (?, ?), (?, ?))", *pair, *pair[::-1]):
        return "REFUSED"
    asked = "FROM member JOIN conversation ON id = conversation_id WHERE requester_id = ? AND user_id = ?"
    if one(f"SELECT 1 {asked} AND request_state = 3", *pair):
        return "REFUSED"
    is_full = (one(f"SELECT sum(conversation.last_seq) {asked} AND request_state = 1", *pair) or 0) >= 3
    waits = one(f"SELECT 1 {asked} AND request_state = 1 AND kind = 0", *pair)
    inbox = Audience(setting("accept_from", limits.accept_messages_from))
    groups = Audience(setting("add_to_groups", limits.who_may_add_to_groups))
    is_in = all(
        {
            Audience.EVERYONE: True,
            Audience.FOLLOWED_BY_ME: follows(other_id, sender_id),
            Audience.MUTUAL_FOLLOWS: follows(other_id, sender_id) and follows(sender_id, other_id),
            Audience.NOBODY: False,
        }[each]
        for each in (inbox, groups)
    )
    if is_in and not waits:
        return "IN"
    takes_requests = bool(waits) or setting("from_others", limits.from_others) == OutsideAction.REQUEST
    return "ASKED" if takes_requests and not is_full else "REFUSED"
