"""Passwords: which are allowed, and how they are hashed and verified."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from services.error import ServerUnavailable
from services.rejection import Issue, IssueReason

P = ParamSpec("P")
T = TypeVar("T")

MIN_LENGTH = 8  # code points: OWASP ASVS 6.2.1 counts characters
MAX_BYTES = 1024
MOST_WAITING = 64  # about a second of work for two threads

TIME_COST = 2
MEMORY_KIB = 19 * 1024

# The hash of a password that nobody knows, with these parameters; an unknown name is verified against it.
NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$7k6qM/MhG6wzSnGgzjhdYQ$0OQv/oedHUjqtfHOD0FqK6Znpd2ulayBfu+B9bQz/Ak"


class Passwords:
    """argon2id with 19 MiB, at most two at once: 32 at once took 2 GiB. Hashing never runs on the event loop."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=TIME_COST, memory_cost=MEMORY_KIB, parallelism=1)
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="sotto-password")
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """The encoded hash to store; raises ServerUnavailable if too many calls are waiting."""
        return await self._run(self._hasher.hash, password)

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Takes as long for a missing hash as for a wrong password; raises ServerUnavailable if too many calls wait.

        A password over the maximum length is wrong, and is not hashed in full.
        """
        if len(password) > MAX_BYTES or len(password.encode("utf-8", "surrogatepass")) > MAX_BYTES:
            password_hash, password = None, ""
        return await self._run(self._verify, password_hash, password)

    async def _run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self._waiting >= MOST_WAITING:
            raise ServerUnavailable("Too many people are signing in at the moment; try again.", 2.0)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, partial(work, *args, **kwargs))
        finally:
            self._waiting -= 1

    def _verify(self, password_hash: str | None, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash or NOBODY, password) and password_hash is not None
        except (VerificationError, InvalidHashError, UnicodeEncodeError):
            return False

    def is_outdated(self, password_hash: str) -> bool:
        """Whether it was made with parameters other than the current ones."""
        return self._hasher.check_needs_rehash(password_hash)

    def close(self) -> None:
        """Stops the threads."""
        self._threads.shutdown(wait=False)


def password_issue(password: str, path: tuple[str, ...] = ("password",)) -> Issue | None:
    """The issue of a new password, or None: 8 characters (code points) to 1,024 bytes, and no other rule."""
    if len(password) < MIN_LENGTH:
        detail = f"A password has at least {MIN_LENGTH} characters."
        return Issue(path, IssueReason.TOO_SHORT, detail, MIN_LENGTH)
    if len(password) > MAX_BYTES or len(password.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        return Issue(path, IssueReason.TOO_LONG, f"A password has at most {MAX_BYTES:,} bytes in UTF-8.", MAX_BYTES)
    try:
        password.encode()
    except UnicodeEncodeError:
        return Issue(path, IssueReason.MALFORMED, "The password contains a lone surrogate, which is not a character.")
    return None
