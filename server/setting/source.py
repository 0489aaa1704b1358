"""The places that settings come from: flags, the environment, `.env` and `sotto.toml`, each a layer of its own."""

import difflib
import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from dotenv import dotenv_values
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

PREFIX = "SOTTO_"
UNPREFIXED = frozenset({"database_url", "storage_url", "pubsub_url"})  # names that platforms set by themselves
NOT_SETTINGS = frozenset({"SOTTO_PYTHON"})  # read by the `sotto` script before there is a Python


@dataclass(frozen=True, slots=True)
class Layer:
    """What one place says: values by field, and the problems of the place itself."""

    origin: str
    names: Mapping[str, str]
    values: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def take(self, given: Mapping[str, object]) -> Self:
        """Sort the names that the place gives into known and unknown ones."""
        fields = {name: key for key, name in self.names.items()}
        for name, value in given.items():
            if name in fields:
                self.values[fields[name]] = value
            else:
                nearest = difflib.get_close_matches(name, fields, n=1)
                hint = f"did you mean {nearest[0]}?" if nearest else "`./sotto config` lists them all."
                self.problems.append(f"{name} ({self.origin}): there is no such setting; {hint}")
        return self


class LayerSource(PydanticBaseSettingsSource):
    """A layer in the form that pydantic-settings merges."""

    def __init__(self, settings_cls: type[BaseSettings], layer: Layer) -> None:
        super().__init__(settings_cls)
        self._layer = layer

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return one value, its name and that it needs no decoding."""
        del field
        return self._layer.values.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return all values of the layer."""
        return dict(self._layer.values)


def environment_names(fields: Iterable[str]) -> dict[str, str]:
    """Return the name of each field in the environment and in `.env`."""
    return {key: ("" if key in UNPREFIXED else PREFIX) + key.upper() for key in fields}


def flag_layer(fields: Iterable[str], flags: Mapping[str, object]) -> Layer:
    """Return what the command line says, `log_level` being `--log-level`; None means that a flag was not given."""
    given = {_as_flag(key): value for key, value in flags.items() if value is not None}
    return Layer("flag", {key: _as_flag(key) for key in fields}).take(given)


def read_layers(fields: Iterable[str]) -> list[Layer]:
    """Read the environment, `.env` and `sotto.toml`, in this order; the first to name a setting wins."""
    names = environment_names(fields)
    return [
        _take_variables(Layer("environment", names), os.environ),
        _read_dotenv(Path(".env"), names),
        _read_toml(Path("sotto.toml"), {key: key for key in names}),
    ]


def _as_flag(key: str) -> str:
    return "--" + key.replace("_", "-")


def _take_variables(layer: Layer, given: Mapping[str, str | None]) -> Layer:
    known = set(layer.names.values())
    unknown = {name for name in given if name.startswith(PREFIX)} - known - NOT_SETTINGS
    return layer.take({name: value for name, value in given.items() if name in unknown or (name in known and value)})


def _read_dotenv(path: Path, names: Mapping[str, str]) -> Layer:
    layer = Layer(path.name, names)
    try:
        return _take_variables(layer, dotenv_values(path, encoding="utf-8") if path.exists() else {})
    except (OSError, UnicodeDecodeError) as error:
        layer.problems.append(f"{path} cannot be read: {_reason(error)}.")
    return layer


def _read_toml(path: Path, names: Mapping[str, str]) -> Layer:
    layer = Layer(path.name, names)
    try:
        return layer.take(tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        layer.problems.append(f"{path} cannot be read: {_reason(error)}.")
    return layer


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else str(error)
