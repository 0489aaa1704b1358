"""Implementations of the operator's commands, which run on the data folder or inside a running server."""
