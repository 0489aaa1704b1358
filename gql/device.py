"""Devices: where the viewer is signed in, and the mutations that trust and revoke one."""

from datetime import datetime
from typing import Annotated

import strawberry

from gql.id import Kind, encode, number_of
from gql.node import Info, Node, moment_of
from gql.refusal import NotFoundError, PermissionDeniedError
from models.device import DeviceRow


@strawberry.type(description="A place where the viewer is signed in: one for each sign-in, gone with its session.")
class Device(Node):
    """Shown only to its owner."""

    name: str | None = strawberry.field(description="What it was called at the sign-in; null where it was not.")
    is_trusted: bool = strawberry.field(
        description="Whether it may do everything. Where the server asks for trust, a new device waits until another "
        "one confirms it by `trustDevice`; until then it sees its own viewer and can sign out."
    )
    is_current: bool = strawberry.field(description="Whether this request comes from it.")
    created_at: datetime = strawberry.field(description="When it signed in.")
    last_seen_at: datetime | None = strawberry.field(description="When it was last used, to within five minutes.")

    @classmethod
    def of(cls, row: DeviceRow, viewer_device_id: int) -> "Device":
        """The type for a row; `viewer_device_id` is the device of the viewer."""
        return cls(
            id=encode(Kind.DEVICE, row.id),
            name=row.name,
            is_trusted=bool(row.is_trusted),
            is_current=row.id == viewer_device_id,
            created_at=moment_of(row.created_at),
            last_seen_at=moment_of(row.last_seen_at),
        )


@strawberry.type(
    description="Somebody signed in with the viewer's password on a device that is not trusted yet. Not sent by a "
    "server that does not ask for trust."
)
class DeviceAdded:
    device: Device = strawberry.field(description="The device: confirm it, or revoke it.")


@strawberry.input(description="Which device to trust.")
class TrustDeviceInput:
    device_id: strawberry.ID = strawberry.field(description="From `viewer.devices`.")


@strawberry.type(description="The device may do everything now.")
class TrustDeviceSuccess:
    device: Device = strawberry.field(description="The device as it is now.")


@strawberry.input(description="Which device to sign out.")
class RevokeDeviceInput:
    device_id: strawberry.ID = strawberry.field(description="From `viewer.devices`; one's own signs oneself out.")


@strawberry.type(description="The device is signed out, and its live streams have ended.")
class RevokeDeviceSuccess:
    device_id: strawberry.ID = strawberry.field(description="The device that is gone.")


TrustDeviceResult = Annotated[
    TrustDeviceSuccess | NotFoundError | PermissionDeniedError,
    strawberry.union("TrustDeviceResult", description="What becomes of `trustDevice`."),
]
RevokeDeviceResult = Annotated[
    RevokeDeviceSuccess | NotFoundError,
    strawberry.union("RevokeDeviceResult", description="What becomes of `revokeDevice`."),
]


@strawberry.mutation(description="Confirms a device of the viewer's that waits to be trusted.")
async def trust_device(
    info: Info, input: Annotated[TrustDeviceInput, strawberry.argument(description="The device.")]
) -> TrustDeviceResult:
    viewer = info.context.signed_in()
    row = await info.context.services.device.trust(viewer, number_of(Kind.DEVICE, input.device_id))
    return TrustDeviceSuccess(device=Device.of(row, viewer.device_id))


@strawberry.mutation(description="Signs a device of the viewer's out.")
async def revoke_device(
    info: Info, input: Annotated[RevokeDeviceInput, strawberry.argument(description="The device.")]
) -> RevokeDeviceResult:
    await info.context.services.device.revoke(info.context.signed_in(), number_of(Kind.DEVICE, input.device_id))
    return RevokeDeviceSuccess(device_id=input.device_id)
