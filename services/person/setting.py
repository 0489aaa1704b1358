"""Settings: who may write to a person, and what others can see of them."""

from dataclasses import dataclass

from models import setting as settings
from models.event import EventKind
from models.prepared import id_list
from models.setting import Audience, OutsideAction, SettingRow
from models.transaction import Transaction
from pubsub.base import EphemeralEvent, EphemeralKind
from services.error import PermissionDenied
from services.guard import GuardedDatabase
from services.person.contact import watchers_of
from services.person.policy import Policy
from services.transaction import WriteTransaction
from services.viewer import Viewer


@dataclass(frozen=True, slots=True)
class Settings:
    """A person's effective settings: their own, else the server's defaults, never wider than the server allows."""

    accept_from: Audience
    from_others: OutsideAction
    add_to_groups: Audience
    send_read_receipts: bool
    send_delivery_receipts: bool
    send_typing: bool
    share_presence: bool


@dataclass(frozen=True, slots=True)
class SettingsChange:
    """The settings to change; None leaves one as it is."""

    accept_from: Audience | None = None
    from_others: OutsideAction | None = None
    add_to_groups: Audience | None = None
    send_read_receipts: bool | None = None
    send_delivery_receipts: bool | None = None
    send_typing: bool | None = None
    share_presence: bool | None = None


class SettingService:
    """Reads and changes the viewer's own settings."""

    def __init__(self, database: GuardedDatabase, policy: Policy) -> None:
        self._database = database
        self._policy = policy

    async def get(self, viewer: Viewer) -> Settings:
        """The viewer's effective settings."""
        return await self._database.read_for(viewer, self.load, viewer.user_id)

    async def change(self, viewer: Viewer, change: SettingsChange) -> Settings:
        """Changes the given settings; the viewer's other devices get an event.

        Raises PermissionDenied if an audience is wider than the server allows.
        """
        for audience in (change.accept_from, change.add_to_groups):
            if audience is not None and audience < self._policy.widest_audience:
                widest = self._policy.widest_audience.name
                raise PermissionDenied(f"This server allows no audience wider than {widest}.")
        return await self._database.write_for(viewer, self._change, viewer.user_id, change)

    def load(self, tx: Transaction, user_id: int) -> Settings:
        """The effective settings of a person; runs inside a transaction."""
        return self._effective(_row_of(tx, user_id))

    def _change(self, tx: WriteTransaction, user_id: int, change: SettingsChange) -> Settings:
        before = _row_of(tx, user_id)
        could_watch = watchers_of(tx, user_id) if change.share_presence is False else []
        changes = {name: int(value) for name in settings.FIELDS if (value := getattr(change, name)) is not None}
        after = before._replace(**changes)
        if after != before:
            tx.run(settings.PUT, user=user_id, **{name: getattr(after, name) for name in settings.FIELDS})
            tx.events.append([user_id], EventKind.SETTINGS_CHANGED, user_id)
        tx.events.ephemeral += _presence_events(tx, user_id, before, after, could_watch)
        return self._effective(after)

    def _effective(self, row: SettingRow) -> Settings:
        policy = self._policy
        return Settings(
            policy.audience(row.accept_from, policy.accept_from),
            policy.from_others if row.from_others is None else OutsideAction(row.from_others),
            policy.group_audience(row.accept_from, row.add_to_groups),
            bool(row.send_read_receipts),
            bool(row.send_delivery_receipts),
            bool(row.send_typing),
            bool(row.share_presence),
        )


def _presence_events(
    tx: Transaction, user_id: int, before: SettingRow, after: SettingRow, could_watch: list[int]
) -> list[EphemeralEvent]:
    """When a person stops sharing presence, everybody who could see it gets one event, even if they are offline."""
    if after.share_presence == before.share_presence:
        return []
    if after.share_presence:
        return [EphemeralEvent(each, EphemeralKind.PRESENCE, user_id) for each in watchers_of(tx, user_id)]
    return [EphemeralEvent(each, EphemeralKind.PRESENCE_WITHDRAWN, user_id) for each in could_watch]


def _row_of(tx: Transaction, user_id: int) -> SettingRow:
    found = tx.first(settings.BY_USERS, ids=id_list([user_id]))
    return found or SettingRow(user_id, None, None, None, 1, 1, 1, 1)
