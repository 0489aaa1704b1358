"""Names of people, as they are searched: by words, without case and accents."""

import re
import unicodedata

_WORD = re.compile(r"[^\W_]+")


def words_of(name: str) -> list[str]:
    """The words of a name: letters and digits, without case, accents and other marks."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    return _WORD.findall("".join(char for char in plain if unicodedata.category(char)[0] != "M"))


def key_of(display_name: str, username: str) -> str:
    """What `user.name_key` holds: the words of both names, a space before each, so that ` an` finds a beginning."""
    return "".join(f" {word}" for word in words_of(f"{display_name} {username}"))
