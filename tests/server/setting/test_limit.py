"""The defaults of limits and settings are the same."""

from dataclasses import replace

from server.app import limits_of
from server.setting.settings import load_settings
from services.file.media_type import PRESETS
from services.limit import Limits


def test_limits_and_settings_have_the_same_defaults() -> None:
    """Except for the list of file types, which the services do not have."""
    assert limits_of(load_settings()) == replace(Limits(), allowed_mime_types=PRESETS["default"])
