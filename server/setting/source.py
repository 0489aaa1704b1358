"""Reading settings from flags, the environment, `.env` and `sotto.toml`."""

import difflib
import os
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from dotenv import dotenv_values

PREFIX = "SOTTO_"
UNPREFIXED = frozenset({"database_url", "storage_url", "pubsub_url"})  # hosting platforms set these names
NEVER_EMPTY = frozenset({"trusted_documents"})  # unset, it lets every document through: so an empty one is a mistake
NOT_SETTINGS = frozenset({"SOTTO_PYTHON"})  # read by the `sotto` script


@dataclass(frozen=True, slots=True)
class SettingsSource:
    """The values that one source gives, by field, and its problems; `names` maps fields to the source's spelling."""

    origin: str
    names: Mapping[str, str]
    values: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def take(self, given: Mapping[str, object]) -> Self:
        """Add values by the source's names; an unknown name becomes a problem with the nearest known one."""
        fields = {name: key for key, name in self.names.items()}
        for name, value in given.items():
            if name in fields:
                self.values[fields[name]] = value
            else:
                nearest = difflib.get_close_matches(name, fields, n=1)
                hint = f"did you mean {nearest[0]}?" if nearest else "`./sotto config` lists them all."
                self.problems.append(f"{name} ({self.origin}): there is no such setting; {hint}")
        return self

    def take_variables(self, given: Mapping[str, str | None]) -> Self:
        """Add environment variables; names without our prefix are ignored.

        Empty ones count as unset, except for those of NEVER_EMPTY, which are refused later.
        """
        known = set(self.names.values())
        kept = {self.names[key] for key in NEVER_EMPTY if key in self.names}
        unknown = {name for name in given if name.startswith(PREFIX)} - known - NOT_SETTINGS
        taken = {name: each for name, each in given.items() if name in unknown or (name in known and each)}
        return self.take({**taken, **{name: "" for name in kept if name in given and not given[name]}})

    def take_file(self, path: Path, read: Callable[[Path], object]) -> Self:
        """Call `read` if the file exists; a file that cannot be read becomes a problem."""
        try:
            if path.exists():
                read(path)
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            self.problems.append(f"{path} cannot be read: {_reason(error)}.")
        return self


def environment_names(fields: Iterable[str]) -> dict[str, str]:
    """The name of each field in the environment and in `.env`."""
    return {key: ("" if key in UNPREFIXED else PREFIX) + key.upper() for key in fields}


def flag_source(fields: Iterable[str], flags: Mapping[str, object]) -> SettingsSource:
    """The flags of the command line, `log_level` as `--log-level`; None means that a flag was not given."""
    given = {_as_flag(key): value for key, value in flags.items() if value is not None}
    return SettingsSource("flag", {key: _as_flag(key) for key in fields}).take(given)


def read_sources(fields: Iterable[str]) -> list[SettingsSource]:
    """The environment, `.env` and `sotto.toml`, in order of precedence."""
    names = environment_names(fields)
    dotenv, toml = SettingsSource(".env", names), SettingsSource("sotto.toml", {key: key for key in names})
    return [
        SettingsSource("environment", names).take_variables(os.environ),
        dotenv.take_file(Path(".env"), lambda path: dotenv.take_variables(dotenv_values(path, encoding="utf-8"))),
        toml.take_file(Path("sotto.toml"), lambda path: toml.take(tomllib.loads(path.read_text(encoding="utf-8")))),
    ]


def _as_flag(key: str) -> str:
    return "--" + key.replace("_", "-")


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else str(error)
