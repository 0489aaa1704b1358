"""The viewer: the person for whom a request is executed, and the rights of their credential."""

from dataclasses import dataclass
from enum import Enum, IntFlag, auto

from services.error import DeviceUntrusted, PermissionDenied


class CredentialKind(Enum):
    """How a person was authenticated."""

    SESSION = auto()  # a token from a sign-in to this server
    TOKEN = auto()  # a JWT of the host application
    API_KEY = auto()


class Right(IntFlag):
    """What a credential allows; every method of a service that acts for a viewer checks one of these."""

    PEOPLE = 1  # to find people
    READ = 2  # to read messages, and everything about them
    SEND = 4  # to send messages with their files, and to see those
    WRITE = 8  # to change the viewer's data; the results show it, so it requires READ too
    DEVICES = 16  # to see where they are signed in, and their keys
    ACCOUNT = 32  # to change their password, devices and keys
    STREAM = 64  # to listen
    ALL = 127


_LACKS = {
    Right.PEOPLE: "This API key has no scope to find people: it needs READ_MESSAGES or SEND_MESSAGES.",
    Right.READ: "This API key lacks the scope READ_MESSAGES.",
    Right.SEND: "This API key lacks the scope SEND_MESSAGES.",
    Right.WRITE: "This API key cannot change anything: it needs READ_MESSAGES and SEND_MESSAGES.",
    Right.DEVICES: "An API key cannot list devices and keys: sign in.",
    Right.ACCOUNT: "Passwords, devices and API keys can be changed only after signing in with a password.",
    Right.STREAM: "An API key that acts for somebody does not listen: let them connect themselves.",
}


@dataclass(frozen=True, slots=True)
class Viewer:
    """An authenticated person; times in ms since 1970.

    `session` is the hash of the token. `device_id` belongs to a session, `key_id` to an API key; `acting_id` is the
    owner of a key that acts for another person. `issued_at` is when a token of the host application was issued.
    """

    user_id: int
    session: bytes
    expires_at: int
    kind: CredentialKind = CredentialKind.SESSION
    rights: Right = Right.ALL
    device_id: int = 0
    is_restricted: bool = False  # a device that is not trusted yet
    issued_at: int = 0
    key_id: int = 0
    acting_id: int = 0

    def may(self, right: Right) -> bool:
        """Whether the credential has this right."""
        return bool(int(self.rights) & int(right))  # an IntFlag makes a new flag of a union, at ten times the cost

    def check(self, right: Right) -> None:
        """Raises DeviceUntrusted (MongoDB chat: an untrusted device is refused) or PermissionDenied."""
        if not self.may(right):
            if self.is_restricted:
                raise DeviceUntrusted("This device is not trusted yet: confirm it on one where you are signed in.")
            raise PermissionDenied(_LACKS[right])
