"""Contacts: the people who get a person's presence, and the events when somebody's name, state or access changes."""

from models import contact as contacts
from models import setting as settings
from models import user as users
from models.event import EventKind, Part
from models.prepared import id_list
from models.transaction import Transaction
from services.transaction import WriteTransaction

MOST_WATCHERS = 1000
MOST_FELLOW_MEMBERS = 1000


def watchers_of(tx: Transaction, user_id: int) -> list[int]:
    """The people who get this person's presence events; nobody if they keep it private. Any state of the account."""
    return tx.values(contacts.ALL, viewer=user_id, count=MOST_WATCHERS) if _shares(tx, user_id) else []


def may_watch(tx: Transaction, viewer_id: int, user_id: int) -> bool:
    """Whether the viewer may see this person's presence now."""
    is_contact = bool(tx.values(contacts.AMONG, viewer=viewer_id, ids=id_list([user_id])))
    return is_contact and _shares(tx, user_id) and is_active(tx, user_id)


def append_user_updated(tx: WriteTransaction, user_id: int) -> None:
    """Appends an event for those who share a conversation with a person whose name or state changed.

    Anybody may look at both, so blocks and unanswered requests make no difference. At most 1,000 people get one, to
    keep the writer free; others see the change when they load the person again.
    """
    fellows = tx.values(contacts.FELLOW_MEMBERS, viewer=user_id, count=MOST_FELLOW_MEMBERS)
    tx.events.append(fellows, EventKind.USER_UPDATED, user_id)


def append_viewer_updated(tx: WriteTransaction, user_id: int, part: Part) -> None:
    """Appends an event for a person's devices, after this part of what they see of themselves changed."""
    tx.events.append([user_id], EventKind.VIEWER_UPDATED, user_id, detail=part)


def is_active(tx: Transaction, user_id: int) -> bool:
    """Whether the account is neither suspended nor deactivated."""
    return tx.value(users.STATE, id=user_id) == users.ACTIVE


def _shares(tx: Transaction, user_id: int) -> bool:
    row = tx.first(settings.BY_USERS, ids=id_list([user_id]))
    return row is None or bool(row.share_presence)
