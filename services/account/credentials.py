"""Credentials: as a request presents them, before they are verified."""

from dataclasses import dataclass

from services.person.user import Reference


@dataclass(frozen=True, slots=True)
class Credentials:
    """A token of any kind, and how it was sent.

    `name` is the first half of Basic credentials: the email address or username of the key's owner (Zulip). `act_as`
    is the person the key acts for (OSSN's `from`). `is_from_page` is set if a browser sent the page's origin,
    `is_from_socket` on a WebSocket.
    """

    token: str
    name: str | None = None
    act_as: Reference | None = None
    is_from_page: bool = False
    is_from_socket: bool = False

    def __repr__(self) -> str:
        return "Credentials(…)"
