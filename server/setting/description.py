"""The settings as a table: for docs/ and `./sotto config`."""

from enum import Enum
from typing import NamedTuple

from pydantic import ByteSize

from server.setting.settings import Settings
from server.setting.source import environment_names

EMPTY_MEANS = {
    "database_url": "sqlite:///<data>/sotto.db",
    "storage_url": "<data>/files",
    "pubsub_url": "in memory",
    "public_url": "the address of the request",
    "allowed_origins": "same origin",
    "trusted_proxies": "none",
    "issuers": "none",
    "trusted_documents": "none",
}


class SettingRow(NamedTuple):
    """A row of the settings table."""

    name: str
    environment: str
    default: str
    description: str


def describe_settings() -> list[SettingRow]:
    """All settings, in the order of the class."""
    names = environment_names(Settings.model_fields)
    return [
        SettingRow(key, names[key], EMPTY_MEANS.get(key) or _default_text(info.default), info.description or "")
        for key, info in Settings.model_fields.items()
    ]


def text_of(value: object) -> object:
    """An enum member by its name in lower case, as settings spell it; any other value unchanged."""
    return value.name.lower() if isinstance(value, Enum) else value


def _default_text(value: object) -> str:
    """A default as it would be written in `.env`."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, ByteSize):
        for unit, size in (("MiB", 1024**2), ("KiB", 1024)):
            if value and value % size == 0:
                return f"{value // size}{unit}"
    return str(text_of(value))
