"""Credentials: what a request shows of who it comes from, before anybody has looked whether it is true."""

from dataclasses import dataclass

from services.person.user import Reference


@dataclass(frozen=True, slots=True)
class Credentials:
    """A token of any kind, and how it came.

    `name` is the first half of Basic credentials: the e-mail address or user name of the key's owner (Zulip). `act_as`
    names whom the key acts for (OSSN's `from`). `is_from_page` when a browser said which page asks, `is_from_socket`
    on a WebSocket.
    """

    token: str
    name: str | None = None
    act_as: Reference | None = None
    is_from_page: bool = False
    is_from_socket: bool = False

    def __repr__(self) -> str:
        return "Credentials(…)"
