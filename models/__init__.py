"""The tables, and the questions that SQL can answer."""
