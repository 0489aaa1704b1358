"""Contacts: who may see a person's presence, checked before an event is published and again before delivery."""

from models import contact as contacts
from models import setting as settings
from models import user as users
from models.prepared import id_list
from models.transaction import Transaction

MOST_WATCHERS = 1000


def watchers_of(tx: Transaction, user_id: int) -> list[int]:
    """The people who may see this person's presence; nobody if their account is not active."""
    return tx.values(contacts.ALL, viewer=user_id, count=MOST_WATCHERS) if _shares(tx, user_id) else []


def may_watch(tx: Transaction, viewer_id: int, user_id: int) -> bool:
    """Whether the viewer may see this person's presence now."""
    is_contact = bool(tx.values(contacts.AMONG, viewer=viewer_id, ids=id_list([user_id])))
    return is_contact and _shares(tx, user_id) and is_active(tx, user_id)


def is_active(tx: Transaction, user_id: int) -> bool:
    """Whether the account is neither suspended nor deactivated."""
    return tx.value(users.STATE, id=user_id) == users.ACTIVE


def _shares(tx: Transaction, user_id: int) -> bool:
    row = tx.first(settings.BY_USERS, ids=id_list([user_id]))
    return row is None or bool(row.share_presence)
