"""Devices: where the viewer is signed in, and the mutations that trust and revoke one."""

from typing import Annotated

import strawberry

from gql.id import Kind, encode, number_of
from gql.node import Info, Node
from gql.refusal import NotFoundError, PermissionDeniedError
from gql.scalar import Moment
from models.device import DeviceRow

SHOWS_DEVICE = frozenset({"isCurrent"})  # fields whose value depends on the device that asks, and not only on its owner


@strawberry.type(
    description="A device on which the viewer is signed in. Each sign-in creates one, and it is removed when its "
    "session ends."
)
class Device(Node):
    """Shown only to its owner."""

    row: strawberry.Private[DeviceRow]
    viewer_device_id: strawberry.Private[int]

    def global_id(self) -> strawberry.ID:
        return encode(Kind.DEVICE, self.row.id)

    @strawberry.field(description="The name given at sign-in. Null if none was given.")
    def name(self) -> str | None:
        return self.row.name

    @strawberry.field(
        description="Whether the device is trusted. If the server requires trusted devices, an untrusted one can only "
        "read its own viewer and sign out, until a trusted device confirms it with `trustDevice`."
    )
    def is_trusted(self) -> bool:
        return bool(self.row.is_trusted)

    @strawberry.field(description="Whether this request was sent from this device.")
    def is_current(self) -> bool:
        return self.row.id == self.viewer_device_id

    @strawberry.field(description="When the device signed in.")
    def created_at(self) -> Moment:
        return Moment(self.row.created_at)

    @strawberry.field(description="When the device was last used, accurate to within five minutes. Null if unknown.")
    def last_seen_at(self) -> Moment | None:
        return Moment(self.row.last_seen_at)


@strawberry.type(
    description="Someone signed in to the viewer's account on a new device. Sent only if the server notifies users of "
    "new devices or requires trusted devices."
)
class DeviceAdded:
    device: Device = strawberry.field(
        description="The new device. Trust it with `trustDevice`, or sign it out with `revokeDevice`."
    )


@strawberry.input(description="The device to trust.")
class TrustDeviceInput:
    device_id: strawberry.ID = strawberry.field(description="The id of one of `viewer.devices`.")


@strawberry.type(description="The device is now trusted.")
class TrustDeviceSuccess:
    device: Device = strawberry.field(description="The device after the change.")


@strawberry.input(description="The device to sign out.")
class RevokeDeviceInput:
    device_id: strawberry.ID = strawberry.field(
        description="The id of one of `viewer.devices`. The id of the current device ends this session."
    )


@strawberry.type(description="The device was signed out and its subscriptions were ended.")
class RevokeDeviceSuccess:
    device_id: strawberry.ID = strawberry.field(description="The id of the device that was signed out.")


TrustDeviceResult = Annotated[
    TrustDeviceSuccess | NotFoundError | PermissionDeniedError,
    strawberry.union("TrustDeviceResult", description="The result of `trustDevice`."),
]
RevokeDeviceResult = Annotated[
    RevokeDeviceSuccess | NotFoundError,
    strawberry.union("RevokeDeviceResult", description="The result of `revokeDevice`."),
]


@strawberry.mutation(
    description="Trusts one of the viewer's devices. Must be called from a device that is already trusted."
)
async def trust_device(
    info: Info, input: Annotated[TrustDeviceInput, strawberry.argument(description="The input of `trustDevice`.")]
) -> TrustDeviceResult:
    viewer = info.context.signed_in()
    row = await info.context.services.device.trust(viewer, number_of(Kind.DEVICE, input.device_id))
    return TrustDeviceSuccess(device=Device(row=row, viewer_device_id=viewer.device_id))


@strawberry.mutation(description="Signs out one of the viewer's devices.")
async def revoke_device(
    info: Info, input: Annotated[RevokeDeviceInput, strawberry.argument(description="The input of `revokeDevice`.")]
) -> RevokeDeviceResult:
    await info.context.services.device.revoke(info.context.signed_in(), number_of(Kind.DEVICE, input.device_id))
    return RevokeDeviceSuccess(device_id=input.device_id)
