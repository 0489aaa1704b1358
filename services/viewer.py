"""Who asks: the person for whom a request is answered, and what their credential lets them do."""

from dataclasses import dataclass
from enum import Enum, IntFlag, auto

from services.error import DeviceUntrusted, PermissionDenied


class CredentialKind(Enum):
    """What proved who somebody is."""

    SESSION = auto()  # a token of ours, from a sign-in
    TOKEN = auto()  # a JWT of the host application's
    API_KEY = auto()


class Right(IntFlag):
    """What a credential may be good for; every path of a service asks for one of them."""

    PEOPLE = 1  # to find people
    READ = 2  # to read messages, and whatever is about them
    SEND = 4  # to send messages with their files, and to see those
    WRITE = 8  # to change what is the viewer's; the answers show it, so READ goes with it
    DEVICES = 16  # to see where they are signed in, and their keys
    ACCOUNT = 32  # to change their password, devices and keys
    STREAM = 64  # to listen
    ALL = 127


_LACKS = {
    Right.PEOPLE: "This API key has no scope that lets it look at people: it needs READ_MESSAGES or SEND_MESSAGES.",
    Right.READ: "This API key lacks the scope READ_MESSAGES.",
    Right.SEND: "This API key lacks the scope SEND_MESSAGES.",
    Right.WRITE: "This API key cannot change anything: it needs READ_MESSAGES and SEND_MESSAGES.",
    Right.DEVICES: "An API key does not show devices and keys: sign in.",
    Right.ACCOUNT: "Passwords, devices and API keys are changed by somebody who has signed in with a password.",
    Right.STREAM: "An API key that acts for somebody does not listen: let them connect themselves.",
}


@dataclass(frozen=True, slots=True)
class Viewer:
    """A person who was authenticated; times in ms since 1970.

    `session` is the hash of the token that proved it. `device_id` belongs to a session, `key_id` to an API key;
    `acting_id` is the owner of a key that acts for somebody else. `issued_at` is when a token of the host's was made.
    """

    user_id: int
    session: bytes
    expires_at: int
    kind: CredentialKind = CredentialKind.SESSION
    rights: Right = Right.ALL
    device_id: int = 0
    is_restricted: bool = False  # a device that waits to be trusted
    issued_at: int = 0
    key_id: int = 0
    acting_id: int = 0

    def may(self, right: Right) -> bool:
        """Whether the credential is good for it."""
        return bool(self.rights & right)

    def check(self, right: Right) -> None:
        """Raises DeviceUntrusted (MongoDB chat: an untrusted device is refused) or PermissionDenied."""
        if not self.rights & right:
            if self.is_restricted:
                raise DeviceUntrusted("This device waits to be trusted: confirm it on one where you are signed in.")
            raise PermissionDenied(_LACKS[right])
