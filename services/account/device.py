"""Devices: where the viewer is signed in; trusting and revoking them."""

from models import device as devices
from models import session as sessions
from models import user as users
from models.device import DeviceRow
from models.event import Part
from models.prepared import id_list
from models.transaction import Transaction
from services import audit
from services.account.authentication import Authenticator
from services.credential_status import credential_status_of
from services.error import NotFound, PermissionDenied
from services.guard import GuardedDatabase
from services.person.contact import append_viewer_updated
from services.person.user import get_id
from services.revocation import RevocationReason
from services.transaction import WriteTransaction
from services.viewer import Right, Viewer

_NONE = "There is no such device."


class DeviceService:
    """Lists, trusts and revokes devices. A sign-in creates a device, which ends with its session.

    A change appends an event for the person's other devices.
    """

    def __init__(self, database: GuardedDatabase, authenticator: Authenticator) -> None:
        self._database = database
        self._authenticator = authenticator

    async def list_of(self, viewer: Viewer) -> list[DeviceRow]:
        """The viewer's devices, newest first; a device that is not trusted yet sees only itself."""
        if viewer.is_restricted:
            return list((await self._database.read(_find, viewer, [viewer.device_id])).values())
        viewer.check(Right.DEVICES)
        return await self._database.read(lambda tx: tx.all(devices.OF_USER, user=viewer.user_id))

    async def find_many(self, viewer: Viewer, ids: list[int]) -> dict[int, DeviceRow]:
        """The viewer's devices with these ids."""
        viewer.check(Right.DEVICES)
        return await self._database.read(_find, viewer, ids)

    async def trust(self, viewer: Viewer, id_: int) -> DeviceRow:
        """Trusts a device of the viewer, which gives it full access; trusting it again changes nothing.

        Raises NotFound, and PermissionDenied if the viewer's own device is not trusted: a device cannot confirm itself.
        """
        viewer.check(Right.ACCOUNT)

        def write(tx: WriteTransaction) -> DeviceRow:
            status = credential_status_of(tx, viewer)
            row = _find(tx, viewer, [id_]).get(id_)
            if row is None:
                raise NotFound(_NONE)
            if not status.is_trusted:
                raise PermissionDenied("This device is not trusted, so it cannot confirm a device; use one that is.")
            if not row.is_trusted:
                _trust(tx, viewer.user_id, id_)
                append_viewer_updated(tx, viewer.user_id, Part.ACCESS)
            return row._replace(is_trusted=1)

        row = await self._database.write(write)
        audit.note("device trusted", viewer.user_id, device_id=id_)
        self._authenticator.invalidate(viewer.user_id, None)
        return row

    async def trust_all(self, username: str) -> int:
        """Trusts all devices of a person who has no trusted one left; without any device, trusts their next one.

        Returns how many were not trusted before; raises NotFound. For the operator, who vouches for the person.
        """

        def write(tx: WriteTransaction) -> tuple[int, list[int]]:
            user_id = get_id(tx, username)
            rows = tx.all(devices.OF_USER, user=user_id)
            if not rows:
                tx.run(users.GIVE_FIRST_DEVICE, id=user_id)
            trusted = [row.id for row in rows if not row.is_trusted and _trust(tx, user_id, row.id)]
            if trusted:
                append_viewer_updated(tx, user_id, Part.ACCESS)
            return user_id, trusted

        user_id, ids = await self._database.write(write)
        for id_ in ids:
            audit.note("device trusted", user_id, device_id=id_, by="operator")
        self._authenticator.invalidate(user_id, None)
        return len(ids)

    async def revoke(self, viewer: Viewer, id_: int) -> None:
        """Deletes a device of the viewer and ends its session; raises NotFound."""
        viewer.check(Right.ACCOUNT)

        def write(tx: WriteTransaction) -> list[bytes]:
            credential_status_of(tx, viewer)
            tokens = tx.values(sessions.OF_DEVICE, user=viewer.user_id, device=id_)
            if not tx.run(devices.DELETE, user=viewer.user_id, id=id_):
                raise NotFound(_NONE)
            append_viewer_updated(tx, viewer.user_id, Part.ACCESS)
            return tokens

        tokens = await self._database.write(write)
        audit.note("device revoked", viewer.user_id, device_id=id_)
        self._authenticator.invalidate(viewer.user_id, RevocationReason.DEVICE_REVOKED, sessions=tokens)


def _find(tx: Transaction, viewer: Viewer, ids: list[int]) -> dict[int, DeviceRow]:
    return {row.id: row for row in tx.all(devices.BY_IDS, user=viewer.user_id, ids=id_list(ids))}


def _trust(tx: Transaction, user_id: int, id_: int) -> int:
    return tx.run(devices.TRUST, user=user_id, id=id_)
