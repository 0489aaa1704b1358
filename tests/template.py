"""A database with all tables in it and nothing else, made once for a process: most tests do not ask how it was made."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

import peewee

from models.migration import migrate


@cache
def _template() -> Path:
    folder = tempfile.mkdtemp(prefix="sotto-template-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    database = peewee.SqliteDatabase(f"{folder}/sotto.db")
    with database.connection_context():
        migrate(database)
    return Path(folder) / "sotto.db"


def put_tables(path: Path) -> Path:
    """Copies it to a path, where a server then finds nothing to migrate; 12 ms less for each of thousands of worlds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_template(), path)
    path.chmod(0o600)
    return path
