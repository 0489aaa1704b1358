"""Loads tests/plugin.py, with the fixtures for all tests, in each process that runs tests."""

import gc

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """The process that only hands tests to others does without: importing Sotto takes a second of CPU."""
    if config.getoption("dist", "no") == "no":
        gc.disable()  # collecting tests makes no garbage
        config.pluginmanager.import_plugin("tests.plugin")
