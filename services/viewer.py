"""Who asks: the person for whom a request is answered."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Viewer:
    """A signed-in person; `session` is the hash of the token that proved it, `expires_at` in ms since 1970."""

    user_id: int
    session: bytes
    expires_at: int
