"""Accounts: a device for each sign-in, API keys, and the revocation of the host's tokens."""

from typing import Any

from models.migration import run_sql


def up(_migrator: Any, database: Any) -> None:
    """Called by the runner inside a transaction."""
    run_sql(database, __file__)
