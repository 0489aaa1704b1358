"""The version of this program, the same as in `serverInfo` and pyproject.toml."""

VERSION = "0.1.0"
