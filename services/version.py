"""The version of this program, as `serverInfo` tells it and pyproject.toml states it."""

VERSION = "0.1.0"
