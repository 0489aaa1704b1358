"""What the tests of models/ share."""

from collections.abc import Iterator

import peewee
import pytest

from models.migration import migrate


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[peewee.SqliteDatabase]:
    """A migrated file."""
    database = peewee.SqliteDatabase(str(tmp_path_factory.mktemp("migrated") / "sotto.db"))
    with database.connection_context():
        migrate(database)
        yield database
