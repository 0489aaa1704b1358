"""An index of words for each conversation."""

from typing import Any

from models.migration import run_sql


def up(_migrator: Any, database: Any) -> None:
    """Called by the runner inside a transaction."""
    run_sql(database, __file__)
