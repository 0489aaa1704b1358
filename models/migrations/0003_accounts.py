"""Accounts: a device for every sign-in, API keys, and tokens of the host's that are no longer taken."""

from typing import Any

from models.migration import run_sql


def up(_migrator: Any, database: Any) -> None:
    """Called by the runner inside a transaction."""
    run_sql(database, __file__)
