"""What is wrong with the settings, as one line per problem."""

from collections.abc import Iterable

from pydantic import ValidationError

from server.setting.source import SettingsSource


class SettingsError(Exception):
    """All problems with the settings, one per line; no line repeats a value that may be a password."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def problems_of(error: ValidationError, sources: Iterable[SettingsSource]) -> list[str]:
    """One sentence for each error, with the name and source of the setting."""
    sentences = []
    for detail in error.errors(include_url=False, include_context=True):
        key = str(detail["loc"][0])
        source = next(source for source in sources if key in source.values)
        place = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in detail["loc"][1:])
        complaint = (f"`{place}`: " if place and key == "issuers" else "") + _complaint(detail["type"], detail["msg"])
        complaint += _found(key, source.values[key])
        sentences.append(f"{source.names[key]} ({source.origin}): {complaint}.")
    return list(dict.fromkeys(sentences))


def _complaint(kind: str, message: str) -> str:
    """Pydantic's message as the middle of a sentence."""
    if kind == "byte_size":
        return "must be a number of bytes, such as 26214400 or 25MiB"
    text = message.removeprefix("Value error, ").replace("Input should", "should", 1)
    return text.replace("a valid dictionary or instance of Issuer", "an object")


def _found(key: str, value: object) -> str:
    """The value as the end of a sentence; empty for URLs, issuers and whatever has an @, which may hold a password."""
    shown = str(value)
    return "" if key.endswith("_url") or key == "issuers" or "@" in shown else f"; found {shown[:60]!r}"
