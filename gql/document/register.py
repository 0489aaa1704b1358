"""The register of automatic persisted queries: texts by their SHA-256, in memory and bounded by bytes."""

import hashlib
import sys
from collections import Counter, OrderedDict

from gql.document.reading import Reader

MEMBER_BYTES = 8 * 1024 * 1024  # for the documents of signed-in people
STRANGER_BYTES = 2 * 1024 * 1024  # for those of clients without an account
MOST_OF_ONE = 8  # one person, or one address, holds at most an eighth of its share
ENTRY_BYTES = 800  # of the hash, the owner and the places in the dictionaries; measured with tracemalloc: 350 to 750


def digest_of(text: str) -> str:
    """The SHA-256 of a document as Apollo's clients send it: of its UTF-8, in lower-case hexadecimal."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


class Share:
    """Texts within a number of bytes, least recently used first out; an owner with too many loses their own first."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._owner_bytes = limit_bytes // MOST_OF_ONE
        self._texts: OrderedDict[str, tuple[str, object]] = OrderedDict()
        self._of_owner: dict[object, OrderedDict[str, None]] = {}
        self._bytes_of: Counter[object] = Counter()
        self.used_bytes = 0

    def find(self, digest: str) -> str | None:
        """The text; it becomes the most recently used one."""
        found = self._texts.get(digest)
        if found is None:
            return None
        self._texts.move_to_end(digest)
        self._of_owner[found[1]].move_to_end(digest)
        return found[0]

    def add(self, digest: str, text: str, owner: object) -> bool:
        """Add a text that is not there yet; returns False if it alone is more than one owner may hold."""
        weight_bytes = _weight_of(text)
        if weight_bytes > self._owner_bytes:
            return False
        while self._bytes_of[owner] + weight_bytes > self._owner_bytes:
            self.remove(next(iter(self._of_owner[owner])))
        while self.used_bytes + weight_bytes > self._limit_bytes:
            self.remove(next(iter(self._texts)))
        self._texts[digest] = text, owner
        self._of_owner.setdefault(owner, OrderedDict())[digest] = None
        self._bytes_of[owner] += weight_bytes
        self.used_bytes += weight_bytes
        return True

    def remove(self, digest: str) -> None:
        """Remove a text, if it is there."""
        found = self._texts.pop(digest, None)
        if found is None:
            return
        text, owner = found
        weight_bytes = _weight_of(text)
        self.used_bytes -= weight_bytes
        self._bytes_of[owner] -= weight_bytes
        del self._of_owner[owner][digest]
        if not self._of_owner[owner]:
            del self._of_owner[owner], self._bytes_of[owner]


class Register:
    """The registered documents. Those of strangers have a share of their own, so they displace nobody else's.

    The caller registers only what has passed validation, each under the hash that `digest_of` returns for it. So
    nobody can register another text under the same hash.
    """

    def __init__(self, member_bytes: int = MEMBER_BYTES, stranger_bytes: int = STRANGER_BYTES) -> None:
        self._members = Share(member_bytes)
        self._strangers = Share(stranger_bytes)

    def find(self, digest: str) -> str | None:
        """The text with this hash, no matter who registered it."""
        return self._members.find(digest) or self._strangers.find(digest)

    def add(self, digest: str, text: str, owner: Reader) -> bool:
        """Register a text; returns whether that is new. A signed-in person takes over what a stranger registered."""
        if self._members.find(digest) is not None:
            return False
        if owner.is_stranger:
            return self._strangers.find(digest) is None and self._strangers.add(digest, text, owner.key)
        self._strangers.remove(digest)
        return self._members.add(digest, text, owner.key)


def _weight_of(text: str) -> int:
    return sys.getsizeof(text) + ENTRY_BYTES
