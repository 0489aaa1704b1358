"""Names that are searched by their words."""

import re
import unicodedata
from typing import Any

from models.migration import run_sql

_WORD = re.compile(r"[^\W_]+")


def up(_migrator: Any, database: Any) -> None:
    """Called by the runner inside a transaction."""
    database.connection().create_function("name_key_of", 2, _key_of, deterministic=True)
    run_sql(database, __file__)


def _key_of(display_name: str, username: str) -> str:
    """What `models.name.key_of` was in this version: a migration never changes."""
    plain = unicodedata.normalize("NFKD", f"{display_name} {username}").casefold()
    words = _WORD.findall("".join(char for char in plain if unicodedata.category(char)[0] != "M"))
    return "".join(f" {word}" for word in words)
