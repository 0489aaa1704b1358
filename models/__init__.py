"""The database: its tables, their statements and the executor that runs them."""
